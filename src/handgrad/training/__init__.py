"""Training as a stream of reports, and what adapts that stream."""

from handgrad.training.checks import check_kinds, check_monitor, checked_pair, checked_rows
from handgrad.training.early_stopping import Best, early_stopping, until_patience_ends
from handgrad.training.evaluate import Evaluation, evaluate
from handgrad.training.history import History
from handgrad.training.progress import counted, progress
from handgrad.training.record_weights import WeightHistory, record_weights
from handgrad.training.report import Report
from handgrad.training.state import TrainingState, put_back, state_of
from handgrad.training.train import Training, train

__all__ = [
    "Best",
    "Evaluation",
    "History",
    "Report",
    "Training",
    "TrainingState",
    "WeightHistory",
    "check_kinds",
    "check_monitor",
    "checked_pair",
    "checked_rows",
    "counted",
    "early_stopping",
    "evaluate",
    "progress",
    "put_back",
    "record_weights",
    "state_of",
    "train",
    "until_patience_ends",
]
