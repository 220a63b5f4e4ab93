"""Exported source of PyTorch, run by PyTorch: it says what the model says, and can be trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import handgrad as hg
from handgrad.exchange.exporting import compared, model_spec_of
from handgrad.exchange.exporting.proof import MOST
from handgrad.exchange.exporting.python.torch_file import torch_source
from tests.exchange.exporting.models import NAMES, OF_TABLES, model, table
from tests.exchange.exporting.nets import random_net
from tests.graph.one_liners import ONE_LINERS, Page

pytestmark = pytest.mark.oracle

NETS = 200
# Slices that go backwards.
REFUSED = {
    "columns in reverse",
    "an array and itself in reverse",
    "rows in reverse",
    "a view of a view",
    # what is added at places that an index names together with slices
    "columns added to, one of them twice",
    "columns added to by a column",
    "places by two indices in front of a slice",
    "a slice between two indices",
}


def functions(net: hg.Net, x: object = None) -> dict[str, Any]:
    """What the file of a net defines."""
    space: dict[str, Any] = {"__name__": "exported"}
    exec(compile(torch_source(model_spec_of(net, x)), "exported.py", "exec"), space)
    return space


@pytest.mark.parametrize("name", NAMES)
def test_the_proof_says_how_close_it_is(name: str, tmp_path: Path) -> None:
    proof = hg.export(model(name), tmp_path / "model_torch.py")
    (check,) = proof.checks
    assert check.ran == f"PyTorch {torch.__version__}"
    assert check.rows == 64
    assert check.relative < 1e-6 or check.same_bits


@pytest.mark.parametrize("name", [n for n in OF_TABLES if "of classes" in n or "encoded" in n])
def test_classes_of_a_table(name: str, tmp_path: Path) -> None:
    path = hg.export(model(name), tmp_path / "model_torch.py").path
    space: dict[str, Any] = {"__name__": "exported"}
    exec(compile(path.read_text("utf-8"), "exported.py", "exec"), space)
    assert space["predict"](table()).tolist() == model(name).predict(table()).tolist()


def test_random_nets() -> None:
    kinds = set()
    for seed in range(NETS):
        net, x = random_net(seed)
        space = functions(net, x)
        kinds.add("Module" in space)
        for rows in (x, x[:1]):
            with np.errstate(all="ignore"):
                expected = model_spec_of(net, rows).by_layers(rows)
            check = compared("PyTorch", space["predict"](rows), expected, "the pages")
            assert check.relative <= MOST[net.dtype.name], (seed, net, str(check))
    assert kinds == {True, False}


def test_operations() -> None:
    refused = set()
    x = np.random.default_rng(3).standard_normal((7, 4))
    for name, page in ONE_LINERS.items():
        net = hg.Net(Page(page), dtype=np.float64)
        try:
            space = functions(net, x)
        except hg.errors.SettingError:
            refused.add(name)
            continue
        with np.errstate(all="ignore"):
            expected = model_spec_of(net, x).by_layers(x)
        check = compared("PyTorch", space["predict"](x), expected, "the pages")
        assert check.relative <= MOST["float64"], (name, str(check))
    assert refused == REFUSED


def test_a_module_can_be_trained_on() -> None:
    net = hg.Net(
        hg.Linear(3, 4, rng=0), hg.Tanh(), hg.layers.FeatureScale(4), hg.Linear(4, 1, rng=1)
    )
    module = functions(net)["module"]
    x = torch.ones((5, 3))
    module.train()
    module(x).sum().backward()
    net.backward(np.ones_like(net.forward(np.ones((5, 3)))))
    found = [parameter.grad.numpy() for parameter in module.parameters()]
    expected = [net.layers[0].dW, net.layers[0].db, net.layers[2].ds]
    for mine, theirs in zip(found, expected, strict=False):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)


@pytest.mark.parametrize(
    "page",
    [
        lambda x: x + np.zeros_like(x, shape=(len(x), 1)),
        lambda x: x + np.ones_like(x, shape=4),
        lambda x: x + np.full_like(x, fill_value=2.0, shape=[4], dtype=x.dtype),
    ],
)
def test_arrays_of_one_number_and_a_shape_of_their_own(page: Any, tmp_path: Path) -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), Page(page))
    (check,) = hg.export(net, tmp_path / "filled_torch.py").checks
    assert check.rows == 64
    assert check.relative < 1e-6


def test_arguments_that_pytorch_has_not_are_refused(tmp_path: Path) -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), Page(lambda x: x + np.zeros_like(x, order="C")))
    with pytest.raises(
        hg.errors.SettingError, match=r"(?s)PyTorch that fails there: TypeError.*expected"
    ):
        hg.export(net, tmp_path / "ordered_torch.py")
