"""`from_torch`: converts a module of PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from handgrad.exchange.importing.parts import net_of
from handgrad.exchange.importing.torch_graph import TorchReader, traced
from handgrad.exchange.importing.torch_layers import chain, leaves
from handgrad.textbook.errors import SettingError
from handgrad.textbook.net import Net

if TYPE_CHECKING:
    from torch.nn import Module


def from_torch(sequential: object) -> Net:
    """Convert a module of PyTorch to a net.

    A module with a `forward` of its own is read by `torch.fx`: branches that meet in one addition
    or concatenation become a Residual or Parallel. Predictions agree with evaluation mode to
    rounding, in the dtype of the weights. Nested modules are flattened; a layer without bias gets a
    bias of zeros, which is trained like any other. Recurrent modules return their first output, h
    of every step; attention is self-attention.

    Parameters
    ----------
    sequential : nn.Module
        Module to convert, a Sequential or any other whose `forward` takes one tensor and returns
        one.

    Returns
    -------
    Net
        The net with the same layers and weights.

    Raises
    ------
    SettingError
        For a module or an operation that has no counterpart.

    Examples
    --------
    >>> import handgrad as hg
    >>> hg.exchange.from_torch(42)
    Traceback (most recent call last):
    ...
    handgrad.textbook.errors.SettingError: 42, of type int
      expected: an nn.Module of PyTorch
      try: hg.exchange.from_torch(nn.Sequential(nn.Linear(2, 3), nn.Tanh()))
    """
    if not hasattr(sequential, "named_modules"):
        raise SettingError(
            f"{sequential!r}, of type {type(sequential).__name__}",
            "an nn.Module of PyTorch",
            "hg.exchange.from_torch(nn.Sequential(nn.Linear(2, 3), nn.Tanh()))",
        )
    module = cast("Module", sequential)
    parts = [*leaves(module, "")]
    if all(type(part).__module__.startswith("torch.nn.") for _, part in parts):
        layers, _ = chain(parts, None)
    else:
        graph = traced(module)
        layers, _ = TorchReader(graph).layers(graph.input)
    return net_of(layers, f"a {type(module).__name__}")
