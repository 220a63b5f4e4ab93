"""Pages of one line: an operation each, and random ones, written as a user would."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

import handgrad as hg

TABLE = np.array([0.1, -0.7, 1.3, 0.3])


class Page(hg.Layer):
    """A layer whose forward is given and whose backward passes on."""

    def __init__(self, forward: Callable[[Any], Any]) -> None:
        super().__init__()
        self.page = forward

    def forward(self, x: Any) -> Any:
        return self.page(x)

    def backward(self, dy: Any) -> Any:
        return dy


def after_writing(x: Any, index: Any, values: Any) -> Any:
    d = np.zeros_like(x)
    d[index] = values
    return d


def after_adding(x: Any, index: Any, values: Any) -> Any:
    d = x.copy()
    d[index] += values
    return d


def added_at(x: Any, index: Any, values: Any) -> Any:
    d = x.copy()
    np.add.at(d, index, values)
    return d


WHOLE = slice(None)
MASK = np.array([[True, False], [False, True]])

# Each takes (n, 4) and gives (n, ...); the names are what the tests are called by.
ONE_LINERS: dict[str, Callable[[Any], Any]] = {
    "sum over columns": lambda x: x.sum(axis=1),
    "sum over columns, kept": lambda x: x + x.sum(axis=-1, keepdims=True),
    "sum over rows": lambda x: x + x.sum(axis=0),
    "sum over rows, kept": lambda x: x * x.sum(axis=0, keepdims=True),
    "sum of all": lambda x: x + x.sum(),
    "sum of all, kept": lambda x: x + x.sum(keepdims=True),
    "sum over two of three axes": lambda x: x.reshape(-1, 2, 2).sum(axis=(1, 2)),
    "sum over the middle axis": lambda x: x.reshape(-1, 2, 2).sum(axis=1),
    "sum of truth values": lambda x: (x > 0).sum(axis=1),
    "mean": lambda x: x - x.mean(axis=1, keepdims=True),
    "mean of all": lambda x: x - x.mean(),
    "mean over pairs of rows": lambda x: x + (x @ x.T).mean(),
    "max below zero": lambda x: (-2 - np.abs(x)).max(axis=1),
    "max over rows": lambda x: x - x.max(axis=0),
    "min above zero": lambda x: (2 + np.abs(x)).min(axis=1),
    "min over rows": lambda x: x - x.min(axis=0),
    "prod": lambda x: x.prod(axis=1),
    "prod over rows": lambda x: x + x.prod(axis=0),
    "variance": lambda x: x.var(axis=1),
    "variance with ddof": lambda x: x.var(axis=1, ddof=1),
    "standard deviation": lambda x: x / (1 + x.std(axis=0)),
    "argmax": lambda x: x + x.argmax(axis=1)[:, None],
    "argmax of equals": lambda x: np.where(x > 0, 1.0, 0.0).argmax(axis=1),
    "argmax over rows": lambda x: x + x.argmax(axis=0),
    "clip": lambda x: np.clip(x, -0.5, 0.25),
    "maximum of a number": lambda x: np.maximum(0.5, x),
    "square": lambda x: np.square(x),
    "power 3": lambda x: x**3,
    "root": lambda x: np.abs(x) ** 0.5,
    "reciprocal": lambda x: np.reciprocal(2 + np.abs(x)),
    "one minus, one over": lambda x: (0 - x) + (1 - x) / (1 / (2 + x**2)),
    "where": lambda x: np.where(x > 0.25, x, 2 * x),
    "sign": lambda x: np.sign(x),
    "comparison with whole numbers": lambda x: x * (x > x.argmax(axis=1)[:, None]),
    "not equal": lambda x: x * (x != x.max(axis=1, keepdims=True)),
    "logical": lambda x: x * np.logical_or(np.logical_not(x > 0.5), np.logical_and(x, x > 1)),
    "finite": lambda x: np.where(np.isfinite(np.log(np.maximum(x, 0))), x, 0.5),
    "NaN made and seen": lambda x: np.where(np.isnan((x - x) / (x - x)), 1.0, x),
    "infinity made and seen": lambda x: np.where(np.isfinite(x / (x - x)), x, 2.0),
    "a table": lambda x: x * TABLE,
    "two tables": lambda x: x * TABLE + x * TABLE[::-1].copy(),
    "ones and zeros": lambda x: x + np.ones_like(x) * 3 + np.zeros_like(x),
    "full": lambda x: x + np.full_like(x, 0.3),
    "a smaller array plus larger zeros": lambda x: x.sum(axis=0) + np.zeros_like(x),
    "columns in reverse": lambda x: x + x[:, ::-1],
    "an array and itself in reverse": lambda x: (
        (t := (2 * x)[:, ::-1] + 2 * x) - t.max(axis=1, keepdims=True)  # kept in scratch memory
    ),
    "an array and its own first column": lambda x: np.exp(x) * np.exp(x)[:, :1],
    "blocks of rows and columns": lambda x: np.exp((x * x.sum(axis=0)).reshape(-1, 2, 2)) + 1,
    "rows in reverse": lambda x: x + 2 * x[::-1],
    "every other column": lambda x: x[:, ::2] + x[:, 1::2],
    "a view of a view": lambda x: x[:, 1:][:, ::-2] * 1.5,
    "flip": lambda x: x - np.flip(x, axis=1),
    "last column": lambda x: x[:, -1],
    "a column picked by number": lambda x: x[np.arange(len(x)), 2],
    "a number a row picked": lambda x: x[np.arange(len(x)), x.argmax(axis=1)],
    "transposed and back": lambda x: (x.T * 2).T + x,
    "swapped axes": lambda x: x.reshape(-1, 2, 2).swapaxes(1, 2) * 2.0,
    "broadcast": lambda x: x * np.broadcast_to(x[:, :1], x.shape),
    "windows": lambda x: sliding_window_view(x, 2, axis=1).sum(axis=2),
    "windows of two axes": lambda x: sliding_window_view(
        x.reshape(-1, 2, 2), (2, 1), axis=(1, 2)
    ).max(axis=(3, 4)),
    "a column written": lambda x: after_writing(x, (slice(None), 1), x[:, 3]),
    "rows of a slice written": lambda x: after_writing(x, (slice(None), slice(0, 3)), x[:, 1:]),
    "a slice added to": lambda x: after_adding(x, (slice(None), slice(1, None, 2)), 0.5),
    "columns by numbers written": lambda x: after_writing(x, (WHOLE, [3, 0]), x[:, 1:3]),
    "columns by numbers, one value": lambda x: after_writing(x, (WHOLE, np.array([3, 0])), 0.5),
    "columns added to, one of them twice": lambda x: added_at(x, (WHOLE, [[1, 3], [1, 0]]), 0.5),
    "columns added to by a column": lambda x: added_at(x, (WHOLE, [1, 3, 1]), x[:, :1]),
    "places by two indices in front of a slice": lambda x: added_at(
        x.reshape(-1, 2, 2), (WHOLE, [0, 1, 0], [1, 1, 1]), x[:, :3]
    ),
    "a slice between two indices": lambda x: added_at(
        x.reshape(-1, 2, 1, 2), (WHOLE, [0, 1, 0], WHOLE, [1, 1, 1]), x[:, :1]
    ),
    "a fixed mask written": lambda x: after_writing(x.reshape(-1, 2, 2), (WHOLE, MASK), x[:, 2:]),
    "places by numbers, the rest by dots": lambda x: after_writing(
        x.reshape(-1, 2, 2), (..., [1, 0]), x.reshape(-1, 2, 2)
    ),
    "padded at each end": lambda x: np.pad(x, ((0, 0), (1, 2))) * 2.0,
    "padded with a number": lambda x: np.pad(
        x.reshape(-1, 2, 2), ((0, 0), (0, 1), (2, 0)), constant_values=-1.5
    ),
    "matrix times matrix": lambda x: x @ (x.T @ x),
    "matrix times vector": lambda x: x @ x.sum(axis=0),
    "vector times matrix": lambda x: x + x[:, 0] @ x,
    "vector times vector": lambda x: x + x[:, 0] @ x[:, 1],
    "outer product": lambda x: np.outer(x[:, 0], x.sum(axis=0)),
    "batched product": lambda x: x.reshape(-1, 2, 2) @ x.reshape(-1, 2, 2),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x.T @ x),
    "einsum of a diagonal": lambda x: x + np.einsum("ii->i", x.T @ x),
    "einsum that sums alone": lambda x: x + np.einsum("ij->j", x),
}

UNARY = (
    *("-{}", "np.abs({})", "np.tanh({})", "np.sin({})", "np.cos({})", "np.sign({})", "{} ** 2"),
    *("np.exp(-np.abs({}))", "np.sqrt(np.abs({}))", "np.log(1 + np.abs({}))", "np.square({})"),
    *("np.clip({}, -0.5, 0.75)", "np.floor({})", "(1 - {})", "1 / (1 + np.abs({}))"),
)
BINARY = (
    *("{} + {}", "{} - {}", "{} * {}", "np.maximum({}, {})", "np.minimum({}, {})"),
    *("{} / (1 + np.abs({}))", "np.where({} > 0.1, {}, 0.5)", "({0} <= {1}) * {1}"),
)
REDUCTIONS = ("sum", "mean", "max", "min", "std", "var", "prod")
VIEWS = ("{}[:, ::-1]", "{}[::-1]", "np.flip({}, axis=1)")

Shaped = tuple[str, bool, bool]


@st.composite
def expressions(draw: st.DrawFn, depth: int = 4) -> Shaped:
    """The text of an expression of x, (n, 4), and whether it has the rows, the columns."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        plain = draw(st.sampled_from(["x", "x", "x", "table", "0.5", "2", "0", "1"]))
        return plain, plain == "x", plain in ("x", "table")
    kind = draw(st.sampled_from(["unary", "binary", "binary", "reduction", "view"]))
    first, rows, columns = draw(expressions(depth - 1))
    if kind == "binary":
        second, more_rows, more_columns = draw(expressions(depth - 1))
        text = draw(st.sampled_from(BINARY)).format(f"({first})", f"({second})")
        return text, rows or more_rows, columns or more_columns
    if kind == "unary" or not (rows and columns):
        return draw(st.sampled_from(UNARY)).format(f"({first})"), rows, columns
    if kind == "view":
        return draw(st.sampled_from(VIEWS)).format(f"({first})"), True, True
    method = draw(st.sampled_from(REDUCTIONS))
    axis = draw(st.sampled_from(["axis=0", "axis=0, keepdims=True", "axis=1, keepdims=True", ""]))
    return f"({first}).{method}({axis})", "axis=1" in axis, "axis=0" in axis


@st.composite
def random_pages(draw: st.DrawFn) -> str:
    """The text of a page from (n, 4) to (n, 4)."""
    return f"x + ({draw(expressions())[0]})"


def page_of(text: str) -> Page:
    """The layer with that forward."""
    forward: Callable[[Any], Any] = eval(f"lambda x: {text}", {"np": np, "table": TABLE})
    return Page(forward)
