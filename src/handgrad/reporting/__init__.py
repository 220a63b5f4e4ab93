"""What a colleague needs to know of a model, on one page."""

from handgrad.reporting.writing import report

__all__ = ["report"]
