"""Every operation that records also compiles, and is what NumPy computes."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.plan import prediction_of
from handgrad.engines.compiled.runner import Runner
from handgrad.graph.operations import Op
from handgrad.graph.passes.lower import lower
from handgrad.textbook.special_functions import erf
from tests.graph.one_liners import Page, after_adding, after_writing

T = np.random.default_rng(1).standard_normal((3, 4))


def cube(x: Any) -> Any:
    """(n, 2, 2)."""
    return x.reshape(-1, 2, 2)


def windows(x: Any) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, 2, axis=1)


# Each takes (n, 4) and uses the operation that it stands under; others may be used beside it.
EXAMPLES: dict[Op, list[Callable[[Any], Any]]] = {
    Op.ADD: [lambda x: x + 1],
    Op.SUBTRACT: [lambda x: 1 - x],
    Op.MULTIPLY: [lambda x: x * x],
    Op.DIVIDE: [lambda x: x / 3],
    Op.POWER: [lambda x: x**2, lambda x: np.abs(x) ** 1.7],
    Op.MATMUL: [
        lambda x: x @ (x.T @ x),
        lambda x: cube(x) @ cube(x).mT,
        lambda x: x[:, None] @ cube(np.tile(x, 2)).reshape(-1, 4, 2),
        lambda x: cube(x) @ cube(x)[0],
        lambda x: cube(x)[:1] @ cube(x),
        lambda x: cube(x) @ x[0, :2],
        lambda x: x[0, :2] @ cube(x),
        lambda x: np.tile(x, 75).reshape(-1, 3, 10, 10) @ np.tile(x, 75).reshape(-1, 3, 10, 10).mT,
    ],
    Op.LESS: [lambda x: x * (x < 0.5)],
    Op.LESS_EQUAL: [lambda x: x * (x <= 0.5)],
    Op.GREATER: [lambda x: x * (x > 0.5)],
    Op.GREATER_EQUAL: [lambda x: x * (x >= 0.5)],
    Op.EQUAL: [lambda x: x * (x == x.max(axis=1, keepdims=True))],
    Op.NOT_EQUAL: [lambda x: x * (x != x.max(axis=1, keepdims=True))],
    Op.AND: [lambda x: x * ((x > 0) & (x < 1))],
    Op.OR: [lambda x: x * ((x < 0) | (x > 1))],
    Op.XOR: [lambda x: x * ((x < 0.5) ^ (x > 0))],
    Op.NEGATIVE: [lambda x: -x],
    Op.INVERT: [lambda x: x * ~(x > 0)],
    Op.LOGICAL_AND: [lambda x: x * np.logical_and(x, x > 1)],
    Op.LOGICAL_OR: [lambda x: x * np.logical_or(x > 1, x < 0)],
    Op.LOGICAL_NOT: [lambda x: x * np.logical_not(x > 1)],
    Op.ABS: [np.abs],
    Op.EXP: [np.exp],
    Op.EXPM1: [np.expm1],
    Op.LOG: [lambda x: np.log(1 + x * x)],
    Op.LOG1P: [lambda x: np.log1p(x * x)],
    Op.LOG2: [lambda x: np.log2(1 + x * x)],
    Op.SINH: [np.sinh],
    Op.COSH: [np.cosh],
    Op.LOGADDEXP: [lambda x: np.logaddexp(x, 2 * x), lambda x: np.logaddexp(x, -1.0)],
    Op.SQRT: [lambda x: np.sqrt(np.abs(x))],
    Op.SQUARE: [np.square],
    Op.RECIPROCAL: [lambda x: np.reciprocal(2 + x * x)],
    Op.SIGN: [np.sign],
    Op.SIN: [np.sin],
    Op.COS: [np.cos],
    Op.TANH: [np.tanh],
    Op.ERF: [erf],
    Op.FLOOR: [lambda x: np.floor(3 * x)],
    Op.CEIL: [lambda x: np.ceil(3 * x)],
    Op.MAXIMUM: [lambda x: np.maximum(x, 0.1)],
    Op.MINIMUM: [lambda x: np.minimum(x, 0.1)],
    Op.ISFINITE: [lambda x: x * np.isfinite(x)],
    Op.ISNAN: [lambda x: x + np.isnan(x)],
    Op.SUM: [lambda x: x.sum(axis=1), lambda x: np.sum(x, axis=(0, 1)) + x],
    Op.MEAN: [lambda x: x.mean(axis=1)],
    Op.VAR: [lambda x: x.var(axis=1, ddof=1)],
    Op.STD: [lambda x: x.std(axis=1)],
    Op.MAX: [lambda x: x.max(axis=1)],
    Op.MIN: [lambda x: x.min(axis=1)],
    Op.PROD: [lambda x: x.prod(axis=1)],
    Op.ARGMAX: [lambda x: x + x.argmax(axis=1)[:, None], lambda x: x + cube(x).argmax()],
    Op.ARGMIN: [lambda x: x + x.argmin(axis=-1)[:, None], lambda x: x + x.argmin(axis=0)],
    Op.WHERE: [lambda x: np.where(x > 0, x, 2 * x)],
    Op.CLIP: [lambda x: np.clip(x, -0.5, 0.5), lambda x: x.clip(0, 1)],
    Op.ZEROS_LIKE: [lambda x: x + np.zeros_like(x)],
    Op.ONES_LIKE: [lambda x: x + np.ones_like(x)],
    Op.FULL_LIKE: [lambda x: x + np.full_like(x, 0.5)],
    Op.EMPTY_LIKE: [lambda x: after_adding(x, slice(None), 0 * np.empty_like(x[:, :1]))],
    Op.COPY: [lambda x: x.copy() + 1],
    Op.ASTYPE: [lambda x: (3 * x).astype(int) + x],
    Op.RESHAPE: [
        lambda x: cube(x) * 2,
        lambda x: cube(x).swapaxes(1, 2).reshape(len(x), -1),
        lambda x: (x * 2).T.reshape(2, -1)[:, :2] + x.sum(),
        lambda x: (windows(x).reshape(-1, 2) @ x[:1, :2].T).reshape(-1, 3),
    ],
    Op.RAVEL: [lambda x: x[:, ::-1].ravel().reshape(x.shape), lambda x: x.T.ravel()],
    Op.TRANSPOSE: [lambda x: cube(x).transpose(0, 2, 1) + 1, lambda x: (x.T + 1).T],
    Op.SWAPAXES: [lambda x: cube(x).swapaxes(1, 2) + 1],
    Op.MOVEAXIS: [lambda x: np.moveaxis(cube(x), 1, 2) + 1, lambda x: np.moveaxis(cube(x), 2, 1)],
    Op.SQUEEZE: [lambda x: x[:, :1].squeeze(axis=1) + 1],
    Op.EXPAND_DIMS: [lambda x: np.expand_dims(x, 1) + cube(x)[:, 0, :1, None]],
    Op.BROADCAST_TO: [lambda x: x * np.broadcast_to(x[:, :1], x.shape)],
    Op.FLIP: [lambda x: np.flip(x, axis=1) + 1],
    Op.REPEAT: [
        lambda x: np.repeat(x, 3, axis=1),
        lambda x: np.repeat(cube(x), 2, axis=1),
        lambda x: x.repeat(2, axis=0)[::2],
        lambda x: np.repeat(x.T, repeats=2, axis=-1).T[::2] + np.repeat(x[0], 1),
    ],
    Op.TILE: [
        lambda x: np.tile(x, 2),
        lambda x: np.tile(x, (1, 3)),
        lambda x: np.tile(cube(x), (2, 1))[:, 1:],
        lambda x: np.tile(x[:, ::-1], (2, 1, 2))[1],
    ],
    Op.PAD: [
        lambda x: np.pad(x, ((0, 0), (1, 2))),
        lambda x: np.pad(cube(x), ((0, 0), (1, 1), (0, 2)), constant_values=-1.5),
        lambda x: np.pad(x.T * 2, ((1, 0), (0, 0)), "constant").T,
    ],
    Op.CONCATENATE: [
        lambda x: np.concatenate([x, x[:, :2] * 2], axis=1),
        lambda x: np.concatenate([x, x])[len(x) :],
    ],
    Op.STACK: [
        lambda x: np.stack([x, x * 2], axis=1),
        lambda x: np.stack([x[:, 0], x[:, 1] + 1, x.sum(axis=1)], axis=-1),
        lambda x: np.stack([x.T, np.exp(x).T])[1].T,
    ],
    Op.TAKE: [
        lambda x: np.take(x, [0, 2, -1], axis=1),
        lambda x: np.take(cube(x), np.array([[1, 0], [1, 1]]), axis=-1),
        lambda x: x + x.sum(axis=0).take([3, 2, 1, 0]),
    ],
    Op.DOT: [
        lambda x: x.dot(x.T @ x),
        lambda x: np.dot(cube(x), cube(x)[0]),
        lambda x: x[:, 0].dot(x[:, 1]) + x,
    ],
    Op.OUTER: [lambda x: np.outer(x[:, 0], x[0]), lambda x: np.outer(x[:, :1], cube(x)[0])],
    Op.TENSORDOT: [
        lambda x: np.tensordot(x, x.T @ x, axes=1),
        lambda x: np.tensordot(cube(x), cube(x)[0], axes=([1], [0])),
        lambda x: np.tensordot(cube(x), cube(x)[0], axes=(-1, 1)),
        lambda x: x + np.tensordot(cube(x)[0], cube(x)[0] + 1),
    ],
    Op.EINSUM: [
        lambda x: np.einsum("ij,kj->ik", x, x.T @ x),
        lambda x: np.einsum("nij,njk", cube(x), cube(x)),
        lambda x: np.einsum("...ij,...j->...i", cube(x), x[:, :2]),
        lambda x: np.einsum("ni,nj,nk->nk", x, x, x),
        lambda x: np.einsum("nik,k->ni", windows(x), x[0, :2]),
        lambda x: np.einsum("nk,nk,kj->nj", x, x, x.T @ x),
    ],
    Op.SLIDING_WINDOW_VIEW: [lambda x: windows(x).sum(axis=2)],
    Op.GETITEM: [
        lambda x: x[:, 1:3],
        lambda x: x[..., 0] + 1,
        lambda x: x[np.arange(len(x)), x.argmax(axis=1)],
        lambda x: x[:, [0, 2, 2]],
        lambda x: x[..., np.array([[0, -1], [1, 2]])],
        lambda x: cube(x)[:, [0, 1], [1, 0]],
        lambda x: cube(x)[:, [1, 0], None, ::-1],
        lambda x: cube(x)[:, 0, None, ::-1],
        lambda x: np.tile(x, 6).reshape(-1, 2, 3, 4)[:, [1, 0, 1], :, [3, 2, 1]].sum(axis=0),
    ],
    Op.SETITEM: [
        lambda x: after_writing(x, (slice(None), 1), x[:, 3]),
        lambda x: after_writing(x, (np.arange(len(x)), x.argmax(axis=1)), 2.0),
    ],
    Op.ADD_AT: [lambda x: x.T @ added_at(x)],
}


def added_at(x: Any) -> Any:
    d = np.zeros_like(x)
    np.add.at(d, (np.arange(len(x)), x.argmax(axis=1)), x[:, 0])
    return d


CASES = {f"{op}-{i}": page for op, examples in EXAMPLES.items() for i, page in enumerate(examples)}
NOT_CALLED = {Op.LEAF, Op.RANDOM, Op.FILL, Op.VIEW, Op.WRITE}


def test_every_operation_that_a_page_may_use_has_an_example() -> None:
    assert set(EXAMPLES) == set(Op) - NOT_CALLED


@pytest.mark.parametrize("name", CASES)
def test_each_operation_compiles_and_is_what_numpy_computes(name: str) -> None:
    page = Page(CASES[name])
    net = hg.Net(page, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((7, 4))
    expected = copy.deepcopy(page).forward(x)
    recorded = hg.trace(net, x=x, training=False)
    assert name.partition("-")[0] in [node.operation for node in recorded.nodes]
    if np.shape(expected)[:1] != (7,):
        lower(recorded)
        return
    for batch_size in (3, 7):
        run = Runner(prediction_of(net, x, batch_size))
        found = np.empty((7, *run.output_shape))
        whole = [
            copy.deepcopy(page).forward(x[i : i + batch_size]) for i in range(0, 7, batch_size)
        ]
        weights = {"parameters": net.parameters, "state": net.running_state}
        run(n_rows=7, x=x, **weights, predictions=found)
        np.testing.assert_allclose(found, np.concatenate(whole), rtol=1e-12, atol=1e-12)


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "x // 2": (lambda x: x // 2, r"np\.floor\(x / y\)"),
    "2 // x": (lambda x: 2 // x, r"np\.floor\(x / y\)"),
    "x % 2": (lambda x: x % 2, r"x - y \* np\.floor"),
    "np.remainder": (lambda x: np.remainder(x, 2), r"x - y \* np\.floor"),
    "np.arctan": (np.arctan, "bounded"),
    "cumsum": (lambda x: x.cumsum(axis=1), "triangular"),
    "np.cumsum": (lambda x: np.cumsum(x, axis=1), "triangular"),
    "take_along_axis": (
        lambda x: np.take_along_axis(x, x.argmax(axis=1)[:, None], axis=1),
        r"p\[np\.arange\(len\(p\)\), y\]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_loops_is_refused_where_it_is_recorded(name: str) -> None:
    forward, advice = REFUSED[name]
    with pytest.raises(hg.errors.RecordingError, match=f"(?s)`.*expected: .*{advice}"):
        hg.trace(Page(forward), x=np.ones((4, 4)), training=False)


def test_products_side_by_side_over_the_rows_and_heads_are_products_of_matrices() -> None:
    def attention(x: Any) -> Any:
        q = x.reshape(-1, 3, 10, 10)
        return q @ q.mT

    net = hg.Net(Page(attention))
    x = np.random.default_rng(0).standard_normal((5, 300)).astype(np.float32)
    text = prediction_of(net, x, 4).source()
    assert "matrix_product(10, 10, 10, " in text
    assert text.count("for ") == 4  # over the batches, what is checked, the rows, and the heads
