"""Neural networks you can read: every derivative by hand, proved, recorded and trained.

The names stand in the order a reader meets them. `import handgrad` loads NumPy and the core: the
textbook, graph, engines, training, saving. What stands around it, with scikit-learn, narwhals,
pyarrow, Matplotlib, Rich and Ray, is imported on first use.
"""

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from handgrad.check import *
from handgrad.engines import dispatch as _choice
from handgrad.files import load, load_weights, save
from handgrad.files.estimators import PACKAGES
from handgrad.files.paths import FileError
from handgrad.graph import Graph, trace
from handgrad.graph.threads import threads_for
from handgrad.textbook import kinds, metrics, schedules
from handgrad.textbook.errors import (
    DataError,
    DivergenceError,
    HandgradError,
    NotYetComputedError,
    RecordingError,
    SettingError,
    ShapeError,
    UnseenWarning,
)
from handgrad.textbook.layers import *
from handgrad.textbook.layers import initializers
from handgrad.textbook.losses import *
from handgrad.textbook.net import *
from handgrad.textbook.optimizers import *
from handgrad.textbook.penalties import ElasticNetPenalty, L1Penalty, L2Penalty, Penalty
from handgrad.textbook.version import __version__ as __version__
from handgrad.training import (
    EpochReport,
    Evaluation,
    History,
    LearningRateSearch,
    WeightHistory,
    capacity_curve,
    checkpoints,
    early_stopping,
    evaluate,
    find_learning_rate,
    fit,
    fit_many,
    learning_curve,
    progress,
    record_weights,
    reduce_on_plateau,
    train,
)
from handgrad.training.fit import ADAPTERS
from handgrad.training.results import (
    CapacityCurve,
    LearningCurve,
    PartialDependence,
    PermutationImportance,
    Predictions,
)

if TYPE_CHECKING:
    from handgrad import cluster as distributed
    from handgrad.check.doctor import *
    from handgrad.engines.compiled.plan import compiled_source
    from handgrad.engines.environment import show_versions
    from handgrad.exchange.exporting import Proof, export
    from handgrad.exchange.importing import *
    from handgrad.learn.exercises import Exercise, Grade, exercise
    from handgrad.learn.explaining import Explanation, explain
    from handgrad.learn.playground import play
    from handgrad.learn.playground.replay import Replay, replay
    from handgrad.plots import *
    from handgrad.tables import data
    from handgrad.tables.data import (
        StreamedRows,
        TableStream,
        make_classification,
        open_table,
        predict_table,
        read_table,
        train_test_split,
    )
    from handgrad.tables.estimators import *
    from handgrad.tables.inspection import *
    from handgrad.tables.reporting import *
    from handgrad.tables.runs import evaluate_table, train_table
    from handgrad.tables.tabular import *

__all__ = [
    "Linear", "Tanh", "ReLU", "LeakyReLU", "Sigmoid", "SiLU", "GELU", "GELUTanh", "ELU", "SELU",
    "Softplus", "Mish", "Softmax", "Standardize",
    "BatchNorm", "LayerNorm", "Dropout", "FeatureScale",
    "Embedding", "TabularEmbedding",
    "MultiheadAttention", "PositionEmbedding", "SinusoidalEncoding",
    "MeanOverTime", "MaxOverTime",
    "RNN", "GRU", "LSTM",
    "EnsembleLinear", "EnsembleEmbedding", "EnsemblePeriodicEmbedding",
    "Reshape", "Flatten", "Transpose", "Conv2d", "Conv1d", "MaxPool2d", "AvgPool2d", "BatchNorm2d",
    "RandomShift", "RandomHorizontalFlip", "GaussianNoise",
    "Net", "Residual", "Parallel",
    "CrossEntropyLoss", "SoftmaxCrossEntropyLoss", "LabelSmoothingCrossEntropyLoss",
    "SoftTargetCrossEntropyLoss", "MultiMarginLoss",
    "BinaryCrossEntropyLoss", "SigmoidBinaryCrossEntropyLoss", "FocalLoss", "HingeLoss",
    "MSELoss", "MAELoss", "HuberLoss", "QuantileLoss", "PoissonNLLLoss",
    "SGD", "Adagrad", "RMSprop", "Adam", "AdamW", "NAdam", "Lion", "LBFGS",
    "L1Penalty", "L2Penalty", "ElasticNetPenalty",
    "schedules", "train", "fit", "fit_many", "evaluate", "find_learning_rate", "early_stopping",
    "reduce_on_plateau", "checkpoints", "progress", "record_weights", "capacity_curve",
    "learning_curve", "distributed",
    "EpochReport", "History", "WeightHistory", "LearningRateSearch", "CapacityCurve",
    "LearningCurve", "Evaluation", "metrics",
    "MLPClassifier", "MLPRegressor", "PictureClassifier", "LanguageModel",
    "TabularClassifier", "TabularRegressor", "TableEncoder",
    "permutation_importance", "partial_dependence", "PermutationImportance", "PartialDependence",
    "Predictions", "write_report",
    "check_gradients", "GradientReport", "diagnose", "diagnosing", "Diagnosis", "Finding",
    "explain", "Explanation", "exercise", "Exercise", "Grade",
    "trace", "Graph", "compiled_source",
    "data", "make_classification", "read_table", "open_table", "TableStream", "StreamedRows",
    "predict_table", "train_table", "evaluate_table", "train_test_split",
    "plot_dataset", "plot_loss_functions", "plot_cross_entropy", "plot_activations",
    "plot_training_progress", "plot_decision_boundary", "plot_hidden_space", "plot_predictions",
    "plot_regression_surface", "plot_pairs", "plot_net", "plot_neurons", "plot_kernels",
    "plot_feature_maps", "plot_attention", "plot_loss_plane", "plot_optimizer_race",
    "plot_confusion_matrix", "plot_roc", "plot_precision_recall", "plot_calibration",
    "plot_residuals", "plot_permutation_importance", "plot_partial_dependence",
    "plot_weights_over_time", "plot_capacity_curve", "plot_learning_curve", "plot_schedule",
    "plot_learning_rate_search", "live_plot", "train_and_plot",
    "play", "replay", "Replay",
    "save", "load", "load_weights", "export", "Proof",
    "from_torch", "from_onnx", "from_keras", "from_sklearn",
    "Layer", "Loss", "Optimizer", "Penalty", "defaults", "initializers",
    "kinds",
    "show_versions",
    "HandgradError", "ShapeError", "SettingError", "DataError", "FileError", "DivergenceError",
    "RecordingError", "NotYetComputedError", "UnseenWarning",
]  # fmt: skip

# The module of each name that is imported on first use.
_LATER = {
    name: f"handgrad.{module}"
    for module, names in {
        "tables.data": "make_classification read_table open_table TableStream StreamedRows "
        "predict_table train_test_split",
        "check.doctor": "diagnose diagnosing Diagnosis Finding",
        "engines.compiled.plan": "compiled_source",
        "engines.environment": "show_versions",
        "tables.estimators": "MLPClassifier MLPRegressor PictureClassifier LanguageModel",
        "learn.explaining": "explain Explanation",
        "learn.exercises": "exercise Exercise Grade",
        "exchange.exporting": "export Proof",
        "exchange.importing": "from_torch from_onnx from_keras from_sklearn",
        "tables.inspection": "permutation_importance partial_dependence",
        "learn.playground": "play",
        "learn.playground.replay": "replay Replay",
        "plots": " ".join(name for name in __all__ if "plot" in name),
        "tables.reporting": "write_report",
        "tables.runs": "train_table evaluate_table",
        "tables.tabular": "TabularClassifier TabularRegressor TableEncoder",
    }.items()
    for name in names.split()
}
ADAPTERS.update(
    {
        "diagnose": lambda: import_module("handgrad.check.doctor").diagnosing_training,
        "live_plot": lambda: import_module("handgrad.plots").live_plot,
    }
)
_SUBMODULES = {"data": "handgrad.tables.data", "distributed": "handgrad.cluster"}
# Files name estimators, which stand above saving.
PACKAGES.update(
    {
        name: partial(import_module, module)
        for name, module in _LATER.items()
        if module in ("handgrad.tables.estimators", "handgrad.tables.tabular")
    }
)


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(_SUBMODULES[name])
    if name not in _LATER:
        raise AttributeError(f"module 'handgrad' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_LATER[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})


Net.predictor_type, Net.threads_for = _choice.Predictor, threads_for
