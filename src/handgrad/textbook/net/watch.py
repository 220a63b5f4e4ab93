"""Recorded calls of a net's layers: inputs and outputs of `forward` and `backward`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

from handgrad.textbook.layers import Layer

Method = Literal["forward", "backward"]


@dataclass(frozen=True, eq=False)
class LayerCall:
    """Call of a layer's `forward` or `backward`, with its input and output, not copied.

    Parameters
    ----------
    path : str
        Path of the layer in the net, '0' or '2.1'; '' for the net itself.
    where : str
        Name of the layer in messages, `layer 1 of 4, Linear(8, 3)`.
    layer : Layer
        The layer.
    method : {"forward", "backward"}
        The method.
    came : array or tuple of arrays
        The argument.
    went : array or tuple of arrays
        The result.
    seconds : float
        Time that the call took.
    """

    path: str
    where: str
    layer: Layer
    method: Method
    came: Any
    went: Any
    seconds: float


class _Watched:
    """Method of a layer that records its calls; twins of the layer get the plain method."""

    def __init__(self, named: tuple[str, str, Layer, Method], calls: list[LayerCall]) -> None:
        self.named, self.calls = named, calls
        _, _, layer, method = named
        self.function = getattr(layer, method)
        self.__self__, self.__func__ = layer, self.function.__func__

    def __call__(self, came: object, *mask: object) -> Any:
        start = perf_counter()
        went = self.function(came, *mask)
        self.calls.append(LayerCall(*self.named, came, went, perf_counter() - start))
        return went


@contextmanager
def watching(net: Layer) -> Iterator[list[LayerCall]]:
    """Record the calls of the layers of `net` within the block, in the order of their returns."""
    calls: list[LayerCall] = []
    before: list[tuple[dict[str, Any], Method, Any]] = []
    named = [(type(net).__name__, net), *named_layers(net)]
    methods: tuple[Method, ...] = ("forward", "backward")
    for (where, layer), (path, _) in zip(named, net.walk(), strict=True):
        for method in methods:
            watched = _Watched((path, where, layer, method), calls)
            before.append((layer.__dict__, method, layer.__dict__.get(method)))
            layer.__dict__[method] = watched
    try:
        yield calls
    finally:
        for attributes, method, old in before:
            del attributes[method]
            attributes.update({method: old} if old else {})


def is_watched(net: Layer) -> bool:
    """Return whether the calls of the net are recorded."""
    return isinstance(net.__dict__.get("forward"), _Watched)


def named_layers(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield all layers within with their names: `layer 2 of 4, Residual: layer 1 of 2, Tanh()`."""
    for i, inner in enumerate(layer.layers, 1):
        shown = type(inner).__name__ if inner.layers else repr(inner)
        where = f"{prefix}layer {i} of {len(layer.layers)}, {shown}"
        yield where, inner
        yield from named_layers(inner, f"{where}: ")
