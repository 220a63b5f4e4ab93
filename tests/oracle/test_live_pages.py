"""Every layer and loss of the contract table against PyTorch: values and all gradients."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

import handgrad as hg
from handgrad.textbook.net.minibatches import example_input, example_targets
from tests.contracts.table import LAYERS, LOSSES, PENALTIES
from tests.oracle import reference
from tests.oracle.cases import layer_by_hand, loss_by_hand
from tests.oracle.compare import assert_all_close, assert_close
from tests.oracle.reference import tensor

pytestmark = pytest.mark.oracle

each_layer = pytest.mark.parametrize("name", LAYERS)
each_loss = pytest.mark.parametrize("name", LOSSES)
each_size = pytest.mark.parametrize("n", [1, 2, 5, 17])
each_seed = pytest.mark.parametrize("seed", range(3))


def check_layer(net: hg.Net, x: Any, seed: int) -> None:
    dy = np.random.default_rng(seed).standard_normal(net.forward(x).shape)
    assert_all_close(layer_by_hand(net, x, dy), reference.of_layer(net, x, dy), repr(net))


def check_loss(name: str, p: Any, y: Any, *w: Any) -> None:
    found = loss_by_hand(LOSSES[name](), p, y, *w)
    assert_all_close(found, reference.of_loss(name, p, y, *w), name)


def test_every_layer_and_loss_has_its_counterpart() -> None:
    assert set(reference.LAYERS) | {
        "Net",
        "Residual",
        "Parallel",
        "Bidirectional",
        "TiedEmbedding",
    } == set(LAYERS)
    assert set(reference.LOSSES) == set(LOSSES)


@each_layer
@each_size
@each_seed
def test_a_layer_equals_pytorchs(name: str, n: int, seed: int) -> None:
    net = hg.Net(LAYERS[name](), dtype=np.float64)
    net.seed(seed)
    n = max(n, net.min_batch_size)
    net.parameters[...] = np.random.default_rng(seed).standard_normal(net.parameters.size)
    x = example_input(net, n, seed)
    check_layer(net, x if net.integer_input else 2 * x.astype(np.float64), seed)


KINKED = [hg.ReLU(), hg.layers.LeakyReLU(0.1), hg.layers.ELU(0.3), hg.layers.SELU()]
SATURATING = [
    hg.Tanh(),
    hg.Sigmoid(),
    hg.Softmax(),
    hg.layers.SiLU(),
    hg.GELU(),
    hg.layers.GELUTanh(),
]
SATURATING += [hg.layers.ELU(), hg.layers.SELU(), hg.layers.Softplus(), hg.layers.Mish()]


@pytest.mark.parametrize("layer", KINKED, ids=repr)
def test_exactly_on_a_kink_the_slope_is_the_one_pytorch_takes(layer: hg.Layer) -> None:
    net = hg.Net(layer, dtype=np.float64)
    check_layer(net, np.array([[0.0, -0.0, 1.0], [-1.0, 0.0, 5e-324]]), seed=0)


@pytest.mark.parametrize("layer", SATURATING, ids=repr)
def test_where_a_layer_saturates_it_equals_pytorchs(layer: hg.Layer) -> None:
    net = hg.Net(layer, dtype=np.float64)
    check_layer(net, np.array([[1e3, -1e3, 0.0, 30.0], [-30.0, 500.0, -500.0, 1.0]]), seed=0)


def test_the_running_statistics_of_batch_norm_are_pytorchs_and_so_are_predictions() -> None:
    rng, norm = np.random.default_rng(0), hg.BatchNorm(4, momentum=0.3, eps=1e-3, dtype=np.float64)
    norm.gamma, norm.beta = rng.standard_normal((2, 4))
    theirs = torch.nn.BatchNorm1d(4, momentum=0.3, eps=1e-3, dtype=torch.float64)
    theirs.load_state_dict(
        theirs.state_dict() | {"weight": torch.tensor(norm.gamma), "bias": torch.tensor(norm.beta)}
    )
    for n in (2, 5, 17):
        x = 2 * rng.standard_normal((n, 4)) + 3
        assert_close(norm.forward(x), theirs(torch.tensor(x)).detach().numpy(), "y")
        assert_close(norm.running_mean, theirs.running_mean.numpy(), "running_mean")
        assert_close(norm.running_var, theirs.running_var.numpy(), "running_var")
    norm.training = False
    theirs.eval()
    x, dy = rng.standard_normal((2, 1, 4))
    given = torch.tensor(x, requires_grad=True)
    y = theirs(given)
    y.backward(torch.tensor(dy))
    assert_close(norm.forward(x), y.detach().numpy(), "y in prediction")
    assert_close(norm.backward(dy), given.grad.numpy(), "dx in prediction")
    assert_close(norm.dgamma, theirs.weight.grad.numpy(), "dgamma in prediction")
    assert_close(norm.dbeta, theirs.bias.grad.numpy(), "dbeta in prediction")


FIRST_WEIGHTS = {
    "he_normal": torch.nn.init.kaiming_normal_,
    "he_uniform": torch.nn.init.kaiming_uniform_,
    "xavier_normal": torch.nn.init.xavier_normal_,
    "xavier_uniform": torch.nn.init.xavier_uniform_,
    "orthogonal": torch.nn.init.orthogonal_,
}


@pytest.mark.parametrize("name", FIRST_WEIGHTS)
@pytest.mark.parametrize("shape", [(300, 500), (500, 300)])
def test_first_weights_are_distributed_as_pytorchs(name: str, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    theirs = FIRST_WEIGHTS[name](torch.empty(shape, dtype=torch.float64)).numpy()
    ours = getattr(hg.layers.initializers, name)(shape, np.random.default_rng(0))
    spread = 1 / (2 * ours.size) ** 0.5  # of a standard deviation that is measured
    assert abs(ours.std() / theirs.std() - 1) < 10 * spread
    for share in (0.01, 0.1, 0.25, 0.75, 0.9, 0.99):
        a, b = np.quantile(ours, share), np.quantile(theirs, share)
        assert abs(a / b - 1) < 0.03


def test_dropout_scales_as_pytorchs_does_and_as_often() -> None:
    n, p = 200_000, 0.3
    dropout, theirs = hg.Dropout(p), torch.nn.functional.dropout(torch.ones(n), p).numpy()
    dropout.seed(0)
    ours = dropout.forward(np.ones((n, 1), np.float32))[:, 0]
    np.testing.assert_allclose(np.unique(ours), np.unique(theirs), rtol=1e-6)
    spread = (p * (1 - p) / n) ** 0.5
    for y in (ours, theirs):
        assert abs((y == 0).mean() - p) < 5 * spread


@each_loss
@each_size
@each_seed
def test_a_loss_equals_pytorchs(name: str, n: int, seed: int) -> None:
    loss = LOSSES[name]()
    p = np.random.default_rng(seed).uniform(0.01, 0.99, (n, 4))
    check_loss(name, p, example_targets(loss, p, seed))


@each_loss
@each_size
@each_seed
def test_a_weighted_loss_equals_pytorchs(name: str, n: int, seed: int) -> None:
    loss, rng = LOSSES[name](), np.random.default_rng(seed)
    p, w = rng.uniform(0.01, 0.99, (n, 4)), rng.integers(1, 4, n) * rng.uniform(0.1, 2)
    check_loss(name, p, example_targets(loss, p, seed), w)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "SoftmaxCrossEntropyLoss"])
def test_class_weights_give_what_pytorchs_own_weight_argument_gives(name: str) -> None:
    rng = np.random.default_rng(0)
    p, y, of_class = rng.dirichlet(np.ones(3), 9), rng.integers(0, 3, 9), np.array([1.0, 5.0, 0.5])
    found = loss_by_hand(LOSSES[name](), p, y, of_class[y])
    q = tensor(p).requires_grad_()
    log_p = torch.log(q) if name == "CrossEntropyLoss" else functional.log_softmax(q, dim=1)
    value = functional.nll_loss(log_p, tensor(y), weight=tensor(of_class))
    value.backward()
    assert_all_close(found, {"loss": value.detach().numpy(), "dp": q.grad.numpy()}, name)


@pytest.mark.parametrize("name", ["MSELoss", "MAELoss", "HuberLoss", "QuantileLoss"])
def test_where_a_prediction_is_exactly_right_a_loss_equals_pytorchs(name: str) -> None:
    check_loss(name, np.array([[0.5, 1.0], [-2.0, 0.0]]), np.array([[0.5, 2.0], [-2.0, 1.0]]))


def test_logits_of_any_size_give_what_pytorch_gives() -> None:
    z = np.array([[1e3, -1e3, 0.0], [-745.0, 0.0, 745.0], [1e-9, 0.0, -1e-9]])
    for y in ([0, 2, 1], [1, 0, 2]):
        check_loss("SoftmaxCrossEntropyLoss", z, np.array(y))


@pytest.mark.parametrize("name", ["SigmoidBinaryCrossEntropyLoss", "PoissonNLLLoss"])
def test_outputs_of_any_size_give_what_pytorch_gives(name: str) -> None:
    z = np.array([[30.0, -1e3], [-30.0, 0.0], [1e-9, -1e-9]])
    check_loss(name, z, np.array([[1, 0], [1, 1], [0, 1]]))


def test_far_out_the_focal_loss_is_finite() -> None:
    loss = LOSSES["FocalLoss"]()
    y = np.array([[1, 0]])
    assert loss.forward(np.array([[-1e3, -1e3]]), y) == pytest.approx(0.3 * 1e3 / 2)
    np.testing.assert_allclose(loss.backward(), [[-0.15, 0.0]], atol=1e-300)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penaltys_gradient_is_autograds(name: str) -> None:
    penalty, W = PENALTIES[name](), np.random.default_rng(0).normal(size=(3, 4))
    w, ratio = tensor(W).requires_grad_(), {"L1Penalty": 1.0, "L2Penalty": 0.0}.get(name, 0.2)
    value = 0.3 * (ratio * functional.l1_loss(w, 0 * w, reduction="sum"))
    value = value + 0.3 * (1 - ratio) / 2 * functional.mse_loss(w, 0 * w, reduction="sum")
    value.backward()
    assert_close(penalty.value(W, 5), value.item(), name)
    assert_close(penalty.gradient(W, 5), w.grad.numpy(), name)
