"""Gradient check: each gradient written by hand against central differences.

A layer is checked alone and between two others, a net or a loss alone, at random numbers: the
objectives of the check. The report hints at common mistakes.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.check.language import DOCTOR
from handgrad.textbook.display import shown_whole
from handgrad.textbook.errors import HandgradError, SettingError, described, positive
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.checks import checked_result
from handgrad.textbook.losses import Loss
from handgrad.textbook.module import Module
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import (
    Inputs,
    example_input,
    example_targets,
    named_parts,
    number_of_rows,
    take,
    target_mask,
)

AFTER = "ds of the layer after"
NAMED = 6  # arrays of parameters, or of state, up to which each has its own range in the report


def check_gradients(
    layer: Layer | Loss,
    loss: Loss | None = None,
    *,
    x: npt.ArrayLike | None = None,
    y: npt.ArrayLike | None = None,
    training: bool = True,
    constants: Sequence[str] = (),
    entries: int = 100,
    rng: int = 0,
) -> GradientReport:
    """Check `backward` of a layer, a net or a loss against `forward` by central differences.

    The check runs in float64 on a copy. The output is multiplied by random numbers and summed; each
    entry of the inputs and parameters is moved a small step in both directions. Parameters and
    running state are drawn near their own values, because a missing term or factor does not show
    at 0 or 1; if the output is not finite there, they keep their values. Near a kink the step
    shrinks; exactly on one, any slope between both sides is right. A layer is checked alone,
    between two others, and with a mask if it takes one; a loss also with weighted rows.

    Parameters
    ----------
    layer : Layer or Loss
        A layer, a net or a loss.
    loss : Loss, optional
        Follows a layer or net.
    x : array-like or tuple of arrays, optional
        Example input; by default it is drawn.
    y : array-like, optional
        Example targets; those at padding are masked, as in training.
    training : bool, default True
        Check in training mode, else in prediction mode.
    constants : sequence of str, optional
        Attributes that `forward` sets and no gradient flows through: they keep their values while
        entries move. `forward` must read them from `self`.
    entries : int, default 100
        Entries checked of each array, drawn by `rng`.
    rng : int, default 0
        Seed of all random numbers.

    Returns
    -------
    GradientReport
        True if every gradient is right.

    Examples
    --------
    >>> import handgrad as hg
    >>> print(check_gradients(hg.Tanh()))
    Tanh(): all gradients are right
     alone
      ok    dx (20 entries)
     between two other layers
      ok    dx (20 entries)
      ok    ds of the layer before (4 entries)
     checked at x from -2.33 to 1.3, drawn
    """
    positive("entries", entries, whole=True)
    if not isinstance(layer, Layer | Loss):
        raise SettingError(
            described(layer),
            "a layer, a net or a loss",
            "hg.check_gradients(hg.Linear(3, 2)), an object, not its class",
        )
    if not isinstance(loss, Loss | None):
        raise SettingError(
            f"as loss {described(loss)}",
            "a loss, or None",
            "hg.check_gradients(layer, x=x), for example rows",
        )
    comparisons: list[Comparison] = []
    problems: list[str] = []
    held = (constants,) if isinstance(constants, str) else tuple(constants)
    made, ranges = objectives(layer, loss, x, y, training, rng)
    for setting, objective in made.items():
        try:
            at = objective()
            at.hold(held, repr(layer))
            compared, faults = _compare(setting, at, entries, rng)
        except HandgradError as error:
            compared, faults = [], [f"{setting}: {error}"]
        comparisons += compared
        problems += faults
        if problems:  # the other settings would repeat it
            break
    title = repr(layer) + (f" with {loss!r}" if loss else "")
    return GradientReport(title, comparisons, problems, ranges)


def _compare(
    setting: str, objective: Objective, entries: int, seed: int
) -> tuple[list[Comparison], list[str]]:
    hand, faults = objective.gradients()
    rng = np.random.default_rng(seed)
    comparisons = []
    for name, array in objective.arrays().items():
        if name == AFTER:
            continue
        by_hand = hand.get(name)
        if by_hand is None and name.startswith("dx["):  # one of several inputs
            nothing = np.zeros(0)
            comparisons.append(Comparison(setting, name, nothing, nothing, [], nothing > 0, 0, 0))
            continue
        if by_hand is None or by_hand.shape != array.shape:
            came = "nothing" if by_hand is None else f"shape {by_hand.shape}"
            faults.append(f"{setting}: {name} is {came}, and should have {array.shape}")
            continue
        chosen = np.sort(rng.permutation(array.size)[:entries])
        indices = [tuple(map(int, np.unravel_index(i, array.shape))) for i in chosen]
        slopes = [_compare_entry(objective, float(by_hand[i]), array, i) for i in indices]
        measured, agrees, at_kink = np.array(slopes, float).reshape(-1, 3).T
        square = array.ndim == 2 and array.shape == array.T.shape and len(chosen) == array.size
        comparison = Comparison(
            setting,
            name,
            by_hand.ravel()[chosen],
            measured,
            indices,
            agrees == 0,
            int(at_kink.sum()),
            number_of_rows(objective.x),
            square and np.allclose(by_hand.T.ravel(), measured, rtol=1e-4, atol=1e-8),
        )
        if not (comparison.ok or _follows_rows(objective, comparison)):
            comparison = replace(comparison, n_rows=0)
        comparisons.append(comparison)
    return comparisons, faults


def _follows_rows(objective: Objective, wrong: Comparison) -> bool:
    """Return True if the ratio of a wrong gradient to the measured one changes with a row less."""
    if wrong.n_rows < 2:
        return False
    fewer = objective.without_last_row()
    array, by_hand = fewer.arrays()[wrong.name], fewer.gradients()[0].get(wrong.name)
    for k in np.flatnonzero(wrong.differs):
        index = wrong.indices[k]
        if by_hand is None or np.any(np.array(index) >= array.shape) or not wrong.measured[k]:
            continue
        measured, _, _ = _compare_entry(fewer, float(by_hand[index]), array, index)
        before, after = wrong.hand[k] / wrong.measured[k], by_hand[index] / measured
        return bool(abs(after - before) > 0.01 * abs(before))
    return False


def _compare_entry(
    objective: Objective, by_hand: float, array: Array, index: tuple[int, ...]
) -> tuple[float, bool, bool]:
    """Measured slope at one entry, whether it agrees, and whether there is a kink.

    The first step balances truncation and rounding errors (the cube root of the precision); it
    shrinks while the slopes of both sides differ, since there may be a kink between.
    """
    tolerance = 1e-6 if objective.precision < 1e-10 else 1e-2
    noise = objective.precision * max(1.0, abs(objective.value()))
    for shrink in (1.0, 1e-1, 1e-2, 1e-3):
        step = objective.precision ** (1 / 3) * shrink * max(1.0, abs(float(array[index])))
        left, right = _slopes(objective, array, index, step)
        central = (left + right) / 2
        allowed = tolerance * max(abs(by_hand), abs(central)) + 20 * noise / step
        if abs(by_hand - central) <= allowed:
            return central, True, False
        if abs(left - right) <= allowed:
            return central, False, False
    between = min(left, right) - allowed <= by_hand <= max(left, right) + allowed
    return (by_hand, True, True) if between else (central, False, False)


def _slopes(
    objective: Objective, array: Array, index: tuple[int, ...], step: float
) -> tuple[float, float]:
    """Slopes on the left and on the right of the entry's value."""
    start, here = float(array[index]), objective.value()
    try:
        array[index] = start + step
        up, wide = objective.value(), float(array[index]) - start
        array[index] = start - step
        down, narrow = objective.value(), start - float(array[index])
    finally:
        array[index] = start
    return (here - down) / narrow, (up - here) / wide


@dataclass(frozen=True, repr=False)
class Comparison:
    """One gradient, by hand and measured, at the checked entries.

    `n_rows` is 0 if the ratio of the two does not depend on the number of rows.
    """

    setting: str
    name: str
    hand: Array
    measured: Array
    indices: list[tuple[int, ...]]
    differs: Array
    at_kinks: int
    n_rows: int
    transposed: bool = False

    @property
    def ok(self) -> bool:
        """True if all entries agree."""
        return not self.differs.any()

    def __repr__(self) -> str:
        how = "right" if self.ok else "WRONG"
        return f"<Comparison: {self.name}, {self.setting}: {how} at {len(self.indices)} entries>"

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        kinks = f", {self.at_kinks} at a kink" if self.at_kinks else ""
        if not self.indices:
            return f"  none  {self.name}: backward returns None for it"
        if self.ok:
            return f"  ok    {self.name} ({len(self.indices)} entries{kinks})"
        wrong = np.flatnonzero(self.differs)
        lines = [f"  WRONG {self.name}: {len(wrong)} of {len(self.indices)} entries{kinks}"]
        for i in wrong[:3]:
            where = ", ".join(map(str, self.indices[i]))
            ratio = self.hand[i] / self.measured[i] if self.measured[i] else np.inf
            lines.append(
                f"          [{where}]: by hand {self.hand[i]:.8g}, "
                f"measured {self.measured[i]:.8g}, ratio {ratio:.6g}"
            )
        if hint := self._pattern():
            lines.append(f"        → {hint}")
        return "\n".join(lines)

    def _pattern(self) -> str:
        """Hint to the common mistake with these differences, if any."""
        if self.transposed:
            return "the gradient by hand is the transpose of the measured one"
        hand, measured = self.hand[self.differs], self.measured[self.differs]
        sizable = np.abs(measured) > 1e-3 * np.abs(self.measured).max(initial=0)
        if not sizable.any():
            return "should be 0 here"
        ratios = hand[sizable] / measured[sizable]
        ratio = float(np.median(ratios))
        if np.abs(ratios - ratio).max() > 1e-3 * max(abs(ratio), 1e-3):
            return ""
        n = self.n_rows
        patterns = {
            0.0: "always 0: is it computed at all?",
            -1.0: "×−1 everywhere: wrong sign",
            2.0: "×2 everywhere: one factor 2 too many",
            0.5: "×½ everywhere: a factor 2 is missing",
            -2.0: "×−2 everywhere: wrong sign and one factor 2 too many",
        }
        if n:
            patterns |= {
                float(n): f"×batch size ({n}) everywhere: a sum instead of a mean",
                1 / n: f"÷batch size ({n}) everywhere: a mean instead of a sum",
                -float(n): f"×−batch size (−{n}) everywhere: wrong sign, and a sum instead of a "
                "mean",
            }
        for clean, text in patterns.items():
            if abs(ratio - clean) <= 1e-3 * max(abs(clean), 1e-3):
                return text
        return f"×{ratio:.6g} everywhere: a constant factor"


@dataclass(frozen=True, repr=False)
class GradientReport:
    """Comparisons of one gradient check; true if every gradient is right.

    Parameters
    ----------
    title : str
        Layer, net or loss checked.
    comparisons : list of Comparison
        One per gradient and setting.
    problems : list of str
        Other faults, such as a changed input or a wrong shape.
    ranges : str
        Ranges of inputs, parameters and running state, and which of them were drawn.
    """

    title: str
    comparisons: list[Comparison]
    problems: list[str]
    ranges: str = ""

    @property
    def ok(self) -> bool:
        """True if every gradient is right and there are no other problems."""
        return not self.problems and all(comparison.ok for comparison in self.comparisons)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return DOCTOR.translated(f"<GradientReport: {self._verdict()}>")

    def _verdict(self) -> str:
        return f"{self.title}: {'all gradients are right' if self.ok else 'NOT right'}"

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        lines = [self._verdict()]
        setting = ""
        for comparison in self.comparisons:
            if comparison.setting != setting:
                setting = comparison.setting
                lines.append(f" {setting}")
            lines.append(str(comparison))
        lines += [f" WRONG {problem}" for problem in self.problems]
        lines += [f" checked at {self.ranges}"] if self.ranges else []
        return DOCTOR.translated("\n".join(lines))


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
    """y = x, a sequence whose rows have masks of different lengths."""

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
    """Net around the checked layer; messages name the layer, not its position."""

    def position(self, i: int) -> str:
        return repr(self.layers[i])


@dataclass
class Objective:
    """Net in float64 with an input, followed by a loss or a random weighted sum of its output."""

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

    def without_last_row(self) -> Objective:
        """The same with a row less."""
        fewer = slice(0, number_of_rows(self.x) - 1)
        y = None if self.y is None else np.asarray(self.y)[fewer]
        weights = tuple(w[fewer] for w in self.weights)
        net = copy.deepcopy(self.net)  # the arrays of gradients are its own
        return replace(self, net=net, x=take(self.x, fewer), y=y, weights=weights)

    def forward(self) -> Array:
        """Output, with the same random numbers and running state in each call."""
        self.net.seed(self.seed)
        self.net.running_state[...] = self.state
        with self.net.mode(training=self.training), np.errstate(all="ignore"):
            return self.net.forward(self.x)

    def hold(self, constants: Sequence[str], where: str) -> None:
        """Keep attributes of the layers and the loss at the values of the last forward."""
        if constants and self.loss is not None:
            self.value()
        modules = [module for module in (*dict(self.net.walk()).values(), self.loss) if module]
        for module in modules:
            hold(module, [name for name in constants if name in vars(module)])
        for name in constants:
            if not any(hasattr(type(module), name) for module in modules):
                raise SettingError(
                    f"constants: {name!r}, which forward does not set",
                    "names of attributes that forward sets",
                    "self.name = …, read as self.name afterwards",
                    where,
                )

    def value(self) -> float:
        """Number to differentiate: the loss, or the weighted sum of the output."""
        out = self.forward()
        if self.loss is not None:
            return float(self._loss_of(self.loss, out))
        return float((self.upstream * out).sum(dtype=np.float64))

    def _loss_of(self, loss: Loss, out: Array) -> float:
        return checked_result(loss, "forward", loss.forward(out, self.y, *self.weights))

    def arrays(self) -> dict[str, Array]:
        """Arrays to perturb: floating-point inputs and parameters."""
        inputs = named_parts("dx", self.x)
        moved = {name: part for name, part in inputs.items() if part.dtype.kind == "f"}
        return moved | {called: getattr(layer, name) for called, layer, name in self._parameters()}

    def _parameters(self) -> Iterator[tuple[str, Layer, str]]:
        """Iterate over the parameters: name of the gradient, layer, name of the parameter."""
        for path, layer in self.net.walk():
            inner = path.partition(".")[2]
            where = f" of {layer!r}" if isinstance(layer, Neighbour) else ""
            where = f" of {inner}, {layer!r}" if inner else where
            yield from ((f"d{name}{where}", layer, name) for name in layer.param_names)

    def gradients(self) -> tuple[dict[str, Array], list[str]]:
        """Gradients by `backward`, and other faults."""
        faults = []
        before = copy.deepcopy(self.x)
        out = self.forward()
        dy = self.upstream
        if self.loss is not None:
            dy = checked_result(
                self.loss, "backward", self.loss.backward(self._loss_of(self.loss, out))
            )
        upstream = copy.deepcopy(dy)
        with self.net.mode(training=self.training), np.errstate(all="ignore"):
            dx = self.net.backward(dy)
        if not _equal(before, self.x):
            faults.append("forward or backward changed its input x in place: work on a copy")
        if not _equal(upstream, dy):
            faults.append("backward changed its argument in place: work on a copy")
        hand = {name: np.asarray(a) for name, a in named_parts("dx", dx).items() if a is not None}
        hand |= {called: layer.gradient(name) for called, layer, name in self._parameters()}
        return hand, faults


def hold(module: Module, constants: Sequence[str]) -> None:
    """Keep attributes of a module at their values, whatever is assigned to them later."""
    if constants:
        kind = type(module)
        held = {name: _held(getattr(module, name)) for name in constants}
        module.__class__ = types.new_class(
            kind.__name__, (kind,), {}, lambda body: body.update(held)
        )


def _held(value: object) -> property:
    """A property with this value; what is assigned to it is dropped."""

    def value_of(module: Module) -> object:
        return value

    def drop(module: Module, new: object) -> None:
        pass

    return property(value_of, drop)


# Objectives by setting, each created when it is checked.
Objectives = dict[str, Callable[[], Objective]]


def objectives(
    checked: Layer | Loss,
    loss: Loss | None,
    x: npt.ArrayLike | None,
    y: npt.ArrayLike | None,
    training: bool,
    seed: int,
) -> tuple[Objectives, str]:
    """Objectives of a check, and the ranges of their numbers.

    A layer or loss alone; a layer that is not a net also between two others, a loss after another.
    """
    if isinstance(checked, Loss):
        return _objectives_of_a_loss(checked, x, y, training, seed)
    n_rows, x_given = 5 if checked.n_in != 5 else 7, x is not None
    x = _in_float64(x if x_given else example_input(checked, n_rows, seed), checked.integer_input)
    checked, drawn = _elsewhere(checked, x, training, seed)

    def alone() -> Objective:
        net = Surroundings(copy.deepcopy(checked), dtype=np.float64)
        targets = y
        if loss is not None and y is None:
            targets = example_targets(loss, copy.deepcopy(net).predict(x), seed)
        weights: tuple[Array, ...] = ()
        if loss is not None and loss.takes_weights:
            there = target_mask(net, loss, x, np.asarray(targets), "x")
            weights = () if there is None else (there.astype(np.float64),)
        return Objective(net, x, copy.deepcopy(loss), targets, training, seed, weights)

    def with_a_mask() -> Objective:
        net = Surroundings(Masked(checked.feature_axis), copy.deepcopy(checked), dtype=np.float64)
        return Objective(net, x, None, None, training, seed)

    def between() -> Objective:
        rng, out = np.random.default_rng(seed), alone().forward()
        before = []
        if not (isinstance(x, tuple) or checked.integer_input):
            before.append(Neighbour("before", x.shape[1:], rng))
        after = Neighbour("after", out.shape[1:], rng)
        net = Surroundings(*before, copy.deepcopy(checked), after, dtype=np.float64)
        return Objective(net, x, None, None, training, seed)

    made = {"alone": alone}
    if not isinstance(checked, Net):
        whole = isinstance(x, tuple) or checked.integer_input
        made["before another layer" if whole else "between two other layers"] = between
        if checked.takes_mask and not isinstance(x, tuple) and x.ndim == 3:
            made["with a mask"] = with_a_mask
    return made, ranges_of(x, x_given, checked, drawn)


def _elsewhere(layer: Layer, x: Inputs, training: bool, seed: int) -> tuple[Layer, bool]:
    """Copy of the layer at random parameters, or at its own if the output is not finite there."""
    twin = copy.deepcopy(layer)
    trial = Surroundings(twin, dtype=np.float64)
    draw(twin, np.random.default_rng(seed))
    drawn = copy.deepcopy(twin)
    trial.seed(seed)
    try:
        with trial.mode(training=training), np.errstate(all="ignore"):
            usable = bool(np.isfinite(trial.forward(x)).all())
    except HandgradError:
        usable = False
    return (drawn, True) if usable else (copy.deepcopy(layer), False)


def _objectives_of_a_loss(
    loss: Loss, p: npt.ArrayLike | None, y: npt.ArrayLike | None, training: bool, seed: int
) -> tuple[Objectives, str]:
    rng, p_given = np.random.default_rng(seed), p is not None
    p = np.asarray(p, np.float64) if p_given else rng.uniform(0.1, 0.9, (5, 3))
    y = example_targets(loss, p, seed) if y is None else y
    loss, nothing = copy.deepcopy(loss), Net(dtype=np.float64)
    before = Surroundings(Neighbour("before", p.shape[1:], rng), dtype=np.float64)
    weights = (rng.uniform(0.5, 2, len(p)),)
    made = {
        "alone": lambda: Objective(nothing, p, loss, y, training, seed),
        "after another layer": lambda: Objective(before, p, loss, y, training, seed),
    }
    if loss.takes_weights:
        made["rows weighted"] = lambda: Objective(nothing, p, loss, y, training, seed, weights)
    return made, ranges_of(p, p_given, nothing, drawn=False)


def _in_float64(x: object, whole: bool) -> Inputs:
    if isinstance(x, tuple):
        return tuple(_part_in_float64(part, "iub") for part in x)
    return _part_in_float64(x, "iu" if whole else "")


def _part_in_float64(x: object, kept: str) -> Array:
    """Copy of an array as float64; dtypes of the kinds `kept` stay."""
    x = np.asarray(x)
    return x.astype(x.dtype if x.dtype.kind in kept else np.float64)


def _equal(a: Inputs, b: Inputs) -> bool:
    pairs = zip(named_parts("", a).values(), named_parts("", b).values(), strict=True)
    return all(np.array_equal(p, q, equal_nan=True) for p, q in pairs)


def draw(layer: Layer, rng: np.random.Generator) -> None:
    """Draw random parameters and running state for `layer` near its own.

    Each number changes by 20 to 70 % and keeps its sign, so that variances stay positive; a 0
    becomes a number between 0.2 and 0.7, for parameters of either sign.
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


def ranges_of(x: Inputs, x_given: bool, layer: Layer, drawn: bool) -> str:
    """Ranges of the inputs, parameters and states of a check, and whether they were drawn."""
    where = [("given" if x_given else "drawn", named_parts("x", x))]
    arrays = layer.named_parameters(), layer.named_states()
    for parts, kind in zip(arrays, ("parameters", "running state"), strict=True):
        if len(parts) > NAMED:
            parts = {f"all {kind}": np.concatenate([array.ravel() for array in parts.values()])}
        where.append(("drawn" if drawn else "as they are", parts))
    origins: dict[str, list[str]] = {}
    for how, named in where:
        spans = (
            f"{name} from {a.min():.3g} to {a.max():.3g}" for name, a in named.items() if a.size
        )
        origins.setdefault(how, []).extend(spans)
    return "; ".join(f"{', '.join(spans)}, {how}" for how, spans in origins.items() if spans)
