"""Rows of the playground, bit-identical to the page: toy sets, random draws, inputs, the split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.learn.playground.base64url import numbers_in
from handgrad.learn.playground.formulas import formula_values
from handgrad.learn.playground.state import SETS, DataState, RowsState
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

DRAWN = 6  # uniform numbers for each row of any set, so that more noise moves the same points


@dataclass(frozen=True)
class ToyRows:
    """Rows of a playground: `x` (n, columns) and `y` (n,), float32, classes as indices.

    `classes` are the class names, empty for regression.
    """

    x: Array
    y: Array
    names: tuple[str, ...]
    classes: tuple[str, ...]


def rows_of(data: DataState) -> ToyRows:
    """Rows of the `data` of a state.

    >>> from handgrad.learn.playground.state import state_of
    >>> rows = rows_of(state_of({"data": {"kind": "moons", "n": 4}})["data"])
    >>> rows.x.shape, rows.y.tolist(), rows.classes
    ((4, 2), [0.0, 1.0, 0.0, 1.0], ('0', '1'))
    """
    if (table := data["rows"]) is not None:
        return _rows_of_table(table, data["problem"])
    n = data["n"]
    drawn = Draws(data["seed"], 0).random((n, DRAWN))
    columns = {f"u{j}": drawn[:, j] for j in range(DRAWN)} | {"i": np.arange(n)}
    settings = {"n": n, "k": data["classes"], "noise": data["noise"] / 100}
    columns |= {name: np.full(n, float(number)) for name, number in settings.items()}
    for line in SETS[data["kind"]]["rows"]:
        name, _, text = line.partition(" = ")
        known = columns
        if text == "formula":
            text, known = data["formula"], {name: columns[name] for name in ("x1", "x2")}
        columns[name] = formula_values(text, known)
    x = np.stack([columns["x1"], columns["x2"]], axis=1).astype(np.float32)
    many = data["classes"] if SETS[data["kind"]].get("takes_classes") else 2
    classes = range(many) if data["problem"] == "classification" else ()
    y = columns["y"].astype(np.float32)
    return ToyRows(x, y, ("x1", "x2"), tuple(map(str, classes)))


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
