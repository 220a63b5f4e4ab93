"""Settings of a training run: data, target, estimator and evaluation."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from handgrad.engines.dispatch import EngineName
from handgrad.engines.sharding import Sharding
from handgrad.files.paths import as_path
from handgrad.tables.data import BUNDLED, TableOptions
from handgrad.tables.data.table_options import (
    SEVERAL,
    Task,
    bytes_of,
    on_the_command_line,
    option,
)
from handgrad.tables.tabular.censored import CENSORED_ERROR
from handgrad.tables.tabular.decisions import Threshold, check_threshold
from handgrad.tables.tabular.deviances import (
    LOSSES,
    OF_METRIC,
    SQUARED_ERROR,
    LossName,
    metric_of,
)
from handgrad.tables.tabular.quantiles import MOST_LEVELS, checked_quantiles
from handgrad.textbook.errors import SettingError, did_you_mean, is_number
from handgrad.textbook.layers import ELU, GELU, SELU, Layer, LeakyReLU, Mish, SiLU, Softplus
from handgrad.textbook.metrics.registry import METRICS, metrics_of

Augmentation = Literal["shift", "flip", "none"]
EstimatorName = Literal["tabular", "mlp", "pictures", "text", "forecast"]

# Names of activations: the argument of a perceptron, or the layer.
ACTIVATIONS: dict[str, str | type[Layer]] = {
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "logistic",
    "leaky_relu": LeakyReLU,
    **{kind.__name__.lower(): kind for kind in (SiLU, GELU, ELU, SELU, Softplus, Mish)},
}
MOST_UNITS = 10_000
# Also for pictures, whose net is a perceptron after convolutions.
OF_MLP = ("layers", "batch_size", "learning_rate", "patience")
# All settings of a run on a text.
OF_TEXTS = (
    *("data", "encoding", "estimator", "tokens", "epochs", "batch_size", "learning_rate", "seed"),
    *("engine", "memory", "test_size", "report", "out", "resume"),
)
# All settings of a run on time series, beside those for reading tables.
OF_FORECASTS = (
    *("data", "target", "time", "group", "estimator", "horizon", "season", "epochs", "seed"),
    *("engine", "memory", "test_size", "report", "out", "resume"),
)
# Columns that are used otherwise than as features.
OF_ROWS = ("group", "time", "weight", "exposure", "event")
# Settings that do not change the result.
WITHOUT_EFFECT = ("out", "resume", "workers", "ray")
# Exclusive bounds of numbers, their description, and an example.
BETWEEN = {
    "size": (0, 1025, "a number of pixels from 1 to 1024", 64),
    "horizon": (0, 2**15, "a number of steps up to 32767", 14),
    "season": (0, 2**31, "a number of steps, 1 for no season", 7),
    "tokens": (2, 4097, "a number of tokens up to 4096", 500),
    "epochs": (0, 2**31, "an integer from 1 to 2147483647", 32),
    "batch_size": (0, 2**31, "an integer from 1 to 2147483647", 200),
    "patience": (0, 2**31, "an integer from 1 to 2147483647", 10),
    "time_limit": (0, inf, "a number of seconds above zero", 60),
    "learning_rate": (0, inf, "a number above zero", 0.001),
    "test_size": (0, 1, "a fraction between 0 and 1", 0.2),
    "folds": (1, inf, "at least 2 folds", 5),
    "seed": (-1, 2**31, "an integer from 0 to 2147483647", 0),
    "workers": (-1, 2**31, "the number of workers, or 0 for this process only", 4),
}


@dataclass(frozen=True, kw_only=True)
class RunSettings(TableOptions):
    """Settings of `train_table`; None is the default of the estimator.

    Each field has its description, which `handgrad train --help` shows; the settings for reading
    tables are the fields of `TableOptions`. Raises a SettingError for invalid values.
    """

    verb: ClassVar[str] = "train"  # the command that takes them
    data: Annotated[
        str,
        "CSV file with a header; Parquet, Arrow, JSON lines, spreadsheet or SQLite file; quoted "
        "pattern for several files, address such as s3://bucket/data.csv, folder with a "
        "folder of pictures for each class, text file, or one "
        f"of {', '.join(BUNDLED)}.",
    ] = field(kw_only=False)
    target: Annotated[str | None, "Column to predict; 'target' by default."] = field(
        default=None, kw_only=False
    )
    task: Annotated[Task | None, "Task; inferred from the target by default."] = None
    ignore: Annotated[tuple[str, ...], f"Column to leave out. {SEVERAL}"] = ()
    merge_case: Annotated[
        bool,
        "Merge texts that differ only in case or spaces, as ja and JA, into the most frequent one.",
    ] = False
    text: Annotated[
        tuple[str, ...],
        "tabular: column of free text, such as notes, read by its words; others are detected. "
        f"{SEVERAL}",
    ] = ()
    estimator: Annotated[
        EstimatorName,
        "tabular: an ensemble that needs no tuning; mlp: one net, set by the options below; "
        "pictures: a convolutional net, the default for a folder of pictures; text: a language "
        "model, the default for a text file without --target; forecast: the next steps of time "
        "series, the default with --horizon.",
    ] = "tabular"
    from_: Annotated[
        str | None,
        "tabular: model file whose training is continued with these rows; its columns, classes and "
        "target are kept. pictures: model file whose convolutions are the initial ones.",
    ] = None
    horizon: Annotated[
        int | None,
        "forecasts: number of steps to forecast of the column --time, for each --group.",
    ] = None
    season: Annotated[
        int | None,
        "forecasts: steps of a season, 1 for none; a day, a week or a year by default.",
    ] = None
    size: Annotated[
        int | None,
        "pictures: side in pixels to which they are scaled; their own up to 32 by default.",
    ] = None
    augment: Annotated[
        Augmentation,
        "pictures: random changes in training: shift: by a few pixels; flip: also mirrored left to "
        "right; none.",
    ] = "shift"
    tokens: Annotated[
        int | None,
        "texts: number of tokens, characters and the sub-words of byte-pair encoding; characters "
        "by default.",
    ] = None
    layers: Annotated[
        str | None,
        "mlp: sizes of the hidden layers, each with its activation if not relu, such as "
        "64,tanh,32; '' is none.",
    ] = None
    epochs: Annotated[int | None, "Maximum number of epochs."] = None
    time_limit: Annotated[
        float | None, "tabular: seconds of training; the epoch that is under way then is the last."
    ] = None
    batch_size: Annotated[int | None, "mlp: minibatch size."] = None
    learning_rate: Annotated[float | None, "mlp: Adam's learning rate."] = None
    patience: Annotated[
        int | None, "mlp: early stopping after this many epochs without a better validation score."
    ] = None
    class_weight: Annotated[
        str | None, "Class weights: balanced, or CLASS=WEIGHT pairs such as yes=5,no=1."
    ] = None
    positive: Annotated[
        str | None, "The positive class of two, in scores and curves; the rarer one by default."
    ] = None
    threshold: Annotated[
        str | None,
        "tabular: probability of the positive class above which it is predicted: a number; f1, "
        "balanced_accuracy or accuracy, for the best one on validation rows; or costs, such as "
        "miss=10,false_alarm=1.",
    ] = None
    quantile: Annotated[
        tuple[float, ...],
        f"tabular: level of a quantile to predict, such as 0.9. {SEVERAL} The prediction is the "
        "median then.",
    ] = ()
    loss: Annotated[
        LossName,
        "tabular: loss of a number; poisson for counts, gamma for amounts above 0, tweedie for "
        "amounts of which many are 0.",
    ] = "squared_error"
    seed: Annotated[int, "Random seed; the same seed gives the same model."] = 0
    engine: Annotated[EngineName, "Engine; auto compiles if that is faster."] = "auto"
    memory: Annotated[str, "Memory budget; larger tables are read in chunks."] = "1 GB"
    test_size: Annotated[float, "Fraction of the rows held out for evaluation."] = 0.2
    group: Annotated[
        str | None,
        "Column of groups, such as customers: whole groups are held out; it is not a feature. "
        "With --horizon a series each.",
    ] = None
    time: Annotated[
        str | None, "Column of dates or numbers in time: the last rows are held out."
    ] = None
    test: Annotated[
        str | None, "File to evaluate on, with the same columns; no rows are held out."
    ] = None
    weight: Annotated[
        str | None,
        "Column of row weights, for training and scores; it is not a feature.",
    ] = None
    exposure: Annotated[
        str | None,
        "tabular: column of exposures, such as insured years: the rate, target / exposure, is "
        "predicted, and rows are weighted by it; it is not a feature.",
    ] = None
    event: Annotated[
        str | None,
        "tabular: column that says whether the event had come, 1 or 0, yes or no, true or false: "
        "the target is the time of the event, or up to which there was none (censored); it is not "
        "a feature.",
    ] = None
    folds: Annotated[
        int | None, "Number of cross-validation folds, of the rows that are not held out."
    ] = None
    metric: Annotated[
        tuple[str, ...],
        f"Metric to compute. {SEVERAL} The first selects the best epoch, if the estimator can.",
    ] = ()
    compare: Annotated[
        bool,
        "Compare with a linear model and gradient boosting, trained on the same rows.",
    ] = False
    report: Annotated[bool, "Write report.html."] = True
    out: Annotated[Path | None, "Folder of the run; runs/NAME-1, -2 … by default."] = None
    resume: Annotated[bool, "Resume an interrupted run."] = False
    workers: Annotated[
        int | None,
        "Data-parallel training: number of Ray workers for the 4 shards of each batch; 0: this "
        "process only. The model does not depend on the number.",
    ] = None
    ray: Annotated[
        str | None, "Address of the Ray cluster, such as head:6379; this machine by default."
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", one_target(self.target))
        object.__setattr__(self, "data", str(self.data))
        for name in ("test", "from_"):
            path = getattr(self, name)
            object.__setattr__(self, name, None if path is None else str(path))
        if self.estimator not in (names := get_args(EstimatorName)):
            raise SettingError(
                option("estimator", self.estimator),
                f"one of {', '.join(names)}",
                did_you_mean(self.estimator, names, option("estimator", "tabular")),
            )
        object.__setattr__(self, "out", None if self.out is None else as_path(self.out))
        for name in ("ignore", "text", "metric"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        check_between(self, BETWEEN)
        if self.ray is not None and not self.workers:
            raise SettingError(
                f"{option('ray', self.ray)} without workers",
                f"{option('ray')} with at least 1 of {option('workers')}",
                option("workers", 4),
            )
        self._check_split()
        bytes_of(self.memory)
        self.hidden_layers()
        self.weights_of_classes()
        self.threshold_asked()
        self._check_quantiles()
        self._check_loss()
        check_metrics(self.metric)

    def _check_quantiles(self) -> None:
        """Sort the levels of the quantiles; refuse invalid ones."""
        levels = (self.quantile,) if is_number(self.quantile) else self.quantile
        try:
            ordered = checked_quantiles(sorted({*levels}) or None)
        except (SettingError, TypeError) as error:
            raise SettingError(
                option("quantile", self.quantile),
                f"up to {MOST_LEVELS} levels between 0 and 1",
                option("quantile", 0.9),
            ) from error
        object.__setattr__(self, "quantile", ordered or ())

    def _check_loss(self) -> None:
        """Refuse an unknown loss, and what it is contrary to; a deviance is of numbers."""
        if self.loss not in LOSSES:
            raise SettingError(
                option("loss", self.loss),
                f"one of {', '.join(LOSSES)}",
                did_you_mean(str(self.loss), LOSSES, option("loss", "poisson")),
            )
        if self.quantile and self.loss != SQUARED_ERROR:
            raise SettingError(
                f"{option('loss', self.loss)} with {option('quantile', self.quantile[0])}",
                "a prediction of the mean, or of quantiles",
                f"without {option('quantile')}; or without {option('loss')}",
            )
        for name in self.metric:
            if name in OF_METRIC and name != metric_of(self.loss):
                raise SettingError(
                    f"{option('metric', name)} with {option('loss', self.loss)}",
                    "the deviance of the loss",
                    option("loss", name.split("_")[1]),
                )
        if self.event is not None:
            self._refuse_beside_event()
        roles = self.exposure, self.event
        of_numbers = self.loss != SQUARED_ERROR or any(name is not None for name in roles)
        if of_numbers and self.task is None and self.horizon is None:
            object.__setattr__(self, "task", "regression")

    def _refuse_beside_event(self) -> None:
        """Refuse settings that are contrary to survival times."""
        for name in ("quantile", "loss", "exposure", "task", "compare"):
            value = getattr(self, name)
            if value not in (getattr(RunSettings, name), "regression"):
                raise SettingError(
                    f"{option(name, value[0] if name == 'quantile' else value)} with "
                    f"{option('event', self.event)}",
                    "settings of times, some of which are censored",
                    f"without {option(name)}; or without {option('event')}",
                )

    def _check_split(self) -> None:
        """Refuse contradictory settings of the split."""
        of_series = self.horizon is not None  # whose groups all have an end
        together = {
            "time": (
                None if of_series else self.group,
                "group",
                "whole groups, or the end, are held out",
            ),
            "test": (
                None if self.test_size == RunSettings.test_size else self.test_size,
                "test_size",
                "the rows of the file are held out, or a fraction of the data",
            ),
        }
        for name, (other, other_name, why) in together.items():
            if getattr(self, name) is not None and other is not None:
                raise SettingError(
                    f"{option(other_name, other)} with {option(name, getattr(self, name))}",
                    f"one of them: {why}",
                    f"without {option(other_name)}",
                )
        if self.test is not None and self.test == self.data:
            raise SettingError(
                f"{option('test', self.test)}, which is the data of the training",
                "a file of other rows",
                f"without {option('test')}, to hold out some of the rows",
            )
        roles = {name: getattr(self, name) for name in OF_ROWS} | {"target": self.target or ""}
        columns = [column for column in roles.values() if column]
        for name, column in roles.items():
            if column and columns.count(column) > 1 and name != "target":
                other = next(n for n, c in roles.items() if c == column and n != name)
                raise SettingError(
                    f"{option(name, column)} and {option(other, column)}",
                    "a column of its own for each of them",
                    f"another {option(name)}",
                )

    @property
    def shards(self) -> int | None:
        """Number of shards of each batch; None without sharding."""
        return None if self.workers is None else Sharding().shards

    def recorded(self) -> dict[str, object]:
        """Settings that affect the result, for JSON: the shards, but not the workers."""
        settings = {
            name: [*value] if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if name not in WITHOUT_EFFECT
        }
        return settings | {"shards": self.shards}

    def command(self, *more: str) -> list[str]:
        """Equivalent command line, also if options came from a file."""
        words = ["handgrad", self.verb, self.data]
        of_reading = {setting.name for setting in fields(TableOptions)}
        with on_the_command_line():
            for setting in sorted(fields(self), key=lambda setting: setting.name in of_reading):
                name, value = setting.name, getattr(self, setting.name)
                if name in ("data", "resume") or value == setting.default:
                    continue
                for one in value if isinstance(value, tuple) else (value,):
                    flag = option(name, one if isinstance(one, bool) else None)
                    words += [flag] if isinstance(one, bool) else [flag, str(one)]
        return [*words, *more]

    def how_to_resume(self) -> str:
        """Command or call that resumes the run."""
        if option("resume") == "--resume":
            return shlex.join(self.command("--resume"))
        return f"the same call with {option('resume', True)}"

    def hidden_layers(self) -> list[tuple[int, str]] | None:
        """Size and activation of each hidden layer; None is the default of the estimator."""
        text = self.layers
        if text is None:
            return None
        layers: list[tuple[int, str]] = []
        for word in [word.strip() for word in text.split(",")] if text.strip() else []:
            if word.isdecimal() and word.isascii() and 0 < int(word) <= MOST_UNITS:
                layers.append((int(word), "relu"))
            elif word in ACTIVATIONS and layers:
                layers[-1] = layers[-1][0], word
            else:
                raise SettingError(
                    f"{option('layers', text)}: {word!r}",
                    f"layer sizes, 1 to {MOST_UNITS}, each followed by one of "
                    f"{', '.join(ACTIVATIONS)} if its activation is not relu",
                    did_you_mean(word, ACTIVATIONS, option("layers", "64,tanh,32,tanh"))
                    if word not in ACTIVATIONS
                    else option("layers", f"64,{word}"),
                )
        return layers

    def threshold_asked(self) -> Threshold | None:
        """The threshold as a number, a metric or costs."""
        text = self.threshold
        if text is None:
            return None
        value: Threshold = text
        if "=" in text:
            pairs = (part.partition("=")[::2] for part in text.split(","))
            value = {name.strip(): _number(cost) for name, cost in pairs}  # type: ignore[misc]
        elif (number := _number(text)) is not None:
            value = number
        try:
            check_threshold(value)
        except SettingError as error:
            raise SettingError(
                option("threshold", text),
                "a number between 0 and 1; f1, balanced_accuracy or accuracy; or costs",
                option("threshold", "miss=10,false_alarm=1"),
            ) from error
        return value

    def weights_of_classes(self) -> dict[str, float] | Literal["balanced"] | None:
        """Weights by class name, or "balanced"."""
        text = self.class_weight
        if text is None or text == "balanced":
            return "balanced" if text else None
        weights: dict[str, float] = {}
        for part in text.split(","):
            name, sign, number = (piece.strip() for piece in part.rpartition("="))
            try:
                weights[name] = float(number)
            except ValueError:
                weights[name] = -1.0
            if not sign or not 0 <= weights[name] < float("inf"):
                raise SettingError(
                    f"{option('class_weight', text)}: {part!r}",
                    "balanced, or comma-separated CLASS=WEIGHT pairs, with weights of at least 0",
                    did_you_mean(text, ["balanced"], option("class_weight", "yes=5,no=1")),
                )
        return weights


def check_between(
    settings: RunSettings, bounds: Mapping[str, tuple[float, float, str, float]]
) -> None:
    """Refuse numbers outside their exclusive bounds, in the form of `BETWEEN`."""
    for name, (low, high, expected, example) in bounds.items():
        value = getattr(settings, name)
        if value is not None and not (is_number(value) and low < value < high):
            raise SettingError(option(name, value), expected, option(name, example))


def check_metrics(names: Sequence[str]) -> None:
    """Refuse what is neither a metric nor a scorer of scikit-learn."""
    others = [name for name in names if name not in (*METRICS, *OF_METRIC, CENSORED_ERROR)]
    if others:
        from sklearn.metrics import get_scorer_names

        metrics_of([name for name in others if name not in get_scorer_names()])


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def one_target(target: object) -> str | None:
    """Return the single target column; raise an error for several."""
    if target is None or isinstance(target, str):
        return target
    names = [*map(str, target)] if isinstance(target, list | tuple) else []
    if len(names) == 1 and option("target") == "--target":
        return names[0]
    raise SettingError(
        " ".join(option("target", name) for name in names)
        if len(names) > 1 and option("target") == "--target"
        else option("target", target),
        "one column: a model predicts one target",
        f"{option('target', names[0] if names else 'COLUMN')}"
        + ", and a separate run for each other target" * (len(names) > 1),
    )


def setting_beside(settings: RunSettings, known: Sequence[str]) -> str:
    """Name of the first setting that is neither `known` nor its default, or ''."""
    defaults = {setting.name: setting.default for setting in fields(settings)}
    changed = [name for name, value in defaults.items() if getattr(settings, name) != value]
    return next((name for name in changed if name not in known), "")
