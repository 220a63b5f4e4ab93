"""Layers for pictures against PyTorch: many settings, ties, running statistics, LeNet-5 trained."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import handgrad as hg
from tests.oracle import reference
from tests.oracle.cases import layer_by_hand
from tests.oracle.compare import assert_all_close, assert_close
from tests.oracle.reference import Reference, tensor

pytestmark = pytest.mark.oracle

SETTINGS = [
    {"kernel_size": kernel, "stride": stride, "padding": padding}
    for kernel, stride, padding in product([1, 2, 3, (2, 3)], [1, 2, (3, 1)], [0, 1])
]
CASES = [
    (kind, settings)
    for kind, settings in product([hg.Conv2d, hg.MaxPool2d, hg.layers.AvgPool2d], SETTINGS)
    if kind is hg.Conv2d or settings["kernel_size"] != 1 or settings["padding"] == 0
]
CASES += [
    (kind, settings | more)
    for kind, settings in product([hg.Conv2d], SETTINGS)
    for more in ({"dilation": 2}, {"dilation": (1, 2), "groups": 2})
    if settings["kernel_size"] in (2, (2, 3))
]
CASES += [(hg.layers.ConvTranspose2d, settings) for settings in SETTINGS]
STEPS, WORST = 20, 1e-10


@pytest.mark.parametrize(("kind", "settings"), CASES, ids=str)
def test_windows_of_any_settings_are_pytorchs(kind: Any, settings: dict[str, Any]) -> None:
    given = (2, 4) if kind in (hg.Conv2d, hg.layers.ConvTranspose2d) else ()
    net = hg.Net(kind(*given, **settings), dtype=np.float64)
    rng = np.random.default_rng(0)
    net.parameters[...] = rng.standard_normal(net.parameters.size)
    x = rng.standard_normal((4, 2, 7, 6))
    dy = rng.standard_normal(net.forward(x).shape)
    assert_all_close(layer_by_hand(net, x, dy), reference.of_layer(net, x, dy), repr(net))


def test_of_equal_numbers_the_first_has_the_slope_as_in_pytorch() -> None:
    net, rng = (
        hg.Net(hg.MaxPool2d(3, stride=2, padding=1), dtype=np.float64),
        np.random.default_rng(0),
    )
    x = rng.integers(0, 2, (5, 2, 9, 9)).astype(np.float64)
    dy = rng.standard_normal(net.forward(x).shape)
    assert_all_close(layer_by_hand(net, x, dy), reference.of_layer(net, x, dy), repr(net))


def test_batch_norm_of_pictures_has_pytorchs_running_statistics_and_predictions() -> None:
    rng, norm = np.random.default_rng(0), hg.layers.BatchNorm2d(3, momentum=0.3, dtype=np.float64)
    theirs = torch.nn.BatchNorm2d(3, momentum=0.3, dtype=torch.float64)
    for _ in range(3):
        x = 2 * rng.standard_normal((4, 3, 5, 2)) + 3
        assert_close(norm.forward(x), theirs(tensor(x)).detach().numpy(), "y")
        assert_close(norm.running_mean, theirs.running_mean.numpy(), "running_mean")
        assert_close(norm.running_var, theirs.running_var.numpy(), "running_var")
    norm.training = False
    theirs.eval()
    assert_close(norm.forward(x), theirs(tensor(x)).detach().numpy(), "y in prediction")


def lenet() -> hg.Net:
    """LeCun, Bottou, Bengio, Haffner, 1998, with ReLU and the largest of windows."""
    rng = np.random.default_rng(0)
    settings: dict[str, Any] = {"rng": rng, "dtype": np.float64}
    return hg.Net(
        *(hg.layers.Reshape(1, 28, 28), hg.Conv2d(1, 6, 5, padding=2, **settings), hg.ReLU()),
        *(hg.MaxPool2d(2), hg.Conv2d(6, 16, 5, **settings), hg.ReLU(), hg.MaxPool2d(2)),
        *(hg.Flatten(), hg.Linear(400, 120, **settings), hg.ReLU()),
        *(hg.Linear(120, 84, **settings), hg.ReLU(), hg.Linear(84, 10, **settings)),
    )


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("rule", ["SGD", "Adam"])
def test_lenet_takes_pytorchs_steps(rule: str, engine: Any) -> None:
    rng, net = np.random.default_rng(1), lenet()
    x, y = rng.standard_normal((STEPS * 8, 784)), rng.integers(0, 10, STEPS * 8)
    theirs = Reference(net)
    parameters = list(theirs.parameters.values())
    optimizer: Any = (
        torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
        if rule == "SGD"
        else torch.optim.Adam(parameters, lr=0.001)
    )
    losses = []
    for rows, classes in zip(tensor(x).split(8), tensor(y).split(8), strict=True):
        optimizer.zero_grad()
        loss = theirs.loss("SoftmaxCrossEntropyLoss", theirs.forward(rows), classes)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    ours: Any = hg.SGD(0.05, momentum=0.9) if rule == "SGD" else hg.Adam(0.001)
    before = net.parameters.copy()
    history = hg.fit(
        net,
        (x, y),
        loss=hg.SoftmaxCrossEntropyLoss(),
        optimizer=ours,
        epochs=1,
        batch_size=8,
        shuffle=False,
        engine=engine,
    )
    assert np.abs(net.parameters - before).max() > 1e-2
    assert np.abs(net.parameters - theirs.weights()).max() <= WORST
    assert abs(history[-1].train_loss - np.mean(losses)) <= WORST


def test_exported_source_of_pytorch_says_what_the_net_says(tmp_path: Path) -> None:
    net = hg.Net(
        *(
            hg.layers.Reshape(1, 6, 6),
            hg.layers.RandomShift(1),
            hg.Conv2d(1, 2, (3, 1), padding=1, rng=0),
        ),
        *(hg.layers.BatchNorm2d(2), hg.ReLU(), hg.MaxPool2d(2), hg.layers.AvgPool2d((1, 2))),
        *(hg.Flatten(), hg.Linear(12, 3, rng=1)),
    )
    (check,) = hg.export(net, tmp_path / "model_torch.py").checks
    assert check.ran == f"PyTorch {torch.__version__}"
    assert check.relative < 1e-6
