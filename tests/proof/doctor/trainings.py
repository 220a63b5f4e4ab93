"""Small trainings, healthy and sick: each made anew from a seed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import handgrad as hg


@dataclass
class Case:
    """A net with how it is trained: what `hg.fit` and `hg.diagnose` are given."""

    net: hg.Net
    data: Any
    loss: hg.Loss = field(default_factory=hg.CrossEntropyLoss)
    optimizer: hg.Optimizer = field(default_factory=lambda: hg.SGD(0.1))
    epochs: int = 30
    validation: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    def train(self, **more: Any) -> hg.History:
        """The history of the training, up to where it diverged."""
        reports: list[hg.Report] = []
        options = {"rng": 0, "batch_size": 32} | self.options | more
        given: dict[str, Any] = {"optimizer": self.optimizer, "validation": self.validation}
        given |= {"loss": self.loss, "epochs": self.epochs} | options
        if "early_stopping" in given or "diagnose" in given:
            return hg.fit(self.net, self.data, **given)
        try:
            reports += hg.train(self.net, self.data, **given)
        except hg.DivergenceError as error:
            return hg.History(reports, f"diverged: {error.came}")
        return hg.History(reports)

    def diagnose(self, history: hg.History | None) -> hg.Diagnosis:
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
    for i, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layers += [activation()] if i else []
        layers += [hg.Linear(a, b, rng=seed * 100 + i, **options)]
    return layers


def halves(x: Any, y: Any, seed: int, size: float = 0.25) -> tuple[Any, Any]:
    """The rows to train on and the others."""
    x, x_held, y, y_held = hg.train_test_split(x, y, test_size=size, rng=seed)
    return (x, y), (x_held, y_held)


def table(name: str, seed: int) -> tuple[Any, Any, hg.Layer]:
    """A bundled set, split; and the layer that puts it on one scale."""
    data, held = halves(*hg.data.load(name), seed)
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


def spirals(seed: int) -> Case:
    x, y = hg.data.make_spirals(400, noise=0.05, rng=seed)
    net = hg.Net(*dense(2, 32, 32, 2, activation=hg.Tanh, seed=seed), hg.Softmax())
    return Case(net, (x, y), epochs=200, options={"batch_size": 8})


def deep_residual(seed: int) -> Case:
    data, held, scale = table("digits", seed)
    blocks = [
        hg.Residual(
            hg.LayerNorm(32),
            hg.Linear(32, 32, rng=seed + i),
            hg.ReLU(),
            hg.Linear(32, 32, rng=seed + 50 + i),
        )
        for i in range(10)
    ]
    net = hg.Net(scale, hg.Linear(64, 32, rng=seed), *blocks, hg.Linear(32, 10, rng=99))
    return Case(net, data, hg.SoftmaxCrossEntropyLoss(), hg.Adam(1e-3), 10, validation=held)


def batch_norm(seed: int) -> Case:
    data, held = halves(*hg.data.load("breast_cancer"), seed)
    net = hg.Net(
        hg.BatchNorm(30),
        hg.Linear(30, 16, rng=seed),
        hg.BatchNorm(16),
        hg.ReLU(),
        hg.Linear(16, 1, rng=seed + 1),
        hg.Sigmoid(),
    )
    return Case(net, data, hg.BinaryCrossEntropyLoss(), hg.SGD(0.05), 15, validation=held)


def dropout(seed: int) -> Case:
    data, held, scale = table("digits", seed)
    net = hg.Net(
        scale,
        hg.Linear(64, 64, rng=seed),
        hg.ReLU(),
        hg.Dropout(0.3),
        hg.Linear(64, 32, rng=seed + 1),
        hg.ReLU(),
        hg.Dropout(0.3),
        hg.Linear(32, 10, rng=seed + 2),
        hg.Softmax(),
    )
    return Case(net, data, optimizer=hg.Adam(1e-3), epochs=25, validation=held)


def rare_class(seed: int, apart: float = 3.0, n: int = 1000, one_in: int = 50) -> Any:
    """Rows of class 0, and one in 50 of class 1, `apart` standard deviations away."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % one_in == 0).astype(int)
    x = rng.standard_normal((n, 4)) + apart * y[:, None] / 2
    return x, y


def imbalanced_learnt(seed: int) -> Case:
    x, y = rare_class(seed, apart=4.0)
    net = hg.Net(*dense(4, 16, 2, seed=seed), hg.Softmax())
    return Case(net, (x, y), epochs=30)


def unbalanced_small(seed: int) -> Case:
    x, y = hg.data.load("iris")
    rows = np.r_[0:50, 50:70, 100:108]
    net = hg.Net(hg.Standardize.of(x), *dense(4, 8, 3, activation=hg.Tanh, seed=seed), hg.Softmax())
    return Case(net, (x[rows], y[rows]), epochs=60, options={"batch_size": 8})


def sine(seed: int) -> Case:
    x, y = hg.data.make_sine(200, rng=seed)
    net = hg.Net(*dense(1, 32, 1, activation=hg.Tanh, seed=seed))
    return Case(net, (x, y), hg.MSELoss(), hg.Adam(0.01), 80)


def few_distinct_rows(seed: int) -> Case:
    """Answers to six questions, yes or no: the same rows come again and again."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (400, 6)).astype(float)
    y = (x.sum(axis=1) > 3).astype(int)
    data, held = halves(x, y, seed)
    net = hg.Net(*dense(6, 16, 2, seed=seed), hg.Softmax())
    return Case(net, data, validation=held)


def moons_in_parallel(seed: int) -> Case:
    x, y = hg.data.make_moons(300, rng=seed)
    branches = hg.Parallel(
        hg.Net(hg.Linear(2, 8, rng=seed), hg.GELU()),
        hg.Net(hg.Linear(2, 8, rng=seed + 1), hg.Tanh()),
        join="concatenate",
    )
    net = hg.Net(branches, hg.Linear(16, 2, rng=seed + 2), hg.Softmax())
    return Case(net, (x, y), optimizer=hg.Adam(0.01), epochs=40)


HEALTHY: dict[str, Callable[[int], Case]] = {
    "seed": seeds_data,
    "iris": classes("iris", 8, activation=hg.Tanh, epochs=60),
    "wine": classes("wine", 16),
    "breast cancer": classes("breast_cancer", 16, epochs=15),
    "digits": classes("digits", 64, epochs=15),
    "diabetes": diabetes,
    "spirals": spirals,
    "deep residual": deep_residual,
    "batch normalisation": batch_norm,
    "dropout": dropout,
    "imbalanced, learnt": imbalanced_learnt,
    "unbalanced, small": unbalanced_small,
    "sine": sine,
    "few distinct rows": few_distinct_rows,
    "moons, in parallel": moons_in_parallel,
}


# ------------------------------------------------------------------------------------ sick


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
        data, held = halves(*hg.data.load(name), seed)
        k = int(data[1].max()) + 1
        net = hg.Net(*dense(data[0].shape[1], 16, k, seed=seed))
        return Case(net, data, hg.SoftmaxCrossEntropyLoss(), hg.Adam(rate), validation=held)

    return case


def tiny_inputs(seed: int) -> Case:
    x, y = hg.data.make_moons(300, rng=seed)
    return Case(hg.Net(*dense(2, 16, 2, seed=seed), hg.Softmax()), (x * 1e-3, y))


def rate(make: Callable[[], hg.Optimizer], name: str = "digits") -> Callable[[int], Case]:
    return classes(name, 32, make=make, epochs=15)


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

    keeps_shape = True

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


def diverges(make: Callable[[], hg.Optimizer]) -> Callable[[int], Case]:
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


SICK: dict[str, tuple[str, Callable[[int], Case]]] = {
    "biases far below zero": ("dead units", dead_by_bias),
    "a rate that kills": ("dead units", dead_by_rate),
    "unscaled into tanh": ("saturated units", saturated_by_inputs),
    "large weights before tanh": ("saturated units", saturated_by_weights),
    "large biases before sigmoid": ("saturated units", saturated_sigmoid),
    "eight layers of sigmoid": ("vanishing gradients", vanishing(8, hg.Sigmoid)),
    "small weights, tanh": ("vanishing gradients", vanishing(6, hg.Tanh, 0.1)),
    "large weights, 5 layers": ("exploding gradients", exploding(5, 8.0)),
    "large weights, 12 layers": ("exploding gradients", exploding(12, 3.0)),
    "raw breast cancer": ("unscaled inputs", unscaled("breast_cancer", 1e-3)),
    "raw wine": ("unscaled inputs", unscaled("wine", 1e-3)),
    "inputs of a thousandth": ("unscaled inputs", tiny_inputs),
    "rate 1e-6": ("learning rate too low", rate(lambda: hg.SGD(1e-6))),
    "rate 1e-4": ("learning rate too low", rate(lambda: hg.SGD(1e-4))),
    "Adam, 1e-6": ("learning rate too low", rate(lambda: hg.Adam(1e-6))),
    "numbers, rate 1e-6": ("learning rate too low", rate_for_numbers(1e-6)),
    "rate 5": ("learning rate too high", rate(lambda: hg.SGD(5.0))),
    "Adam, 1": ("learning rate too high", rate(lambda: hg.Adam(1.0))),
    "momentum, 2": ("learning rate too high", rate(lambda: hg.SGD(2.0, momentum=0.9))),
    "numbers, rate 0.6": ("learning rate too high", rate_for_numbers(0.6)),
    "diverges": ("learning rate too high", diverges(lambda: hg.SGD(1.0))),
    "where it diverges": ("not finite", diverges(lambda: hg.SGD(10.0))),
    "NaN in a row": ("not finite", nan_in_inputs),
    "a log of negative numbers": ("not finite", nan_in_a_layer(Log)),
    "a root with an infinite slope": ("not finite", nan_in_a_layer(Root)),
    "1 in 50": ("class imbalance", imbalanced),
    "1 in 25, yes or no": ("class imbalance", imbalanced_binary),
    "few noisy rows": ("over-fitting", over_fitted),
    "few noisy numbers": ("over-fitting", over_fitted_numbers),
    "all held out are trained on": ("leakage", leaked(1.0)),
    "a tenth held out are trained on": ("leakage", leaked(0.1)),
}
