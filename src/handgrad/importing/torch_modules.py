"""A net from an `nn.Sequential` of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from handgrad.base.errors import SettingError
from handgrad.importing.parts import (
    ACTIVATIONS,
    batch_norm,
    floating_array,
    layer_norm,
    linear,
    net_of,
    refused,
)
from handgrad.layers import ELU, GELU, Array, Dropout, GELUTanh, Layer, LeakyReLU, Softmax, Softplus
from handgrad.net import Net

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Sequential

KINDS = (
    "Linear, BatchNorm1d, LayerNorm, Dropout, Identity, Flatten, nested Sequential, and ReLU, "
    "LeakyReLU, Tanh, Sigmoid, SiLU, GELU, ELU, SELU, Softplus, Mish, Softmax"
)


def from_torch(sequential: object) -> Net:
    """The net of the same layers and weights as an `nn.Sequential` of PyTorch.

    It predicts what that does in evaluation mode, in the type of its weights, to rounding. Nested
    ones become layers of the one net; a `Linear` without a bias gets one of zeros, which training
    would move. What has no counterpart is refused, naming the module.

    >>> import handgrad as hg
    >>> hg.from_torch(42)
    Traceback (most recent call last):
    ...
    handgrad.base.errors.SettingError: 42, of type int
      expected: an nn.Sequential of PyTorch
      try: hg.from_torch(nn.Sequential(nn.Linear(2, 3), nn.Tanh()))
    """
    if type(sequential).__name__ != "Sequential" or not hasattr(sequential, "__getitem__"):
        raise SettingError(
            f"{sequential!r}, of type {type(sequential).__name__}",
            "an nn.Sequential of PyTorch",
            "hg.from_torch(nn.Sequential(nn.Linear(2, 3), nn.Tanh()))",
        )
    return net_of([*_layers(cast("Sequential", sequential), "")], "an nn.Sequential")


def _layers(sequential: Sequential, path: str) -> Iterator[Layer]:
    for i, module in enumerate(sequential):  # named_children leaves out one that comes again
        place, kind = f"{path}{i}", type(module).__name__
        if kind == "Sequential":
            yield from _layers(module, f"{place}.")
        elif kind in MADE:
            yield MADE[kind](module, f"module {place}, {module!r}")
        elif kind.lower() in ACTIVATIONS:
            yield ACTIVATIONS[kind.lower()]()
        elif kind not in ("Identity", "Flatten"):  # of rows of features both change nothing
            raise refused(f"module {place}, {module!r}", KINDS)


def _array(tensor: Tensor | None) -> Array | None:
    return None if tensor is None else floating_array(tensor.detach().cpu().numpy())


def _linear(module: Module, place: str) -> Layer:
    return linear(floating_array(module.weight.detach().cpu().numpy()), _array(module.bias))


def _batch_norm(module: Module, place: str) -> Layer:
    mean, var = _array(module.running_mean), _array(module.running_var)
    if mean is None or var is None or module.momentum is None:
        raise refused(place, "BatchNorm1d with running statistics and a momentum")
    return batch_norm(
        *(_array(module.weight), _array(module.bias), mean, var, module.eps, module.momentum)
    )


def _layer_norm(module: Module, place: str) -> Layer:
    if len(module.normalized_shape) != 1:
        raise refused(place, "LayerNorm over the last axis")
    gamma, beta = _array(module.weight), _array(getattr(module, "bias", None))
    return layer_norm(module.normalized_shape[0], gamma, beta, module.eps)


def _softmax(module: Module, place: str) -> Layer:
    if module.dim not in (-1, 1):
        raise refused(place, "Softmax(dim=-1), over the features")
    return Softmax()


def _softplus(module: Module, place: str) -> Layer:
    if module.beta != 1 or module.threshold < 20:  # above 20 log(1 + eˣ) is x in float32
        raise refused(place, "Softplus(beta=1, threshold=20)")
    return Softplus()


MADE: dict[str, Callable[[Module, str], Layer]] = {
    "Linear": _linear,
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Softmax": _softmax,
    "Softplus": _softplus,
    "Dropout": lambda module, place: Dropout(module.p),
    "LeakyReLU": lambda module, place: LeakyReLU(module.negative_slope),
    "ELU": lambda module, place: ELU(module.alpha),
    "GELU": lambda module, place: GELUTanh() if module.approximate == "tanh" else GELU(),
}
