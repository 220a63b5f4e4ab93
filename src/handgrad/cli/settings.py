"""What `handgrad train` was asked for, checked before anything is read or made."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from handgrad.cli.places import check_folder, check_link
from handgrad.data.table_options import DateOrder, TableOptions
from handgrad.data.table_stream import bytes_of
from handgrad.data.targets import Task
from handgrad.engines.choice import EngineName
from handgrad.errors import SettingError, did_you_mean
from handgrad.layers import ELU, GELU, SELU, Layer, LeakyReLU, Mish, SiLU, Softplus
from handgrad.metrics.choice import metrics_of

EstimatorName = Literal["tabular", "mlp"]

# By their names here: what a perceptron calls so, or the layer.
ACTIVATIONS: dict[str, str | type[Layer]] = {
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "logistic",
    "leaky_relu": LeakyReLU,
    "silu": SiLU,
    "gelu": GELU,
    "elu": ELU,
    "selu": SELU,
    "softplus": Softplus,
    "mish": Mish,
}
MOST_UNITS = 10_000
OF_MLP = ("layers", "batch_size", "learning_rate", "patience")
# Where a run is written, and whether it goes on, change nothing of what comes out.
OF_THE_PLACE = ("out", "resume")


@dataclass(frozen=True)
class Settings:
    """The options of `handgrad train`; None where the estimator has a usual value of its own."""

    data: str
    target: str | None = None
    task: Task | None = None
    ignore: tuple[str, ...] = ()
    estimator: EstimatorName = "tabular"
    layers: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    patience: int | None = None
    test_size: float = 0.2
    folds: int | None = None
    metric: tuple[str, ...] = ()
    class_weight: str | None = None
    seed: int = 0
    engine: EngineName = "auto"
    memory: str = "1 GB"
    out: Path | None = None
    resume: bool = False
    report: bool = True
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    date_order: DateOrder | None = None
    category: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    header: bool = True

    def check(self) -> None:
        """Refuse what cannot be used, in the words of the command line."""
        for name, usual in (("epochs", 32), ("batch_size", 200), ("patience", 10)):
            value = getattr(self, name)
            good = value is None or 0 < value < 2**31
            self._refuse(name, good, "a whole number from 1 to 2147483647", usual)
        rate = self.learning_rate
        good = rate is None or (isfinite(rate) and rate > 0)
        self._refuse("learning_rate", good, "a number above zero", 0.001)
        self._refuse("test_size", 0 < self.test_size < 1, "a share between 0 and 1", 0.2)
        self._refuse("folds", self.folds is None or self.folds > 1, "2 folds or more", 5)
        self._refuse("seed", 0 <= self.seed < 2**31, "a whole number from 0 to 2147483647", 0)
        for name in OF_MLP:
            if self.estimator != "mlp" and getattr(self, name) is not None:
                raise SettingError(
                    f"{_flag(name)} {getattr(self, name)} for --estimator {self.estimator}, "
                    "which has settings of its own",
                    f"{', '.join(map(_flag, OF_MLP))} beside --estimator mlp only",
                    f"--estimator mlp, or without {_flag(name)}",
                )
        bytes_of(self.memory)
        table_options(vars(self))
        hidden_layers(self.layers)
        weights_of_classes(self.class_weight)
        metrics_of(self.metric)
        if self.out is not None:
            (check_link if self.resume else check_folder)(self.out)

    def _refuse(self, name: str, is_good: bool, expected: str, usual: Any) -> None:
        if not is_good:
            raise SettingError(
                f"{_flag(name)} {getattr(self, name)}", expected, f"{_flag(name)} {usual}"
            )

    def asked(self) -> dict[str, Any]:
        """All that decides what comes out, as JSON has it."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        lists = {name: [*value] for name, value in plain.items() if isinstance(value, tuple)}
        return {name: v for name, v in (plain | lists).items() if name not in OF_THE_PLACE}

    def command(self) -> list[str]:
        """The command line that asks for this, whatever file the options came from."""
        words = ["handgrad", "train", self.data]
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in ("data", "resume") or value == field.default:
                continue
            if value is False:
                words.append(f"--no-{name}")
            for one in value if isinstance(value, tuple) else () if value is False else (value,):
                words += [_flag(name), str(one)]
        return words


def table_options(settings: dict[str, Any]) -> TableOptions:
    """How the files are written, as settings say it; those of an older run say less."""
    names = (field.name for field in fields(TableOptions))
    return TableOptions(**{name: settings[name] for name in names if name in settings})


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def hidden_layers(text: str | None) -> tuple[list[int], list[str]] | None:
    """What `64,tanh,32` asks for: the units of each layer, and what follows them, relu if nothing.

    An empty text is no hidden layer, None is the estimator's own.
    """
    if text is None:
        return None
    sizes: list[int] = []
    activations: list[str] = []
    for word in [word.strip() for word in text.split(",")] if text.strip() else []:
        if word.isdecimal() and word.isascii() and 0 < int(word) <= MOST_UNITS:
            sizes.append(int(word))
            activations.append("relu")
        elif word in ACTIVATIONS and sizes:
            activations[-1] = word
        else:
            raise SettingError(
                f"--layers {text}: {word!r}",
                f"numbers of units, 1 to {MOST_UNITS}, each with one of {', '.join(ACTIVATIONS)} "
                "after it if it is not to be relu",
                did_you_mean(word, ACTIVATIONS, "--layers 64,tanh,32,tanh")
                if word not in ACTIVATIONS
                else f"--layers 64,{word}",
            )
    return sizes, activations


def weights_of_classes(text: str | None) -> dict[str, float] | Literal["balanced"] | None:
    """What `balanced` or `yes=5,no=1` asks for; the classes as words."""
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
                f"--class-weight {text}: {part!r}",
                "balanced, or CLASS=WEIGHT with commas between, no weight below 0",
                did_you_mean(text, ["balanced"], "--class-weight yes=5,no=1"),
            )
    return weights
