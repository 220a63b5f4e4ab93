"""Neural networks you can read: every derivative by hand, proved, recorded and trained.

The names stand in the order a reader meets them. Namespaces hold all others: `hg.layers` every
layer, `hg.plots` every picture, `hg.errors` every error. `import handgrad` loads NumPy and the
core: the textbook, graph, engines, training, saving. What stands around it, with scikit-learn,
narwhals, pyarrow, Matplotlib, Rich and Ray, is imported on first use.
"""

import warnings
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from handgrad import check, training
from handgrad.check import check_gradients
from handgrad.files import load, save
from handgrad.files.estimators import PACKAGES
from handgrad.graph import Graph, trace
from handgrad.textbook import errors, layers, losses, metrics, optimizers, penalties, schedules
from handgrad.textbook.errors import HandgradError
from handgrad.textbook.layers import (
    GELU,
    GRU,
    LSTM,
    BatchNorm,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
    MaxPool2d,
    MultiheadAttention,
    ReLU,
    Sigmoid,
    Softmax,
    Standardize,
    Tanh,
    defaults,
)
from handgrad.textbook.losses import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    Loss,
    MSELoss,
    SigmoidBinaryCrossEntropyLoss,
    SoftmaxCrossEntropyLoss,
)
from handgrad.textbook.net import Bidirectional, Net, Parallel, Residual, TiedEmbedding
from handgrad.textbook.optimizers import SGD, Adam, AdamW
from handgrad.textbook.version import __version__ as __version__
from handgrad.training import compile, evaluate, fit, fit_many, train
from handgrad.training.fit import ADAPTERS

if TYPE_CHECKING:
    from handgrad import cluster, exchange, learn, plots, tables
    from handgrad.check import diagnose
    from handgrad.engines.compiled.plan import compiled_source
    from handgrad.exchange import export
    from handgrad.learn import exercise, explain, grade, play
    from handgrad.plots import (
        plot_cross_entropy,
        plot_dataset,
        plot_decision_boundary,
        plot_loss_functions,
        plot_training_progress,
        train_and_plot,
    )
    from handgrad.tables import data
    from handgrad.tables.data import make_classification
    from handgrad.tables.estimators import (
        LanguageModel,
        MLPClassifier,
        MLPRegressor,
        PictureClassifier,
    )
    from handgrad.tables.tabular import TabularClassifier, TabularRegressor, TabularSurvival

__all__ = [
    "Linear", "Tanh", "ReLU", "Sigmoid", "GELU", "Softmax", "Standardize", "BatchNorm", "LayerNorm",
    "Dropout", "Embedding", "MultiheadAttention", "GRU", "LSTM", "Conv2d", "MaxPool2d", "Flatten",
    "Net", "Residual", "Parallel", "Bidirectional", "TiedEmbedding", "Layer", "layers", "defaults",
    "CrossEntropyLoss", "SoftmaxCrossEntropyLoss", "BinaryCrossEntropyLoss",
    "SigmoidBinaryCrossEntropyLoss", "MSELoss", "Loss", "losses",
    "SGD", "Adam", "AdamW", "optimizers", "penalties", "schedules",
    "train", "fit", "fit_many", "compile", "evaluate", "training", "cluster", "metrics",
    "MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor", "TabularSurvival",
    "PictureClassifier", "LanguageModel", "tables",
    "check_gradients", "diagnose", "check", "trace", "Graph", "compiled_source",
    "explain", "exercise", "grade", "play", "learn",
    "make_classification", "data",
    "plot_dataset", "plot_loss_functions", "plot_cross_entropy", "plot_training_progress",
    "plot_decision_boundary", "train_and_plot", "plots",
    "save", "load", "export", "exchange",
    "HandgradError", "errors",
]  # fmt: skip

# The module of each name that is imported on first use.
_LATER = {
    name: f"handgrad.{module}"
    for module, names in {
        "check.doctor": "diagnose",
        "engines.compiled.plan": "compiled_source",
        "exchange.exporting": "export",
        "learn.exercises": "exercise grade",
        "learn.explaining": "explain",
        "learn.playground": "play",
        "plots": " ".join(name for name in __all__ if "plot" in name and name != "plots"),
        "tables.data": "make_classification",
        "tables.estimators": "MLPClassifier MLPRegressor PictureClassifier LanguageModel",
        "tables.tabular": "TabularClassifier TabularRegressor TabularSurvival",
    }.items()
    for name in names.split()
}
_NAMESPACES = {
    "cluster": "handgrad.cluster",
    "data": "handgrad.tables.data",
    "exchange": "handgrad.exchange",
    "learn": "handgrad.learn",
    "plots": "handgrad.plots",
    "tables": "handgrad.tables",
}
# The new place of each name that was `hg.NAME` before; until the next release both work.
MOVED = {
    name: f"{namespace}.{name}"
    for namespace, names in {
        "layers": "LeakyReLU SiLU GELUTanh ELU SELU Softplus Mish FeatureScale PositionEmbedding "
        "SinusoidalEncoding MeanOverTime MaxOverTime RNN Reshape Transpose Conv1d AvgPool2d "
        "BatchNorm2d RandomShift RandomHorizontalFlip GaussianNoise initializers",
        "losses": "LabelSmoothingCrossEntropyLoss SoftTargetCrossEntropyLoss MultiMarginLoss "
        "FocalLoss HingeLoss MAELoss HuberLoss QuantileLoss PoissonNLLLoss kinds",
        "optimizers": "Adagrad RMSprop NAdam Lion LBFGS Optimizer",
        "penalties": "L1Penalty L2Penalty ElasticNetPenalty Penalty",
        "training": "find_learning_rate early_stopping reduce_on_plateau checkpoints progress "
        "record_weights capacity_curve learning_curve EpochReport History WeightHistory "
        "LearningRateSearch CapacityCurve LearningCurve Evaluation",
        "data": "read_table open_table TableStream StreamedRows predict_table train_test_split",
        "tables": "TabularEmbedding EnsembleLinear EnsembleEmbedding EnsemblePeriodicEmbedding "
        "TableEncoder train_table evaluate_table write_report permutation_importance "
        "partial_dependence contributions PermutationImportance PartialDependence Contributions",
        "plots": "plot_activations plot_hidden_space plot_predictions plot_regression_surface "
        "plot_pairs plot_net plot_neurons plot_kernels plot_feature_maps plot_attention "
        "plot_loss_plane plot_optimizer_race plot_confusion_matrix plot_roc plot_precision_recall "
        "plot_calibration plot_residuals plot_permutation_importance plot_partial_dependence "
        "plot_contributions "
        "plot_weights_over_time plot_capacity_curve plot_learning_curve plot_schedule "
        "plot_learning_rate_search live_plot Predictions",
        "check": "GradientReport diagnosing Diagnosis Finding show_versions",
        "learn": "Explanation Exercise Grade replay Replay",
        "exchange": "load_weights Proof from_torch from_onnx from_keras from_sklearn",
        "errors": "ShapeError SettingError DataError FileError DivergenceError RecordingError "
        "NotYetComputedError UnseenWarning",
    }.items()
    for name in names.split()
} | {"distributed": "cluster"}

ADAPTERS.update(
    {
        "diagnose": lambda: import_module("handgrad.check.doctor").diagnosing_training,
        "live_plot": lambda: import_module("handgrad.plots").live_plot,
    }
)
# Files name estimators, which stand above saving.
PACKAGES.update(
    {
        name: partial(import_module, module)
        for name, module in _LATER.items()
        if module in ("handgrad.tables.estimators", "handgrad.tables.tabular")
    }
    | {
        "TableEncoder": partial(import_module, "handgrad.tables.tabular"),
        "Forecaster": partial(import_module, "handgrad.tables.forecasting"),
    }
)


if not TYPE_CHECKING:  # to a type checker, the names above are all there are

    def __getattr__(name: str) -> Any:
        if name in MOVED:
            return _moved(name)
        if name in _NAMESPACES:
            return import_module(_NAMESPACES[name])
        if name not in __all__:
            raise AttributeError(f"module 'handgrad' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_LATER[name]), name)
        return value


def _moved(name: str) -> Any:
    """The object of a name that has moved, with a warning at the line that asks for it."""
    warnings.warn(
        f"hg.{name} is now hg.{MOVED[name]}; the old name goes with the next release",
        DeprecationWarning,
        stacklevel=3,
    )
    namespace, _, rest = MOVED[name].partition(".")
    module = globals().get(namespace) or import_module(_NAMESPACES[namespace])
    return getattr(module, rest) if rest else module


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
