"""One HTML file that needs nothing else: no network, no script, no file beside it."""

from handgrad.html.templates import page, visible

__all__ = ["page", "visible"]
