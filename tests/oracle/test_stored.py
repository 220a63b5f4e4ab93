"""handgrad against stored results of PyTorch: what `make oracle` does live, without PyTorch."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.contracts.table import LAYERS, LOSSES
from tests.oracle import optimizers
from tests.oracle.cases import (
    STEPS,
    epoch_losses,
    layer_by_hand,
    loss_by_hand,
    step_by_hand,
    trained,
    trained_by_hand,
)
from tests.oracle.compare import assert_all_close, assert_close
from tests.oracle.optimizers import OPTIMIZERS, SCHEDULES, SEEN
from tests.oracle.stored import NETS, PATH, state_in, stored, within

each_net = pytest.mark.parametrize("name", NETS)


def prepared(name: str) -> tuple[hg.Net, tuple[Any, Any]]:
    """The net with the stored weights, and the stored rows."""
    net, given = NETS[name].net(), within(f"nets/{name}")
    net.load_state(state_in(f"nets/{name}"))
    return net, (given["x"], given["y"])


def test_every_layer_and_loss_is_stored_and_nothing_else() -> None:
    kinds = {"/".join(name.split("/")[:2]) for name in stored() if name != "torch"}
    expected = [f"layers/{name}" for name in LAYERS] + [f"losses/{name}" for name in LOSSES]
    steppers = [f"optimizers/{name}" for name in OPTIMIZERS]
    steppers += [f"schedules/{name}" for name in SCHEDULES]
    assert kinds == {*expected, *(f"nets/{name}" for name in NETS), *steppers}
    assert stored()["torch"], "the version of PyTorch that gave the results"
    assert PATH.stat().st_size < 300_000


@pytest.mark.parametrize("name", LAYERS)
def test_a_layers_output_and_gradients_are_pytorchs(name: str) -> None:
    layer, given = hg.Net(LAYERS[name](), dtype=np.float64), within(f"layers/{name}")
    layer.load_state(state_in(f"layers/{name}"))
    layer.seed(0)
    found = layer_by_hand(layer, given["x"], given["dy"])
    assert_all_close(found, within(f"layers/{name}/expected"), name)


@pytest.mark.parametrize("name", LOSSES)
def test_a_losss_value_and_gradient_are_pytorchs(name: str) -> None:
    given = within(f"losses/{name}")
    found = loss_by_hand(LOSSES[name](), given["p"], given["y"])
    assert_all_close(found, within(f"losses/{name}/expected"), name)


@pytest.mark.parametrize("name", LOSSES)
def test_a_weighted_losss_value_and_gradient_are_pytorchs(name: str) -> None:
    given = within(f"losses/{name}")
    found = loss_by_hand(LOSSES[name](), given["p"], given["y"], given["w"])
    assert_all_close(found, within(f"losses/{name}/weighted"), name)


@each_net
def test_a_training_steps_gradients_are_pytorchs(name: str) -> None:
    net, (x, y) = prepared(name)
    found = step_by_hand(net, NETS[name].loss(), x, y)
    assert_all_close(found, within(f"nets/{name}/expected"), name)


@each_net
def test_every_weight_after_every_step_is_pytorchs(name: str) -> None:
    weights, losses = trained_by_hand(NETS[name], *prepared(name))
    expected = within(f"nets/{name}")
    assert len(weights) == STEPS
    assert_close(weights, expected["weights"], name)
    assert_close(np.array(losses), expected["losses"], name)


@each_net
def test_train_takes_pytorchs_steps_and_reports_its_losses(name: str) -> None:
    weights, losses = trained(NETS[name], *prepared(name))
    expected = within(f"nets/{name}")
    assert_close(weights, expected["weights"], name)
    means = epoch_losses(NETS[name], expected["losses"])
    assert_close(np.array(losses), np.array(means), name)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_an_optimizer_takes_pytorchs_steps(name: str, engine: Any) -> None:
    weights, _ = optimizers.trained(OPTIMIZERS[name](), engine=engine)
    expected = within(f"optimizers/{name}")["weights"]
    assert_close(weights[SEEN], expected, name, relative=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_schedule_gives_pytorchs_learning_rates(name: str, engine: Any) -> None:
    _, rates = optimizers.trained(hg.SGD(0.5), SCHEDULES[name], engine=engine)
    expected = within(f"schedules/{name}")["rates"]
    np.testing.assert_allclose(rates, expected, rtol=1e-12, atol=1e-13)
