"""Any einsum of two arrays becomes products of matrices or sums of products, and no other loops."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.loops.build import prediction_program
from handgrad.engines.loops.ir import Multiply, walk
from handgrad.engines.loops.target import TargetInfo
from handgrad.engines.loops.tracing import prediction_graph
from handgrad.graph import Graph
from handgrad.graph.operations import Op
from handgrad.graph.passes.batch_last_layout import BATCH, with_batch_last
from tests.engines.one_epoch import KINDS, engine_of, run_epoch

windows = np.lib.stride_tricks.sliding_window_view
ROWS = 20
# Spec, shape of a row, shape of the weights, products in the program, of m, n and k.
PRODUCTS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, int, int]]] = {
    "pointwise": ("ncij,oc->noij", (5, 6, 7), (4, 5), (4, 42, 5)),
    "causal": ("nct,oc->not", (6, 20), (7, 6), (7, 20, 6)),
    "batched": ("ngi,goi->ngo", (3, 10), (3, 8, 10), (ROWS, 8, 10)),
    "batch axis last": ("ngi,goi->nog", (3, 10), (3, 8, 10), (ROWS, 8, 10)),
    "several summed axes": ("ncij,ocij->no", (3, 4, 5), (8, 3, 4, 5), (ROWS, 8, 60)),
    "summed axes apart": ("nicj,ocij->no", (4, 3, 5), (8, 3, 4, 5), (ROWS, 8, 60)),
    "heads": ("ntd,hdk->nhtk", (9, 10), (3, 10, 8), (ROWS, 8, 10)),
    "rows of rows": ("ntd,dk->ntk", (9, 10), (10, 8), (9 * ROWS, 8, 10)),
    "transposed convolution": ("ncij,cokl->noikjl", (5, 4, 6), (5, 3, 2, 2), (24, 12, 5)),
}


class Contraction(hg.Layer):
    """y = an einsum of x and W, or of the windows of x and W."""

    param_names = ("W",)

    def __init__(self, spec: str, shape: tuple[int, ...], of_windows: int = 0) -> None:
        super().__init__()
        self.spec, self.size = spec, of_windows
        self.W = np.random.default_rng(3).standard_normal(shape)

    def forward(self, x: Any) -> Any:
        self.x, self.u = x, x
        if self.size:
            self.u = windows(x, (self.size, self.size), axis=(2, 3))
        return np.einsum(self.spec, self.u, self.W)

    def backward(self, dy: Any) -> Any:
        left, right, out = self.spec.replace("->", ",").split(",")
        self.dW = np.einsum(f"{left},{out}->{right}", self.u, dy)
        du = np.einsum(f"{out},{right}->{left}", dy, self.W)
        if not self.size:
            return du
        dx = np.zeros_like(self.x)
        h, w = dy.shape[2:]
        for k, j in np.ndindex(self.size, self.size):
            dx[:, :, k : k + h, j : j + w] += du[..., k, j]
        return dx


def prediction(layer: hg.Layer, shape: tuple[int, ...]) -> tuple[Graph, list[Multiply]]:
    """The optimized graph of predictions, and the products of its program."""
    net = hg.Net(layer, dtype=np.float64)
    graph = prediction_graph(net, np.ones((4, *shape)))
    target = TargetInfo(rounds_once=True, max_parts=1)
    program = prediction_program(graph, ROWS, net.dtype, target, only_finite=False)
    return graph, [line for line in walk(program.body) if isinstance(line, Multiply)]


@pytest.mark.parametrize("name", PRODUCTS)
def test_an_einsum_with_rows_columns_and_sums_is_a_product_of_matrices(name: str) -> None:
    spec, shape, weights, sizes = PRODUCTS[name]
    _, products = prediction(Contraction(spec, weights), shape)
    assert [product.sizes for product in products] == [sizes]


def test_without_rows_or_columns_it_is_a_sum_of_products() -> None:
    graph, products = prediction(Contraction("ncijkl,ckl->ncij", (3, 3, 3), 3), (3, 8, 9))
    operations = [
        node.operation for node in graph.nodes if node.operation not in (Op.LEAF, Op.VIEW)
    ]
    assert operations == [Op.MULTIPLY, Op.SUM]
    assert not products


def test_three_operands_are_multiplied_in_the_cheapest_order() -> None:
    class LowRank(hg.Layer):
        param_names = ("A", "B")

        def __init__(self) -> None:
            super().__init__()
            self.A, self.B = np.ones((2, 30)), np.ones((40, 2))

        def forward(self, x: Any) -> Any:
            return np.einsum("or,ri,ni->no", self.B, self.A, x)

    _, products = prediction(LowRank(), (30,))
    assert [product.sizes for product in products] == [(ROWS, 2, 30), (ROWS, 40, 2)]


def layers(name: str) -> tuple[hg.Layer, tuple[int, ...]]:
    if name == "depthwise":
        return Contraction("ncijkl,ckl->ncij", (3, 3, 3), 3), (3, 8, 9)
    if name == "convolution":
        return Contraction("ncijkl,ockl->noij", (4, 3, 3, 3), 3), (3, 8, 9)
    if name == "row by row":
        return Contraction("nti,ti->nt", (6, 20)), (6, 20)
    spec, shape, weights, _ = PRODUCTS[name]
    return Contraction(spec, weights), shape


@pytest.mark.parametrize("rows", [ROWS, 5])
@pytest.mark.parametrize("name", [*PRODUCTS, "depthwise", "convolution", "row by row"])
def test_engines_agree_forward_and_in_both_gradients(name: str, rows: int) -> None:
    layer, shape = layers(name)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2 * rows + 3, *shape))
    y = rng.standard_normal(layer.forward(x).shape)
    found = []
    for kind in KINDS:
        scale = hg.layers.FeatureScale(shape, dtype=np.float64)  # so that dx is needed
        net = hg.Net(scale, layers(name)[0], dtype=np.float64)
        engine = engine_of(kind, net, hg.MSELoss(), hg.SGD(0.1), x, y, rows)
        run_epoch(engine, np.arange(len(x)))
        found.append(net.parameters.copy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-11, atol=1e-11)


def test_windows_that_are_multiplied_get_the_rows_last() -> None:
    graph, _ = prediction(*layers("depthwise"))
    (total,) = (node for node in with_batch_last(graph).nodes if node.operation is Op.SUM)
    assert total.shape == (3, 6, 7, BATCH)


class Gram(hg.Layer):
    """y[n, c, d] = Σ x[n, c, i, j] x[n, d, i, j]: a product for each row."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.einsum("ncij,ndij->ncd", x, x)

    def backward(self, dy: Any) -> Any:
        return np.einsum("ncd,ndij->ncij", dy + dy.swapaxes(1, 2), self.x)


def test_a_product_for_each_row_of_windows_is_what_numpy_computes() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 3, 8, 9)), rng.standard_normal((50, 3, 3))
    nets = []
    for kind in KINDS:
        net = hg.Net(layers("depthwise")[0], Gram(), dtype=np.float64)
        run_epoch(engine_of(kind, net, hg.MSELoss(), hg.SGD(0.001), x, y, ROWS), np.arange(50))
        nets.append(net)
    for name in ("parameters", "gradients"):
        expected, found = (getattr(net, name) for net in nets)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
