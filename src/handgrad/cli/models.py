"""The estimators of the command line: made as asked, fitted, and what they made of the columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.cli.settings import ACTIVATIONS, Settings, hidden_layers, weights_of_classes
from handgrad.data.files import PARQUET, Table
from handgrad.data.table_options import DATE_ORDERS, TableOptions
from handgrad.data.targets import Task, is_text
from handgrad.engines.choice import EngineName, chosen
from handgrad.errors import DataError, HandgradError, SettingError, did_you_mean
from handgrad.files import kind_of
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.saving import inspect, load
from handgrad.training import EpochReport, History

if TYPE_CHECKING:
    import pyarrow

MODEL = "model.safetensors"
# The words that say what columns are.
COLUMNS = ("category", "number", "date")

# The metrics by which a Tabular estimator can choose its epochs, as it calls them.
WATCHED = {
    "log_loss": "log_loss",
    "accuracy": "accuracy",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
}


def chosen_by(settings: Settings, task: Task) -> str | None:
    """The metric by which the epoch to keep is chosen; None where the last one is kept."""
    first = settings.metric[0] if settings.metric else ""
    usual = "log_loss" if task == "classification" else "root_mean_squared_error"
    if settings.estimator == "mlp":
        return (first or usual) if settings.patience else None
    return first if first in WATCHED else usual


def fitted(settings: Settings, task: Task, X: Any, y: Any, *, verbose: bool) -> tuple[Any, History]:
    """A fitted estimator, and how its training went."""
    weights = row_weights(settings, y)
    if settings.estimator == "mlp":
        return _fitted_mlp(settings, task, X, y, weights, verbose=verbose)
    from handgrad.tabular import TabularClassifier, TabularRegressor

    kind = TabularClassifier if task == "classification" else TabularRegressor
    model = kind(
        metric=WATCHED[chosen_by(settings, task) or ""],
        epochs=settings.epochs,
        engine=settings.engine,
        random_state=settings.seed,
        verbose=verbose,
    ).fit(X, y, weights)
    return model.set_params(verbose=False), model.history_ or History()


def _fitted_mlp(
    settings: Settings,
    task: Task,
    X: pyarrow.Table,
    y: Array,
    weights: Array | None,
    *,
    verbose: bool,
) -> tuple[Any, History]:
    """Learns numbers as standard deviations from their mean; the last layer turns them back."""
    from sklearn.pipeline import make_pipeline

    from handgrad.estimators import MLPClassifier, MLPRegressor
    from handgrad.tabular import TableEncoder

    options: dict[str, Any] = {
        "max_iter": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate_init": settings.learning_rate,
        "n_iter_no_change": settings.patience,
    }
    layers = hidden_layers(settings.layers)
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
        scoring=chosen_by(settings, task),
        progress=verbose,
        **{name: value for name, value in options.items() if value is not None},
    )
    mean, deviation = (0.0, 1.0) if task == "classification" else (y.mean(), y.std())
    model = make_pipeline(TableEncoder(), mlp)
    t = y if task == "classification" else (y - mean) / deviation
    model.fit(X, t, **{f"{kind.__name__.lower()}__sample_weight": weights})
    if task == "regression":
        mlp.coefs_[-1] *= deviation
        mlp.intercepts_[-1] *= deviation
        mlp.intercepts_[-1] += mean
    mlp.set_params(progress=False)
    return model, _history(mlp)


def _history(mlp: Any) -> History:
    """The losses of each epoch, those of the rows it held out too."""
    losses = [float(loss) for loss in mlp.loss_curve_]
    others: list[Any] = [*(mlp.validation_loss_curve_ or [None] * len(losses))]
    pairs = zip(losses, others, strict=True)
    return History([EpochReport(i, loss, {}, other) for i, (loss, other) in enumerate(pairs, 1)])


def _engine(settings: Settings) -> EngineName:
    """The engine of a perceptron, whatever was fitted before.

    Its own choice depends on the earlier fits of the process, of which a run that goes on has
    fewer: it would not end with the same bits.
    """
    choice = chosen(settings.engine)
    if choice != "auto":
        return choice
    return "compiled" if find_spec("llvmlite") else "eager"


def row_weights(settings: Settings, y: Array) -> Array | None:
    """How much each row counts, by its class; refused for classes that are not there."""
    weights = weights_of_classes(settings.class_weight)
    if weights is None:
        return None
    from sklearn.utils.class_weight import compute_sample_weight

    names = y.astype(str)
    if isinstance(weights, dict):
        for name in weights:
            if name not in names:
                known = sorted({*names.tolist()})
                raise SettingError(
                    f"--class-weight for {name!r}",
                    f"one of the classes {', '.join(known[:20])}",
                    did_you_mean(name, known, f"--class-weight {known[0]}=2"),
                )
        return np.asarray([weights.get(name, 1.0) for name in names.tolist()])
    found: Array = compute_sample_weight("balanced", names)
    return found


def read_as(model: Any) -> dict[str, str]:
    """What each column was read as, in words."""
    encoder = model if hasattr(model, "features_") else model[0]
    return {name: feature.summary() for name, feature in encoder.features_.features.items()}


@dataclass(frozen=True)
class Named:
    """An estimator from a file, with what the file says it predicts."""

    model: Any
    target: str | None
    task: Task
    classes: list[Any]
    reading: dict[str, Any]

    def asked(self, asked: TableOptions) -> TableOptions:
        """How a table is to be read: as is asked now, else as that of the training was."""
        said = {*asked.category, *asked.number, *asked.date}
        words: dict[str, Any] = {"date_order": asked.date_order or self.reading["date_order"]}
        for word in COLUMNS:
            before = [name for name in self.reading[word] if name not in said]
            words[word] = (*getattr(asked, word), *before)
        words["known"] = tuple(name for word in ("number", "date") for name in self.reading[word])
        return replace(asked, **words)


def reading_of(table: Any, names: Sequence[str], asked: TableOptions) -> dict[str, Any]:
    """What a model is to remember of how the columns of its table were read."""
    texts = [name for name in names if is_text(table.schema.field(name).type)]
    found = {word: [*getattr(asked, word)] for word in COLUMNS}
    found["category"] += [name for name in texts if name not in found["category"]]
    return {"date_order": table.date_order or asked.date_order, **found}


@contextmanager
def errors_name(data: str, table: Table | None = None) -> Iterator[None]:
    """Errors that come from within say which table it was, and which of its rows."""
    try:
        yield
    except HandgradError as error:
        if table is not None and isinstance(error, DataError) and error.row is not None:
            error.put_at(table.place(error.row))
        if not error.where and data not in error.came:
            error.where = data
        raise


def model_in(path: Path) -> Named:
    """The estimator in a model file; a net alone is refused, since it takes no tables."""
    if kind_of(path) == "folder" or path.suffix.lower() in (".csv", *PARQUET):
        inside = kind_of(path / MODEL) == "file"
        raise SettingError(
            f"{path} as MODEL, {'a table' if path.suffix else 'a folder'}",
            "the file of a model, and after it a table",
            str(path / MODEL) if inside else f"runs/NAME-1/{MODEL}, which handgrad train writes",
        )
    about = inspect(path).about
    model = load(path)
    if not hasattr(model, "predict") or isinstance(model, Net):
        raise SettingError(
            f"{path}: {model!r}, which takes numbers, not tables",
            "a model with its preprocessing, as handgrad train writes it",
            "hg.load(path).predict(x) in Python, for a net",
        )
    classes = model.classes_.tolist() if hasattr(model, "classes_") else []
    about = about if isinstance(about, dict) else {}
    task: Task = "classification" if classes else "regression"
    return Named(model, about.get("target"), task, classes, _reading_in(about.get("reading")))


def _reading_in(said: Any) -> dict[str, Any]:
    """What a file says of how columns are read; anything may stand there."""
    said = said if isinstance(said, dict) else {}
    found: dict[str, Any] = {}
    for word in COLUMNS:
        names = said.get(word)
        found[word] = [n for n in names if isinstance(n, str)] if isinstance(names, list) else []
    order = said.get("date_order")
    return found | {"date_order": order if order in [*DATE_ORDERS] else None}
