"""Products of windows read the array itself; the numbers stay those of the layer."""

import copy
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.loops.build import training_program
from handgrad.engines.loops.ir import Multiply, walk
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.target import TargetInfo
from handgrad.engines.loops.tracing import training_step
from handgrad.engines.portable.engine import PortableEngine
from handgrad.graph import Graph
from handgrad.graph.operations import Op
from handgrad.graph.passes import optimized
from handgrad.graph.passes.batch_last_layout import with_batch_last
from handgrad.graph.passes.matrices import repeats_elements
from handgrad.graph.passes.windows import with_windows
from handgrad.textbook.layers import ConvTranspose1d, ConvTranspose2d
from tests.engines.against_eager import compare
from tests.graph.test_passes import LOWERED, assert_same, traced, values

windows = np.lib.stride_tricks.sliding_window_view
ROWS = 20


def double(make: Any, *arguments: Any, **settings: Any) -> hg.Layer:
    layer: hg.Layer = make(*arguments, **settings, rng=0, dtype=np.float64)
    return layer


# A convolution, the shape of a row, and whether its dx is a product of windows too.
CASES: dict[str, tuple[hg.Layer, tuple[int, ...], bool]] = {
    "dense": (double(hg.Conv2d, 4, 8, 3), (4, 9, 28), True),
    "padded": (double(hg.Conv2d, 4, 8, 3, padding=1), (4, 9, 28), True),
    "padding beyond the kernel": (double(hg.Conv2d, 4, 8, 2, padding=3), (4, 9, 28), True),
    "dilated": (double(hg.Conv2d, 4, 8, (3, 2), padding=(1, 0), dilation=(2, 1)), (4, 9, 28), True),
    "grouped": (double(hg.Conv2d, 8, 16, 3, groups=2), (8, 9, 28), True),
    "depthwise": (double(hg.Conv2d, 4, 4, 3, groups=4, padding=1), (4, 9, 28), True),
    "two outputs of each": (double(hg.Conv2d, 4, 8, 3, groups=4, padding=1), (4, 9, 28), True),
    "one output": (double(hg.Conv2d, 6, 1, 3), (6, 9, 28), True),
    "one input": (double(hg.Conv2d, 1, 6, 5, padding=2), (1, 9, 28), False),
    "one of each": (double(hg.Conv2d, 1, 1, 7, padding=3), (1, 9, 28), False),
    "strides": (double(hg.Conv2d, 4, 8, 3, stride=2, padding=1), (4, 9, 28), False),
    "sequence": (double(hg.layers.Conv1d, 6, 8, 5, padding=2), (6, 40), True),
    "transposed": (double(ConvTranspose2d, 8, 4, 3, padding=1), (8, 6, 28), True),
    "transposed sequence": (double(ConvTranspose1d, 8, 4, 3), (8, 40), True),
    "transposed, strides": (double(ConvTranspose2d, 8, 4, 2, stride=2), (8, 6, 28), False),
}


class OwnConvolution(hg.Layer):
    """A convolution by windows and einsum, as one writes it without columns."""

    param_names = ("W",)

    def __init__(self) -> None:
        super().__init__()
        self.W = np.random.default_rng(0).standard_normal((8, 4, 3, 3))

    def forward(self, x: Any) -> Any:
        self.u = windows(x, (3, 3), axis=(2, 3))
        return np.einsum("ncijpq,ocpq->noij", self.u, self.W)

    def backward(self, dz: Any) -> Any:
        self.dW = np.einsum("noij,ncijpq->ocpq", dz, self.u)
        wide = np.pad(dz, [(0, 0), (0, 0), (2, 2), (2, 2)])
        flipped = self.W[..., ::-1, ::-1]
        return np.einsum("noijpq,ocpq->ncij", windows(wide, (3, 3), axis=(2, 3)), flipped)


def net_of(layer: hg.Layer, shape: tuple[int, ...]) -> tuple[hg.Net, Any, Any]:
    """A net with the layer behind one of parameters, so that dx is needed; rows and targets."""
    make = hg.Conv2d if len(shape) == 3 else hg.layers.Conv1d
    first, layer = double(make, shape[0], shape[0], 1), copy.deepcopy(layer)
    net = hg.Net(first, layer, hg.Tanh(), hg.Flatten(), dtype=np.float64)
    x = np.random.default_rng(1).standard_normal((ROWS, *shape))
    return net, x, np.ones_like(net.predict(x))


def step_of(layer: hg.Layer, shape: tuple[int, ...]) -> Graph:
    net, x, y = net_of(layer, shape)
    return training_step(net, hg.MSELoss(), x, y)


def program_of(layer: hg.Layer, shape: tuple[int, ...], *, rounds_once: bool = True) -> Program:
    target = TargetInfo(rounds_once=rounds_once, max_parts=1)
    step = step_of(layer, shape)
    return training_program(step, [], ROWS, np.dtype(np.float64), "rows", target)


def copied_windows(graph: Graph) -> list[int]:
    """The copies of views with more elements than their array."""
    return [
        i
        for i, node in enumerate(graph.nodes)
        if node.operation is Op.CONCATENATE
        and any(repeats_elements(graph.nodes, graph.nodes[part.node]) for part in node.arguments[0])
    ]


@pytest.mark.parametrize("name", LOWERED)
@pytest.mark.parametrize("training", [True, False])
def test_every_page_keeps_its_numbers(name: str, training: bool) -> None:
    net, graph, inputs = traced(name, training)
    expected, read = optimized(graph), with_windows(optimized(graph))
    for changed in (read, with_batch_last(read)):
        for n in (5, 2):
            found = values(net, changed, inputs, n)
            assert_same(found, values(net, expected, inputs, n))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [CompiledEngine, PortableEngine])
def test_engines_agree_on_every_convolution(name: str, kind: Any) -> None:
    layer, shape, _ = CASES[name]
    net, x, y = net_of(layer, shape)
    compare(net, hg.MSELoss(), hg.SGD(0.01), x, y, ROWS, epochs=1, kind=kind)


def test_the_program_as_plain_python_gathers_the_same_rows() -> None:
    net, x, y = net_of(double(hg.Conv2d, 2, 4, 2), (2, 3, 14))
    compare(net, hg.MSELoss(), hg.SGD(0.01), x, y, ROWS, epochs=1, python=True)


@pytest.mark.parametrize("name", CASES)
def test_no_windows_are_copied_before_products(name: str) -> None:
    layer, shape, _ = CASES[name]
    step = step_of(layer, shape)
    assert bool(copied_windows(step)) == (name != "transposed, strides")  # they do not overlap
    assert not copied_windows(with_windows(step))


@pytest.mark.parametrize("name", CASES)
def test_a_sum_over_windows_one_position_apart_is_a_product_of_windows(name: str) -> None:
    layer, shape, is_product = CASES[name]
    writes = [
        sum(node.operation is Op.WRITE for node in graph.nodes)
        for graph in (step_of(layer, shape), with_windows(step_of(layer, shape)))
    ]
    assert (writes[1] < writes[0]) == is_product


def test_a_layer_of_ones_own_has_the_products_of_the_librarys() -> None:
    own, library = (
        [line for line in walk(program_of(layer, (4, 9, 28)).body) if isinstance(line, Multiply)]
        for layer in (OwnConvolution(), double(hg.Conv2d, 4, 8, 3))
    )
    assert [product.sizes for product in own] == [product.sizes for product in library]
    for products in (own, library):  # z, dW and dx
        assert sum(bool(product.a.rows or product.b.rows) for product in products) == 3


def test_a_depthwise_convolution_is_no_product_of_matrices() -> None:
    layer, shape, _ = CASES["depthwise"]
    products = [x for x in walk(program_of(layer, shape).body) if isinstance(x, Multiply)]
    assert len(products) == 2  # z and dW of the pointwise convolution before it


def test_without_fused_multiply_add_no_rows_are_gathered() -> None:
    program = program_of(double(hg.Conv2d, 4, 8, 3), (4, 9, 28), rounds_once=False)
    products = [line for line in walk(program.body) if isinstance(line, Multiply)]
    assert products
    assert not [product for product in products if product.a.rows or product.b.rows]
