"""Attention by blocks of rows: the results of the eager engine, in memory that grows with rows."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.loops.build import training_program
from handgrad.engines.loops.ir import For, walk
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.row_blocks import block_rows
from handgrad.engines.loops.target import TargetInfo
from handgrad.engines.loops.tracing import training_step, updates_of
from handgrad.graph import Graph
from handgrad.graph.graph import interpret
from handgrad.graph.passes.recompute import with_recomputed_rows
from handgrad.graph.threads import cores_at_most
from handgrad.training.validate_data import checked_data
from tests.engines.against_eager import compare
from tests.engines.one_epoch import engine_of, run_epoch
from tests.engines.own_arrays import strays
from tests.engines.test_several_inputs import Padded

MANY, FEATURES = 150, 8  # positions: two whole blocks of rows and a part of one
TARGET = TargetInfo(rounds_once=True, max_parts=2)


class OwnAttention(hg.Layer):
    """One head, in an author's own words: z = softmax(x Q xᵀ/√m) x."""

    param_names: tuple[str, ...] = ("Q",)
    ndim = 3

    def __init__(self, m: int = FEATURES, dtype: Any = np.float64) -> None:
        super().__init__()
        self.n_in = self.n_out = m
        self.Q = (np.random.default_rng(0).standard_normal((m, m)) / 3).astype(dtype)

    def weights(self, s: Any) -> Any:
        e = np.exp(s - s.max(axis=2, keepdims=True))
        return e / e.sum(axis=2, keepdims=True)

    def forward(self, x: Any) -> Any:
        self.x, self.q = x, x @ self.Q
        self.p = self.weights(self.q @ x.swapaxes(1, 2) * 0.35)
        return self.p @ x

    def backward(self, dz: Any) -> Any:
        dp = dz @ self.x.swapaxes(1, 2)
        ds = self.p * (dp - (self.p * dp).sum(axis=2, keepdims=True)) * 0.35
        dq = ds @ self.x
        self.dQ = np.einsum("nti,ntj->ij", self.x, dq)
        dx = self.p.swapaxes(1, 2) @ dz + ds.swapaxes(1, 2) @ self.q
        return dx + dq @ self.Q.T


class InverseSums(OwnAttention):
    """The weights by the inverse of the sums, which are read again after it."""

    def weights(self, s: Any) -> Any:
        e = np.exp(s)
        total = e.sum(axis=2, keepdims=True)
        inverse = 1 / total
        return e * inverse * (total * inverse)


class Banded(OwnAttention):
    """Queries see five positions ahead."""

    def weights(self, s: Any) -> Any:
        seen = np.tri(s.shape[1], k=5, dtype=bool)
        return super().weights(np.where(seen, s, -np.inf))


class Finite(OwnAttention):
    """Masked scores are finite: a row of lower scores would give them weight."""

    def weights(self, s: Any) -> Any:
        return super().weights(np.where(np.tri(s.shape[1], dtype=bool), s, -3.0))


class BiasOfPairs(OwnAttention):
    """A learned number is added to each score; its gradient sums over the batch."""

    param_names = ("Q", "B")

    def __init__(self, t: int = MANY, **settings: Any) -> None:
        super().__init__(**settings)
        self.B = np.random.default_rng(1).standard_normal((t, t)).astype(self.Q.dtype)

    def weights(self, s: Any) -> Any:
        return super().weights(s + self.B)

    def backward(self, dz: Any) -> Any:
        dp = dz @ self.x.swapaxes(1, 2)
        ds = self.p * (dp - (self.p * dp).sum(axis=2, keepdims=True))
        self.dB = ds.sum(axis=0)
        return super().backward(dz)


class Einsums(OwnAttention):
    """Heads that stay in the third axis, all products spelt as einsums."""

    def forward(self, x: Any) -> Any:
        n, t, m = x.shape
        self.x, self.h = x, (x @ self.Q).reshape(n, t, 2, m // 2)
        s = np.einsum("nqhd,nkhd->nhqk", self.h, self.h)
        e = np.exp(s - s.max(axis=3, keepdims=True))
        self.p = e / e.sum(axis=3, keepdims=True)
        return np.einsum("nhqk,nkhd->nqhd", self.p, self.h).reshape(n, t, m)

    def backward(self, dz: Any) -> Any:
        n, t, m = dz.shape
        g = dz.reshape(n, t, 2, m // 2)
        dp = np.einsum("nqhd,nkhd->nhqk", g, self.h)
        ds = self.p * (dp - (self.p * dp).sum(axis=3, keepdims=True))
        dh = np.einsum("nhqk,nqhd->nkhd", self.p, g) + np.einsum("nhqk,nkhd->nqhd", ds, self.h)
        dh = (dh + np.einsum("nhqk,nqhd->nkhd", ds, self.h)).reshape(n, t, m)
        self.dQ = np.einsum("nti,ntj->ij", self.x, dh)
        return dh @ self.Q.T


def attention(**settings: Any) -> hg.MultiheadAttention:
    return hg.MultiheadAttention(FEATURES, 2, rng=0, dtype=np.float64, **settings)


NETS: dict[str, Any] = {
    "heads": attention,
    "causal": lambda: attention(causal=True),
    "rotary": lambda: attention(causal=True, rotary=True),
    "own": OwnAttention,
    "inverse sums": InverseSums,
    "banded": Banded,
    "finite": Finite,
    "bias of pairs": BiasOfPairs,
    "einsums": Einsums,
}


def rows(n: int, t: int = MANY, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(n).standard_normal((n, t, FEATURES)).astype(dtype)


def net_of(*layers: hg.Layer) -> hg.Net:
    return hg.Net(*layers, dtype=np.float64)


@pytest.mark.parametrize("name", NETS)
def test_the_results_are_the_eager_engines(name: str) -> None:
    compare(net_of(NETS[name]()), hg.MSELoss(), hg.SGD(0.1), rows(5), rows(5), 2)


@pytest.mark.parametrize("name", ["causal", "own", "einsums"])
def test_several_layers_compute_their_own_weights_again(name: str) -> None:
    net = net_of(NETS[name](), hg.Tanh(), NETS[name]())
    compare(net, hg.MSELoss(), hg.SGD(0.1), rows(5), rows(5), 2)


@pytest.mark.parametrize("causal", [False, True])
def test_padded_positions_have_no_weight(causal: bool) -> None:
    net = net_of(Padded(), attention(causal=causal))
    x, mask = rows(3), np.arange(MANY) < np.array([[MANY], [70], [1]])
    compare(net, hg.MSELoss(), hg.SGD(0.1), (x, mask), rows(3), 2)
    found = net.predict((x, mask), engine="compiled")
    moved = net.predict((x + ~mask[..., None], mask), engine="compiled")
    np.testing.assert_array_equal(moved[1, :70], found[1, :70])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("heads", "features", "t"), [(1, 64, 300), (4, 64, 600), (3, 48, 200)])
def test_the_bits_are_the_same_on_one_core_and_on_several(
    heads: int, features: int, t: int, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).standard_normal((3, t, features)).astype(dtype)
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr("handgrad.graph.threads._cores", lambda cores=cores: cores)
        layers = [
            hg.MultiheadAttention(features, heads, causal=True, rng=k, dtype=dtype) for k in (0, 1)
        ]
        net = hg.Net(*layers, dtype=dtype)
        with cores_at_most(cores):
            engine = engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, x, 2)
            run_epoch(engine, np.arange(3))
            run_epoch(engine, np.arange(3))
        found.append(net.parameters.copy())
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def step_of(net: hg.Net, t: int) -> Graph:
    return training_step(net, hg.MSELoss(), rows(2, t), rows(2, t))


def trained(net: hg.Net, t: int) -> Program:
    updates = updates_of(net, hg.SGD(0.1))
    return training_program(step_of(net, t), updates, 2, net.dtype, "rows", TARGET)


@pytest.mark.parametrize("name", ["heads", "rotary", "own", "inverse sums", "banded"])
def test_memory_grows_with_positions_not_with_their_square(name: str) -> None:
    sizes = [trained(net_of(NETS[name]()), t).arena.sizes["float"] for t in (512, 2048)]
    assert sizes[1] <= 6 * sizes[0]  # for four times the positions; by their square, sixteen
    assert sizes[1] < 2048**2 / 2  # of the weights of one head, for a batch of two


@pytest.mark.parametrize("name", ["rotary", "bias of pairs", "einsums"])
def test_every_index_stays_inside_its_array(name: str) -> None:
    net, x = net_of(NETS[name]()), rows(3)
    assert strays(net, hg.MSELoss(), x, x) == []


@pytest.mark.parametrize("name", NETS)
def test_the_graph_computes_the_same(name: str) -> None:
    net = net_of(NETS[name](), hg.Tanh(), NETS[name]())
    graph = step_of(net, MANY)
    again = with_recomputed_rows(graph)
    assert len(again.nodes) > len(graph.nodes)
    inputs = {"x": rows(2), "y": rows(2)}
    for one, other in zip(
        interpret(graph, inputs, 2, net.state()).all(),
        interpret(again, inputs, 2, net.state()).all(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "fewer"),
    [("heads", False), ("causal", True), ("banded", True), ("finite", False), ("own", False)],
)
def test_masked_columns_are_left_out_where_they_change_nothing(name: str, fewer: bool) -> None:
    text = trained(net_of(NETS[name]()), MANY).source()
    ahead = {"banded": 5}.get(name, 0)
    assert (f" * 64 + {64 + ahead})" in text) == fewer


def test_small_scores_are_kept_whole() -> None:
    program = trained(net_of(attention()), 16)
    assert not any(
        isinstance(part, For) and part.counter.startswith("r") for part in walk(program.body)
    )


def test_the_rows_of_a_block_follow_from_the_sizes_alone() -> None:
    assert [block_rows((2, 4, t, t)) for t in (40, 64, 1000, 4000, 8000, 100_000)] == [
        *(40, 64, 64, 64, 32, 16)
    ]


def test_a_long_sequence_is_traced_in_the_memory_of_its_rows() -> None:
    t = 3000
    x = rows(1, t)
    tracemalloc.start()
    hg.trace(net_of(attention()), hg.MSELoss(), x=x, y=x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * t * t


seen: list[int] = []


class Noting(hg.Layer):
    """y = x; notes how many rows it gets."""

    def forward(self, x: Any) -> Any:
        seen.append(len(x))
        return x

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize(("t", "tried"), [(100, 4), (10_000, 1)])
def test_few_rows_of_a_long_sequence_are_tried_before_training(t: int, tried: int) -> None:
    seen.clear()
    checked_data(net_of(Noting()), hg.MSELoss(), (rows(5, t), rows(5, t)), "rows", learn=True)
    assert max(seen) == tried
