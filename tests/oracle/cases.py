"""Random nets and their data, from a short description: what PyTorch and handgrad both compute."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.net.minibatches import example_targets
from tests.contracts.table import LOSSES

STEPS = 20

ACTIVATIONS: dict[str, Callable[[float], hg.Layer]] = {
    "Tanh": lambda slope: hg.Tanh(),
    "ReLU": lambda slope: hg.ReLU(),
    "LeakyReLU": hg.layers.LeakyReLU,
    "Sigmoid": lambda slope: hg.Sigmoid(),
    "SiLU": lambda slope: hg.layers.SiLU(),
    "GELU": lambda slope: hg.GELU(),
    "GELUTanh": lambda slope: hg.layers.GELUTanh(),
    "ELU": hg.layers.ELU,
    "SELU": lambda slope: hg.layers.SELU(),
    "Softplus": lambda slope: hg.layers.Softplus(),
    "Mish": lambda slope: hg.layers.Mish(),
}

ENDINGS: dict[str, tuple[Callable[[], list[hg.Layer]], Callable[[], hg.Loss]]] = {
    "Softmax, CrossEntropyLoss": (lambda: [hg.Softmax()], hg.CrossEntropyLoss),
    "Sigmoid, BinaryCrossEntropyLoss": (lambda: [hg.Sigmoid()], hg.BinaryCrossEntropyLoss),
    **{
        name: (list, LOSSES[name])
        for name in LOSSES
        if name not in ("CrossEntropyLoss", "BinaryCrossEntropyLoss")
    },
}


@dataclass(frozen=True)
class Case:
    """A net, the rows it is trained on and how: 20 steps in whole epochs of `n_batches` each.

    `widths` are (n_in, …, n_out), one activation stands between each two Linear layers; all
    batches have `batch_size` rows but the last, which has `last_batch`.
    """

    widths: tuple[int, ...]
    activations: tuple[str, ...]
    slope: float
    ending: str
    batch_size: int
    n_batches: int
    last_batch: int
    learning_rate: float
    seed: int

    @property
    def epochs(self) -> int:
        return STEPS // self.n_batches

    @property
    def n_rows(self) -> int:
        return (self.n_batches - 1) * self.batch_size + self.last_batch

    def net(self) -> hg.Net:
        """The net in float64, all weights and biases random."""
        rng = np.random.default_rng([self.seed, 0])
        layers: list[hg.Layer] = []
        for i, (n_in, n_out) in enumerate(zip(self.widths[:-1], self.widths[1:], strict=True)):
            if i:
                layers.append(ACTIVATIONS[self.activations[i - 1]](self.slope))
            linear = hg.Linear(n_in, n_out, rng=rng, dtype=np.float64)
            linear.b = rng.uniform(-0.5, 0.5, n_out)
            layers.append(linear)
        return hg.Net(*layers, *ENDINGS[self.ending][0]())

    def loss(self) -> hg.Loss:
        return ENDINGS[self.ending][1]()

    def data(self) -> tuple[Any, Any]:
        """Inputs and targets of all rows; the first two rows are of different classes."""
        rng = np.random.default_rng([self.seed, 1])
        x, loss = rng.standard_normal((self.n_rows, self.widths[0])), self.loss()
        y = example_targets(loss, np.zeros((self.n_rows, self.widths[-1])), self.seed)
        if loss.target_kind.default_metrics == ("accuracy",):
            y[0], y[1] = 0, 1
        if isinstance(loss.target_kind, hg.losses.kinds.RiskLabels):
            y[0, 0] = 1  # of rows that are at risk in no interval no weight learns
        return x, y

    def upstream(self) -> Any:
        """A random gradient of the net's output."""
        rng = np.random.default_rng([self.seed, 2])
        return rng.standard_normal((self.n_rows, self.widths[-1]))


class RecordingSGD(hg.SGD):
    """SGD that keeps the weights after every step, to be compared step by step."""

    def __init__(self, learning_rate: float) -> None:
        super().__init__(learning_rate)
        self.trajectory: list[Any] = []

    def rule(self, w: Any, dw: Any, v: Any = None, *, learning_rate: Any, step: Any) -> Any:
        new = super().rule(w, dw, v, learning_rate=learning_rate, step=step)
        assert isinstance(new, np.ndarray)
        self.trajectory.append(new.copy())
        return new


def trained(case: Case, net: hg.Net, data: tuple[Any, Any]) -> tuple[Any, list[float]]:
    """Through `hg.train`: the weights after every step, and each epoch's running loss."""
    optimizer = RecordingSGD(case.learning_rate)
    reports = hg.train(
        net,
        data,
        loss=case.loss(),
        optimizer=optimizer,
        epochs=case.epochs,
        batch_size=case.batch_size,
        shuffle=False,
    )
    losses = []
    for report in reports:
        losses.append(report.train_loss)
        # The net itself has moved, not only what the rule gave back.
        np.testing.assert_array_equal(net.parameters, optimizer.trajectory[-1])
    return np.array(optimizer.trajectory), losses


def trained_by_hand(case: Case, net: hg.Net, data: tuple[Any, Any]) -> tuple[Any, list[float]]:
    """The same by the loop that a reader writes: weights after, and the loss of, every step."""
    loss, (x, y) = case.loss(), data
    trajectory, losses = [], []
    for _ in range(case.epochs):
        for start in range(0, len(x), case.batch_size):
            rows = slice(start, start + case.batch_size)
            losses.append(float(loss.forward(net.forward(x[rows]), y[rows])))
            net.backward(loss.backward())
            net.update(case.learning_rate)
            trajectory.append(net.parameters.copy())
    return np.array(trajectory), losses


def epoch_losses(case: Case, losses: list[float]) -> list[float]:
    """Each epoch's mean over its rows, from the losses of its batches."""
    rows = [case.batch_size] * (case.n_batches - 1) + [case.last_batch]
    by_epoch = np.reshape(losses, (case.epochs, case.n_batches))
    return [float(np.dot(row, rows) / case.n_rows) for row in by_epoch]


def layer_by_hand(layer: hg.Layer, x: Any, dy: Any) -> dict[str, Any]:
    """The output and all gradients of a layer or net, from the gradient `dy` of its output."""
    y, dx = layer.forward(x), layer.backward(dy)
    return {"y": y, **({} if dx is None else {"dx": dx}), **gradients_of(layer)}


def loss_by_hand(loss: hg.Loss, p: Any, y: Any, *w: Any) -> dict[str, Any]:
    """The value and the gradient of a loss, rows weighted with `w`."""
    return {"loss": loss.forward(p, y, *w), "dp": loss.backward()}


def step_by_hand(net: hg.Net, loss: hg.Loss, x: Any, y: Any) -> dict[str, Any]:
    """Prediction, loss and all gradients of one training step, without the update."""
    p = net.forward(x)
    value = loss.forward(p, y)
    return {"p": p, "loss": value, "dx": net.backward(loss.backward()), **gradients_of(net)}


def gradients_of(layer: hg.Layer) -> dict[str, Any]:
    """What `backward` left in each parameter's gradient, by path: `{'d0.W': ...}`."""
    found = {}
    for path, inner in layer.walk():
        for name in inner.param_names:
            found[f"d{path}.{name}" if path else f"d{name}"] = inner.gradient(name)
    return found
