"""Rows of the playground, bit-identical to the page: toy sets, random draws, inputs, the split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.learn.playground.formulas import formula_values
from handgrad.learn.playground.kinds import numbers_in
from handgrad.learn.playground.state import DataState, RowsState
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

DRAWN = 6  # uniform numbers for each row of any set, so that more noise moves the same points
PI = 3.141592653589793
HUMPS = (
    (-4.0, 2.5, 1.0),
    (0.0, 2.5, -1.0),
    (4.0, 2.5, 1.0),
    (-4.0, -2.5, -1.0),
    (0.0, -2.5, 1.0),
    (4.0, -2.5, -1.0),
)


@dataclass(frozen=True)
class ToyRows:
    """Rows of a playground: `x` (n, columns) and `y` (n,), float32, classes as indices.

    `classes` are the class names, empty for regression.
    """

    x: Array
    y: Array
    names: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _Drawn:
    """Random draws of a set: row indices i, uniform numbers u (n, DRAWN), noise from 0 to 1."""

    i: Array
    u: Array
    noise: float
    k: int
    formula: str

    def around(self, column: int, most: float) -> Array:
        return np.asarray((2 * self.u[:, column] - 1) * most)

    def normal(self, column: int) -> Array:
        return normal_of(self.u[:, column], self.u[:, column + 1])

    def moved(self, x: Array, column: int, most: float) -> Array:
        return np.asarray(x + self.around(column, most) * self.noise)

    def f(self, x1: Array, x2: Array) -> Array:
        return formula_values(self.formula, {"x1": x1, "x2": x2})


Columns = tuple[Array, Array, Array]


sin, cos = partial(value_of, "sin"), partial(value_of, "cos")


def _circle(d: _Drawn) -> Columns:
    radius = np.where(d.i % 2 == 1, 2.5 * d.u[:, 0], 3.5 + 1.5 * d.u[:, 0])
    angle = 2 * PI * d.u[:, 1]
    x1, x2 = radius * sin(angle), radius * cos(angle)
    z1, z2 = d.moved(x1, 2, 5), d.moved(x2, 3, 5)
    return x1, x2, z1 * z1 + z2 * z2 < 6.25


def _xor(d: _Drawn) -> Columns:
    x1, x2 = d.around(0, 5), d.around(1, 5)
    x1, x2 = (x + np.where(x > 0, 0.3, -0.3) for x in (x1, x2))
    return x1, x2, d.moved(x1, 2, 5) * d.moved(x2, 3, 5) >= 0


def _gauss(d: _Drawn) -> Columns:
    c = d.i % d.k
    angle = 1.25 * PI + 2 * PI * c / d.k
    deviation, far = np.sqrt(0.5 + 7 * d.noise), np.sqrt(8.0)
    x1, x2 = far * cos(angle) + deviation * d.normal(0), far * sin(angle) + deviation * d.normal(2)
    return x1, x2, c


def _spiral(d: _Drawn) -> Columns:
    c, along = d.i % d.k, (d.i // d.k) / math.ceil(len(d.i) / d.k)
    turn, radius = 3.5 * PI * along + 2 * PI * c / d.k, 5 * along
    z1, z2 = d.around(0, 1) * d.noise, d.around(1, 1) * d.noise
    return radius * sin(turn) + z1, radius * cos(turn) + z2, c


def _moons(d: _Drawn) -> Columns:
    angle = PI * d.u[:, 0]
    a, b = cos(angle), sin(angle)
    second = d.i % 2 == 1
    x1, x2 = np.where(second, 1 - a, a), np.where(second, 0.5 - b, b)
    z1, z2 = d.normal(1) * d.noise, d.normal(3) * d.noise
    return 3.2 * (x1 - 0.5) + 2 * z1, 3.2 * (x2 - 0.25) + 2 * z2, second


def _diagonal(d: _Drawn) -> Columns:
    x1 = d.around(0, 5)
    x2 = x1 + d.around(1, 1)
    return x1, x2, x2 + 4 * d.noise * d.normal(2) > x1


def _above(d: _Drawn) -> Columns:
    x1, x2 = d.around(0, 6), d.around(1, 6)
    return x1, x2, x2 + 4 * d.noise * d.normal(2) > d.f(x1, x2)


def _plane(d: _Drawn) -> Columns:
    x1, x2 = d.around(0, 6), d.around(1, 6)
    return x1, x2, (d.moved(x1, 2, 6) + d.moved(x2, 3, 6)) / 10


def _multi_gauss(d: _Drawn) -> Columns:
    x1, x2 = d.around(0, 6), d.around(1, 6)
    z1, z2 = d.moved(x1, 2, 6), d.moved(x2, 3, 6)
    most = np.zeros(len(d.i))
    for c1, c2, height in HUMPS:
        far = np.sqrt((z1 - c1) * (z1 - c1) + (z2 - c2) * (z2 - c2))
        here = np.where(far < 2, height * (1 - far / 2), 0.0)
        most = np.where(np.abs(here) > np.abs(most), here, most)
    return x1, x2, most


def _formula(d: _Drawn) -> Columns:
    x1, x2 = d.around(0, 6), d.around(1, 6)
    return x1, x2, d.f(x1, x2) + 2 * d.noise * d.normal(2)


SETS: Mapping[str, Callable[[_Drawn], Columns]] = {
    "circle": _circle,
    "xor": _xor,
    "gauss": _gauss,
    "spiral": _spiral,
    "moons": _moons,
    "diagonal": _diagonal,
    "above": _above,
    "plane": _plane,
    "multi-gauss": _multi_gauss,
    "formula": _formula,
}


def rows_of(data: DataState) -> ToyRows:
    """Rows of the `data` of a state.

    >>> from handgrad.learn.playground.state import state_of
    >>> rows = rows_of(state_of({"data": {"kind": "moons", "n": 4}})["data"])
    >>> rows.x.shape, rows.y.tolist(), rows.classes
    ((4, 2), [0.0, 1.0, 0.0, 1.0], ('0', '1'))
    """
    if (table := data["rows"]) is not None:
        return _rows_of_table(table, data["problem"])
    n, k = data["n"], data["classes"]
    u = Draws(data["seed"], 0).random((n, DRAWN))
    drawn = _Drawn(np.arange(n), u, data["noise"] / 100, k, data["formula"])
    x1, x2, y = SETS[data["kind"]](drawn)
    x = np.stack([x1, x2], axis=1).astype(np.float32)
    many = k if data["kind"] in ("gauss", "spiral") else 2
    classes = range(many) if data["problem"] == "classification" else ()
    return ToyRows(x, y.astype(np.float32), ("x1", "x2"), tuple(map(str, classes)))


def _rows_of_table(rows: RowsState, problem: str) -> ToyRows:
    names, classes = rows["names"], rows["classes"] or []
    x, y = numbers_in(rows["x"]).reshape(-1, len(names)), numbers_in(rows["y"])
    return ToyRows(x, y, (*names,), tuple(classes) if problem == "classification" else ())


def inputs_of(rows: ToyRows, inputs: Sequence[str]) -> Array:
    """Inputs of the net, (n, inputs) in float32, by names of columns or formulas."""
    columns = {f"x{i + 1}": rows.x[:, i] for i in range(rows.x.shape[1])}
    named = dict(zip(rows.names, rows.x.T, strict=True))
    columns_ = [
        named[text] if text in named else formula_values(text, columns | named) for text in inputs
    ]
    with np.errstate(over="ignore"):
        x = np.stack(columns_, axis=1).astype(np.float32)
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise DataError(
            f"the input {inputs[column]!r} is {x[row, column]:g} in row {row}, counted from 0",
            "a finite number for each row",
            "another formula, log(1 + abs(x1)) for example",
        )
    return x


def split_of(n: int, share: float, seed: int) -> tuple[Array, Array]:
    """Indices of training and test rows, shuffled."""
    order = Draws(seed, 2).permutation(n)
    train = min(max(math.floor(n * share / 100), 1), n - 1) if n > 1 else n
    return order[:train], order[train:]


TWO_PI = 2 * 3.141592653589793


class Draws:
    """Draws from `np.random.default_rng(entropy)`, with the methods that initializers use.

    Normal numbers are by √ and handgrad's log and cos: NumPy's depend on tables and the C library.

    >>> Draws(0, 1).normal(0, 1, (2,)).round(3).tolist() == Draws(0, 1).normal(0, 1, (2,)).round(
    ...     3).tolist()
    True
    """

    def __init__(self, *entropy: int) -> None:
        self.rng = np.random.default_rng(entropy)

    def random(self, shape: tuple[int, ...]) -> Array:
        """Uniform numbers from [0, 1)."""
        return self.rng.random(shape)

    def uniform(self, low: float, high: float, size: tuple[int, ...]) -> Array:
        """Uniform numbers from [low, high)."""
        return np.asarray(low + (high - low) * self.rng.random(size))

    def normal(self, loc: float, scale: float, size: tuple[int, ...]) -> Array:
        """Normal numbers by the Box-Muller transform, each from two uniform numbers."""
        u = self.rng.random((*size, 2))
        return np.asarray(loc + scale * normal_of(u[..., 0], u[..., 1]))

    def permutation(self, n: int) -> Array:
        """A random permutation of the integers below n."""
        order = np.arange(n)
        self.rng.shuffle(order)
        return order


def normal_of(u: Array, v: Array) -> Array:
    """Box-Muller transform: normal numbers from two uniform numbers each (Box, Muller, 1958)."""
    return np.asarray(np.sqrt(-2.0 * value_of("log", 1.0 - u)) * value_of("cos", TWO_PI * v))
