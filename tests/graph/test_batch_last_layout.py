"""Graphs with the batch last compute what the pages do, and nothing else is touched."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.loops.tracing import prediction_graph, training_step
from handgrad.graph import Outputs, interpret
from handgrad.graph.operations import Op
from handgrad.graph.passes import optimized
from handgrad.graph.passes.batch_last_layout import (
    BATCH,
    BatchLastArray,
    NotPermutableError,
    with_batch_last,
)
from handgrad.graph.symbolic import Dim, at
from tests.graph.pooled_nets import POOLED, STAYING, pooled_net, rows_of
from tests.graph.test_passes import LOWERED, assert_same, traced, values
from tests.graph.test_recording import streams

Layers = Callable[[], tuple[hg.Layer, ...]]
# Of a net of windows: the shape of a row, and the layers in front of the last Linear.
WINDOWS: dict[str, tuple[tuple[int, ...], Layers]] = {
    "LeNet": (
        (2, 10, 9),
        lambda: (hg.Conv2d(2, 3, 3, padding=1), hg.ReLU(), hg.MaxPool2d(2), hg.Conv2d(3, 4, 2)),
    ),
    "strides": (
        (2, 9, 8),
        lambda: (
            hg.Conv2d(2, 3, (3, 2), stride=2, padding=(1, 0)),
            hg.Tanh(),
            hg.layers.AvgPool2d(2),
        ),
    ),
    "overlapping pools": (
        (1, 9, 9),
        lambda: (hg.Conv2d(1, 3, 3), hg.MaxPool2d(3, stride=2, padding=1)),
    ),
    "pointwise": ((3, 4, 5), lambda: (hg.Conv2d(3, 4, 1), hg.ReLU(), hg.Conv2d(4, 2, 1))),
    "normalized": (
        (2, 6, 5),
        lambda: (hg.Conv2d(2, 3, 3), hg.layers.BatchNorm2d(3), hg.ReLU(), hg.Conv2d(3, 3, 2)),
    ),
    "dropped": ((1, 6, 6), lambda: (hg.Conv2d(1, 3, 3), hg.Dropout(0.3), hg.MaxPool2d(2))),
    "residual": (
        (3, 4, 4),
        lambda: (hg.Residual(hg.Conv2d(3, 3, 3, padding=1), hg.GELU()), hg.Conv2d(3, 2, 2)),
    ),
    "sequence": (
        (2, 11),
        lambda: (hg.layers.Conv1d(2, 4, 3, padding=1), hg.ReLU(), hg.layers.Conv1d(4, 2, 3)),
    ),
    "mean of a sequence": (
        (2, 11),
        lambda: (hg.layers.Conv1d(2, 4, 3), hg.layers.Transpose(2, 1), hg.layers.MeanOverTime()),
    ),
    "reshaped rows": ((12,), lambda: (hg.layers.Reshape(1, 3, 4), hg.Conv2d(1, 2, 2), hg.GELU())),
}
OTHERS: dict[str, tuple[tuple[int, ...], Layers]] = {
    "matrices": ((5,), lambda: (hg.Linear(5, 4), hg.BatchNorm(4), hg.ReLU())),
    "recurrence": ((7, 3), lambda: (hg.GRU(3, 4),)),
    "attention": ((5, 4), lambda: (hg.MultiheadAttention(4, 2), hg.LayerNorm(4))),
    "windows of another recurrence": (
        (2, 9),
        lambda: (hg.layers.Conv1d(2, 4, 3), hg.layers.Transpose(2, 1), hg.GRU(4, 3)),
    ),
}


def net_of(shape: tuple[int, ...], layers: Layers) -> tuple[hg.Net, Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, *shape))
    front = hg.Net(*layers(), dtype=np.float64)
    front.seed(0)
    y = front.predict(x)
    flat = () if y.ndim == 2 else (hg.Flatten(),)
    net = hg.Net(front, *flat, hg.Linear(y[0].size, 3, rng=1), dtype=np.float64)
    net.seed(0)
    return net, x, rng.integers(0, 3, 7)


def assert_shapes_are_those_computed(graph: hg.Graph, rows: Any, n: int, net: hg.Net) -> None:
    every = Outputs(gradients={str(i): i for i in range(len(graph.nodes))})
    found = interpret(replace(graph, outputs=every), rows, n, net.state(), streams(net, seed=3))
    for i, node in enumerate(graph.nodes):
        shape = tuple(at(size, n) for size in node.shape)
        assert np.shape(found.gradients[str(i)]) == shape, node


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_of_pictures_get_the_rows_last_and_keep_their_numbers(name: str) -> None:
    net, x, y = net_of(*WINDOWS[name])
    training = training_step(net, hg.SoftmaxCrossEntropyLoss(), x, y)
    for graph, given in ((training, {"x": x, "y": y}), (prediction_graph(net, x), {"x": x})):
        moved = with_batch_last(graph)
        pictures = [node for node in moved.nodes if len(node.shape) > 2 and BATCH in node.shape]
        given_or_seen = (Op.LEAF, Op.VIEW, Op.RANDOM)
        computed = [node for node in pictures if node.operation not in given_or_seen]
        assert computed
        assert all(node.shape[-1] == BATCH for node in computed)
        for n in (7, 1 if net.min_batch_size == 1 else 2, 3):
            rows = {name: part[:n] for name, part in given.items()}
            found, expected = (
                interpret(each, rows, n, net.state(), streams(net, seed=3)).named()
                for each in (moved, graph)
            )
            assert_same(found, expected)
            assert_shapes_are_those_computed(moved, rows, n, net)


@pytest.mark.parametrize("loss", [hg.MSELoss, hg.SoftmaxCrossEntropyLoss])
@pytest.mark.parametrize("name", POOLED)
def test_reductions_of_reductions_keep_their_numbers(name: str, loss: type[hg.Loss]) -> None:
    net, criterion = pooled_net(name), loss()
    x, y = rows_of(name, 33)
    if isinstance(criterion.target_kind, hg.losses.kinds.ClassLabels):
        y = y.argmax(axis=1)
    training = training_step(net, criterion, x, y)
    for graph, given in ((training, {"x": x, "y": y}), (prediction_graph(net, x), {"x": x})):
        moved = with_batch_last(graph)
        assert (moved is graph) == (name in STAYING)
        for n in (1, 2, 6, 7, 33):
            if n < net.min_batch_size:
                continue
            rows = {name: part[:n] for name, part in given.items()}
            found, expected = (
                interpret(each, rows, n, net.state()).named() for each in (moved, graph)
            )
            assert_same(found, expected)
            assert_shapes_are_those_computed(moved, rows, n, net)


@pytest.mark.parametrize("name", OTHERS)
def test_other_nets_stay_as_they_are(name: str) -> None:
    net, x, y = net_of(*OTHERS[name])
    graph = training_step(net, hg.SoftmaxCrossEntropyLoss(), x, y)
    assert with_batch_last(graph) is graph


@pytest.mark.parametrize("name", LOWERED)
@pytest.mark.parametrize("training", [True, False])
def test_every_page_keeps_its_numbers(name: str, training: bool) -> None:
    net, graph, inputs = traced(name, training)
    graph = optimized(graph)
    moved = with_batch_last(graph)
    for n in (2, 5):
        assert_same(values(net, moved, inputs, n), values(net, graph, inputs, n))


def test_steps_are_those_through_the_array_with_the_rows_last() -> None:
    n, shape = 3, (2, Dim(1), 4, 5)
    rows = BatchLastArray.of(shape)
    array = np.arange(2 * n * 20).reshape(2, n, 4, 5)
    last = np.ascontiguousarray(np.moveaxis(array, 1, -1)).reshape(-1)
    # windows of two lines, every second column, as (outer, rows, i, j, line)
    steps = (Dim(20), 20, 5, 2, 5)
    strided = rows.view(1, steps, (2, Dim(1), 3, 2, 2))
    strides = [step.at(n) if isinstance(step, Dim) else step for step in strided.steps]
    offset = strided.offset.at(n) if isinstance(strided.offset, Dim) else strided.offset
    for index in np.ndindex(2, n, 3, 2, 2):
        o, i, line, column, of_window = index
        place = offset + sum(k * step for k, step in zip(index, strides, strict=True))
        assert last[place] == array[o, i, line + of_window, 1 + 2 * column]


@pytest.mark.parametrize(
    ("offset", "steps", "shape"),
    [
        (0, (20, 6), (Dim(1), 5)),  # beyond the end of a row
        (20, (20, 1), (Dim(1), 5)),  # rows from the second on
        (0, (40, 1), (Dim(1), 5)),  # every second row
        (0, (1, 20), (5, 2)),  # the first two rows
        (0, (Dim(7), 1), (2, 5)),  # parts of rows
    ],
)
def test_what_has_no_counterpart_stays(offset: Any, steps: Any, shape: Any) -> None:
    with pytest.raises(NotPermutableError):
        BatchLastArray.of((Dim(1), 4, 5)).view(offset, steps, shape)
