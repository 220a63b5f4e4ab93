"""Every index of a loop program stays inside the array that it is meant for, whatever n is."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph.operations import REDUCTIONS
from handgrad.graph.passes import batch_last_layout
from tests.contracts.table import LAYERS, LOSSES, MORE_AXES, OPTIMIZERS
from tests.engines.against_eager import LAST, around, targets
from tests.engines.own_arrays import strays
from tests.graph.pooled_nets import POOLED, pooled_net, rows_of
from tests.graph.test_batch_last_layout import OTHERS, WINDOWS, net_of


@pytest.mark.parametrize("name", LAYERS)
def test_in_nets_of_every_layer(name: str) -> None:
    net, x = around(LAYERS[name](), np.float32)
    p = net.predict(x, engine="eager")
    assert strays(net, hg.MSELoss(), x, np.zeros_like(p)) == []


@pytest.mark.parametrize("name", MORE_AXES)
def test_in_layers_of_rows_of_more_axes(name: str) -> None:
    layer = LAYERS[name]()
    net = hg.Net(layer, hg.Tanh())
    x: Any = np.random.default_rng(0).standard_normal((7, *MORE_AXES[name])).astype(np.float32)
    x = np.abs(x).astype(int) if layer.integer_input else x
    assert strays(net, hg.MSELoss(), x, net.predict(x, engine="eager")) == []


@pytest.mark.parametrize("name", LOSSES)
def test_in_every_loss(name: str) -> None:
    loss = LOSSES[name]()
    net = hg.Net(hg.Linear(4, 3, rng=0), LAST.get(name, hg.Tanh)())
    x = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)
    assert strays(net, loss, x, targets(loss, 7, 3, np.float32)) == []


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "LBFGS"])
def test_in_every_update(name: str) -> None:
    net = hg.Net(hg.Linear(4, 30, rng=0), hg.Tanh(), hg.Linear(30, 3, rng=1))
    x = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)
    y = np.zeros((7, 3), np.float32)
    assert strays(net, hg.MSELoss(), x, y, OPTIMIZERS[name]()) == []


@pytest.mark.parametrize("name", [*WINDOWS, *OTHERS])
def test_in_windows_recurrence_and_attention(name: str) -> None:
    net, x, y = net_of(*(WINDOWS | OTHERS)[name])
    assert strays(net, hg.SoftmaxCrossEntropyLoss(), x, y) == []


@pytest.mark.parametrize("name", POOLED)
def test_in_windows_that_are_pooled(name: str) -> None:
    x, y = rows_of(name, 7)
    assert strays(pooled_net(name), hg.MSELoss(), x, y) == []


@pytest.mark.parametrize("layer", [hg.Softmax, lambda: hg.LayerNorm(6)])
def test_a_reduction_that_lies_otherwise_than_it_is_read_is_found(
    layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = hg.Net(
        hg.layers.Conv1d(2, 6, 3, rng=0),
        hg.layers.Transpose(2, 1),
        hg.layers.MeanOverTime(),
        layer(),
    )
    x = np.random.default_rng(0).standard_normal((7, 2, 9)).astype(np.float32)
    y = np.zeros((7, 6), np.float32)
    assert strays(net, hg.MSELoss(), x, y) == []
    permutable = batch_last_layout.permutable

    def without_the_second(graph: hg.Graph) -> set[int]:
        """All but the reductions of reductions, which are turned round nevertheless."""
        second = {
            i
            for i, node in enumerate(graph.nodes)
            if node.operation in REDUCTIONS and len(graph.nodes[node.used()[0]].shape) == 2
        }
        return permutable(graph) - second

    monkeypatch.setattr(batch_last_layout, "permutable", without_the_second)
    monkeypatch.setattr(
        batch_last_layout.BatchLastLayout,
        "keeps_order",
        lambda self, node: self.has_batch_last(node.arguments[0].node),
    )
    assert strays(net, hg.MSELoss(), x, y) != []
