"""Model files and PyTorch: its own reader feeds the same net, and its own files are read here."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import handgrad as hg

pytestmark = pytest.mark.oracle

X = np.random.default_rng(0).normal(3, 2, size=(20, 3))


class Standardize(nn.Module):  # type: ignore[misc]
    """What stands before the net, with the same names."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def forward(self, x: Any) -> Any:
        return (x - self.mean) / self.scale


def ours(dtype: Any, seed: int) -> hg.Net:
    def linear(n_in: int, n_out: int) -> hg.Linear:
        return hg.Linear(n_in, n_out, rng=seed, dtype=dtype)

    net = hg.Net(
        hg.Standardize.of(X + seed),
        hg.Net(linear(3, 5), hg.Tanh(), linear(5, 4), hg.layers.LeakyReLU(0.1), dtype=dtype),
        hg.BatchNorm(4, dtype=dtype),
        hg.GELU(),
        hg.Dropout(0.5),
        linear(4, 4),
        hg.LayerNorm(4, dtype=dtype),
        linear(4, 2),
        hg.Softmax(),
        dtype=dtype,
    )
    net.seed(seed)
    net.forward(X)  # the running statistics of the batch normalisation begin to differ
    return net


def theirs(dtype: Any) -> nn.Sequential:
    inner = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.LeakyReLU(0.1))
    return nn.Sequential(
        OrderedDict(
            [
                ("0", Standardize(3)), ("1", inner), ("2", nn.BatchNorm1d(4)), ("3", nn.GELU()),
                ("4", nn.Dropout(0.5)), ("5", nn.Linear(4, 4)), ("6", nn.LayerNorm(4)),
                ("7", nn.Linear(4, 2)), ("8", nn.Softmax(dim=1)),
            ]
        )
    ).to(torch.float64 if dtype is np.float64 else torch.float32).eval()  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pytorch_reads_a_saved_net_into_the_equivalent_sequential(
    dtype: Any, tmp_path: Path
) -> None:
    net, sequential = ours(dtype, 0), theirs(dtype)
    path = hg.save(net, tmp_path / "a.safetensors")
    sequential.load_state_dict(load_file(path), strict=True)
    with torch.no_grad():
        found = sequential(torch.from_numpy(X.astype(dtype))).numpy()
    assert found.dtype == dtype
    np.testing.assert_allclose(found, net.predict(X), rtol=0, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_that_pytorch_saved_are_read_into_the_equivalent_net(
    dtype: Any, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    net, sequential = ours(dtype, 1), theirs(dtype)
    state = {
        name: torch.rand_like(tensor) + 0.5 if tensor.is_floating_point() else tensor
        for name, tensor in sequential.state_dict().items()
    }
    sequential.load_state_dict(state)
    save_file(sequential.state_dict(), tmp_path / "a.safetensors")
    hg.exchange.load_weights(net, tmp_path / "a.safetensors")
    with torch.no_grad():
        expected = sequential(torch.from_numpy(X.astype(dtype))).numpy()
    np.testing.assert_allclose(net.predict(X), expected, rtol=0, atol=8 * np.finfo(dtype).eps)


def test_bfloat16_is_refused_and_its_advice_works(tmp_path: Path) -> None:
    path, net = tmp_path / "a.safetensors", hg.Net(hg.Linear(2, 1))
    state = nn.Sequential(nn.Linear(2, 1)).to(torch.bfloat16).state_dict()
    save_file(state, path)
    with pytest.raises(hg.errors.FileError, match=r"(?s)BF16.*tensor\.float\(\)"):
        hg.exchange.load_weights(net, path)
    save_file({name: tensor.float() for name, tensor in state.items()}, path)
    hg.exchange.load_weights(net, path)
    np.testing.assert_array_equal(net.layers[0].W, state["0.weight"].float().numpy())
