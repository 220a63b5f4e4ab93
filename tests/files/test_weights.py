"""Weights from a file into a net that is there: what was saved is what is loaded."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import handgrad as hg
from tests.bad_input.refused import refused
from tests.files.nets import Scale, X, usual


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_equal_net_predicts_the_same_after_loading(dtype: Any, tmp_path: Path) -> None:
    net, twin = usual(dtype, 0), usual(dtype, 5)
    assert (twin.predict(X) != net.predict(X)).any()
    path = hg.save(net, tmp_path / "a.safetensors")
    assert hg.exchange.load_weights(twin, str(path)) is twin
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    for name, array in net.state().items():
        np.testing.assert_array_equal(twin.state()[name], array)
    assert np.shares_memory(twin.layers[2].W, twin.parameters)


def test_float64_and_float16_weights_can_be_loaded_into_a_float32_net(tmp_path: Path) -> None:
    net, twin = usual(np.float64, 0), usual(np.float32, 5)
    path = hg.save(net, tmp_path / "a.safetensors")
    hg.exchange.load_weights(twin, path)
    np.testing.assert_array_equal(twin.parameters, net.parameters.astype(np.float32))
    save_file({name: array.astype(np.float16) for name, array in load_file(path).items()}, path)
    hg.exchange.load_weights(twin, path)
    np.testing.assert_array_equal(twin.parameters, net.parameters.astype(np.float16))


def test_weights_without_a_description_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "a"
    save_file({"0.s": np.array([3.0, 2.0]), "0.num_batches_tracked": np.array(7)}, path)
    net = hg.exchange.load_weights(hg.Net(Scale(2)), path)
    assert net.predict([[1.0, 2.0]]).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([1.0, np.nan]), "0.s has NaN or infinity, as float32"),
        (np.array([1.0, 1e300]), "0.s has NaN or infinity, as float32"),
        (np.array([1, 2]), "0.s came as int64"),
        (np.array([True, False]), "0.s came as bool"),
        (np.array([[1.0, 2.0]]), "0.s came with shape (1, 2)"),
    ],
)
def test_weights_that_are_not_finite_numbers_of_the_shape_are_refused(
    array: Any, words: str, tmp_path: Path
) -> None:
    path, net = tmp_path / "a", hg.Net(Scale(2))
    save_file({"0.s": array}, path)
    with refused(hg.errors.FileError, f"{path}: ", words, net=net):
        hg.exchange.load_weights(net, path)
