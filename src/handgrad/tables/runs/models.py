"""Estimators of a run: built from the settings, fitted and scored."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from handgrad.engines.dispatch import EngineName, resolve_engine
from handgrad.files import load
from handgrad.tables.data.predictions import AT_ONCE
from handgrad.tables.data.table_options import Task, option
from handgrad.tables.runs.pictures import PicturesInMemory, in_words
from handgrad.tables.runs.settings import ACTIVATIONS, RunSettings
from handgrad.tables.runs.training_table import TableInChunks, TableInMemory, TrainingTable
from handgrad.tables.tabular.censored import CENSORED_ERROR, restricted_mean
from handgrad.tables.tabular.decisions import decided, positive_of
from handgrad.tables.tabular.deviances import OF_METRIC, SQUARED_ERROR, deviance_of, metric_of
from handgrad.tables.tabular.members import TIME_LIMIT
from handgrad.tables.tabular.scorers import score_classes, score_numbers
from handgrad.textbook.errors import DataError, DivergenceError, SettingError, did_you_mean
from handgrad.textbook.kinds import Amounts
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.metrics.registry import METRICS
from handgrad.training import History
from handgrad.training.results import Predictor

if TYPE_CHECKING:
    from handgrad.cluster.fitting import SupportsFit
    from handgrad.tables.estimators import MLPClassifier, MLPRegressor

E = TypeVar("E", bound="SupportsFit")
OF_NUMBERS = ("r2", "root_mean_squared_error", "mean_absolute_error", "mean_squared_error")
OF_TIMES = ("concordance_index", CENSORED_ERROR)
USUAL: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "log_loss", "roc_auc"),
    "regression": OF_NUMBERS[:3],
}
OF_TWO_CLASSES, OF_MORE_CLASSES = ("precision", "recall", "f1"), ("top_k_accuracy",)
FEWEST_ROWS, MOST_NAMED = 5, 5
# Defaults for pictures: minibatch size, number of steps, bounds of the number of epochs.
PICTURES_AT_ONCE, STEPS, FEWEST_AND_MOST_EPOCHS = 16, 2000, (20, 200)

Scores = dict[str, float]
ClassScores = dict[str, Any]  # precision, recall, F1 and rows of one class


def epochs_chosen_by(settings: RunSettings, task: Task) -> str | None:
    """Metric that selects the best epoch; None if the last epoch is used."""
    if settings.estimator != "tabular" and not settings.patience:
        return None
    if settings.event is not None:
        return "log_likelihood"
    asked = "pinball_loss" if settings.quantile else metric_of(settings.loss)
    return asked or validation_metric(settings, task)


def validation_metric(settings: RunSettings, task: Task) -> str:
    """Metric of validation rows: the first of the settings, or the usual one."""
    usual = "log_loss" if task == "classification" else "root_mean_squared_error"
    return settings.metric[0] if settings.metric else usual


def fitted(
    settings: RunSettings, rows: TrainingTable, checkpoints: Callable[[], Path], *, progress: bool
) -> tuple[Predictor, History]:
    """Fit an estimator; return it with its training history.

    A fit of pictures continues from the folder of `checkpoints`, created on the first call.
    """
    task, (X, y) = rows.target.task, rows.to_learn()
    if isinstance(rows, PicturesInMemory) and settings.estimator == "pictures":
        folder = checkpoints() if settings.workers is None else None
        return _fitted_pictures(settings, rows, folder, progress=progress)
    if settings.estimator == "mlp" and not isinstance(y, str):
        return _fitted_mlp(settings, rows, X, y, progress=progress)
    from handgrad.tables.tabular import TabularClassifier, TabularRegressor, TabularSurvival

    options: dict[str, Any] = {
        "metric": epochs_chosen_by(settings, task),
        "epochs": settings.epochs,
        "engine": settings.engine,
        "random_state": settings.seed,
        "verbose": progress,
        "text": settings.text,
        "time_limit": settings.time_limit,
    }
    model: TabularClassifier | TabularRegressor | TabularSurvival
    if settings.from_ is not None:
        model = load(settings.from_)
        keep_state = model.warm_start
        model.set_params(warm_start=True, **_for_continued(settings, options))
        model = _fit(settings, model, X, y, _of_rows(settings, rows))
        model.set_params(verbose=False, warm_start=keep_state)
        return model, model.history_ or History()
    if task == "classification":
        options |= {"positive": settings.positive, "threshold": settings.threshold_asked()}
        model = TabularClassifier(**options)
    elif settings.event is not None:
        model = TabularSurvival(**options)
    else:
        if _chosen_by_loss(settings):
            options.pop("metric")
        levels = settings.quantile or None
        model = TabularRegressor(quantiles=levels, loss=settings.loss, **options)
    model = _fit(settings, model, X, y, _of_rows(settings, rows))
    model.set_params(verbose=False)
    return model, model.history_ or History()


def _chosen_by_loss(settings: RunSettings) -> bool:
    """Return True if the best epochs are those of the pinball loss or the deviance."""
    return bool(settings.quantile) or settings.loss != SQUARED_ERROR


def _for_continued(settings: RunSettings, options: Mapping[str, object]) -> dict[str, object]:
    """Parameters of a model whose training is continued; the others are its own."""
    names = ["epochs", "engine", "verbose", "time_limit"]
    names += [] if _chosen_by_loss(settings) else ["metric"]
    asked = {name: options[name] for name in names}
    if settings.threshold is not None:
        asked["threshold"] = settings.threshold_asked()
    return asked


def _fit(
    settings: RunSettings,
    model: E,
    X: object,
    y: object,
    arguments: Mapping[str, Array | Path | None],
) -> E:
    """Fit a model in this process or on Ray workers."""
    more: Any = arguments
    if settings.workers is None:
        with divergence_as_error(settings):
            model.fit(X, y, **more)
        return model
    from handgrad.cluster import fit_estimator

    return fit_estimator(model, (X, y), workers=settings.workers, address=settings.ray, **more)


@contextmanager
def divergence_as_error(settings: RunSettings) -> Iterator[None]:
    """Context in which scikit-learn's error for weights that are not finite names the setting."""
    from handgrad.tables.estimators.fit_loop import NOT_FINITE
    from handgrad.tables.estimators.settings import USUAL_RATE

    try:
        yield
    except ValueError as error:
        if str(error) != NOT_FINITE:  # scikit-learn's message
            raise
        rate = settings.learning_rate or USUAL_RATE
        raise DivergenceError(
            f"the training diverged at {option('learning_rate', rate)}",
            "weights that stay finite",
            option("learning_rate", rate / 10),
        ) from error


def _of_rows(settings: RunSettings, rows: TrainingTable) -> dict[str, Array | None]:
    """Weights of the rows, their exposures, and groups or times, as arguments of a fit."""
    if isinstance(rows, TableInChunks):
        return {}
    roles = rows.row_roles
    arguments, units = {"sample_weight": weights_of(settings, rows, roles.weights)}, roles.units
    if roles.exposure is not None:
        arguments["exposure"] = roles.exposure
    if units is not None:
        arguments["time" if units.ordered else "groups"] = units.codes
    return arguments


def weights_of(settings: RunSettings, rows: TableInMemory, own: Array | None) -> Array | None:
    """Weight of each row, (n,), by its class and its `own`; None if all are 1."""
    by_class = row_weights(settings, rows.to_learn()[1])
    return own if by_class is None else by_class if own is None else by_class * own


def _fitted_mlp(
    settings: RunSettings, rows: TrainingTable, X: pa.Table, y: Array, *, progress: bool
) -> tuple[Predictor, History]:
    """Fit a multilayer perceptron."""
    from sklearn.pipeline import make_pipeline

    from handgrad.tables.tabular import TableEncoder

    task = rows.target.task
    mlp = perceptron(settings, task, epochs_chosen_by(settings, task), progress=progress)
    model = make_pipeline(TableEncoder(), mlp)
    arguments = _of_rows(settings, rows)
    if settings.patience is None:  # no validation rows
        arguments = {"sample_weight": arguments["sample_weight"]}
    step = model.steps[-1][0]
    model = _fit(
        settings, model, X, y, {f"{step}__{name}": part for name, part in arguments.items()}
    )
    return model, _history_of(model[-1])


def perceptron(
    settings: RunSettings, task: Task, scoring: str | None, *, progress: bool = False
) -> MLPClassifier | MLPRegressor:
    """Multilayer perceptron of the settings, whose validation rows are scored by `scoring`."""
    from handgrad.tables.estimators import MLPClassifier, MLPRegressor

    options = _options(settings, progress=progress) | {"scoring": scoring}
    if task == "classification":
        return MLPClassifier(**options)
    return MLPRegressor(scale_targets=True, **options)


def _fitted_pictures(
    settings: RunSettings, rows: PicturesInMemory, checkpoints: Path | None, *, progress: bool
) -> tuple[Predictor, History]:
    """Fit a convolutional net, with more epochs for fewer pictures."""
    from handgrad.tables.estimators import PictureClassifier

    X, y = rows.to_learn()
    batch_size = settings.batch_size or PICTURES_AT_ONCE
    epochs = int(np.clip(STEPS * batch_size // len(y), *FEWEST_AND_MOST_EPOCHS))
    usual: dict[str, Any] = {"batch_size": min(batch_size, len(y)), "max_iter": epochs}
    usual["learning_rate"] = "cosine"
    options = usual | _options(settings, progress=progress)
    options |= {
        "shift": 0 if settings.augment == "none" else None,
        "flip": settings.augment == "flip",
    }
    scoring = epochs_chosen_by(settings, "classification")
    initial = None if settings.from_ is None else load(settings.from_).net_
    model = PictureClassifier(shape=rows.shape, scoring=scoring, initial_net=initial, **options)
    arguments: dict[str, Array | Path | None] = {"sample_weight": row_weights(settings, y)}
    if checkpoints is not None:
        arguments["checkpoints"] = checkpoints
    with warnings.catch_warnings():
        # The number of epochs is fixed on purpose.
        warnings.filterwarnings("ignore", "Stochastic Optimizer: Maximum")
        model = _fit(settings, model, X, y, arguments)
    model.set_params(initial_net=None)
    return model, _history_of(model)


def _history_of(mlp: MLPClassifier | MLPRegressor) -> History:
    """Training history of a perceptron, without metrics: a regressor's are of scaled targets."""
    mlp.set_params(progress=False)
    history = mlp.training_history()[0] or History()
    reports = [replace(report, validation_metrics={}) for report in history]
    return History(reports, history.stopped_because)


def notes_on_stop(history: History) -> list[str]:
    """Note on a training that was interrupted or reached its time limit, if it was."""
    because = history.stopped_because
    early = because.startswith("interrupted") or because.endswith(TIME_LIMIT)
    return [f"the training was {because}"] if early else []


def _options(settings: RunSettings, *, progress: bool) -> dict[str, Any]:
    """Parameters of a perceptron from the settings."""
    options: dict[str, Any] = {
        "max_iter": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate_init": settings.learning_rate,
        "n_iter_no_change": settings.patience,
    }
    layers = settings.hidden_layers()
    if layers is not None:
        kinds = [ACTIVATIONS[name] for _, name in layers]
        options["hidden_layer_sizes"] = [size for size, _ in layers]
        options["activation"] = [kind if isinstance(kind, str) else kind() for kind in kinds]
    options = {name: value for name, value in options.items() if value is not None}
    return options | {
        "early_stopping": settings.patience is not None,
        "random_state": settings.seed,
        "engine": _engine(settings),
        "progress": progress,
    }


def columns_read(model: Predictor) -> dict[str, str]:
    """Encoding of each column, or of a picture, in words."""
    if shape := getattr(model, "shape", None):
        return {"picture": f"{in_words(shape)}, each a number from 0 to 1"}
    encoder = model if hasattr(model, "features_") else model[0]  # type: ignore[index]
    return {name: column.summary() for name, column in encoder.features_.features.items()}


def _engine(settings: RunSettings) -> EngineName:
    """Engine of a perceptron, independent of earlier fits.

    The automatic choice depends on earlier fits in the process, and a resumed run has fewer: its
    result would differ in its bits.
    """
    usual: EngineName = "compiled" if find_spec("llvmlite") else "eager"
    choice = resolve_engine(settings.engine)
    return usual if choice == "auto" else choice


def row_weights(settings: RunSettings, y: Array) -> Array | None:
    """Weight of each row, (n,), by its class; an error for unknown classes."""
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
    return compute_sample_weight(weights, names)


def check_numbers(settings: RunSettings, table: TrainingTable) -> None:
    """Refuse settings of a number for classes, and for an estimator without them."""
    loss = None if settings.loss == SQUARED_ERROR else settings.loss
    asked: dict[str, tuple[object, str]] = {
        "quantile": (next(iter(settings.quantile), None), "which has an output for each quantile"),
        "loss": (loss, "which has several losses"),
        "exposure": (settings.exposure, "which takes it"),
        "event": (settings.event, "which takes censored times"),
    }
    for name, (value, why) in asked.items():
        if value is None:
            continue
        came, without = option(name, value), f"without {option(name)}"
        if table.classes:
            raise SettingError(
                f"{came}, where {table.target.name} has {len(table.classes)} classes",
                "a target of numbers",
                f"{without}; {option('task', 'regression')}, if they are numbers",
            )
        if settings.estimator != "tabular":
            raise SettingError(
                f"{came} for {option('estimator', settings.estimator)}",
                f"{option('estimator', 'tabular')}, {why}",
                without,
            )
    deviance = deviance_of(settings.loss, 1.5)
    if deviance is not None and isinstance(table, TableInMemory):
        _check_amounts(settings, table, deviance)


def _check_amounts(settings: RunSettings, table: TableInMemory, deviance: Loss) -> None:
    """Refuse targets that the deviance does not take."""
    kind, values = deviance.target_kind, table.target.values
    row = int(values.argmin())
    if isinstance(kind, Amounts) and not kind.allows(values[row]):
        raise table.table.refused(
            row,
            f"the target {table.target.name!r} is {values[row]:g}",
            f"{kind.name}, {kind.least}, for {option('loss', settings.loss)}",
            f"correct it, or remove the row; or another {option('loss')}",
        )


def positive_asked(settings: RunSettings, table: TrainingTable) -> str | None:
    """Name of the positive class of two: the one asked for, or the rarer one."""
    name, kind = table.target.name, settings.estimator
    for word, value in (("positive", settings.positive), ("threshold", settings.threshold)):
        if value is not None and len(table.classes) != 2:
            raise SettingError(
                f"{option(word, value)}, where {name} has {len(table.classes) or 'no'} classes",
                "a target of two classes",
                f"without {option(word)}",
            )
    if settings.threshold is not None and kind != "tabular":
        raise SettingError(
            f"{option('threshold', settings.threshold)} for {option('estimator', kind)}",
            f"{option('estimator', 'tabular')}, whose members hold rows out to choose it",
            f"without {option('threshold')}",
        )
    if len(table.classes) != 2:
        return None
    names, counts = np.unique(table.target.values, return_counts=True)
    place = positive_of(names, counts, settings.positive)
    return None if place is None else str(names[place])


def metrics_for(
    task: Task, asked: Sequence[str], n_classes: int, deviance: str = ""
) -> tuple[str, ...]:
    """Names of the metrics: those in `asked`, or the defaults of the task, the deviance first.

    Survival times, whose `deviance` is the censored error, have metrics of their own. Raises a
    SettingError for a metric of another task.
    """
    if deviance == CENSORED_ERROR:
        if unfit := [name for name in asked if name not in OF_TIMES]:
            raise SettingError(
                f"{option('metric', unfit[0])}, of times that are censored",
                " and ".join(OF_TIMES),
                f"without {option('metric')}",
            )
        return tuple(dict.fromkeys(asked)) or OF_TIMES
    of_numbers = (*OF_NUMBERS, *OF_METRIC)
    numeric = (*OF_NUMBERS, *OF_TIMES)
    known = of_numbers if task == "regression" else [m for m in METRICS if m not in numeric]
    others = OF_TWO_CLASSES if n_classes > 2 else OF_MORE_CLASSES
    known = [name for name in known if name not in others]
    for name in asked:
        if name not in (*METRICS, *OF_METRIC, CENSORED_ERROR):
            _try_scorer(name, n_classes)
        elif name not in known:
            kind = f"{n_classes} classes" if n_classes else "a number"
            other = f"{name}_macro" if f"{name}_macro" in known else USUAL[task][0]
            raise SettingError(
                f"{option('metric', name)}, to predict {kind}",
                f"one of {', '.join(known)}",
                option("metric", other),
            )
    usual = (deviance, *USUAL[task]) if deviance else USUAL[task]
    return tuple(dict.fromkeys(asked)) or usual


def _try_scorer(name: str, n_classes: int) -> None:
    """Refuse a scorer of scikit-learn that cannot score predictions of this task."""
    y = np.arange(4 * max(n_classes, 1)) % max(n_classes, 4)
    p = y + 0.5
    if n_classes:
        y = y % n_classes
        p = (0.3 + 0.4 * np.eye(n_classes)[y]) / (0.3 * n_classes + 0.4)
    PredictedRows(p, y, [*range(n_classes)]).scores([name])


@dataclass(frozen=True)
class PredictedRows:
    """Outputs `p` of a model for rows with true targets `y` (n,), and the weights of the rows.

    Classification: probabilities (n, n_classes) and class indices. Regression: numbers (n,). Of two
    classes, `positive` is the index of the positive one; a class is predicted by the `thresholds`,
    if there are any. `deviance` is the name of the metric of a model with such a loss.
    """

    p: Array
    y: Array
    classes: Sequence[object]
    positive: int | None = None
    thresholds: Array | None = None
    w: Array | None = None
    deviance: str = ""

    @classmethod
    def of(
        cls,
        model: Predictor,
        X: pa.Table,
        y: Array,
        classes: Sequence[object],
        positive: int | None = None,
        w: Array | None = None,
    ) -> PredictedRows:
        """Predict rows; targets may be labels of another type than the classes."""
        predict = getattr(model, "predict_proba", model.predict)
        p = np.concatenate([predict(X.slice(i, AT_ONCE)) for i in range(0, len(X), AT_ONCE)])
        if not classes:
            return cls(p, y, classes, w=w, deviance=deviance_metric(model))
        place = {str(name): i for i, name in enumerate(classes)}
        labels = [*map(str, y.tolist())]
        if unknown := [label for label in labels if label not in place]:
            raise DataError(
                f"the class {unknown[0]!r}, which is unknown to the model",
                f"one of {', '.join([*place][:20])}",
                "leave those rows out, or train on rows of that class too",
            )
        codes = np.asarray([place[label] for label in labels])
        thresholds: Array | None = getattr(model, "class_thresholds", None)
        return cls(p, codes, classes, positive, thresholds, w)

    @property
    def predicted(self) -> Array:
        """Index of the predicted class of each row, (n,)."""
        return np.asarray(decided(self.p, self.thresholds).argmax(axis=1))

    def guessed(self, learned: PredictedRows) -> PredictedRows:
        """The baseline: predicts the class frequencies in `learned`, or its mean, for every row."""
        y, w = learned.y, learned.w
        if self.deviance == CENSORED_ERROR:
            return replace(self, p=np.full(len(self.y), restricted_mean(y, w)))
        if not self.classes:
            return replace(self, p=np.full(len(self.y), y.mean() if w is None else w @ y / w.sum()))
        frequencies = np.bincount(y, w, len(self.classes)) / (len(y) if w is None else w.sum())
        return replace(self, p=np.tile(frequencies, (len(self.y), 1)), thresholds=None)

    def scores(self, names: Sequence[str]) -> Scores:
        """Compute metrics by name; NaN where one is undefined."""
        scores, classes = {}, np.array([*map(str, self.classes)])
        for name in names:
            try:
                if self.classes:
                    more = (classes, self.positive, self.thresholds, self.w)
                    scores[name] = score_classes(name, self.p, self.y, *more)
                else:
                    scores[name] = score_numbers(name, self.p, self.y, self.w)
            except DataError:
                if name != "roc_auc":
                    raise
                scores[name] = float("nan")
        return scores

    def by_class(self) -> list[ClassScores]:
        """Precision, recall, F1 and number of rows of each class."""
        from sklearn.metrics import precision_recall_fscore_support

        if not self.classes:
            return []
        parts = precision_recall_fscore_support(
            self.y,
            self.predicted,
            labels=np.arange(len(self.classes)),
            sample_weight=self.w,
            zero_division=0,
        )
        counts = np.bincount(self.y, minlength=len(self.classes))
        return [
            {"class": name, "precision": a, "recall": b, "f1": c, "rows": int(n)}
            for name, a, b, c, n in zip(self.classes, *parts[:3], counts, strict=True)
        ]


def deviance_metric(model: object) -> str:
    """Name of the mean deviance that a model was trained with; "" for any other model."""
    return metric_of(getattr(model, "loss_", None))


def notes_on_few_rows(classes: Sequence[ClassScores]) -> list[str]:
    """Note on classes with too few evaluated rows for reliable scores."""
    few = [row for row in classes if row["rows"] < FEWEST_ROWS]
    named = [f"{row['rows']} of {str(row['class'])!r}" for row in few[:MOST_NAMED]]
    named += ["…"] * (len(few) > MOST_NAMED)
    return [
        f"few test rows in some classes: {', '.join(named)}; their scores are noisy, and so are "
        "balanced accuracy and ROC AUC, which weight all classes equally"
    ][: len(few)]
