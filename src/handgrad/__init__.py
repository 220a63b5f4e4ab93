"""Neural networks you can read: every derivative by hand, proved, recorded and trained.

The names stand in the order a reader meets them. `import handgrad` loads NumPy and the
textbook; scikit-learn, narwhals, pyarrow, Matplotlib, safetensors and Rich are imported on first
use.
"""

from typing import TYPE_CHECKING, Any

from handgrad import data, initializers, metrics, schedules
from handgrad.data import (
    StreamedRows,
    TableStream,
    make_classification,
    open_table,
    predict_table,
    read_table,
    train_test_split,
)
from handgrad.doctor import Diagnosis, Finding, diagnose, diagnosing
from handgrad.engines import predicting as _predicting
from handgrad.errors import (
    DataError,
    DivergenceError,
    HandgradError,
    NotYetComputedError,
    RecordingError,
    SettingError,
    ShapeError,
    UnseenWarning,
)
from handgrad.experiments import capacity_curve, fit_many, learning_curve
from handgrad.files import FileError
from handgrad.fitting import fit
from handgrad.graph import Graph, trace
from handgrad.layers import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Dropout,
    Embedding,
    EnsembleEmbedding,
    EnsembleLinear,
    EnsemblePeriodicEmbedding,
    FeatureScale,
    GELUTanh,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Standardize,
    Tanh,
    defaults,
)
from handgrad.losses import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    EnsembleCrossEntropyLoss,
    FocalLoss,
    HingeLoss,
    HuberLoss,
    LabelSmoothingCrossEntropyLoss,
    Loss,
    MAELoss,
    MSELoss,
    MultiMarginLoss,
    PoissonNLLLoss,
    QuantileLoss,
    SigmoidBinaryCrossEntropyLoss,
    SoftmaxCrossEntropyLoss,
    average,
    shares,
)
from handgrad.net import Net, Parallel, Residual
from handgrad.optimizers import LBFGS, SGD, Adagrad, Adam, AdamW, Lion, NAdam, Optimizer, RMSprop
from handgrad.penalties import ElasticNetPenalty, L1Penalty, L2Penalty, Penalty
from handgrad.plots import (
    live_plot,
    plot_activations,
    plot_calibration,
    plot_capacity_curve,
    plot_confusion_matrix,
    plot_cross_entropy,
    plot_dataset,
    plot_decision_boundary,
    plot_hidden_space,
    plot_learning_curve,
    plot_learning_rate_search,
    plot_loss_functions,
    plot_partial_dependence,
    plot_permutation_importance,
    plot_precision_recall,
    plot_predictions,
    plot_residuals,
    plot_roc,
    plot_schedule,
    plot_training_progress,
    plot_weights_over_time,
    train_and_plot,
)
from handgrad.proof import GradientReport, check_gradients
from handgrad.results import CapacityCurve, LearningCurve, PartialDependence, PermutationImportance
from handgrad.saving import load, load_weights, save
from handgrad.training import (
    EpochReport,
    Evaluation,
    History,
    LearningRateSearch,
    WeightHistory,
    checkpoints,
    early_stopping,
    evaluate,
    find_learning_rate,
    progress,
    record_weights,
    reduce_on_plateau,
    train,
)

if TYPE_CHECKING:
    from handgrad.engines.compiled.build import compiled_source
    from handgrad.estimators import MLPClassifier, MLPRegressor
    from handgrad.inspection import partial_dependence, permutation_importance
    from handgrad.reporting import report
    from handgrad.tabular import TableEncoder, TabularClassifier, TabularRegressor

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "compiled_source":
        from handgrad.engines.compiled.build import compiled_source

        return compiled_source
    if name in ("MLPClassifier", "MLPRegressor"):
        from handgrad import estimators

        return getattr(estimators, name)
    if name in ("TableEncoder", "TabularClassifier", "TabularRegressor"):
        from handgrad import tabular

        return getattr(tabular, name)
    if name in ("partial_dependence", "permutation_importance"):
        from handgrad import inspection

        return getattr(inspection, name)
    if name == "report":
        from handgrad.reporting import report

        return report
    raise AttributeError(f"module 'handgrad' has no attribute {name!r}")


Net.predictor_type = _predicting.Predictor

__all__ = [
    "Linear",
    "Tanh",
    "ReLU",
    "LeakyReLU",
    "Sigmoid",
    "SiLU",
    "GELU",
    "GELUTanh",
    "ELU",
    "SELU",
    "Softplus",
    "Mish",
    "Softmax",
    "Standardize",
    "BatchNorm",
    "LayerNorm",
    "Dropout",
    "FeatureScale",
    "Embedding",
    "EnsembleLinear",
    "EnsembleEmbedding",
    "EnsemblePeriodicEmbedding",
    "Net",
    "Residual",
    "Parallel",
    "CrossEntropyLoss",
    "SoftmaxCrossEntropyLoss",
    "LabelSmoothingCrossEntropyLoss",
    "EnsembleCrossEntropyLoss",
    "MultiMarginLoss",
    "BinaryCrossEntropyLoss",
    "SigmoidBinaryCrossEntropyLoss",
    "FocalLoss",
    "HingeLoss",
    "MSELoss",
    "MAELoss",
    "HuberLoss",
    "QuantileLoss",
    "PoissonNLLLoss",
    "SGD",
    "Adagrad",
    "RMSprop",
    "Adam",
    "AdamW",
    "NAdam",
    "Lion",
    "LBFGS",
    "L1Penalty",
    "L2Penalty",
    "ElasticNetPenalty",
    "schedules",
    "train",
    "fit",
    "fit_many",
    "evaluate",
    "find_learning_rate",
    "early_stopping",
    "reduce_on_plateau",
    "checkpoints",
    "progress",
    "record_weights",
    "capacity_curve",
    "learning_curve",
    "EpochReport",
    "History",
    "WeightHistory",
    "LearningRateSearch",
    "CapacityCurve",
    "LearningCurve",
    "Evaluation",
    "metrics",
    "MLPClassifier",
    "MLPRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "TableEncoder",
    "permutation_importance",
    "partial_dependence",
    "PermutationImportance",
    "PartialDependence",
    "report",
    "check_gradients",
    "GradientReport",
    "diagnose",
    "diagnosing",
    "Diagnosis",
    "Finding",
    "trace",
    "Graph",
    "compiled_source",
    "data",
    "make_classification",
    "read_table",
    "open_table",
    "TableStream",
    "StreamedRows",
    "predict_table",
    "train_test_split",
    "plot_dataset",
    "plot_loss_functions",
    "plot_cross_entropy",
    "plot_activations",
    "plot_training_progress",
    "plot_decision_boundary",
    "plot_hidden_space",
    "plot_predictions",
    "plot_confusion_matrix",
    "plot_roc",
    "plot_precision_recall",
    "plot_calibration",
    "plot_residuals",
    "plot_permutation_importance",
    "plot_partial_dependence",
    "plot_weights_over_time",
    "plot_capacity_curve",
    "plot_learning_curve",
    "plot_schedule",
    "plot_learning_rate_search",
    "live_plot",
    "train_and_plot",
    "save",
    "load",
    "load_weights",
    "Layer",
    "Loss",
    "average",
    "shares",
    "Optimizer",
    "Penalty",
    "defaults",
    "initializers",
    "HandgradError",
    "ShapeError",
    "SettingError",
    "DataError",
    "FileError",
    "DivergenceError",
    "RecordingError",
    "NotYetComputedError",
    "UnseenWarning",
]
