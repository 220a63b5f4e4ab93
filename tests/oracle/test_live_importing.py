"""Nets from PyTorch, ONNX and Keras predict what those do; what has no counterpart is refused."""

import copy
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
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
    assert_alike(hg.exchange.from_torch(module), x, exactly)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opset = 17 if seed % 3 else 20
        torch.onnx.export(module, (torch.tensor(x),), path, opset_version=opset, dynamo=False)
    model = ReferenceEvaluator(onnx.load(path))
    (expected,) = model.run(None, {model.input_names[0]: x})
    assert_alike(hg.exchange.from_onnx(path), x, expected, SETTINGS_ROUNDED)


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
    with refused(
        hg.errors.SettingError, "module 1.1, ", type(module).__name__, "no counterpart in handgrad"
    ):
        hg.exchange.from_torch(whole)


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
    net = hg.exchange.from_keras(tmp_path / "net.keras")
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
    with refused(hg.errors.SettingError, "no counterpart in handgrad"):
        hg.exchange.from_keras(tmp_path / "net.keras")
