"""Compares every gradient written by hand with one measured by small steps."""

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.errors import HandgradError, SettingError, positive
from handgrad.graph.examples import example_targets, required_example
from handgrad.layers import Array, Layer
from handgrad.losses import Loss
from handgrad.net import Net
from handgrad.proof.gradient_report import Comparison, GradientReport


def check_gradients(
    page: Layer | Loss,
    loss: Loss | None = None,
    *,
    x: Any = None,
    y: Any = None,
    training: bool = True,
    entries: int = 100,
    rng: int = 0,
) -> GradientReport:
    """Check `backward` of a layer, a net (with a `loss`, if given) or a loss against `forward`.

    The output is weighted with random numbers, one an entry, and each entry of the input and
    of the parameters (at most `entries` of each array, drawn by `rng`) is moved a small step
    both ways. It is done in float64 on a copy, whatever the page's own type; where a page
    computes in float32 regardless, steps and tolerance are widened. Close to a kink the step
    is made smaller; exactly on one, any slope between both sides is right. A layer is checked
    alone and between two others. `x` and `y` are example rows where the page needs special ones.

    >>> import handgrad as hg
    >>> print(check_gradients(hg.Tanh()))
    Tanh(): all gradients are right
     alone
      ok    dx (20 entries)
     between two other layers
      ok    dx (20 entries)
      ok    ds of the layer before (4 entries)
    """
    positive("entries", entries, whole=True)
    if not isinstance(page, Layer | Loss):
        raise SettingError(
            f"{page!r}, of type {type(page).__name__}",
            "a layer, a net or a loss",
            "hg.check_gradients(hg.Linear(3, 2)), the object with its brackets",
        )
    comparisons: list[Comparison] = []
    problems: list[str] = []
    for subject in _subjects(page, loss, x, y, training, rng):
        try:
            found, faults = _compare(subject, entries, rng)
        except HandgradError as error:
            problems.append(f"{subject.setting}: {error}")
            continue
        comparisons += found
        problems += [fault for fault in faults if fault not in problems]
    title = repr(page) + (f" with {loss!r}" if loss else "")
    return GradientReport(title, comparisons, problems)


class Bend(Layer):
    """y = tanh(s x)    dx = s (1 − y²) dy    ds = Σₙ x (1 − y²) dy"""

    param_names = ("s",)

    def __init__(self, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        super().__init__()
        self.s = rng.uniform(0.5, 0.9, shape)

    def forward(self, x: Array) -> Array:
        self.x, self.y = x, np.tanh(self.s * x)
        return self.y

    def backward(self, dy: Array) -> Array:
        slope = (1 - self.y**2) * dy
        self.ds = (self.x * slope).sum(axis=0)
        return self.s * slope


@dataclass
class _Subject:
    """A net in float64 with an input, followed by a loss or by random weights of its output."""

    setting: str
    net: Net
    x: Any
    loss: Loss | None
    y: Any
    training: bool
    seed: int
    names: dict[str, str]
    upstream: Any = None
    precision: float = 0.0
    state: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        self.state = self.net.running_state.copy()
        out = self.forward()
        self.precision = _coarsest(self.net, self.x)[1]
        if self.loss is None:
            self.upstream = np.random.default_rng(self.seed + 1).standard_normal(out.shape)

    def forward(self) -> Any:
        """The output, from the same random draws and running state each time."""
        self.net.seed(self.seed)
        self.net.running_state[...] = self.state
        with self.net.mode(training=self.training), np.errstate(all="ignore"):
            return self.net.forward(self.x)

    def value(self) -> float:
        out = self.forward()
        if self.loss is not None:
            return float(self.loss.forward(out, self.y))
        return float((self.upstream * out).sum(dtype=np.float64))

    def arrays(self) -> dict[str, Array]:
        """What can be moved: the parts of the input that are not whole numbers, and parameters."""
        inputs = self.x if isinstance(self.x, tuple) else (self.x,)
        labels = [f"dx[{i}]" for i in range(len(inputs))] if isinstance(self.x, tuple) else ["dx"]
        found = {
            label: part
            for label, part in zip(labels, inputs, strict=True)
            if part.dtype.kind == "f"
        }
        return found | {self.names[p]: a for p, a in self.net.named_parameters().items()}

    def gradients(self) -> tuple[dict[str, Array], list[str]]:
        """The gradients by hand, and what else was wrong."""
        faults = []
        before = copy.deepcopy(self.x)
        out = self.forward()
        dy = self.upstream
        if self.loss is not None:
            dy = self.loss.backward(self.loss.forward(out, self.y))
        given = copy.deepcopy(dy)
        with self.net.mode(training=self.training), np.errstate(all="ignore"):
            dx = self.net.backward(dy)
        if not _equal(before, self.x):
            faults.append("forward or backward changed its input x in place: work on a copy")
        if not _equal(given, dy):
            faults.append("backward changed its argument in place: work on a copy")
        parts = dx if isinstance(dx, tuple) else (dx,)
        labels = [f"dx[{i}]" for i in range(len(parts))] if isinstance(dx, tuple) else ["dx"]
        hand = {name: np.asarray(a) for name, a in zip(labels, parts, strict=True) if a is not None}
        for path, layer in self.net.walk():
            for name in layer.param_names:
                hand[self.names[f"{path}.{name}" if path else name]] = layer.gradient(name)
        return hand, faults


def _subjects(
    page: Layer | Loss, loss: Loss | None, x: Any, y: Any, training: bool, seed: int
) -> list[_Subject]:
    rng = np.random.default_rng(seed)
    if isinstance(page, Loss):
        p = rng.uniform(0.1, 0.9, (5, 3)) if x is None else np.asarray(x, np.float64)
        y = example_targets(page, p, seed) if y is None else y
        page = copy.deepcopy(page)
        chain = Net(Bend(p.shape[1:], rng), dtype=np.float64)
        names = {"0.s": "ds of the layer before"}
        return [
            _Subject("alone", Net(dtype=np.float64), p, page, y, training, seed, {}),
            _Subject("after another layer", chain, p, page, y, training, seed, names),
        ]
    n_rows = 5 if page.n_in != 5 else 7
    x = _in_float64(required_example(page, n_rows, seed) if x is None else x, page.integer_input)
    alone = _subject_alone(page, loss, x, y, training, seed)
    if isinstance(page, Net):
        return [alone]
    before = [] if isinstance(x, tuple) or page.integer_input else [Bend(x.shape[1:], rng)]
    after = Bend(alone.forward().shape[1:], rng)
    between = Net(*before, copy.deepcopy(page), after, dtype=np.float64)
    k = len(before)
    names = {f"{k + 1}.s": "ds of the layer after"}
    names |= {"0.s": "ds of the layer before"} if before else {}
    names |= {
        path: _gradient_name(page, path, f"{k}")
        for path in between.named_parameters()
        if path not in names
    }
    setting = "between two other layers" if before else "before another layer"
    return [alone, _Subject(setting, between, x, None, None, training, seed, names)]


def _subject_alone(
    page: Layer, loss: Loss | None, x: Any, y: Any, training: bool, seed: int
) -> _Subject:
    net = Net(copy.deepcopy(page), dtype=np.float64)
    if loss is not None and y is None:
        y = example_targets(loss, copy.deepcopy(net).predict(x), seed)
    names = {path: _gradient_name(page, path, "0") for path in net.named_parameters()}
    return _Subject("alone", net, x, copy.deepcopy(loss), y, training, seed, names)


def _gradient_name(page: Layer, path: str, prefix: str) -> str:
    inner = path.removeprefix(prefix + ".")
    place, _, name = inner.rpartition(".")
    layers = dict(page.walk())
    return f"d{name}" if not place else f"d{name} of {place}, {layers[place]!r}"


def _compare(subject: _Subject, entries: int, seed: int) -> tuple[list[Comparison], list[str]]:
    hand, faults = subject.gradients()
    n_rows = len(subject.x[0]) if isinstance(subject.x, tuple) else len(subject.x)
    rng = np.random.default_rng(seed)
    found = []
    for name, array in subject.arrays().items():
        if name == "ds of the layer after":
            continue
        if name not in hand or hand[name].shape != array.shape:
            came = f"shape {hand[name].shape}" if name in hand else "nothing"
            faults.append(f"{subject.setting}: {name} is {came}, and should have {array.shape}")
            continue
        chosen = np.sort(rng.permutation(array.size)[:entries])
        indices = [tuple(map(int, np.unravel_index(i, array.shape))) for i in chosen]
        found.append(_compare_array(subject, name, hand[name], array, indices, n_rows))
    return found, faults


def _compare_array(
    subject: _Subject,
    name: str,
    hand: Array,
    array: Array,
    indices: list[tuple[int, ...]],
    n_rows: int,
) -> Comparison:
    precision = subject.precision
    first_step = precision ** (1 / 3)
    tolerance = 1e-6 if precision < 1e-10 else 1e-2
    noise = precision * max(1.0, abs(subject.value()))
    measured, differs, at_kinks = [], [], 0
    for index in indices:
        by_hand = float(hand[index])
        for shrink in (1.0, 1e-1, 1e-2, 1e-3):
            step = first_step * shrink * max(1.0, abs(float(array[index])))
            left, right = _slopes(subject, array, index, step)
            central = (left + right) / 2
            allowed = tolerance * max(abs(by_hand), abs(central)) + 20 * noise / step
            agrees = abs(by_hand - central) <= allowed
            if agrees or abs(left - right) <= allowed:
                break
        kink = not agrees and abs(left - right) > allowed
        if kink and min(left, right) - allowed <= by_hand <= max(left, right) + allowed:
            agrees, at_kinks, central = True, at_kinks + 1, by_hand
        measured.append(central)
        differs.append(not agrees)
    by_hand_at = np.array([hand[index] for index in indices])
    whole = np.array(measured)
    square = array.ndim == 2 and array.shape[0] == array.shape[1] and len(indices) == array.size
    transposed = square and np.allclose(hand.T.ravel(), whole, rtol=1e-4, atol=1e-8)
    return Comparison(
        subject.setting,
        name,
        by_hand_at,
        whole,
        indices,
        np.array(differs),
        at_kinks,
        n_rows,
        bool(transposed),
    )


def _slopes(
    subject: _Subject, array: Array, index: tuple[int, ...], step: float
) -> tuple[float, float]:
    """The slope to the left and to the right of where the entry stands."""
    start, here = float(array[index]), subject.value()
    try:
        array[index] = start + step
        up, wide = subject.value(), float(array[index]) - start
        array[index] = start - step
        down, narrow = subject.value(), start - float(array[index])
    finally:
        array[index] = start
    return (here - down) / narrow, (up - here) / wide


def _coarsest(net: Net, x: Any) -> tuple[Any, float]:
    """The output of `net`, and the coarsest precision that any of its layers computes in."""
    precision = float(np.finfo(np.float64).eps)
    for layer in net.layers:
        if isinstance(layer, Net):
            x, found = _coarsest(layer, x)
        else:
            x = layer.forward(x)
            found = float(np.finfo(x.dtype).eps)
        precision = max(precision, found)
    return x, precision


def _in_float64(x: Any, whole: bool) -> Any:
    if isinstance(x, tuple):
        return tuple(_in_float64(part, whole) for part in x)
    x = np.asarray(x)
    return x.copy() if whole and x.dtype.kind in "iu" else x.astype(np.float64)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return all(_equal(p, q) for p, q in zip(a, b, strict=True))
    return bool(np.array_equal(a, b, equal_nan=True))
