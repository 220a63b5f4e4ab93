"""What the command line was asked for, checked before anything is read or made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from handgrad.engines.choice import EngineName
from handgrad.errors import SettingError, did_you_mean
from handgrad.files import FileError, kind_of
from handgrad.layers import Layer, LeakyReLU, Linear, ReLU, Sigmoid, Tanh
from handgrad.metrics.choice import metrics_of

ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}
MOST_UNITS = 10_000


@dataclass(frozen=True)
class Settings:
    """The options of `handgrad train`; without a `target`, a column of that name is predicted."""

    data: str
    target: str | None = None
    layers: str = "32,relu,32,relu"
    epochs: int = 200
    batch_size: int = 32
    learning_rate: float = 0.05
    validation: float = 0.2
    patience: int = 20
    metrics: tuple[str, ...] = ()
    seed: int = 0
    engine: EngineName = "auto"
    folder: Path | None = None

    def check(self) -> None:
        """Refuse what cannot be used, in the words of the command line."""
        usual = Settings("")
        for name in ("epochs", "batch_size", "patience"):
            _refuse(self, usual, name, getattr(self, name) > 0, "a whole number above zero")
        rate = self.learning_rate
        _refuse(self, usual, "learning_rate", isfinite(rate) and rate > 0, "a number above zero")
        _refuse(self, usual, "validation", 0 < self.validation < 1, "a share between 0 and 1")
        _refuse(self, usual, "seed", self.seed >= 0, "a whole number, 0 or above")
        hidden_layers(self.layers)
        metrics_of(self.metrics)
        if self.folder is not None:
            check_folder(self.folder)


def _refuse(settings: Settings, usual: Settings, name: str, is_good: bool, expected: str) -> None:
    flag = f"--{name.replace('_', '-')}"
    if not is_good:
        raise SettingError(
            f"{flag} {getattr(settings, name)}", expected, f"{flag} {getattr(usual, name)}"
        )


def hidden_layers(text: str) -> list[int | type[Layer]]:
    """What `64,tanh,32,relu` asks for: [64, Tanh, 32, ReLU]; nothing for an empty text."""
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    layers: list[int | type[Layer]] = []
    for word in words:
        if word.isdecimal() and 0 < int(word) <= MOST_UNITS:
            if layers and isinstance(layers[-1], int):
                raise SettingError(
                    f"--layers {text}: {layers[-1]} and {word} with no activation between",
                    "an activation after each number: two linear layers in a row are only one",
                    f"--layers {','.join(f'{w},relu' for w in words if w.isdecimal())}",
                )
            layers.append(int(word))
        elif word in ACTIVATIONS:
            layers.append(ACTIVATIONS[word])
        else:
            raise SettingError(
                f"--layers {text}: {word!r}",
                f"numbers of units, 1 to {MOST_UNITS}, and {', '.join(ACTIVATIONS)}",
                did_you_mean(word, ACTIVATIONS, "--layers 32,relu,32,relu"),
            )
    return layers


def made(layers: list[int | type[Layer]], n_in: int, rng: np.random.Generator) -> list[Layer]:
    """The layers themselves, for `n_in` features."""
    found: list[Layer] = []
    for layer in layers:
        if isinstance(layer, int):
            found.append(Linear(n_in, layer, initializer="he_normal", rng=rng))
            n_in = layer
        else:
            found.append(layer())
    return found


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something, or that cannot be made."""
    kind = kind_of(folder)
    if kind == "file" or (kind == "folder" and any(folder.iterdir())):
        raise FileError(
            f"{folder} is there already" + (", and not empty" if kind == "folder" else ", a file"),
            "a new or empty folder",
            "another --out; without --out a new folder is made in runs",
        )
    above = next(path for path in (folder, *folder.absolute().parents) if kind_of(path))
    if kind_of(above) == "file" or not os.access(above, os.W_OK):
        raise FileError(
            f"{folder} cannot be made: {above} is "
            + ("a file" if kind_of(above) == "file" else "not open to writing"),
            "a folder in a place that can be written to",
            "another --out",
        )


def suggested_folder(parent: Path, name: str) -> Path:
    """The first of NAME-1, NAME-2 … in `parent` that is not there yet."""
    number = 1
    while kind_of(parent / f"{name}-{number}"):
        number += 1
    return parent / f"{name}-{number}"
