"""The settings of a run: what to predict, by which estimator, and how it is evaluated."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Annotated, Literal, get_args

from handgrad.engines.dispatch import EngineName
from handgrad.engines.sharding import Sharding
from handgrad.files.paths import as_path
from handgrad.tables.data import BUNDLED, TableOptions
from handgrad.tables.data.picture_folders import has_pictures
from handgrad.tables.data.table_options import SEVERAL, Task, on_the_command_line, option
from handgrad.tables.data.texts import is_prose
from handgrad.textbook.errors import SettingError, did_you_mean, is_number
from handgrad.textbook.layers import ELU, GELU, SELU, Layer, LeakyReLU, Mish, SiLU, Softplus
from handgrad.textbook.metrics.registry import metrics_of

EstimatorName = Literal["tabular", "mlp", "pictures", "text"]

# By their names here: what a perceptron calls so, or the layer.
ACTIVATIONS: dict[str, str | type[Layer]] = {
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "logistic",
    "leaky_relu": LeakyReLU,
    **{kind.__name__.lower(): kind for kind in (SiLU, GELU, ELU, SELU, Softplus, Mish)},
}
MOST_UNITS = 10_000
# For pictures there is a perceptron too, behind convolutions.
OF_MLP = ("layers", "batch_size", "learning_rate", "patience")
# All that a run on a text can be told.
OF_TEXTS = (
    *("data", "encoding", "estimator", "epochs", "batch_size", "learning_rate", "seed", "engine"),
    *("memory", "test_size", "report", "out", "resume"),
)
# Where a run is written and made, and whether it goes on, change nothing of what comes out.
OF_THE_PLACE = ("out", "resume", "workers", "ray")
# Between which bounds a number must lie, in words, and an example.
BETWEEN = {
    "epochs": (0, 2**31, "a whole number from 1 to 2147483647", 32),
    "batch_size": (0, 2**31, "a whole number from 1 to 2147483647", 200),
    "patience": (0, 2**31, "a whole number from 1 to 2147483647", 10),
    "learning_rate": (0, inf, "a number above zero", 0.001),
    "test_size": (0, 1, "a share between 0 and 1", 0.2),
    "folds": (1, inf, "2 folds or more", 5),
    "seed": (-1, 2**31, "a whole number from 0 to 2147483647", 0),
    "workers": (-1, 2**31, "a whole number: 0 for this process, or as many as there are to be", 4),
}


@dataclass(frozen=True, kw_only=True)
class RunSettings(TableOptions):
    """The settings of `train_table`; None where the estimator has a usual value of its own.

    What each is for stands beside it; those for reading tables are the fields of `TableOptions`.
    Raises a SettingError for what cannot be used.
    """

    data: Annotated[
        str,
        "A CSV file with a header, a Parquet file, a pattern for several in quotes, an address "
        "such as s3://bucket/data.csv, a folder with a folder of pictures for each class, a text, "
        f"or one of {', '.join(BUNDLED)}.",
    ] = field(kw_only=False)
    target: Annotated[str | None, "The column to predict; 'target' if not given."] = field(
        default=None, kw_only=False
    )
    task: Annotated[Task | None, "Classes or a number; the target says it if not given."] = None
    ignore: Annotated[tuple[str, ...], f"A column to leave out. {SEVERAL}"] = ()
    estimator: Annotated[
        EstimatorName,
        "tabular: several nets, no tuning; mlp: one net, by the options that follow; pictures: "
        "convolutions before it, the usual one for a folder of pictures; text: a language model, "
        "the usual one for a file that is no table, without --target.",
    ] = "tabular"
    layers: Annotated[
        str | None,
        "mlp: units of the hidden layers, an activation after them if not relu, as in "
        "64,tanh,32; '' for none.",
    ] = None
    epochs: Annotated[int | None, "The most passes over the rows."] = None
    batch_size: Annotated[int | None, "mlp: rows in a minibatch."] = None
    learning_rate: Annotated[float | None, "mlp: Adam's learning rate."] = None
    patience: Annotated[
        int | None, "mlp: hold rows out, stop after so many epochs without a better score there."
    ] = None
    class_weight: Annotated[
        str | None, "How much rows of a class count: balanced, or as in yes=5,no=1."
    ] = None
    seed: Annotated[int, "The same seed gives the same model."] = 0
    engine: Annotated[EngineName, "What runs the steps; auto compiles where that pays."] = "auto"
    memory: Annotated[str, "Memory budget; larger tables are read in chunks."] = "1 GB"
    test_size: Annotated[float, "The share of the rows held out for the scores."] = 0.2
    folds: Annotated[
        int | None, "Cross-validate: so many folds of the rows that are not held out."
    ] = None
    metric: Annotated[
        tuple[str, ...],
        f"A score to tell. {SEVERAL} The first chooses the epochs, if the estimator can watch it.",
    ] = ()
    report: Annotated[bool, "Write report.html too."] = True
    out: Annotated[Path | None, "The run's folder; runs/NAME-1, -2 … if not given."] = None
    resume: Annotated[bool, "Go on with a run that was interrupted."] = False
    workers: Annotated[
        int | None,
        "Cut each batch into 4 shards, which so many workers on Ray share; 0: this process does "
        "them all. Any number gives the same model.",
    ] = None
    ray: Annotated[
        str | None, "The Ray cluster of the workers, as in head:6379; if not given, this machine."
    ] = None

    def __post_init__(self) -> None:
        from handgrad.tables.data import tables  # which loads pyarrow

        super().__post_init__()
        object.__setattr__(self, "target", one_target(self.target))
        object.__setattr__(self, "data", str(self.data))
        if self.estimator not in (known := get_args(EstimatorName)):
            raise SettingError(
                option("estimator", self.estimator),
                f"one of {', '.join(known)}",
                did_you_mean(self.estimator, known, option("estimator", "tabular")),
            )
        object.__setattr__(self, "out", None if self.out is None else as_path(self.out))
        if self.estimator == "tabular" and (kind := self._usual_estimator()):
            object.__setattr__(self, "estimator", kind)
        for name in ("ignore", "metric"):
            words = getattr(self, name)
            object.__setattr__(self, name, (words,) if isinstance(words, str) else tuple(words))
        for name, (low, high, expected, usual) in BETWEEN.items():
            value = getattr(self, name)
            if value is not None and not (is_number(value) and low < value < high):
                raise SettingError(option(name, value), expected, option(name, usual))
        for name in OF_MLP:
            if self.estimator == "tabular" and getattr(self, name) is not None:
                raise SettingError(
                    f"{option(name, getattr(self, name))} for "
                    f"{option('estimator', self.estimator)}, which has settings of its own",
                    f"{', '.join(map(option, OF_MLP))} beside {option('estimator', 'mlp')} only",
                    f"{option('estimator', 'mlp')}, or without {option(name)}",
                )
        if self.ray is not None and not self.workers:
            raise SettingError(
                f"{option('ray', self.ray)} without workers there",
                f"{option('ray')} beside {option('workers')} from 1 on",
                option("workers", 4),
            )
        tables.bytes_of(self.memory)
        self.hidden_layers()
        self.weights_of_classes()
        metrics_of(self.metric)

    def _usual_estimator(self) -> str:
        """What the data asks for where nothing else is said; '' for a table."""
        if has_pictures(self.data):
            return "pictures"
        return "text" if not said_of_tables(self) and is_prose(self.data) else ""

    @property
    def shards(self) -> int | None:
        """How many shards each batch is cut into; None where it is not."""
        return None if self.workers is None else Sharding().shards

    def recorded(self) -> dict[str, object]:
        """All that decides what comes out, as JSON has it: the shards, not who has them."""
        asked = {
            name: [*value] if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if name not in OF_THE_PLACE
        }
        return asked | {"shards": self.shards}

    def command(self, *more: str) -> list[str]:
        """The command line that asks for this, whatever file the options came from."""
        words = ["handgrad", "train", self.data]
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
        """What the user has to write to go on with this run."""
        if option("resume") == "--resume":
            return shlex.join(self.command("--resume"))
        return f"the same call with {option('resume', True)}"

    def hidden_layers(self) -> list[tuple[int, str]] | None:
        """The units of each hidden layer and its activation; None is the estimator's own choice."""
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
                    f"numbers of units, 1 to {MOST_UNITS}, each with one of "
                    f"{', '.join(ACTIVATIONS)} after it if it is not to be relu",
                    did_you_mean(word, ACTIVATIONS, option("layers", "64,tanh,32,tanh"))
                    if word not in ACTIVATIONS
                    else option("layers", f"64,{word}"),
                )
        return layers

    def weights_of_classes(self) -> dict[str, float] | Literal["balanced"] | None:
        """The weight of each class that is named, by its name as text; or "balanced"."""
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
                    "balanced, or CLASS=WEIGHT with commas between, no weight below 0",
                    did_you_mean(text, ["balanced"], option("class_weight", "yes=5,no=1")),
                )
        return weights


def one_target(target: object) -> str | None:
    """The column to predict; several of them are refused."""
    if target is None or isinstance(target, str):
        return target
    names = [*map(str, target)] if isinstance(target, list | tuple) else []
    if len(names) == 1 and option("target") == "--target":
        return names[0]
    raise SettingError(
        " ".join(option("target", name) for name in names)
        if len(names) > 1 and option("target") == "--target"
        else option("target", target),
        "one column: a model predicts one",
        f"{option('target', names[0] if names else 'COLUMN')}"
        + ", and a run of its own for each other" * (len(names) > 1),
    )


def said_of_tables(settings: RunSettings) -> str:
    """The first setting that is said and that a text has not; '' if there is none."""
    usual = {setting.name: setting.default for setting in fields(settings)}
    said = [name for name, value in usual.items() if getattr(settings, name) != value]
    return next((name for name in said if name not in OF_TEXTS), "")
