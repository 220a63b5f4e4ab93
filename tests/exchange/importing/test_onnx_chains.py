"""Chains of ONNX as others and hg.export write them become nets; what is no chain is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.exchange.importing.files import N, onnx_file, onnx_model

X = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32) * 2


NETS: dict[str, Callable[[], hg.Net]] = {
    "a chain": lambda: hg.Net(hg.Linear(4, 5), hg.Tanh(), hg.Linear(5, 2)),
    "all kinds": lambda: hg.Net(
        hg.Standardize(np.arange(4), np.arange(1, 5)),
        hg.Linear(4, 5),
        hg.BatchNorm(5, momentum=0.3),
        hg.Residual(hg.Linear(5, 5), hg.LayerNorm(5), hg.GELU()),
        hg.Dropout(0.2),
        hg.Parallel(hg.Linear(5, 3), hg.Linear(5, 3)),
        hg.Softmax(),
        dtype=np.float64,
    ),
}
BY_HAND: dict[str, tuple[list[Any], dict[str, Any], Callable[[Any], Any]]] = {
    "a scaler, as scikit-learn's": (
        [N("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[1.0, 2, 3, 4],
           scale=[2.0, 4, 8, 1])],
        {},
        lambda x: (x - [1, 2, 3, 4]) * [2, 4, 8, 1],
    ),
    "steps by feature, as one": (
        [N("Sub", ["x", "m"], ["a"]), N("Div", ["a", "s"], ["b"]), N("Mul", ["two", "b"], ["c"]),
         N("Add", ["c", "m"], ["y"])],
        {"m": [1.0, 2, 3, 4], "s": [2.0, 2, 4, 4], "two": 2.0},
        lambda x: (x - [1, 2, 3, 4]) / [2, 2, 4, 4] * 2 + [1, 2, 3, 4],
    ),
    "a sigmoid in pieces": (
        [N("Neg", ["x"], ["a"]), N("Exp", ["a"], ["b"]), N("Add", ["b", "one"], ["c"]),
         N("Reciprocal", ["c"], ["y"])],
        {"one": 1.0},
        lambda x: 1 / (1 + np.exp(-x)),
    ),
    "a product of two factors": (
        [N("Gemm", ["x", "W", "b"], ["y"], alpha=2.0, beta=3.0)],
        {"W": np.eye(4)[:, :2], "b": [1.0, 2]},
        lambda x: 2 * x[:, :2] + [3, 6],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_models_that_others_write_by_hand(name: str, tmp_path: Path) -> None:
    nodes, arrays, expected = BY_HAND[name]
    net = hg.exchange.from_onnx(onnx_file(tmp_path / "net.onnx", nodes, arrays))
    assert len(net.layers) == 1
    np.testing.assert_allclose(net.predict(X), expected(X), 1e-6, 1e-6)


REFUSED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "a product from the left": ([N("MatMul", ["W", "x"], ["y"])], {"W": np.eye(4)}, "'y', MatMul"),
    "a softmax over rows": ([N("Softmax", ["x"], ["y"], axis=0)], {}, "'y', Softmax"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_chain_is_refused_by_its_node(name: str, tmp_path: Path) -> None:
    nodes, arrays, told = REFUSED[name]
    with refused(hg.errors.SettingError, told, "no counterpart in handgrad"):
        hg.exchange.from_onnx(onnx_file(tmp_path / "net.onnx", nodes, arrays))


def test_a_model_of_two_inputs_is_refused(tmp_path: Path) -> None:
    model = onnx_model([N("Add", ["x", "w"], ["y"])], {})
    model.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, ["n", 4]))
    onnx.save(model, tmp_path / "net.onnx")
    with refused(hg.errors.SettingError, "2 inputs: x, w"):
        hg.exchange.from_onnx(tmp_path / "net.onnx")


@pytest.mark.parametrize("name", NETS)
def test_what_export_wrote_comes_back_as_the_net_it_was(name: str, tmp_path: Path) -> None:
    net, path = NETS[name](), tmp_path / "net.onnx"
    net.parameters[...] += np.random.default_rng(0).normal(size=net.parameters.size) * 0.1
    hg.export(net, path)
    found = hg.exchange.from_onnx(path)
    assert repr(found).replace(", dtype='float64'", "") == repr(net)
    np.testing.assert_array_equal(found.parameters, net.parameters)
    np.testing.assert_array_equal(found.running_state, net.running_state)
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        tensor.name = f"changed {tensor.name}"
    for node in model.graph.node:
        for i, one in enumerate(node.input):
            node.input[i] = f"changed {one}" if f"changed {one}" in _names(model) else one
    onnx.save(model, path)
    if name == "a chain":  # is found without what was said of the layers
        assert [type(layer) for layer in hg.exchange.from_onnx(path).layers] == [
            hg.Linear,
            hg.Tanh,
            hg.Linear,
        ]
    else:
        with refused(hg.errors.SettingError, "no counterpart in handgrad"):
            hg.exchange.from_onnx(path)


PERCEPTRONS: dict[str, Callable[[], Any]] = {
    "two classes": lambda: hg.MLPClassifier(max_iter=20, random_state=0).fit(
        X, np.where(X[:, 0] > 0, "yes", "no")
    ),
    "three classes": lambda: hg.MLPClassifier(max_iter=20, random_state=0).fit(
        X, np.digitize(X[:, 0], [-0.5, 0.5])
    ),
    "numbers": lambda: hg.MLPRegressor(max_iter=20, random_state=0).fit(X, X[:, 0]),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", PERCEPTRONS)
def test_the_net_of_an_exported_perceptron_says_what_that_says(name: str, tmp_path: Path) -> None:
    model, path = PERCEPTRONS[name](), tmp_path / "model.onnx"
    hg.export(model, path, X)
    said = hg.exchange.from_onnx(path).predict(X)
    if name == "numbers":
        np.testing.assert_allclose(said[:, 0], model.predict(X), 1e-6, 1e-6)
    else:
        expected = model.predict_proba(X)
        np.testing.assert_allclose(said, expected[:, -said.shape[1] :], 1e-6, 1e-6)
        assert said.shape[1] == (1 if name == "two classes" else 3)


def _names(model: Any) -> set[str]:
    return {tensor.name for tensor in model.graph.initializer}
