"""Windows that are pooled, and whose rows are then reduced: every engine has the pages' numbers."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.portable.engine import PortableEngine
from handgrad.textbook.net.predictor import EngineName
from tests.engines.against_eager import compare
from tests.graph.pooled_nets import POOLED, pooled_net, rows_of

LOADED: tuple[EngineName, ...] = ("compiled", "portable")


FEW = ("mean, LayerNorm", "max, Softmax", "twenty channels", "planes, groups")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, np.float64) for name in POOLED), *((name, np.float32) for name in FEW)],
)
def test_predictions_are_those_of_the_pages_for_any_number_of_rows(name: str, dtype: Any) -> None:
    net = pooled_net(name, dtype)
    x, _ = rows_of(name, 33, dtype)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for n in (1, 15, 16, 17, 33):
        expected = net.predict(x[:n], engine="eager")
        for engine in LOADED:
            found = net.predict(x[:n], engine=engine)
            np.testing.assert_allclose(
                found, expected, tolerance, tolerance, err_msg=f"{engine} {n}"
            )


# Of all of them the graphs of steps are compared in tests/graph.
@pytest.mark.slow
@pytest.mark.parametrize("name", [*FEW, *[*POOLED][::3]])
def test_training_is_that_of_the_pages(name: str) -> None:
    net = pooled_net(name, np.float32 if name in FEW else np.float64)
    x, y = rows_of(name, 35, net.dtype)
    batch_size = (15, 16, 33)[[*POOLED].index(name) % 3]
    for kind in (CompiledEngine, PortableEngine):
        compare(net, hg.MSELoss(), hg.SGD(0.01), x, y, batch_size, kind=kind)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*POOLED][1::3])
def test_a_loss_that_reduces_pooled_rows_is_that_of_the_pages(name: str) -> None:
    net = pooled_net(name)
    x, y = rows_of(name, 19)
    labels: Any = y.argmax(axis=1)
    compare(net, hg.SoftmaxCrossEntropyLoss(), hg.Adam(0.01), x, labels, 17, epochs=1, python=True)
