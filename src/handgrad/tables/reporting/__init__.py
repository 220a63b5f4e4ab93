"""The report of a model: one HTML page with scores, plots, training curves and a diagnosis.

`evidence` collects the facts before the page is written: `scores` the predictions and metrics,
`tables.inspection` importances, `check.doctor` the findings on the net, `checks` and `leakage`
those on the data. Sections are Jinja2 templates in this folder, which escape everything that is
not marked as HTML; plots come from `plots`.
"""

from typing import TYPE_CHECKING, Any

from handgrad.tables.packages import require_packages

if TYPE_CHECKING:
    from handgrad.tables.reporting.drift_writing import drift_page_path as drift_page_path
    from handgrad.tables.reporting.drift_writing import write_drift_page as write_drift_page
    from handgrad.tables.reporting.text_writing import write_text_report as write_text_report
    from handgrad.tables.reporting.writing import write_report

__all__ = ["write_report"]


def __getattr__(name: str) -> Any:  # evidence needs no Matplotlib
    if name not in (*__all__, "write_text_report", "drift_page_path", "write_drift_page"):
        raise AttributeError(f"module 'handgrad.tables.reporting' has no attribute {name!r}")
    require_packages(name, plots=["matplotlib"])
    from handgrad.tables.reporting import drift_writing, text_writing, writing

    modules = {"write_report": writing, "write_text_report": text_writing}
    return getattr(modules.get(name, drift_writing), name)
