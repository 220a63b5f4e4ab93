"""The report: what a colleague needs to know of a model, on one page."""

from handgrad.reporting.writing import write_report

__all__ = ["write_report"]
