"""The report: what a colleague needs to know of a model, on one page."""

from handgrad.reporting.text_writing import write_text_report as write_text_report
from handgrad.reporting.writing import write_report

__all__ = ["write_report"]
