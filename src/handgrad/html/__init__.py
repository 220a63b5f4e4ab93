"""One HTML file that needs nothing else: no network, no script, no file beside it."""

from handgrad.html.document import Section, document

__all__ = ["Section", "document"]
