"""Training as a stream of reports, and what adapts that stream."""

from handgrad.config import check_kinds
from handgrad.training.best_weights import BestWeights
from handgrad.training.checkpoints import Checkpoints, checkpoints
from handgrad.training.checks import (
    check_batches,
    check_monitor,
    checked_pair,
    checked_rows,
    refuse_full_batch,
)
from handgrad.training.early_stopping import early_stopping, until_patience_ends
from handgrad.training.evaluate import Evaluation, evaluate
from handgrad.training.find_learning_rate import LearningRateSearch, find_learning_rate
from handgrad.training.history import History
from handgrad.training.learning_rates import factors_of
from handgrad.training.progress import format_progress, progress, progress_of
from handgrad.training.record_weights import WeightHistory, record_weights
from handgrad.training.reduce_on_plateau import reduce_on_plateau
from handgrad.training.report import EpochReport
from handgrad.training.sample_weights import check_takes_weights, checked_weights, pair_and_weights
from handgrad.training.sets import first_set, named_sets
from handgrad.training.train import Training, train

__all__ = [
    "BestWeights",
    "Checkpoints",
    "Evaluation",
    "History",
    "LearningRateSearch",
    "EpochReport",
    "Training",
    "WeightHistory",
    "check_batches",
    "check_kinds",
    "check_monitor",
    "check_takes_weights",
    "checkpoints",
    "checked_pair",
    "checked_rows",
    "checked_weights",
    "early_stopping",
    "evaluate",
    "factors_of",
    "find_learning_rate",
    "first_set",
    "named_sets",
    "pair_and_weights",
    "format_progress",
    "progress",
    "progress_of",
    "record_weights",
    "reduce_on_plateau",
    "refuse_full_batch",
    "train",
    "until_patience_ends",
]
