"""How small trainings are made anew from a seed, trained and examined."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

import handgrad as hg


@dataclass
class Case:
    """A net with how it is trained: what `hg.fit` and `hg.diagnose` are given."""

    net: hg.Net
    data: Any
    loss: hg.Loss = field(default_factory=hg.CrossEntropyLoss)
    optimizer: hg.optimizers.Optimizer = field(default_factory=lambda: hg.SGD(0.1))
    epochs: int = 30
    validation: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """What `hg.fit` is given."""
        given = {"net": self.net, "data": self.data, "loss": self.loss, "rng": 0}
        given |= {"optimizer": self.optimizer, "epochs": self.epochs}
        return given | {"validation": self.validation} | self.options

    def train(self) -> hg.training.History | None:
        """The history up to the end, or to where it diverged; None where nothing is trained."""
        try:
            (history,) = hg.fit_many([self.settings])
        except hg.HandgradError:
            return None
        return history

    def diagnose(self, history: hg.training.History | None) -> hg.check.Diagnosis:
        """What the doctor finds."""
        return hg.diagnose(
            self.net,
            history,
            self.data,
            loss=self.loss,
            optimizer=self.optimizer,
            validation=self.validation,
        )


def dense(*sizes: int, activation: Any = hg.ReLU, seed: int = 0, **options: Any) -> list[hg.Layer]:
    """Linear layers of these sizes with an activation between."""
    layers: list[hg.Layer] = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        layers += [activation()] if i else []
        layers += [hg.Linear(a, b, rng=seed * 100 + i, **options)]
    return layers


def halves(x: Any, y: Any, seed: int, size: float = 0.25) -> tuple[Any, Any]:
    """The rows to train on and the others."""
    x, x_held, y, y_held = hg.data.train_test_split(x, y, test_size=size, rng=seed)
    return (x, y), (x_held, y_held)


def loaded(name: str, seed: int) -> tuple[Any, Any]:
    """A bundled set: the rows to train on and the others."""
    x, y = hg.data.load(name)
    return halves(x, y, seed)


def table(name: str, seed: int) -> tuple[Any, Any, hg.Layer]:
    """A bundled set, split; and the layer that puts it on one scale."""
    data, held = loaded(name, seed)
    return data, held, hg.Standardize.of(data[0])


def classes(name: str, *hidden: int, **settings: Any) -> Callable[[int], Case]:
    """A classifier for a bundled set, with hidden layers."""
    activation = settings.pop("activation", hg.ReLU)
    make = settings.pop("make", lambda: hg.SGD(0.1))

    def case(seed: int) -> Case:
        data, held, scale = table(name, seed)
        k = int(data[1].max()) + 1
        layers = dense(data[0].shape[1], *hidden, k, activation=activation, seed=seed)
        net = hg.Net(scale, *layers, hg.Softmax())
        return Case(net, data, optimizer=make(), validation=held, **settings)

    return case


def seeds_data(seed: int) -> Case:
    x, y = hg.make_classification(200, rng=seed)
    data, held = halves(x, y, seed)
    net = hg.Net(*dense(2, 10, 2, activation=hg.Tanh, seed=seed), hg.Softmax())
    return Case(net, data, validation=held, options={"batch_size": 4})


def diabetes(seed: int) -> Case:
    data, held, scale = table("diabetes", seed)
    (x, y), (x_held, y_held) = data, held
    y, y_held = (y - 150) / 77, (y_held - 150) / 77
    net = hg.Net(scale, *dense(10, 16, 1, activation=hg.Tanh, seed=seed))
    options = {"early_stopping": 10}
    return Case(
        net, (x, y), hg.MSELoss(), hg.SGD(0.02), 60, validation=(x_held, y_held), options=options
    )


def rare_class(seed: int, apart: float = 3.0, n: int = 1000, one_in: int = 50) -> Any:
    """Rows of class 0, and one in 50 of class 1, `apart` standard deviations away."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % one_in == 0).astype(int)
    x = rng.standard_normal((n, 4)) + apart * y[:, None] / 2
    return x, y
