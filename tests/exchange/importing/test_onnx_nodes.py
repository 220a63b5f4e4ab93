"""Nodes of ONNX for pictures and sequences, by hand: as ONNX's evaluator has them, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import handgrad as hg
from tests.bad_input.refused import refused
from tests.exchange.importing.files import N, onnx_file

RNG = np.random.default_rng(0)
GATES = {
    "W": RNG.normal(size=(1, 6, 3)), "R": RNG.normal(size=(1, 6, 2)), "B": RNG.normal(size=(1, 12)),
}  # fmt: skip
GRU: dict[str, Any] = {"hidden_size": 2, "linear_before_reset": 1}
NUMBERS = {name: RNG.random(2) for name in "gbmv"}


def gru(**settings: Any) -> list[Any]:
    """A GRU that gives h of the last step."""
    inputs = ["t", *settings.pop("inputs", ["W", "R", "B"])]
    swap = N("Transpose", ["x"], ["t"], perm=[1, 0, 2])
    return [
        swap, N("GRU", inputs, ["", "h"], **GRU | settings), N("Squeeze", ["h", "axis"], ["y"])
    ]  # fmt: skip


KNOWN: dict[str, tuple[list[Any], dict[str, Any], list[Any], list[str]]] = {
    "same": ([N("Conv", ["x", "K"], ["y"], auto_pad="SAME_UPPER")],
             {"K": RNG.normal(size=(2, 3, 3, 1))}, ["n", 3, 4, 5], ["Conv2d"]),
    "no steps of a window": ([N("Conv", ["x", "K"], ["y"], strides=[2], pads=[1, 1])],
                             {"K": RNG.normal(size=(2, 3, 3))}, ["n", 3, 6], ["Conv1d"]),
    "holes": ([N("Conv", ["x", "K"], ["y"], auto_pad="SAME_UPPER", dilations=[2, 1])],
              {"K": RNG.normal(size=(2, 3, 3, 3))}, ["n", 3, 5, 4], ["Conv2d"]),
    "groups of steps": ([N("Conv", ["x", "K"], ["y"], dilations=[3], group=2, strides=[2])],
                        {"K": RNG.normal(size=(4, 1, 2))}, ["n", 2, 7], ["Conv1d"]),
    "pools": ([N("MaxPool", ["x"], ["a"], kernel_shape=[2, 2], strides=[2, 1]),
               N("AveragePool", ["a"], ["y"], kernel_shape=[2, 3], pads=[1, 1, 1, 1],
                 count_include_pad=1)],
              {}, ["n", 3, 6, 6], ["MaxPool2d", "AvgPool2d"]),
    "a norm of pictures": ([N("BatchNormalization", [*"xgbmv"], ["y"])], NUMBERS, ["n", 2, 3, 4],
                           ["BatchNorm2d"]),
    "a norm of channels": ([N("BatchNormalization", [*"xgbmv"], ["y"])], NUMBERS, ["n", 2, 3],
                           ["Transpose", "BatchNorm", "Transpose"]),
    "channels last": ([N("Transpose", ["x"], ["y"], perm=[0, 3, 1, 2])], {}, ["n", 2, 3, 4],
                      ["Transpose"]),
    "a shape": ([N("Reshape", ["x", "shape"], ["y"])], {"shape": [0, 2, 3]}, ["n", 6], ["Reshape"]),
    "a flat shape": ([N("Reshape", ["x", "shape"], ["y"])], {"shape": [0, -1]}, ["n", 6, 2],
                     ["Flatten"]),
    "a shape with the rows": ([N("Reshape", ["x", "shape"], ["y"])], {"shape": [7, 12]}, [7, 6, 2],
                              ["Reshape"]),
    "brightness": ([N("Div", ["x", "c"], ["y"])], {"c": 255.0}, ["n", 1, 2, 3], ["Standardize"]),
    "a state": (gru(), {**GATES, "axis": [0]}, ["n", 4, 3], ["GRU"]),
    "a state without biases": (gru(inputs=["W", "R"]), {**GATES, "axis": [0]}, ["n", 4, 3],
                               ["GRU"]),
    "a softmax of places": ([N("Softmax", ["x"], ["y"], axis=2)], {}, ["n", 4, 3], ["Softmax"]),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_nodes_are_the_layers_that_they_are(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape, layers = KNOWN[name]
    path = onnx_file(tmp_path / "net.onnx", nodes, arrays, shape=shape)
    net = hg.exchange.from_onnx(path)
    assert [type(layer).__name__ for layer in net.layers] == layers
    x = RNG.normal(size=(7, *shape[1:])).astype(np.float32)
    expected: Any = ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})
    np.testing.assert_allclose(net.predict(x), expected[0], rtol=1e-5, atol=1e-6)


K = {"K": np.ones((2, 3, 2, 2))}
PICTURE, SEQUENCE = ["n", 3, 6, 6], ["n", 4, 3]
REFUSED: dict[str, tuple[list[Any], dict[str, Any], list[Any], str]] = {
    "groups": ([N("Conv", ["x", "K"], ["y"], group=2)], {"K": np.ones((3, 1, 2, 2))}, PICTURE,
               "as many outputs in each group"),
    "other sides": ([N("Conv", ["x", "K"], ["y"], pads=[0, 0, 1, 1])], K, PICTURE, "both sides"),
    "even and same": ([N("Conv", ["x", "K"], ["y"], auto_pad="SAME_LOWER")], K, PICTURE,
                      "both sides"),
    "holes": ([N("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], dilations=[2, 2])], {}, PICTURE,
              "dilations of 1"),
    "begun windows": ([N("MaxPool", ["x"], ["y"], kernel_shape=[4, 4], ceil_mode=1)], {}, PICTURE,
                      "ceil_mode=0"),
    "means of less": ([N("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], pads=[1, 1, 1, 1])],
                      {}, PICTURE, "count_include_pad=1"),
    "pools of steps": ([N("MaxPool", ["x"], ["y"], kernel_shape=[2])], {}, SEQUENCE, "2D MaxPool"),
    "half flat": ([N("Flatten", ["x"], ["y"], axis=2)], {}, PICTURE, "Flatten(axis=1)"),
    "rows last": ([N("Transpose", ["x"], ["y"], perm=[2, 1, 0])], {}, SEQUENCE, "rows first"),
    "rows swapped": ([N("Transpose", ["x"], ["y"], perm=[1, 0, 2])], {}, SEQUENCE, "'y'"),
    "rows swapped and flat": ([N("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
                               N("Flatten", ["t"], ["y"])], {}, SEQUENCE, "node 'y', Flatten"),
    "rows in one": ([N("Reshape", ["x", "shape"], ["y"])], {"shape": [-1, 3]}, SEQUENCE,
                    "keeps the rows"),
    "an open size": ([N("Reshape", ["x", "shape"], ["y"])], {"shape": [0, 2, -1]}, SEQUENCE,
                     "fixed sizes"),
    "channels by numbers": ([N("Mul", ["x", "c"], ["y"])], {"c": np.ones((3, 1, 1))}, PICTURE,
                            "'y', Mul"),
    "places asked": ([N("Softmax", ["x"], ["y"], axis=1)], {}, SEQUENCE, "over the features"),
    "back": (gru(direction="reverse"), {**GATES, "axis": [0]}, SEQUENCE, "one direction"),
    "the gate first": (gru(linear_before_reset=0), {**GATES, "axis": [0]}, SEQUENCE, "GRU with"),
    "a state of its own": (gru(inputs=["W", "R", "B", "", "s"]),
                           {**GATES, "axis": [0], "s": np.ones((1, 1, 2))}, SEQUENCE, "of 0"),
    "steps first": ([N("GRU", ["x", "W", "R"], ["", "h"], **GRU),
                     N("Squeeze", ["h", "axis"], ["y"])], {**GATES, "axis": [0]}, SEQUENCE, "GRU"),
    "not squeezed": ([*gru()[:2], N("Identity", ["h"], ["y"])], {**GATES}, SEQUENCE, "squeezed"),
    "a branch": ([N("Tanh", ["x"], ["a"]), N("MatMul", ["a", "a"], ["y"])], {}, SEQUENCE,
                 "MatMul"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_layer_is_refused_by_its_node(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape, told = REFUSED[name]
    with refused(hg.errors.SettingError, told, "no counterpart in handgrad"):
        hg.exchange.from_onnx(onnx_file(tmp_path / "net.onnx", nodes, arrays, shape=shape))
