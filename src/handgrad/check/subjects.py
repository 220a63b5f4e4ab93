"""The subjects of a gradient check: a layer alone or between two others, at numbers drawn."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import HandgradError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.checks import checked_result
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import (
    Inputs,
    example_input,
    example_targets,
    named_parts,
    target_mask,
)

AFTER = "ds of the layer after"
NAMED = 6  # arrays of parameters, or of state, up to which each has its own range in the report


class Neighbour(Layer):
    """y = tanh(s x)    dx = s (1 − y²) dy    ds = Σₙ x (1 − y²) dy"""

    param_names = ("s",)

    def __init__(self, where: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        super().__init__()
        self.where, self.s = where, rng.uniform(0.5, 0.9, shape)

    def forward(self, x: Array) -> Array:
        self.x, self.y = x, np.tanh(self.s * x)
        return self.y

    def backward(self, dy: Array) -> Array:
        slope = (1 - self.y**2) * dy
        self.ds = (self.x * slope).sum(axis=0)
        return self.s * slope

    def __repr__(self) -> str:
        return f"the layer {self.where}"


class Masked(Layer):
    """y = x, a sequence of which each row has some more places than the one before."""

    def __init__(self, feature_axis: int) -> None:
        super().__init__()
        self.places_last = feature_axis == 1

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy

    def mask_out(self, x: Array, mask: Array | None) -> Array:
        n, t = len(x), x.shape[2 if self.places_last else 1]
        there = np.arange(t) < (1 + np.arange(n) % t)[:, None]
        return there[:, None] if self.places_last else there


class Surroundings(Net):
    """The net that a page is checked in, of which no message needs to speak."""

    def position(self, i: int) -> str:
        return repr(self.layers[i])


@dataclass
class Subject:
    """A net in float64 with an input, followed by a loss or by random weights of its output."""

    net: Net
    x: Inputs
    loss: Loss | None
    y: Any
    training: bool
    seed: int
    weights: tuple[Array, ...] = ()
    upstream: Any = None
    precision: float = 0.0
    state: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        self.state = self.net.running_state.copy()
        with self.net.watch() as calls:
            out = self.forward()
        dtypes = {np.asarray(call.went).dtype for call in calls}
        self.precision = max(float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f")
        if self.loss is None:
            self.upstream = np.random.default_rng(self.seed + 1).standard_normal(out.shape)

    def forward(self) -> Array:
        """The output, from the same random draws and running state each time."""
        self.net.seed(self.seed)
        self.net.running_state[...] = self.state
        with self.net.mode(training=self.training), np.errstate(all="ignore"):
            return self.net.forward(self.x)

    def value(self) -> float:
        """The number whose slopes are measured: the loss, or the weighted sum of the output."""
        out = self.forward()
        if self.loss is not None:
            return float(self._loss_of(self.loss, out))
        return float((self.upstream * out).sum(dtype=np.float64))

    def _loss_of(self, loss: Loss, out: Array) -> float:
        return checked_result(loss, "forward", loss.forward(out, self.y, *self.weights))

    def arrays(self) -> dict[str, Array]:
        """The arrays to move: parts of the input that are not whole numbers, and parameters."""
        inputs = named_parts("dx", self.x)
        found = {name: part for name, part in inputs.items() if part.dtype.kind == "f"}
        return found | {called: getattr(layer, name) for called, layer, name in self._parameters()}

    def _parameters(self) -> Iterator[tuple[str, Layer, str]]:
        """What the gradient of each parameter is called, its layer, and its name there."""
        for path, layer in self.net.walk():
            inner = path.partition(".")[2]
            where = f" of {layer!r}" if isinstance(layer, Neighbour) else ""
            where = f" of {inner}, {layer!r}" if inner else where
            yield from ((f"d{name}{where}", layer, name) for name in layer.param_names)

    def gradients(self) -> tuple[dict[str, Array], list[str]]:
        """The gradients by hand, and what else was wrong."""
        faults = []
        before = copy.deepcopy(self.x)
        out = self.forward()
        dy = self.upstream
        if self.loss is not None:
            dy = checked_result(
                self.loss, "backward", self.loss.backward(self._loss_of(self.loss, out))
            )
        given = copy.deepcopy(dy)
        with self.net.mode(training=self.training), np.errstate(all="ignore"):
            dx = self.net.backward(dy)
        if not _equal(before, self.x):
            faults.append("forward or backward changed its input x in place: work on a copy")
        if not _equal(given, dy):
            faults.append("backward changed its argument in place: work on a copy")
        hand = {name: np.asarray(a) for name, a in named_parts("dx", dx).items() if a is not None}
        hand |= {called: layer.gradient(name) for called, layer, name in self._parameters()}
        return hand, faults


# All that is checked of a page, by its setting, each made when it is its turn.
Subjects = dict[str, Callable[[], Subject]]


def subjects(
    page: Layer | Loss,
    loss: Loss | None,
    x: npt.ArrayLike | None,
    y: npt.ArrayLike | None,
    training: bool,
    seed: int,
) -> tuple[Subjects, str]:
    """The page alone; a layer that is no net also between two others, a loss after another.

    And between which numbers was looked.
    """
    if isinstance(page, Loss):
        return _subjects_of_a_loss(page, x, y, training, seed)
    n_rows, given = 5 if page.n_in != 5 else 7, x is not None
    x = _in_float64(x if given else example_input(page, n_rows, seed), page.integer_input)
    page, drawn = _elsewhere(page, x, training, seed)

    def alone() -> Subject:
        net = Surroundings(copy.deepcopy(page), dtype=np.float64)
        targets = y
        if loss is not None and y is None:
            targets = example_targets(loss, copy.deepcopy(net).predict(x), seed)
        weights: tuple[Array, ...] = ()
        if loss is not None and loss.takes_weights:
            there = target_mask(net, loss, x, np.asarray(targets), "x")
            weights = () if there is None else (there.astype(np.float64),)
        return Subject(net, x, copy.deepcopy(loss), targets, training, seed, weights)

    def with_a_mask() -> Subject:
        net = Surroundings(Masked(page.feature_axis), copy.deepcopy(page), dtype=np.float64)
        return Subject(net, x, None, None, training, seed)

    def between() -> Subject:
        rng, out = np.random.default_rng(seed), alone().forward()
        before = []
        if not (isinstance(x, tuple) or page.integer_input):
            before.append(Neighbour("before", x.shape[1:], rng))
        after = Neighbour("after", out.shape[1:], rng)
        net = Surroundings(*before, copy.deepcopy(page), after, dtype=np.float64)
        return Subject(net, x, None, None, training, seed)

    made = {"alone": alone}
    if not isinstance(page, Net):
        whole = isinstance(x, tuple) or page.integer_input
        made["before another layer" if whole else "between two other layers"] = between
        if page.takes_mask and not isinstance(x, tuple) and x.ndim == 3:
            made["with a mask"] = with_a_mask
    return made, ranges(x, given, page, drawn)


def _elsewhere(page: Layer, x: Inputs, training: bool, seed: int) -> tuple[Layer, bool]:
    """A copy of the page at numbers that were drawn, if it can be there; else at its own."""
    twin = copy.deepcopy(page)
    trial = Surroundings(twin, dtype=np.float64)
    draw(twin, np.random.default_rng(seed))
    drawn = copy.deepcopy(twin)
    trial.seed(seed)
    try:
        with trial.mode(training=training), np.errstate(all="ignore"):
            usable = bool(np.isfinite(trial.forward(x)).all())
    except HandgradError:
        usable = False
    return (drawn, True) if usable else (copy.deepcopy(page), False)


def _subjects_of_a_loss(
    loss: Loss, p: npt.ArrayLike | None, y: npt.ArrayLike | None, training: bool, seed: int
) -> tuple[Subjects, str]:
    rng, given = np.random.default_rng(seed), p is not None
    p = np.asarray(p, np.float64) if given else rng.uniform(0.1, 0.9, (5, 3))
    y = example_targets(loss, p, seed) if y is None else y
    loss, nothing = copy.deepcopy(loss), Net(dtype=np.float64)
    before = Surroundings(Neighbour("before", p.shape[1:], rng), dtype=np.float64)
    weights = (rng.uniform(0.5, 2, len(p)),)
    made = {
        "alone": lambda: Subject(nothing, p, loss, y, training, seed),
        "after another layer": lambda: Subject(before, p, loss, y, training, seed),
    }
    if loss.takes_weights:
        made["rows weighted"] = lambda: Subject(nothing, p, loss, y, training, seed, weights)
    return made, ranges(p, given, nothing, drawn=False)


def _in_float64(x: object, whole: bool) -> Inputs:
    if isinstance(x, tuple):
        return tuple(_part_in_float64(part, "iub") for part in x)
    return _part_in_float64(x, "iu" if whole else "")


def _part_in_float64(x: object, kept: str) -> Array:
    """A copy of an array in float64, or as it is, if it is of these kinds."""
    x = np.asarray(x)
    return x.astype(x.dtype if x.dtype.kind in kept else np.float64)


def _equal(a: Inputs, b: Inputs) -> bool:
    pairs = zip(named_parts("", a).values(), named_parts("", b).values(), strict=True)
    return all(np.array_equal(p, q, equal_nan=True) for p, q in pairs)


def draw(layer: Layer, rng: np.random.Generator) -> None:
    """Give the parameters and the running state of `layer` other numbers, not far from their own.

    Each moves by 20 to 70 % of itself and keeps its sign, so that a variance stays one; a 0
    becomes a number between 0.2 and 0.7, of either sign where it is a parameter's.
    """
    for array in layer.named_parameters().values():
        array[...] = _near(array, rng, rng.choice([-1.0, 1.0], array.shape))
    for array in layer.named_states().values():
        array[...] = _near(array, rng, np.ones(array.shape))


def _near(array: Array, rng: np.random.Generator, signs: Array) -> Array:
    change = rng.uniform(0.2, 0.7, array.shape)
    others = np.abs(array[array != 0])
    size = 1.0 if others.size == 0 else float(others.mean())
    moved = array * (1 + rng.choice([-1.0, 1.0], array.shape) * change)
    return np.where(array == 0, size * signs * change, moved)


def ranges(x: Inputs, given: bool, layer: Layer, drawn: bool) -> str:
    """Between which numbers a check looked, and whether they were drawn."""
    where = [("given" if given else "drawn", named_parts("x", x))]
    arrays = layer.named_parameters(), layer.named_states()
    for found, kind in zip(arrays, ("parameters", "running state"), strict=True):
        if len(found) > NAMED:
            found = {f"all {kind}": np.concatenate([array.ravel() for array in found.values()])}
        where.append(("drawn" if drawn else "as they are", found))
    said: dict[str, list[str]] = {}
    for how, named in where:
        spans = (
            f"{name} from {a.min():.3g} to {a.max():.3g}" for name, a in named.items() if a.size
        )
        said.setdefault(how, []).extend(spans)
    return "; ".join(f"{', '.join(spans)}, {how}" for how, spans in said.items() if spans)
