"""Modules of PyTorch with their own forward: nets that predict the same, or refused."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

import handgrad as hg
from tests.bad_input.refused import refused

pytestmark = pytest.mark.oracle

CLOSE = {torch.float32: 2e-6, torch.float64: 1e-13}
ROW, SEQUENCE, PICTURE = (5, 6), (5, 4, 6), (5, 3, 16, 16)


class Calls(nn.Module):  # type: ignore[misc]
    """A module with these parts, whose forward is a function of itself and x."""

    def __init__(self, forward: Callable[[Any, Any], Any], **parts: nn.Module) -> None:
        super().__init__()
        self.calls = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Any) -> Any:
        return self.calls(self, x)


class Block(nn.Module):  # type: ignore[misc]
    """A block of a residual net for pictures, with an optional convolution of the skip."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(n_out), nn.BatchNorm2d(n_out)])
        self.skip = nn.Conv2d(n_in, n_out, 1, stride) if n_in != n_out else None

    def forward(self, x: Any) -> Any:
        y = functional.relu(self.norms[0](self.first(x)))
        y = self.norms[1](self.second(y))
        y += x if self.skip is None else self.skip(x)
        return functional.relu(y)


class ResNet(nn.Module):  # type: ignore[misc]
    """A residual net for pictures."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(Block(4, 4), Block(4, 8, 2), Block(8, 8), Block(8, 12, 2))
        self.pool, self.last = pool, nn.Linear(12, 3)

    def forward(self, x: Any, scale: Any = None) -> Any:
        x = self.pool(self.blocks(self.stem(x)))
        x = self.last(torch.flatten(x, 1))
        return x if scale is None else scale * x


def attention_block() -> nn.Module:
    def forward(self: Any, x: Any) -> Any:
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        h, _ = self.gru(x)
        return torch.cat((h, functional.gelu(self.a(x))), -1)

    return Calls(
        forward, norm=nn.LayerNorm(6), attention=nn.MultiheadAttention(6, 2, batch_first=True),
        gru=nn.GRU(6, 3, batch_first=True), a=nn.Linear(6, 6),
    )  # fmt: skip


def lenet(self: Any, x: Any) -> Any:
    x = functional.max_pool2d(functional.relu(self.a(x)), 2)
    x = functional.avg_pool2d(torch.tanh(self.b(x)), 2, stride=2)
    x = self.c(functional.dropout(x.view(x.size(0), -1), 0.3, self.training))
    return functional.softmax(x, dim=1)


def of_rows(forward: Callable[[Any, Any], Any]) -> nn.Module:
    return Calls(forward, **{name: nn.Linear(6, 6) for name in "abc"})


def of_pictures(forward: Callable[[Any, Any], Any]) -> nn.Module:
    a, b = nn.Conv2d(3, 2, 3, padding=1), nn.Conv2d(3, 4, 1)
    return Calls(forward, a=a, b=b, c=nn.Linear(2 * 16 * 16, 4))


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], list[str]]] = {
    "a residual": (lambda: of_rows(lambda m, x: x + m.b(torch.relu(m.a(x)))), ROW, ["Residual"]),
    "three in a sum": (lambda: of_rows(lambda m, x: m.a(x).add(m.b(x)) + m.c(x)), ROW,
                       ["Parallel"]),
    "nested": (lambda: of_rows(
        lambda m, x: torch.add(x, functional.silu(m.b(x + m.a(x).tanh())))), ROW, ["Residual"]),
    "rows side by side": (lambda: of_rows(lambda m, x: torch.cat([x, m.a(x), x], dim=-1)), ROW,
                          ["Parallel"]),
    "flat rows side by side": (lambda: of_rows(
        lambda m, x: torch.cat([m.a(y := x.flatten(1)), y], 1)), ROW, ["Flatten", "Parallel"]),
    "channels": (lambda: of_pictures(lambda m, x: torch.cat([m.a(x), x, m.b(x)], 1)), PICTURE,
                 ["Parallel", "Transpose"]),
    "views": (lambda: Calls(lambda m, x: m.a(x.view(x.shape[0], 3, 2).flatten(1)).reshape(-1, 6),
                            a=nn.Linear(6, 6)), ROW, ["Reshape", "Flatten", "Linear", "Reshape"]),
    "functions": (lambda: Calls(lenet, a=nn.Conv2d(3, 4, 3, padding=1), b=nn.Conv2d(4, 2, 1),
                                c=nn.Linear(32, 3)), PICTURE,
                  ["Conv2d", "ReLU", "MaxPool2d", "Conv2d", "Tanh", "AvgPool2d", "Flatten",
                   "Dropout", "Linear", "Softmax"]),
    "attention": (attention_block, SEQUENCE, ["Residual", "Parallel"]),
    "a residual net": (lambda: ResNet(nn.AvgPool2d(4)), PICTURE,
                       ["Conv2d", "ReLU", "Residual", "ReLU", "Parallel", "ReLU", "Residual",
                        "ReLU", "Parallel", "ReLU", "AvgPool2d", "Flatten", "Linear"]),
    "blocks in a Sequential": (lambda: nn.Sequential(Block(3, 3), nn.Flatten()), PICTURE,
                               ["Residual", "ReLU", "Flatten"]),
    "one layer": (lambda: nn.Linear(6, 2), ROW, ["Linear"]),
    "an encoder": (lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), 1, enable_nested_tensor=False),
        SEQUENCE, ["Residual", "LayerNorm", "Residual", "LayerNorm"]),
}  # fmt: skip


def moved(module: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The module with numbers of its own in all its tensors, in evaluation mode."""
    torch.manual_seed(0)
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            tensor.data.add_(0.2 * torch.rand_like(tensor))
    return module.to(dtype).eval()


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("name", MODULES)
def test_a_forward_of_its_own_becomes_a_net_that_predicts_the_same(
    name: str, dtype: torch.dtype
) -> None:
    make, shape, layers = MODULES[name]
    module, x = moved(make(), dtype), torch.randn(shape, dtype=dtype)
    with torch.no_grad():
        expected = module(x).numpy()
    net = hg.exchange.from_torch(module)
    assert [type(layer).__name__ for layer in net.layers] == layers
    assert net.dtype == expected.dtype
    close = CLOSE[dtype] * max(1, np.abs(expected).max())
    np.testing.assert_allclose(net.predict(x.numpy()), expected, rtol=0, atol=close)


@pytest.mark.parametrize("free", [True, False])
def test_a_residual_net_from_its_onnx_file_predicts_the_same(free: bool, tmp_path: Path) -> None:
    module, x = moved(ResNet(nn.AdaptiveAvgPool2d(1))), torch.randn(PICTURE)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (x,), path, opset_version=17, dynamo=False, input_names=["x"],
            dynamic_axes={"x": {0: "n"}} if free else None,
        )  # fmt: skip
    expected: Any = onnxruntime.InferenceSession(path).run(None, {"x": x.numpy()})[0]
    net = hg.exchange.from_onnx(path)
    kinds = [type(layer).__name__ for layer in net.layers if type(layer) is not hg.ReLU]
    assert kinds == ["Conv2d", *["Residual", "Parallel"] * 2, "AvgPool2d", "Flatten", "Linear"]
    close = 2e-6 * np.abs(expected).max()
    np.testing.assert_allclose(net.predict(x.numpy()), expected, rtol=0, atol=close)


def test_the_modes_of_a_module_stay_as_they_are() -> None:
    module = ResNet(nn.AvgPool2d(4)).train()
    module.blocks[1].eval()
    before = [part.training for part in module.modules()]
    hg.exchange.from_torch(module)
    assert [part.training for part in module.modules()] == before


def on_data(module: Any, x: Any) -> Any:
    return module.a(x) if x.sum() > 0 else x


def dense(module: Any, x: Any) -> Any:
    y = module.a(x)
    z = module.d(torch.cat([x, y], -1))
    return torch.cat([x, y, z], 1)


def deep(module: Any, x: Any) -> Any:
    values = [x]
    for _ in range(8):
        values.append(torch.tanh(values[-1]))
    y = values.pop()
    while values:
        y = y + values.pop()
    return y


def written(module: Any, x: Any) -> Any:
    x = torch.relu(x)
    y = x.view(-1, 3, 2)
    y.mul_(2)
    return x


REFUSED: dict[str, tuple[nn.Module, list[str]]] = {
    "a gate": (of_rows(lambda m, x: m.a(x) * torch.sigmoid(m.b(x))),
               ["mul, in forward 'mul', of (n, …, 6) and (n, …, 6), where branches from",
                "addition"]),
    "an unknown function in a branch": (of_rows(lambda m, x: torch.sin(m.a(x)) * x),
                                        ["sin, in forward 'sin', of (n, …, 6)", "expected: relu,"]),
    "an unknown method": (of_rows(lambda m, x: m.a(x).cumsum(-1)), ["cumsum, in forward"]),
    "an unknown module": (Calls(lambda m, x: x + m.a(x), a=nn.Softmin(-1)),
                          ["module a, Softmin(dim=-1)"]),
    "a number added": (of_rows(lambda m, x: m.a(x) + 1), ["add, in forward 'add', of (n, …, 6)"]),
    "a scaled sum": (of_rows(lambda m, x: torch.add(m.a(x), x, alpha=2)), ["add, in forward"]),
    "itself": (of_rows(lambda m, x: (y := m.a(x)) + y), ["add, in forward"]),
    "rows below": (of_rows(lambda m, x: torch.cat([m.a(x), x])), ["on axis 0", "of features"]),
    "weights called twice": (of_rows(lambda m, x: m.a(m.b(m.a(x)))),
                             ["module a, Linear(", "called 2 times", "trained apart"]),
    "a dense net": (Calls(dense, a=nn.Linear(6, 6), d=nn.Linear(12, 6)),
                    ["module a, Linear(", "in two branches from", "without common nodes"]),
    "a condition on data": (of_rows(on_data), ["Calls.forward: symbolically traced variables",
                                               "without conditions"]),
    "two outputs": (of_rows(lambda m, x: (m.a(x), m.b(x))), ["Calls.forward with 2 outputs"]),
    "a tuple of one": (of_rows(lambda m, x: (m.a(x),)), ["Calls.forward with 1 outputs"]),
    "two inputs": (nn.Bilinear(2, 2, 2), ["module Bilinear("]),
    "the last state": (Calls(lambda m, x: m.a(x)[1], a=nn.GRU(6, 6, batch_first=True)),
                       ["getitem, in forward"]),
    "other keys": (Calls(lambda m, x: m.a(x, m.b(x), x)[0], b=nn.Linear(6, 6),
                         a=nn.MultiheadAttention(6, 2, batch_first=True)),
                   ["where branches from", "MultiheadAttention"]),
    "a first state": (Calls(lambda m, x: m.a(x, None)[0], a=nn.GRU(6, 6, batch_first=True)),
                      ["module a, GRU("]),
    "an open reshape": (of_rows(lambda m, x: m.a(x).view(-1, 2, x.size(1))), ["fixed sizes"]),
    "an axis of unknown rows": (of_rows(lambda m, x: torch.cat([m.a(x), x], 1)),
                                ["on axis 1", "the features", "axis -1"]),
    "rows of another size": (of_rows(lambda m, x: m.a(x).view(3, -1)), ["fixed sizes"]),
    "dropout that stays": (of_rows(lambda m, x: functional.dropout(m.a(x))),
                           ["training=self.training"]),
    "all flat": (of_rows(lambda m, x: torch.flatten(m.a(x))), ["start_dim=1, not 0"]),
    "too deep": (Calls(deep), ["8 levels of branches within branches", "at most 7"]),
    "a skip written over": (Calls(lambda m, x: x + m.b(m.a(x)), a=nn.ReLU(True), b=nn.Linear(6, 6)),
                            ["module a, ReLU(inplace=True), which writes into the memory of add",
                             "try: inplace=False"]),
    "a view written over": (Calls(lambda m, x: (y := m.a(x)) + m.b(functional.dropout(
        y, 0.5, m.training).relu_()), a=nn.Linear(6, 6), b=nn.Linear(6, 6)),
                            ["relu_, in forward", "writes into the memory of add"]),
    "an output written over": (Calls(written), ["mul_, in forward", "memory of the output"]),
    "nothing": (Calls(lambda m, x: x), ["without a layer"]),
    "any size": (ResNet(nn.AdaptiveAvgPool2d(1)), ["module pool, Adaptive", "try: nn.AvgPool2d("]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_forward_without_a_counterpart_is_refused_with_the_first_unknown_call(name: str) -> None:
    module, words = REFUSED[name]
    with refused(hg.errors.SettingError, *words):
        hg.exchange.from_torch(module)


def test_branches_of_other_widths_are_refused_with_both() -> None:
    module = Calls(lambda m, x: m.a(x) + m.b(x), a=nn.Linear(6, 2), b=nn.Linear(6, 3))
    with refused(hg.errors.ShapeError, "of (n, …, 2) and (n, …, 3), where branches", "2 and 3"):
        hg.exchange.from_torch(module)
