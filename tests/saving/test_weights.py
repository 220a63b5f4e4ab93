"""Weights in safetensors files: what was saved is what is loaded."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import handgrad as hg

X = np.random.default_rng(0).normal(3, 2, size=(20, 3))


def net_of(dtype: Any, seed: int) -> hg.Net:
    return hg.Net(
        hg.Standardize.of(X + seed),
        hg.Net(hg.Linear(3, 4, rng=seed, dtype=dtype), hg.Tanh()),
        hg.Linear(4, 2, rng=seed + 1, dtype=dtype),
        hg.Softmax(),
        dtype=dtype,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_equal_net_predicts_the_same_after_loading(dtype: Any, tmp_path: Path) -> None:
    net, twin = net_of(dtype, 0), net_of(dtype, 5)
    list(
        hg.train(net, (X, np.arange(20) % 2), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1),
                 epochs=3)
    )  # fmt: skip
    assert (twin.predict(X) != net.predict(X)).any()
    path = hg.save_weights(net, tmp_path / "new" / "folder" / "a.safetensors")
    assert hg.load_weights(twin, str(path)) is twin
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    for name, array in net.state().items():
        np.testing.assert_array_equal(twin.state()[name], array)
    assert np.shares_memory(twin.layers[2].W, twin.parameters)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_names_and_types_in_the_file_are_those_of_pytorch(dtype: Any, tmp_path: Path) -> None:
    net = net_of(dtype, 0)
    arrays = load_file(hg.save_weights(net, tmp_path / "a.safetensors"))
    assert set(arrays) == {
        "0.mean", "0.scale", "1.0.weight", "1.0.bias", "2.weight", "2.bias",
    }  # fmt: skip
    assert {array.dtype for array in arrays.values()} == {np.dtype(dtype)}
    np.testing.assert_array_equal(arrays["2.weight"], net.layers[2].W)
    np.testing.assert_array_equal(arrays["1.0.bias"], net.layers[1].layers[0].b)
    assert set(load_file(hg.save_weights(hg.Net(hg.Linear(2, 1)), tmp_path / "b"))) == {
        "0.weight", "0.bias",
    }  # fmt: skip


def test_float64_weights_can_be_loaded_into_a_float32_net(tmp_path: Path) -> None:
    net, twin = net_of(np.float64, 0), net_of(np.float32, 5)
    hg.load_weights(twin, hg.save_weights(net, tmp_path / "a.safetensors"))
    np.testing.assert_array_equal(twin.parameters, net.parameters.astype(np.float32))


def test_a_second_saving_replaces_the_first_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    first, second = net_of(np.float64, 0), net_of(np.float32, 5)
    hg.save_weights(first, path)
    with path.open("rb") as reader:
        hg.save_weights(second, path)
        assert reader.read() == hg.save_weights(first, tmp_path / "b").read_bytes()
    twin = hg.load_weights(net_of(np.float32, 9), path)
    np.testing.assert_array_equal(twin.parameters, second.parameters)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.safetensors", "b"]


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    files = [hg.save_weights(net_of(np.float32, 1), tmp_path / str(i)) for i in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_layer_of_ones_own_is_saved_under_its_own_names(tmp_path: Path) -> None:
    class Scale(hg.Layer):
        param_names = ("s",)

        def __init__(self, value: float) -> None:
            super().__init__()
            self.s = np.full(2, value)

        def forward(self, x: Any) -> Any:
            return self.s * x

    path = hg.save_weights(hg.Net(Scale(3.0)), tmp_path / "a.safetensors")
    assert list(load_file(path)) == ["0.s"]
    twin = hg.load_weights(hg.Net(Scale(1.0)), path)
    assert twin.predict([[1.0, 2.0]]).tolist() == [[3, 6]]
