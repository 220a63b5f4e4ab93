"""The estimators of a run: made as the settings say, and fitted."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.base.errors import SettingError, did_you_mean
from handgrad.data import TableStream
from handgrad.data.table_options import Task, option
from handgrad.engines.choice import EngineName, chosen
from handgrad.layers import Array
from handgrad.results import Predictor
from handgrad.runs.settings import ACTIVATIONS, RunSettings
from handgrad.training import History

if TYPE_CHECKING:
    import pyarrow

# The metrics by which a Tabular estimator can choose its epochs, as it calls them.
WATCHED = {
    "log_loss": "log_loss",
    "accuracy": "accuracy",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
}


def epochs_chosen_by(settings: RunSettings, task: Task) -> str | None:
    """The metric by which the epoch to keep is chosen; None where the last one is kept."""
    first = settings.metric[0] if settings.metric else ""
    usual = "log_loss" if task == "classification" else "root_mean_squared_error"
    if settings.estimator == "mlp":
        return (first or usual) if settings.patience else None
    return first if first in WATCHED else usual


def fitted(
    settings: RunSettings,
    task: Task,
    X: pyarrow.Table | TableStream,
    y: Array | str,
    *,
    progress: bool,
) -> tuple[Predictor, History]:
    """A fitted estimator, and the history of its training."""
    if settings.estimator == "mlp" and not isinstance(y, str):
        return _fitted_mlp(settings, task, X, y, progress=progress)
    from handgrad.tabular import TabularClassifier, TabularRegressor

    kind = TabularClassifier if task == "classification" else TabularRegressor
    model = kind(
        metric=WATCHED[epochs_chosen_by(settings, task) or ""],
        epochs=settings.epochs,
        engine=settings.engine,
        random_state=settings.seed,
        verbose=progress,
    ).fit(X, y, None if isinstance(y, str) else row_weights(settings, y))
    model.set_params(verbose=False)
    return model, model.history_ or History()


def _fitted_mlp(
    settings: RunSettings, task: Task, X: pyarrow.Table, y: Array, *, progress: bool
) -> tuple[Predictor, History]:
    """A perceptron; numbers are learned as standard deviations from their mean."""
    from sklearn.pipeline import make_pipeline

    from handgrad.estimators import MLPClassifier, MLPRegressor
    from handgrad.tabular import TableEncoder

    options: dict[str, Any] = {
        "max_iter": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate_init": settings.learning_rate,
        "n_iter_no_change": settings.patience,
    }
    layers = settings.hidden_layers()
    if layers is not None:
        sizes, names = layers
        kinds = [ACTIVATIONS[name] for name in names]
        options["hidden_layer_sizes"] = sizes
        options["activation"] = [kind if isinstance(kind, str) else kind() for kind in kinds]
    kind = MLPClassifier if task == "classification" else MLPRegressor
    mlp = kind(
        early_stopping=settings.patience is not None,
        random_state=settings.seed,
        engine=_engine(settings),
        scoring=epochs_chosen_by(settings, task),
        progress=progress,
        **{name: value for name, value in options.items() if value is not None},
    )
    mean, deviation = (0.0, 1.0) if task == "classification" else (y.mean(), y.std())
    model = make_pipeline(TableEncoder(), mlp)
    t = y if task == "classification" else (y - mean) / deviation
    model.fit(X, t, **{f"{kind.__name__.lower()}__sample_weight": row_weights(settings, y)})
    if task == "regression":
        # the last layer gives the numbers themselves
        mlp.coefs_[-1] *= deviation
        mlp.intercepts_[-1] *= deviation
        mlp.intercepts_[-1] += mean
    mlp.set_params(progress=False)
    reports = mlp.training_history()[0] or ()
    # without scores: of numbers they would be those of the deviations
    return model, History([replace(report, validation_metrics={}) for report in reports])


def _engine(settings: RunSettings) -> EngineName:
    """The engine of a perceptron, whatever was fitted before.

    Its own choice depends on the earlier fits of the process, of which a run that goes on has
    fewer: it would not end with the same bits.
    """
    choice = chosen(settings.engine)
    if choice != "auto":
        return choice
    return "compiled" if find_spec("llvmlite") else "eager"


def row_weights(settings: RunSettings, y: Array) -> Array | None:
    """The weight of each row, (n,), by its class; refused for classes that are not there."""
    weights = settings.weights_of_classes()
    if weights is None:
        return None
    from sklearn.utils.class_weight import compute_sample_weight

    names = y.astype(str)
    known = np.unique(names).tolist()
    for name in weights if isinstance(weights, dict) else ():
        if name not in known:
            raise SettingError(
                f"{option('class_weight')} for {name!r}",
                f"one of the classes {', '.join(known[:20])}",
                did_you_mean(name, known, option("class_weight", f"{known[0]}=2")),
            )
    found: Array = compute_sample_weight(weights, names)
    return found
