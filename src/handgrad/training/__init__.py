"""Training as a stream of reports, and what adapts that stream."""

from handgrad.training.checkpoints import Checkpoints as Checkpoints
from handgrad.training.checkpoints import checkpoints
from handgrad.training.checkpoints import read_checkpoint as read_checkpoint
from handgrad.training.curves import capacity_curve, learning_curve
from handgrad.training.early_stopping import BestWeights as BestWeights
from handgrad.training.early_stopping import early_stopping, reduce_on_plateau
from handgrad.training.early_stopping import until_patience_ends as until_patience_ends
from handgrad.training.evaluate import Evaluation, evaluate
from handgrad.training.evaluate import first_set as first_set
from handgrad.training.find_learning_rate import LearningRateSearch, find_learning_rate
from handgrad.training.fit import fit
from handgrad.training.fit_many import fit_many
from handgrad.training.history import EpochReport, History
from handgrad.training.history import check_monitor as check_monitor
from handgrad.training.loop import check_batches as check_batches
from handgrad.training.loop import factors_of as factors_of
from handgrad.training.loop import refuse_full_batch as refuse_full_batch
from handgrad.training.progress import progress
from handgrad.training.record_weights import WeightHistory, record_weights
from handgrad.training.results import CapacityCurve, LearningCurve
from handgrad.training.sample_weights import check_takes_weights as check_takes_weights
from handgrad.training.sample_weights import checked_weights as checked_weights
from handgrad.training.step import StepGradients, TrainingStep, compile
from handgrad.training.successive_halving import HalvingRound, successive_halving
from handgrad.training.train import Training as Training
from handgrad.training.train import train
from handgrad.training.validate_data import checked_pair as checked_pair
from handgrad.training.validate_data import pair_and_weights as pair_and_weights

# What other packages use beside these names is imported `as` itself.
__all__ = [
    "train",
    "fit",
    "fit_many",
    "compile",
    "evaluate",
    "find_learning_rate",
    "early_stopping",
    "reduce_on_plateau",
    "successive_halving",
    "checkpoints",
    "progress",
    "record_weights",
    "capacity_curve",
    "learning_curve",
    "EpochReport",
    "History",
    "TrainingStep",
    "StepGradients",
    "WeightHistory",
    "LearningRateSearch",
    "CapacityCurve",
    "LearningCurve",
    "Evaluation",
    "HalvingRound",
]
