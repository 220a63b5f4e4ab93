"""Graphs of ONNX that branch: as ONNX's evaluator has them, or refused by node and shapes."""

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
W = {name: RNG.normal(size=(4, 4)) for name in "PQRS"}
K = {name: RNG.normal(size=(3, 3, 3, 3)) for name in "PQ"}
NORM = {name: RNG.random(3) + 0.5 for name in "gbmv"}
ROW, SEQUENCE, PICTURE = ["n", 4], ["n", 5, 4], ["n", 3, 6, 6]
SAME: dict[str, Any] = {"pads": [1, 1, 1, 1]}
GRU: dict[str, Any] = {"hidden_size": 2, "linear_before_reset": 1}
GATES = {"V": RNG.normal(size=(1, 6, 4)), "U": RNG.normal(size=(1, 6, 2)), "one": [1]}


def by(matrix: str, value: str, out: str) -> Any:
    return N("MatMul", [value, matrix], [out])


def silu(value: str, out: str) -> list[Any]:
    return [N("Sigmoid", [value], [f"{out}_s"]), N("Mul", [value, f"{out}_s"], [out])]


def residual_block(value: str, out: str) -> list[Any]:
    inner = [f"{out}_{i}" for i in range(3)]
    return [
        N("Conv", [value, "P"], [inner[0]], **SAME),
        N("BatchNormalization", [inner[0], *"gbmv"], [inner[1]]),
        N("Relu", [inner[1]], [inner[2]]),
        N("Add", [inner[2], value], [out]),
    ]


KNOWN: dict[str, tuple[list[Any], dict[str, Any], list[Any], list[str]]] = {
    "a residual": ([by("P", "x", "a"), N("Tanh", ["a"], ["b"]), N("Add", ["b", "x"], ["y"])],
                   W, ROW, ["Residual"]),
    "the skip first": ([by("P", "x", "a"), N("Add", ["x", "a"], ["y"])], W, SEQUENCE,
                       ["Residual"]),
    "a skip through a cast": ([N("Identity", ["x"], ["i"]), by("P", "x", "a"),
                               N("Add", ["i", "a"], ["y"])], W, ROW, ["Residual"]),
    "two branches": ([by("P", "x", "a"), by("Q", "x", "b"), N("Add", ["a", "b"], ["y"])],
                     W, ROW, ["Parallel"]),
    "three of a sum": ([by("P", "x", "a"), by("Q", "x", "b"), N("Sum", ["x", "a", "b"], ["y"])],
                       W, ROW, ["Parallel"]),
    "sums of sums": ([by("P", "x", "a"), N("Add", ["a", "x"], ["b"]), by("Q", "x", "c"),
                      N("Add", ["b", "c"], ["y"])], W, ROW, ["Parallel"]),
    "nested": ([by("P", "x", "a"), by("Q", "a", "b"), N("Add", ["a", "b"], ["c"]),
                N("Tanh", ["c"], ["d"]), by("R", "d", "e"), N("Add", ["x", "e"], ["f"]),
                by("S", "f", "y")], W, ROW, ["Residual", "Linear"]),
    "an activation beside a skip": ([*silu("x", "a"), N("Add", ["a", "x"], ["y"])], {}, ROW,
                                    ["Residual"]),
    "activations in both": ([by("P", "x", "a"), *silu("a", "b"), *silu("x", "c"),
                             N("Concat", ["b", "c"], ["y"], axis=1)], W, ROW, ["Parallel"]),
    "dense blocks": ([by("P", "x", "a"), N("Concat", ["x", "a"], ["b"], axis=1),
                      N("Relu", ["b"], ["c"]), N("Concat", ["b", "c"], ["y"], axis=-1)],
                     W, ROW, ["Parallel", "Parallel"]),
    "channels": ([N("Conv", ["x", "P"], ["a"], **SAME),
                  N("Concat", ["x", "a", "x"], ["y"], axis=1)], K, PICTURE,
                 ["Parallel", "Transpose"]),
    "heights": ([N("Conv", ["x", "P"], ["a"], **SAME), N("Concat", ["x", "a"], ["y"], axis=-2)],
                K, PICTURE, ["Parallel", "Transpose"]),
    "positions": ([by("P", "x", "a"), N("Concat", ["x", "a"], ["y"], axis=1)], W, SEQUENCE,
                  ["Parallel", "Transpose"]),
    "a residual net": ([*residual_block("x", "first"), *residual_block("first", "second"),
                        N("GlobalAveragePool", ["second"], ["c"]), N("Flatten", ["c"], ["y"])],
                       K | NORM, PICTURE, ["Residual", "Residual", "AvgPool2d", "Flatten"]),
    "a recurrence beside a product": (
        [N("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
         N("GRU", ["t", "V", "U"], ["g", ""], **GRU), N("Squeeze", ["g", "one"], ["h"]),
         by("P", "t", "p"), N("Concat", ["h", "p"], ["c"], axis=2),
         N("Transpose", ["c"], ["y"], perm=[1, 0, 2])],
        W | GATES, SEQUENCE, ["Parallel"]),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_branches_that_meet_are_residuals_and_parallels(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape, layers = KNOWN[name]
    path = onnx_file(tmp_path / "net.onnx", nodes, arrays, shape=shape)
    net = hg.exchange.from_onnx(path)
    assert [type(layer).__name__ for layer in net.layers] == layers
    x = RNG.normal(size=(7, *shape[1:])).astype(np.float32)
    expected: Any = ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})
    np.testing.assert_allclose(net.predict(x), expected[0], rtol=1e-5, atol=1e-5)
    hg.save(net, tmp_path / "net.safetensors")
    np.testing.assert_array_equal(hg.load(tmp_path / "net.safetensors").predict(x), net.predict(x))


def test_weights_of_float64_stay_in_branches_of_float64(tmp_path: Path) -> None:
    nodes = [
        by("P", "x", "a"),
        N("Tanh", ["x"], ["b"]),
        N("Concat", ["x", "a", "b"], ["y"], axis=1),
    ]
    path = onnx_file(tmp_path / "net.onnx", nodes, W)
    model = onnx.load(path)
    for tensor in (*model.graph.initializer,):
        tensor.CopyFrom(onnx.numpy_helper.from_array(W[tensor.name], tensor.name))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    onnx.save(model, path)
    x = RNG.normal(size=(5, 4))
    expected = np.hstack([x, x @ W["P"], np.tanh(x)])
    np.testing.assert_allclose(hg.exchange.from_onnx(path).predict(x), expected, rtol=1e-14)


def test_a_residual_net_goes_on_learning(tmp_path: Path) -> None:
    nodes, arrays, shape, _ = KNOWN["a residual net"]
    net = hg.exchange.from_onnx(onnx_file(tmp_path / "net.onnx", nodes, arrays, shape=shape))
    x, y = RNG.normal(size=(8, *shape[1:])), RNG.normal(size=(8, 3))
    assert hg.check_gradients(net, hg.MSELoss(), x=x[:3], y=y[:3]).ok
    history = hg.fit(net, (x, y), loss=hg.MSELoss(), optimizer=hg.Adam(0.01), epochs=100, rng=0)
    assert history[-1].train_loss < 0.5 * history[0].train_loss


REFUSED: dict[str, tuple[list[Any], dict[str, Any], list[Any], list[str]]] = {
    "a product of branches": (
        [by("P", "x", "a"), N("Mul", ["a", "x"], ["y"], name="gate")], W, ROW,
        ["node 'gate', Mul, of (n, 4) and (n, 4), where branches from 'x' meet", "one addition"]),
    "an unknown node in a branch": (
        [by("P", "x", "a"), N("Sin", ["a"], ["b"], name="wave"), N("Mul", ["b", "x"], ["y"])],
        W, ROW, ["node 'wave', Sin, of (n, 4)", "expected: Gemm"]),
    "a sum of other shapes": (
        [N("Gemm", ["x", "V"], ["a"]), N("Add", ["a", "x"], ["y"])], {"V": np.ones((4, 1))}, ROW,
        ["Add, of (n, 1) and (n, 4)", "of the same shape"]),
    "a sum of other axes": (
        [by("P", "x", "a"), N("Flatten", ["x"], ["b"]), N("Add", ["a", "b"], ["y"])], W, SEQUENCE,
        ["Add, of (n, 5, 4) and (n, 20)", "of the same shape"]),
    "other heights side by side": (
        [N("MaxPool", ["x"], ["a"], kernel_shape=[2, 2]), N("Concat", ["x", "a"], ["y"], axis=1)],
        {}, PICTURE, ["Concat, of (n, 3, 6, 6) and (n, 3, 5, 5)", "of the same shape"]),
    "rows": ([by("P", "x", "a"), N("Concat", ["x", "a"], ["y"], axis=0)], W, ROW,
             ["on axis 0", "concatenation of features or channels"]),
    "no such axis": ([by("P", "x", "a"), N("Concat", ["x", "a"], ["y"], axis=7)], W, ROW,
                     ["on axis 7"]),
    "a constant": ([by("P", "x", "a"), N("Concat", ["x", "a", "Q"], ["y"], axis=1)], W, ROW,
                   ["Concat, of (n, 4) and (n, 4) and (4, 4)"]),
    "two outputs": ([by("P", "x", "y"), by("Q", "x", "z")], W, ROW,
                    ["'x', (n, 4), read by node 'y', MatMul and by node 'z', MatMul",
                     "which do not meet again"]),
    "a node of two branches": (
        [by("P", "x", "a"), N("Relu", ["a"], ["b"], name="shared"),
         N("Concat", ["x", "b"], ["c"], axis=1), N("Gemm", ["c", "V"], ["d"]),
         N("Concat", ["x", "b", "d"], ["y"], axis=1)],
        W | {"V": np.ones((8, 4))}, ROW,
        ["node 'shared', Relu, (n, 4), in two branches from 'x'", "without common nodes"]),
    "a recurrence beside rows": (
        [N("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
         N("GRU", ["t", "V", "U"], ["g", ""], **GRU), N("Squeeze", ["g", "one"], ["h"]),
         by("R", "x", "p"), N("Concat", ["h", "p"], ["y"], axis=2)],
        W | GATES, SEQUENCE, ["Concat", "where branches from 'x' meet"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_branches_without_a_counterpart_are_refused_by_node_and_shapes(
    name: str, tmp_path: Path
) -> None:
    nodes, arrays, shape, told = REFUSED[name]
    with refused(hg.errors.SettingError, *told, "no counterpart in handgrad"):
        hg.exchange.from_onnx(onnx_file(tmp_path / "net.onnx", nodes, arrays, shape=shape))


def nested(levels: int) -> list[Any]:
    """Residuals within residuals: what each level reads is added to what comes of it."""
    down = [N("Tanh", [f"a{i}" if i else "x"], [f"a{i + 1}"]) for i in range(levels)]
    up = [
        N("Add", [f"b{i + 1}" if i + 1 < levels else f"a{levels}", f"a{i}" if i else "x"],
          [f"b{i}" if i else "y"])
        for i in reversed(range(levels))
    ]  # fmt: skip
    return [*down, *up]


def test_branches_are_nested_as_deeply_as_files_hold_and_no_deeper(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "7.onnx", nested(7), {})
    net, x = hg.exchange.from_onnx(path), RNG.normal(size=(3, 4)).astype(np.float32)
    expected: Any = ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})
    np.testing.assert_allclose(net.predict(x), expected[0], rtol=1e-6)
    with refused(hg.errors.SettingError, "8 levels of branches within branches", "at most 7"):
        hg.exchange.from_onnx(onnx_file(tmp_path / "8.onnx", nested(8), {}))


def reused(n: int) -> list[Any]:
    """Each value is the sum of all before it, so paths double with every node."""
    values = ["x", *(f"a{i}" for i in range(n))]
    nodes = [N("Tanh", ["x"], ["a0"])]
    nodes += [N("Sum", values[: i + 1], [f"a{i}"]) for i in range(1, n)]
    return [*nodes, N("Sum", values, ["y"])]


WIDE = 20_000
TOO_LARGE, WITHOUT = hg.errors.FileError, hg.errors.SettingError
HOSTILE: dict[str, tuple[list[Any], type[hg.HandgradError], str]] = {
    "every value read by all that follow": (reused(300), WITHOUT, "in two branches"),
    "deep": (nested(3000), WITHOUT, "levels of branches within branches"),
    "one value many times": ([N("Tanh", ["x"], ["a"]), N("Sum", ["x"] * WIDE + ["a"], ["y"])],
                             TOO_LARGE, "layers or more"),
    "many branches": ([*(N("Tanh", ["x"], [f"a{i}"]) for i in range(WIDE)),
                       N("Sum", [f"a{i}" for i in range(WIDE)], ["y"])],
                      TOO_LARGE, "layers or more"),
    "many that do not meet": ([N("Tanh", ["x"], ["y"]),
                               *(N("Tanh", ["x"], [f"a{i}"]) for i in range(WIDE))],
                              WITHOUT, "do not meet"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_branches_are_refused(name: str, tmp_path: Path) -> None:
    nodes, kind, told = HOSTILE[name]
    with refused(kind, told):
        hg.exchange.from_onnx(onnx_file(tmp_path / "net.onnx", nodes, {}))
