"""Trainings that went wrong on purpose, each with the name of its problem."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import handgrad as hg
from tests.check.doctor.trainings import (
    Case,
    classes,
    dense,
    diabetes,
    halves,
    loaded,
    rare_class,
    seeds_data,
    table,
)


def moons(layers: list[hg.Layer], seed: int, **settings: Any) -> Case:
    x, y = hg.data.make_moons(300, rng=seed)
    return Case(hg.Net(*layers, hg.Softmax()), (x, y), **settings)


def dead_by_bias(seed: int) -> Case:
    case = moons(dense(2, 32, 2, seed=seed), seed)
    case.net.layers[0].b = [-20.0] * 24 + [0.0] * 8
    return case


def dead_by_rate(seed: int) -> Case:
    case = moons(dense(2, 64, 64, 2, seed=seed), seed, optimizer=hg.SGD(3.0))
    case.loss, case.net = hg.SoftmaxCrossEntropyLoss(), hg.Net(*dense(2, 64, 64, 2, seed=seed))
    return case


def saturated_by_inputs(seed: int) -> Case:
    x, y = hg.data.load("wine")
    net = hg.Net(*dense(13, 16, 3, activation=hg.Tanh, seed=seed), hg.Softmax())
    return Case(net, (x, y))


def saturated_by_weights(seed: int) -> Case:
    case = moons(dense(2, 32, 32, 2, activation=hg.Tanh, seed=seed), seed)
    case.net.layers[2].W = case.net.layers[2].W * 300
    return case


def saturated_sigmoid(seed: int) -> Case:
    case = moons(dense(2, 16, 2, activation=hg.Sigmoid, seed=seed), seed)
    case.net.layers[0].b = [15.0] * 16
    return case


def vanishing(depth: int, activation: Any, shrink: float = 1.0) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        sizes = [2, *[16] * depth, 2]
        made = moons(dense(*sizes, activation=activation, seed=seed), seed)
        for layer in made.net.layers[2:-3:2]:
            layer.W = layer.W * shrink
        return made

    return case


def exploding(depth: int, growth: float) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        sizes = [2, *[32] * depth, 2]
        x, y = hg.data.make_moons(300, rng=seed)
        net = hg.Net(*dense(*sizes, seed=seed))
        for layer in net.layers[::2]:
            layer.W = layer.W * growth
        return Case(net, (x, y), hg.SoftmaxCrossEntropyLoss(), hg.SGD(1e-12))

    return case


def unscaled(name: str, rate: float) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        data, held = loaded(name, seed)
        k = int(data[1].max()) + 1
        net = hg.Net(*dense(data[0].shape[1], 16, k, seed=seed))
        return Case(net, data, hg.SoftmaxCrossEntropyLoss(), hg.Adam(rate), validation=held)

    return case


def tiny_inputs(seed: int) -> Case:
    x, y = hg.data.make_moons(300, rng=seed)
    return Case(hg.Net(*dense(2, 16, 2, seed=seed), hg.Softmax()), (x * 1e-3, y))


def rate(
    make: Callable[[], hg.optimizers.Optimizer], name: str = "digits"
) -> Callable[[int], Case]:
    return classes(name, 32, make=make, epochs=15)


def rate_without_softmax(
    make: Callable[[], hg.optimizers.Optimizer], name: str = "digits"
) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        made = rate(make, name)(seed)
        made.loss, made.net = hg.SoftmaxCrossEntropyLoss(), hg.Net(*_without_the_last(made.net))
        return made

    return case


def _without_the_last(net: hg.Net) -> list[hg.Layer]:
    return [copy.deepcopy(layer) for layer in net.layers[:-1]]


def rate_for_numbers(size: float) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        made = diabetes(seed)
        made.optimizer, made.options = hg.SGD(size), {}
        return made

    return case


def nan_in_inputs(seed: int) -> Case:
    case = seeds_data(seed)
    case.data[0][7, 1] = np.nan
    return case


class Log(hg.Layer):
    """y = log x    dx = dy / x"""

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.log(x)

    def backward(self, dy: Any) -> Any:
        return dy / self.x


class Root(Log):
    """y = √x    dx = dy / (2 √x), infinite at 0"""

    def forward(self, x: Any) -> Any:
        self.y = np.sqrt(np.maximum(x, 0))
        return self.y

    def backward(self, dy: Any) -> Any:
        return dy / (2 * self.y)


def nan_in_a_layer(layer: type[hg.Layer]) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        inner = hg.Residual(hg.Linear(8, 8, rng=1), layer())
        layers = [hg.Linear(2, 8, rng=seed), hg.ReLU(), inner, hg.Linear(8, 2, rng=2)]
        return moons(layers, seed)

    return case


def diverges(make: Callable[[], hg.optimizers.Optimizer]) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        data, held, scale = table("diabetes", seed)
        net = hg.Net(scale, *dense(10, 16, 1, seed=seed))
        return Case(net, data, hg.MSELoss(), make(), validation=held)

    return case


def imbalanced(seed: int) -> Case:
    x, y = rare_class(seed, apart=0.6)
    net = hg.Net(*dense(4, 8, 2, seed=seed), hg.Softmax())
    return Case(net, (x, y), epochs=20)


def imbalanced_binary(seed: int) -> Case:
    x, y = rare_class(seed, apart=0.8, one_in=25)
    net = hg.Net(*dense(4, 8, 1, seed=seed), hg.Sigmoid())
    return Case(net, (x, y), hg.BinaryCrossEntropyLoss(), epochs=20)


def over_fitted(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((240, 10))
    y = ((x[:, 0] + 1.5 * rng.standard_normal(240)) > 0).astype(int)
    data, held = halves(x, y, seed, 0.75)
    net = hg.Net(*dense(10, 128, 2, seed=seed), hg.Softmax())
    return Case(net, data, optimizer=hg.Adam(0.01), epochs=100, validation=held)


def over_fitted_numbers(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((200, 8))
    y = x[:, 0] + rng.standard_normal(200)
    data, held = halves(x, y, seed, 0.75)
    net = hg.Net(*dense(8, 128, 1, seed=seed))
    return Case(net, data, hg.MSELoss(), hg.Adam(0.01), 150, validation=held)


def leaked(share: float) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        made = classes("wine", 16)(seed)
        (x, y), (x_held, y_held) = made.data, made.validation
        n = round(share * len(y_held))
        made.validation = (np.r_[x[:n], x_held[n:]], np.r_[y[:n], y_held[n:]])
        return made

    return case


@dataclass(frozen=True)
class Sick:
    """A training with its problem, and those that come with it; `trains`: until it is ill."""

    problem: str
    make: Callable[[int], Case]
    beside: tuple[str, ...] = ()
    trains: bool = True


SICK: dict[str, Sick] = {
    "biases far below zero": Sick("dead units", dead_by_bias),
    "a rate that kills": Sick("dead units", dead_by_rate, ("learning rate too high",)),
    "unscaled into tanh": Sick("saturated units", saturated_by_inputs, ("unscaled inputs",)),
    "large weights before tanh": Sick("saturated units", saturated_by_weights),
    "large biases before sigmoid": Sick("saturated units", saturated_sigmoid),
    "eight layers of sigmoid": Sick("vanishing gradients", vanishing(8, hg.Sigmoid)),
    "small weights, tanh": Sick("vanishing gradients", vanishing(6, hg.Tanh, 0.1)),
    "large weights, 5 layers": Sick("exploding gradients", exploding(5, 8.0)),
    "large weights, 12 layers": Sick("exploding gradients", exploding(12, 3.0), ("dead units",)),
    "raw breast cancer": Sick("unscaled inputs", unscaled("breast_cancer", 1e-3), ("dead units",)),
    "raw wine": Sick(
        "unscaled inputs", unscaled("wine", 1e-3), ("dead units", "learning rate too high")
    ),
    "inputs of a thousandth": Sick("unscaled inputs", tiny_inputs, ("dead units",)),
    "SGD, 1e-6": Sick("learning rate too low", rate(lambda: hg.SGD(1e-6), "wine")),
    "SGD, 1e-4": Sick("learning rate too low", rate(lambda: hg.SGD(1e-4), "wine")),
    "Adam, 1e-6": Sick("learning rate too low", rate(lambda: hg.Adam(1e-6), "wine")),
    "numbers, 1e-6": Sick("learning rate too low", rate_for_numbers(1e-6)),
    "Adam, 0.3": Sick("learning rate too high", rate_without_softmax(lambda: hg.Adam(0.3))),
    "Adam, 1": Sick(
        "learning rate too high", rate_without_softmax(lambda: hg.Adam(1.0), "breast_cancer")
    ),
    "SGD, 5, diverging": Sick("learning rate too high", rate(lambda: hg.SGD(5.0)), ("not finite",)),
    "numbers, 0.6": Sick(
        "learning rate too high", rate_for_numbers(0.6), ("not finite", "saturated units")
    ),
    "numbers, 1": Sick("not finite", diverges(lambda: hg.SGD(1.0)), ("learning rate too high",)),
    "NaN in a row": Sick("not finite", nan_in_inputs, trains=False),
    "a log of negative numbers": Sick("not finite", nan_in_a_layer(Log), trains=False),
    "a root with an infinite slope": Sick("not finite", nan_in_a_layer(Root), trains=False),
    "1 in 50": Sick("class imbalance", imbalanced),
    "1 in 25, yes or no": Sick("class imbalance", imbalanced_binary),
    "few noisy rows": Sick("over-fitting", over_fitted),
    "few noisy numbers": Sick("over-fitting", over_fitted_numbers),
    "all held out are trained on": Sick("leakage", leaked(1.0)),
    "a tenth held out are trained on": Sick("leakage", leaked(0.1)),
}
