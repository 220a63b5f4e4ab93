"""Runs: from a table to a folder with a model, its scores, its report and its record.

A `Job` (`job`) locks the folder of its run, keeps each finished part in a hidden folder beside it
(`partial_run`) and moves that into place in one step, so that no run is half written and `resume`
repeats only what is missing. `train` has the job for tables and pictures, `text_run` for texts,
`tuning` for tables with a search for the settings. `several_targets` has a run for each of them.
Settings are the fields of one dataclass, `settings.RunSettings`, from which the command line builds
its options.
"""

from typing import TYPE_CHECKING, Any

from handgrad.tables.data.table_options import on_the_command_line
from handgrad.tables.packages import require_packages
from handgrad.tables.runs.messages import Messages, as_json
from handgrad.tables.runs.record import MODEL, RECORD, facts_of
from handgrad.tables.runs.settings import RunSettings, one_target
from handgrad.tables.runs.target_settings import settings_of_targets
from handgrad.tables.runs.tuning_settings import NOT_TUNED, TuningSettings

if TYPE_CHECKING:
    from handgrad.tables.reporting.drift import TableComparison
    from handgrad.tables.runs.comparison import compare_tables
    from handgrad.tables.runs.evaluation import evaluate_table
    from handgrad.tables.runs.finished_run import Run
    from handgrad.tables.runs.forecast_model import ForecastModel
    from handgrad.tables.runs.listing import ListedRun, RunList, list_runs
    from handgrad.tables.runs.load_series import SeriesSplit
    from handgrad.tables.runs.load_text import TextSplit
    from handgrad.tables.runs.models import Scores
    from handgrad.tables.runs.partial_run import whole_folder
    from handgrad.tables.runs.reference_models import differences_in_words
    from handgrad.tables.runs.several_targets import TargetModels, train_targets
    from handgrad.tables.runs.table_model import (
        Answers,
        CoverageRecord,
        ModelEvaluation,
        QuantileRecord,
        TableModel,
    )
    from handgrad.tables.runs.text_model import (
        TextModel,
        Writing,
        refuse_of_tables,
        refuse_of_texts,
    )
    from handgrad.tables.runs.train import report_run, train_table, train_with
    from handgrad.tables.runs.training_table import TrainingTable
    from handgrad.tables.runs.tuning import table_of_trials, trials_in_words, tune_with

__all__ = [
    "MODEL",
    "NOT_TUNED",
    "RECORD",
    "Answers",
    "CoverageRecord",
    "ForecastModel",
    "ListedRun",
    "ModelEvaluation",
    "Messages",
    "QuantileRecord",
    "Run",
    "RunList",
    "RunSettings",
    "Scores",
    "SeriesSplit",
    "TableModel",
    "TargetModels",
    "TextSplit",
    "TrainingTable",
    "TextModel",
    "TuningSettings",
    "Writing",
    "as_json",
    "differences_in_words",
    "TableComparison",
    "compare_tables",
    "evaluate_table",
    "facts_of",
    "list_runs",
    "on_the_command_line",
    "one_target",
    "refuse_of_tables",
    "refuse_of_texts",
    "report_run",
    "settings_of_targets",
    "train_table",
    "train_targets",
    "train_with",
    "table_of_trials",
    "trials_in_words",
    "tune_with",
    "whole_folder",
]
WITH_REPORT = (
    "report_run",
    "train_table",
    "train_targets",
    "train_with",
    "tune_with",
)  # and its pictures


def __getattr__(name: str) -> Any:
    """Import modules that need pyarrow on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'handgrad.tables.runs' has no attribute {name!r}")
    require_packages(name, plots=["matplotlib", "PIL"] if name in WITH_REPORT else [])
    from handgrad.tables.runs import (
        comparison,
        evaluation,
        finished_run,
        forecast_model,
        listing,
        load_series,
        load_text,
        models,
        partial_run,
        reference_models,
        several_targets,
        table_model,
        text_model,
        train,
        training_table,
        tuning,
    )

    modules = (
        comparison,
        *(models, partial_run, finished_run, table_model, train, training_table),
        *(
            evaluation,
            listing,
            reference_models,
            load_series,
            load_text,
            text_model,
            forecast_model,
            tuning,
            several_targets,
        ),
    )
    return next(getattr(module, name) for module in modules if hasattr(module, name))
