"""Training as a stream of reports, and what adapts that stream."""

from handgrad.training.checks import check_kinds, check_monitor, checked_pair, checked_rows
from handgrad.training.early_stopping import early_stopping
from handgrad.training.evaluate import Evaluation, evaluate
from handgrad.training.history import History
from handgrad.training.progress import counted, progress
from handgrad.training.record_weights import WeightHistory, record_weights
from handgrad.training.report import Report
from handgrad.training.train import Training, train
from handgrad.training.weights import checked_weights, pair_and_weights

__all__ = [
    "Evaluation",
    "History",
    "Report",
    "Training",
    "WeightHistory",
    "check_kinds",
    "check_monitor",
    "checked_pair",
    "checked_rows",
    "checked_weights",
    "counted",
    "early_stopping",
    "evaluate",
    "pair_and_weights",
    "progress",
    "record_weights",
    "train",
]
