"""Convolutions, recurrences and attention from PyTorch predict what they do there."""

import copy
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import handgrad as hg
from tests.bad_input.refused import refused
from tests.docs.documents import ROOT, blocks
from tests.docs.output import assert_shown

pytestmark = pytest.mark.oracle

CLOSE = {"float32": 1e-6, "float64": 1e-13}
ROWS = np.random.default_rng(0).normal(size=(5, 2 * 8 * 6))
CODES = np.random.default_rng(1).integers(0, 7, (5, 4))


def lenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (2, 8, 6)),
        nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding="valid", bias=False), nn.Tanh(),
        nn.Conv2d(4, 4, (1, 3), padding="same"), nn.GELU(), nn.AvgPool2d((1, 2), stride=1),
        nn.Flatten(), nn.Linear(4, 3), nn.Softmax(1),
    )  # fmt: skip


def steps() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (2, 48)), nn.Conv1d(2, 3, 4, stride=3, padding=2), nn.BatchNorm1d(3),
        nn.ReLU(), nn.Conv1d(3, 2, 3), nn.Flatten(), nn.BatchNorm1d(30), nn.Linear(30, 2),
    )  # fmt: skip


def padded_pools() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (2, 8, 6)), nn.Conv2d(2, 2, 1), nn.MaxPool2d(3, stride=2, padding=1),
        nn.AvgPool2d(2, stride=1, padding=1), nn.AvgPool2d(2, count_include_pad=False),
    )  # fmt: skip


def spread() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (2, 8, 6)), nn.Conv2d(2, 4, 3, padding="same", dilation=2, groups=2),
        nn.SiLU(), nn.Conv2d(4, 4, (2, 3), stride=2, padding=1, groups=4, bias=False),
    )  # fmt: skip


PICTURES = {"lenet": lenet, "steps": steps, "padded pools": padded_pools, "spread": spread}


def moved(module: nn.Module, dtype: Any) -> nn.Module:
    """The module with numbers of its own in all its tensors, in evaluation mode."""
    torch.manual_seed(0)
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            tensor.data.add_(0.2 * torch.rand_like(tensor))
    return module.to(getattr(torch, np.dtype(dtype).name)).eval()


def assert_alike(net: hg.Net, x: Any, expected: Any) -> None:
    found = net.predict(x)
    assert found.dtype == net.dtype
    close = CLOSE[net.dtype.name] * max(1, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=close)


def exactly(module: nn.Module, x: Any) -> Any:
    with torch.no_grad():
        return copy.deepcopy(module).double()(torch.tensor(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_and_sequences_of_channels(name: str, dtype: str) -> None:
    module, x = moved(PICTURES[name](), dtype), ROWS.astype(dtype)
    expected = exactly(module, x.astype(float)).numpy()
    net = hg.exchange.from_torch(module)
    assert net.dtype == dtype
    assert_alike(net, x, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_transposed_convolutions(dtype: str) -> None:
    pictures = nn.ConvTranspose2d(2, 3, (2, 3), stride=2, padding=1)
    sequences = nn.ConvTranspose1d(3, 2, 4, stride=3, bias=False)
    for first, *layers in (
        (nn.Unflatten(1, (2, 8, 6)), pictures, nn.Tanh()),
        (nn.Unflatten(1, (3, 32)), sequences, nn.Flatten(), nn.Linear(194, 2)),
    ):
        module, x = moved(nn.Sequential(first, *layers), dtype), ROWS.astype(dtype)
        expected = exactly(module, x.astype(float)).numpy()
        assert_alike(hg.exchange.from_torch(module), x, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rms_norms(dtype: str) -> None:
    plain = nn.RMSNorm(6, eps=0.2, elementwise_affine=False)
    norms = nn.RMSNorm(6), nn.RMSNorm(6, eps=0.1), plain
    module, x = moved(nn.Sequential(nn.Linear(96, 6), *norms), dtype), ROWS.astype(dtype)
    expected = exactly(module, x.astype(float)).numpy()
    assert_alike(hg.exchange.from_torch(module), x, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_recurrent_modules_give_h_of_every_step(kind: str, bias: bool, dtype: str) -> None:
    recurrent = getattr(nn, kind)(3, 4, batch_first=True, bias=bias)
    module = moved(nn.Sequential(nn.Embedding(7, 3, padding_idx=0), recurrent), dtype)
    assert_alike(hg.exchange.from_torch(module), CODES, exactly(module, CODES)[0].numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_several_recurrent_layers_in_both_directions(
    kind: str, bidirectional: bool, dtype: str
) -> None:
    settings: dict[str, Any] = {"batch_first": True, "bidirectional": bidirectional}
    recurrent = getattr(nn, kind)(3, 4, 2, **settings)
    module = moved(nn.Sequential(nn.Embedding(7, 3), recurrent), dtype)
    net = hg.exchange.from_torch(module)
    assert isinstance(net.layers[2], hg.Bidirectional) == bidirectional
    assert_alike(net, CODES, exactly(module, CODES)[0].numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
def test_attention_asks_the_sequence_that_it_is_given(bias: bool, dtype: str) -> None:
    attention = nn.MultiheadAttention(6, 2, batch_first=True, bias=bias)
    module = moved(nn.Sequential(attention), dtype)[0]
    x = ROWS.reshape(5, 16, 6)
    given, same = torch.tensor(x), copy.deepcopy(module).double()
    expected = same(given, given, given)[0].detach().numpy()
    assert_alike(hg.exchange.from_torch(nn.Sequential(module)), x.astype(dtype), expected)


@pytest.fixture
def as_written() -> Iterator[None]:
    """Without PyTorch's fast path, which takes any nn.GELU for the exact one."""
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.usefixtures("as_written")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu", nn.GELU("tanh"), nn.LeakyReLU(0.2)])
def test_transformers(activation: Any, norm_first: bool, dtype: str) -> None:
    block = nn.TransformerEncoderLayer(
        6, 2, 8, activation=activation, batch_first=True, norm_first=norm_first
    )
    encoder = nn.TransformerEncoder(block, 2, nn.LayerNorm(6), enable_nested_tensor=False)
    module = moved(nn.Sequential(nn.Embedding(7, 6), encoder, nn.Linear(6, 7)), dtype)
    net = hg.exchange.from_torch(module)
    assert_alike(net, CODES, exactly(module, CODES).numpy())
    loss, optimizer = hg.SoftmaxCrossEntropyLoss(), hg.Adam(0.01)
    history = hg.fit(net, (CODES, CODES), loss=loss, optimizer=optimizer, epochs=30, rng=0)
    assert history[-1].train_loss < history[0].train_loss


REFUSED = [
    (nn.ConvTranspose2d(2, 2, 1, groups=2), "groups=1, not 2"),
    (nn.ConvTranspose1d(2, 2, 3, dilation=2), "dilation=1, not (2,)"),
    (nn.ConvTranspose2d(2, 2, 3, 2, output_padding=1), "output_padding=0, not (1, 1)"),
    (nn.Conv2d(2, 2, 2, padding="same"), "an odd kernel_size"),
    (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), "padding_mode='zeros'"),
    (nn.RMSNorm(6, elementwise_affine=False), "a weight or eps="),
    (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode=False"),
    (nn.AvgPool2d(3, padding=1, count_include_pad=False), "count_include_pad=True"),
    (nn.Flatten(2), "start_dim=1, not 2"),
    (nn.Unflatten(2, (2, 2)), "Unflatten(1, …)"),
    (nn.Embedding(3, 2, max_norm=1), "max_norm=None"),
    (nn.GRU(2, 2), "try: nn.GRU(…, batch_first=True)"),
    (nn.RNN(2, 2, nonlinearity="relu", batch_first=True), "nonlinearity='tanh'"),
    (nn.LSTM(3, 3, proj_size=2, batch_first=True), "proj_size=0"),
    (nn.MultiheadAttention(4, 2), "batch_first=True"),
    (nn.MultiheadAttention(4, 2, kdim=3, batch_first=True), "of equal size"),
    (nn.TransformerEncoderLayer(4, 2, 4), "module 0.self_attn, MultiheadAttention("),
    (nn.AdaptiveAvgPool2d(1), "AvgPool2d"),
]


@pytest.mark.parametrize(("module", "words"), REFUSED, ids=lambda value: str(value)[:40])
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_what_has_no_counterpart_is_refused_with_what_to_try(module: nn.Module, words: str) -> None:
    with refused(hg.errors.SettingError, "module 0", words):
        hg.exchange.from_torch(nn.Sequential(module))


class LastStep(nn.Module):  # type: ignore[misc]
    """A net whose recurrence is asked for h of the last step, in one of several ways."""

    def __init__(self, kind: str, way: str) -> None:
        super().__init__()
        self.words, self.way = nn.Embedding(7, 3), way
        self.recurrent = getattr(nn, kind)(3, 4, batch_first=True)
        self.last = nn.Linear(4, 2)

    def forward(self, c: Any) -> Any:
        every, state = self.recurrent(self.words(c))
        h = state[0] if isinstance(state, tuple) else state
        ways = {"every": every, "-1": every[:, -1], "h[-1]": h[-1], "h": h.squeeze(0)}
        return self.last(ways[self.way])


def onnx_of(module: nn.Module, x: Any, path: Path, *, free: bool) -> Path:
    """A file of ONNX that PyTorch writes, of any number of rows where `free`."""
    axes = {"x": {0: "n"}} if free else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.tensor(x),), path, opset_version=17, dynamo=False,
            input_names=["x"], dynamic_axes=axes,
        )  # fmt: skip
    return path


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_and_sequences_from_an_onnx_file(
    name: str, dtype: str, free: bool, tmp_path: Path
) -> None:
    module, x = moved(PICTURES[name](), dtype), ROWS.astype(dtype)
    path = onnx_of(module, x, tmp_path / "net.onnx", free=free)
    found = hg.exchange.from_onnx(path)
    expected = exactly(module, x.astype(float)).numpy()
    np.testing.assert_allclose(found.predict(x), expected, rtol=0, atol=2e-6)
    kept = [
        type(layer)
        for layer in hg.exchange.from_torch(module).layers
        if type(layer) is not hg.Softmax
    ]
    folded = (hg.layers.BatchNorm2d, hg.BatchNorm, hg.layers.Transpose)
    convolutions = (hg.layers.Conv1d, hg.Conv2d)
    assert [k for k in kept if k in convolutions] == [
        type(layer) for layer in found.layers if isinstance(layer, convolutions)
    ]
    assert {*kept} - {*folded} <= {type(layer) for layer in found.layers}


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", ["every", "-1", "h[-1]", "h"])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_recurrences_from_an_onnx_file(
    kind: str, way: str, dtype: str, free: bool, tmp_path: Path
) -> None:
    module = moved(LastStep(kind, way), dtype)
    net = hg.exchange.from_onnx(onnx_of(module, CODES, tmp_path / "net.onnx", free=free))
    assert [type(layer).__name__ for layer in net.layers] == ["Embedding", kind, "Linear"]
    assert_alike(net, CODES, exactly(module, CODES).numpy())


def test_the_document_runs_and_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    found, space = blocks(ROOT / "docs" / "import.md"), {"hg": hg}
    shown = [pair for pair in pairwise(found) if pair[0].language == "py"]
    for block, after in shown:
        exec(compile(block.text, "import.md", "exec"), space)
        assert_shown(capsys.readouterr().out, after.text)
    assert len(shown) == 1
