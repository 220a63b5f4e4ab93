"""Nets from PyTorch, ONNX and Keras predict what those do; what has no counterpart is refused."""

import copy
import json
import os
import warnings
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

import handgrad as hg
from tests.bad_input.refused import refused

X = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32) * 2
ACTIVATIONS = [
    nn.ReLU(), nn.LeakyReLU(0.3), nn.Tanh(), nn.Sigmoid(), nn.SiLU(), nn.GELU(), nn.ELU(0.4),
    nn.GELU(approximate="tanh"), nn.SELU(), nn.Softplus(), nn.Mish(), nn.Softmax(-1), nn.Identity(),
]  # fmt: skip
CLOSE = {"float32": 2e-5, "float64": 1e-14}
SETTINGS_ROUNDED = 1e-6  # in files of ONNX they are float32


def random_sequential(seed: int) -> nn.Sequential:
    """A net of one to four layers, all of whose numbers are its own."""
    rng, layers, n = np.random.default_rng(seed), list[nn.Module](), 4
    torch.manual_seed(seed)
    for _ in range(rng.integers(1, 5)):
        n_out = int(rng.integers(4, 9))
        layers.append(nn.Linear(n, n_out, bias=bool(rng.integers(4))))
        norm = rng.integers(4)
        if norm < 2:
            layers.append((nn.BatchNorm1d, nn.LayerNorm)[norm](n_out))
        layers.append(ACTIVATIONS[rng.integers(len(ACTIVATIONS))])
        layers.append(nn.Dropout(0.3) if rng.integers(2) else nn.Flatten())
        n = n_out
    net = nn.Sequential(*layers[:2], nn.Sequential(*layers[2:]))
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.is_floating_point():
            tensor.data.add_(torch.rand_like(tensor))
    return net.to(torch.float64 if seed % 2 else torch.float32).eval()


def assert_alike(net: hg.Net, x: Any, expected: Any, least: float = 0) -> None:
    found = net.predict(x)
    assert found.dtype == x.dtype
    close = max(CLOSE[x.dtype.name], least) * max(1, np.abs(expected).max())
    assert np.abs(found - expected).max() <= close


@pytest.mark.parametrize("seed", range(60))
def test_a_net_from_torch_and_one_from_its_onnx_file_predict_the_same(
    seed: int, tmp_path: Path
) -> None:
    module, x = random_sequential(seed), X.astype(np.float64 if seed % 2 else np.float32)
    exactly = copy.deepcopy(module).double()(torch.tensor(x).double()).detach().numpy()
    assert_alike(hg.from_torch(module), x, exactly)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opset = 17 if seed % 3 else 20
        torch.onnx.export(module, (torch.tensor(x),), path, opset_version=opset, dynamo=False)
    model = ReferenceEvaluator(onnx.load(path))
    (expected,) = model.run(None, {model.input_names[0]: x})
    assert_alike(hg.from_onnx(path), x, expected, SETTINGS_ROUNDED)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv3d(2, 2, 1), nn.BatchNorm1d(4, track_running_stats=False), nn.LayerNorm((2, 4)),
        nn.Softmax(0), nn.Softplus(beta=2), nn.LSTM(4, 4), nn.BatchNorm1d(4, momentum=None),
    ],
    ids=repr,
)  # fmt: skip
def test_a_module_without_a_counterpart_is_refused_by_its_name(module: nn.Module) -> None:
    whole = nn.Sequential(nn.Tanh(), nn.Sequential(nn.Tanh(), module))
    with refused(hg.SettingError, "module 1.1, ", type(module).__name__, "no layer of handgrad's"):
        hg.from_torch(whole)


def onnx_file(path: Path, nodes: list[Any], arrays: dict[str, Any], inputs: int = 1) -> Path:
    """A model of these nodes from x (n, 4) to y."""
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xwv"[:inputs]
    ]
    fixed = [numpy_helper.from_array(np.asarray(a, np.float32), name) for name, a in arrays.items()]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", given, [y], fixed)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


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
N = helper.make_node
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
        {"m": [1, 2, 3, 4], "s": [2, 2, 4, 4], "two": 2},
        lambda x: (x - [1, 2, 3, 4]) / [2, 2, 4, 4] * 2 + [1, 2, 3, 4],
    ),
    "a sigmoid in pieces": (
        [N("Neg", ["x"], ["a"]), N("Exp", ["a"], ["b"]), N("Add", ["b", "one"], ["c"]),
         N("Reciprocal", ["c"], ["y"])],
        {"one": 1},
        lambda x: 1 / (1 + np.exp(-x)),
    ),
    "a product of two factors": (
        [N("Gemm", ["x", "W", "b"], ["y"], alpha=2.0, beta=3.0)],
        {"W": np.eye(4)[:, :2], "b": [1, 2]},
        lambda x: 2 * x[:, :2] + [3, 6],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_models_that_others_write_by_hand(name: str, tmp_path: Path) -> None:
    nodes, arrays, expected = BY_HAND[name]
    net = hg.from_onnx(onnx_file(tmp_path / "net.onnx", nodes, arrays))
    assert len(net.layers) == 1
    np.testing.assert_allclose(net.predict(X), expected(X), 1e-6, 1e-6)


REFUSED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "a convolution of groups": ([N("Conv", ["x", "W"], ["y"], name="conv1", group=2)],
                                {"W": np.ones((2, 1, 1))}, "conv1"),
    "a branch": ([N("MatMul", ["x", "W"], ["a"]), N("Add", ["a", "x"], ["y"], name="skip")],
                 {"W": np.eye(4)}, "MatMul"),
    "a product from the left": ([N("MatMul", ["W", "x"], ["y"])], {"W": np.eye(4)}, "'y', MatMul"),
    "a softmax over rows": ([N("Softmax", ["x"], ["y"], axis=0)], {}, "'y', Softmax"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_chain_is_refused_by_its_node(name: str, tmp_path: Path) -> None:
    nodes, arrays, told = REFUSED[name]
    with refused(hg.SettingError, told, "no layer of handgrad's"):
        hg.from_onnx(onnx_file(tmp_path / "net.onnx", nodes, arrays))


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    for read in (hg.from_onnx, hg.from_keras):
        with refused(hg.FileError, "No such file"):
            read(path)
    path.write_bytes(b"\x80no model")
    for read in (hg.from_onnx, hg.from_keras):
        with refused(hg.FileError, "no "):
            read(path)
    with refused(hg.SettingError, "2 inputs: x, w"):
        hg.from_onnx(onnx_file(path, [N("Add", ["x", "w"], ["y"])], {}, inputs=2))


@pytest.mark.parametrize("name", NETS)
def test_what_export_wrote_comes_back_as_the_net_it_was(name: str, tmp_path: Path) -> None:
    net, path = NETS[name](), tmp_path / "net.onnx"
    net.parameters[...] += np.random.default_rng(0).normal(size=net.parameters.size) * 0.1
    hg.export(net, path)
    found = hg.from_onnx(path)
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
        assert [type(layer) for layer in hg.from_onnx(path).layers] == [
            hg.Linear,
            hg.Tanh,
            hg.Linear,
        ]
    else:
        with refused(hg.SettingError, "no layer of handgrad's"):
            hg.from_onnx(path)


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
    said = hg.from_onnx(path).predict(X)
    if name == "numbers":
        np.testing.assert_allclose(said[:, 0], model.predict(X), 1e-6, 1e-6)
    else:
        expected = model.predict_proba(X)
        np.testing.assert_allclose(said, expected[:, -said.shape[1] :], 1e-6, 1e-6)
        assert said.shape[1] == (1 if name == "two classes" else 3)


def _names(model: Any) -> set[str]:
    return {tensor.name for tensor in model.graph.initializer}


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ["KERAS_BACKEND"] = "torch"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

        return keras


KERAS_WARNS = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of NumPy, by its own code


def keras_models(keras: Any) -> dict[str, list[Any]]:
    of = keras.layers
    known = of.Normalization()
    known.adapt(X * 3 + 1)
    words = ["relu", "tanh", "sigmoid", "silu", "gelu", "elu", "selu", "softplus", "mish"]
    return {
        "norms": [known, of.Dense(5), of.BatchNormalization(center=False, momentum=0.9),
                  of.Dense(6, use_bias=False), of.LayerNormalization(), of.Activation("gelu"),
                  of.BatchNormalization(), of.LayerNormalization(scale=False)],
        "activations": [of.Dense(4, activation=word) for word in words],
        "layers": [of.Dense(5), of.LeakyReLU(), of.Dense(5), of.ELU(0.7), of.Dropout(0.2),
                   of.Dense(3), of.ReLU(negative_slope=0.1), of.Dense(3, activation="leaky_relu"),
                   of.Flatten(), of.ReLU(), of.Dense(2), of.Softmax()],
    }  # fmt: skip


@KERAS_WARNS
@pytest.mark.parametrize("name", ["norms", "activations", "layers"])
def test_a_net_from_a_keras_file_predicts_the_same(name: str, keras: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *keras_models(keras)[name]])
    for layer in model.layers:  # no gamma of 1, no beta of 0
        if "Normalization(" in repr(layer) or (layer.weights and "norm" in layer.name):
            layer.set_weights([w + 0.1 if w.ndim else w for w in layer.get_weights()])
    model.save(tmp_path / "net.keras")
    expected = model.predict(X, verbose=0)
    net = hg.from_keras(tmp_path / "net.keras")
    assert np.abs(net.predict(X) - expected).max() <= 2e-6 * max(1, np.abs(expected).max())


@KERAS_WARNS
@pytest.mark.parametrize("name", ["UpSampling1D", "max_value", "tanhshrink", "Functional"])
def test_what_a_keras_file_has_beyond_is_refused_by_its_layer(
    name: str, keras: Any, tmp_path: Path
) -> None:
    of = keras.layers
    model = {
        "UpSampling1D": lambda: keras.Sequential([keras.Input((4, 1)), of.UpSampling1D(2)]),
        "max_value": lambda: keras.Sequential([keras.Input((4,)), of.ReLU(6.0)]),
        "tanhshrink": lambda: keras.Sequential([keras.Input((4,)), of.Activation("tanh_shrink")]),
        "Functional": lambda: keras.Model(i := keras.Input((4,)), of.Dense(2)(i)),
    }[name]()
    model.save(tmp_path / "net.keras")
    with refused(hg.SettingError, "no layer of handgrad's"):
        hg.from_keras(tmp_path / "net.keras")


def test_a_keras_file_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    dense = {
        "class_name": "Dense",
        "config": {"name": "d", "use_bias": True, "activation": "linear"},
    }
    config = {"class_name": "Sequential", "config": {"layers": [dense]}}
    weights = BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.ones((4, 2))
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as parts:
        parts.writestr("config.json", json.dumps(config))
        parts.writestr("model.weights.h5", weights.getvalue())
    with refused(hg.SettingError, "layer 'd', Dense", "kernel, bias"):
        hg.from_keras(tmp_path / "net.keras")
