"""Source of PyTorch: what is written where PyTorch is not installed; tests/oracle runs it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.exchange.exporting import model_spec_of
from handgrad.exchange.exporting.python import torch_file
from handgrad.exchange.exporting.python.torch_file import torch_source
from tests.exchange.exporting.models import NAMES, model
from tests.graph.one_liners import Page

AS_SEQUENTIAL = {"net", "embedding", "regressor", "float32", "scores of three", "convolutions"}


@pytest.mark.parametrize("name", NAMES)
def test_without_pytorch_it_is_written_and_told_that_it_was_not_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_file, "find_spec", lambda name: None)
    proof = hg.export(model(name), tmp_path / "model_torch.py")
    assert str(proof.checks[0]) == "PyTorch: not run, it is not installed here"
    text = (tmp_path / "model_torch.py").read_text("utf-8")
    assert ("nn.Sequential(" in text) == (name in AS_SEQUENTIAL)
    assert ("class Module(nn.Module)" in text) != (name in AS_SEQUENTIAL)


def test_layers_are_those_of_pytorch() -> None:
    net = hg.Net(
        hg.Linear(3, 4),
        hg.Net(hg.BatchNorm(4, momentum=0.2), hg.layers.LeakyReLU(0.1)),
        hg.Dropout(0.25),
        hg.layers.GELUTanh(),
        hg.layers.RMSNorm(4),
        dtype=np.float64,
    )
    text = torch_source(model_spec_of(net))
    for line in (
        "nn.Linear(3, 4),",
        "nn.BatchNorm1d(4, eps=1e-05, momentum=0.2),",
        "nn.LeakyReLU(0.1),",
        "nn.Dropout(0.25),",
        'nn.GELU("tanh"),',
        "nn.RMSNorm(4, eps=1e-05),",
        ").to(torch.float64)",
        '"1.0.running_var": array("<f8", (4,), ',
        '"1.0.num_batches_tracked": array("<i8", (), ',
    ):
        assert line in text


def test_layers_for_pictures_are_those_of_pytorch() -> None:
    net = hg.Net(
        *(
            hg.layers.Reshape(1, 6, 6),
            hg.layers.RandomShift(1),
            hg.Conv2d(1, 2, (3, 1), padding=1),
            hg.layers.BatchNorm2d(2),
        ),
        *(hg.MaxPool2d(2), hg.layers.AvgPool2d((1, 2))),
        hg.Conv2d(2, 4, 1, dilation=(1, 2), groups=2),
        hg.layers.ConvTranspose2d(4, 2, 2, stride=2),
        *(hg.Flatten(), hg.Linear(48, 3)),
    )
    text = torch_source(model_spec_of(net))
    for line in (
        "nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, 6, 6))),",
        "nn.Identity(),",
        "nn.Conv2d(1, 2, (3, 1), stride=(1, 1), padding=(1, 1)),",
        "nn.BatchNorm2d(2, eps=1e-05, momentum=0.1),",
        "nn.MaxPool2d((2, 2), stride=(2, 2), padding=(0, 0)),",
        "nn.AvgPool2d((1, 2), stride=(1, 2), padding=(0, 0)),",
        "nn.Conv2d(2, 4, (1, 1), stride=(1, 1), padding=(0, 0), dilation=(1, 2), groups=2),",
        "nn.ConvTranspose2d(4, 2, (2, 2), stride=(2, 2), padding=(0, 0)),",
        "nn.Flatten(),",
        '"3.num_batches_tracked": array("<i8", (), ',
    ):
        assert line in text


def test_batch_norm_of_places_is_written_out() -> None:
    net = hg.Net(hg.BatchNorm(3))
    assert "BatchNorm1d" in torch_source(model_spec_of(net, np.zeros((4, 3))))
    assert "class Module" in torch_source(model_spec_of(net, np.zeros((4, 2, 3))))


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (lambda x: np.tile(x, (1, 2)), "`tile`, at "),
        (lambda x: x[:, ::-1] * 2, "`getitem` that goes backwards, at "),
    ],
)
def test_what_pytorch_has_not_is_refused_by_its_layer(page: Any, words: str) -> None:
    net = hg.Net(hg.Tanh(), Page(page))
    with pytest.raises(hg.errors.SettingError) as error:
        torch_source(model_spec_of(net, np.zeros((4, 3))))
    assert words in str(error.value)
    assert str(error.value).startswith("layer 2 of 2, Page(")
    assert "one_liners.py:" in str(error.value) or "test_torch_file.py:" in str(error.value)


@pytest.mark.parametrize(
    ("page", "line"),
    [
        (lambda x: x + np.zeros_like(x, shape=x.shape), "x.new_zeros((n, 3))"),
        (lambda x: x + np.empty_like(x, shape=(len(x), 1)) * 0, "x.new_zeros((n, 1))"),
        (lambda x: x + np.ones_like(x, shape=3), "x.new_ones((3,))"),
        (lambda x: x + np.full_like(x, 2.0, shape=(1, 3)), "x.new_full((1, 3), 2.0)"),
        (
            lambda x: x + np.full_like(x, fill_value=2.0, shape=[3], dtype=x.dtype),
            "x.new_full([3], fill_value=2.0, dtype=torch.float32)",
        ),
    ],
)
def test_an_array_of_one_number_may_have_a_shape_of_its_own(page: Any, line: str) -> None:
    net = hg.Net(Page(page), hg.Tanh())
    assert line in torch_source(model_spec_of(net, np.ones((4, 3), np.float32)))
