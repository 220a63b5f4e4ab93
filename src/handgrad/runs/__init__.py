"""Runs: from a table to a folder with a model, its scores, its report and its record."""

from typing import TYPE_CHECKING, Any

from handgrad.data.table_options import on_the_command_line
from handgrad.runs.messages import Messages, as_json
from handgrad.runs.settings import RunSettings, one_target

if TYPE_CHECKING:
    from handgrad.runs.evaluation import evaluate_table
    from handgrad.runs.explain_table import explain_row
    from handgrad.runs.load_text import TextToLearn
    from handgrad.runs.models import Scores
    from handgrad.runs.partial_run import whole_folder
    from handgrad.runs.report import report_run
    from handgrad.runs.run import RECORD, Run
    from handgrad.runs.table_model import Evaluation, TableModel
    from handgrad.runs.text_model import Writer, Writing, refuse_of_tables, refuse_of_texts
    from handgrad.runs.train import train_table, train_with
    from handgrad.runs.training_table import TrainingTable

__all__ = [
    "RECORD",
    "Evaluation",
    "Messages",
    "Run",
    "RunSettings",
    "Scores",
    "TableModel",
    "TextToLearn",
    "TrainingTable",
    "Writer",
    "Writing",
    "as_json",
    "evaluate_table",
    "explain_row",
    "on_the_command_line",
    "one_target",
    "refuse_of_tables",
    "refuse_of_texts",
    "report_run",
    "train_table",
    "train_with",
    "whole_folder",
]


def __getattr__(name: str) -> Any:
    """What reads tables loads pyarrow, on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'handgrad.runs' has no attribute {name!r}")
    from handgrad.runs import (
        evaluation,
        explain_table,
        load_text,
        models,
        partial_run,
        report,
        run,
        table_model,
        text_model,
        text_run,
        train,
        training_table,
    )

    modules = (
        *(models, partial_run, run, table_model, train, training_table, explain_table),
        *(evaluation, load_text, report, text_model, text_run),
    )
    return next(getattr(module, name) for module in modules if hasattr(module, name))
