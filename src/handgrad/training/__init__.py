"""Training as a stream of reports, and what adapts that stream."""

from handgrad.training.checkpoints import Checkpoints, checkpoints, read_checkpoint
from handgrad.training.curves import capacity_curve, learning_curve
from handgrad.training.early_stopping import (
    BestWeights,
    early_stopping,
    reduce_on_plateau,
    until_patience_ends,
)
from handgrad.training.evaluate import Evaluation, evaluate, first_set
from handgrad.training.find_learning_rate import LearningRateSearch, find_learning_rate
from handgrad.training.fit import fit
from handgrad.training.fit_many import fit_many
from handgrad.training.history import EpochReport, History, check_monitor
from handgrad.training.loop import check_batches, factors_of, refuse_full_batch
from handgrad.training.progress import format_progress, progress
from handgrad.training.record_weights import WeightHistory, record_weights
from handgrad.training.sample_weights import check_takes_weights, checked_weights
from handgrad.training.train import Training, train
from handgrad.training.validate_data import checked_pair, checked_rows, pair_and_weights

__all__ = [
    "BestWeights",
    "Checkpoints",
    "EpochReport",
    "Evaluation",
    "History",
    "LearningRateSearch",
    "Training",
    "WeightHistory",
    "capacity_curve",
    "check_batches",
    "check_monitor",
    "check_takes_weights",
    "checked_pair",
    "checked_rows",
    "checked_weights",
    "checkpoints",
    "early_stopping",
    "evaluate",
    "factors_of",
    "find_learning_rate",
    "first_set",
    "fit",
    "fit_many",
    "format_progress",
    "learning_curve",
    "pair_and_weights",
    "progress",
    "record_weights",
    "read_checkpoint",
    "reduce_on_plateau",
    "refuse_full_batch",
    "train",
    "until_patience_ends",
]
