"""What a colleague needs to know of a model, on one page."""

from handgrad.reporting.report import report

__all__ = ["report"]
