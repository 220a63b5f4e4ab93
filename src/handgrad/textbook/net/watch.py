"""Records of what passes through the layers of a net: each call of `forward` and `backward`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from handgrad.textbook.layers import Layer

Method = Literal["forward", "backward"]


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer's `forward` or `backward`: its argument and its result, not copied.

    `path` is the layer's path in the net, '0' or '2.1', '' for the net itself; `where` names it
    in messages: `layer 1 of 4, Linear(8, 3)`.
    """

    path: str
    where: str
    layer: Layer
    method: Method
    came: Any
    went: Any


class _Watched:
    """A method of a layer that notes each call; a twin of the layer gets the method itself."""

    def __init__(self, named: tuple[str, str, Layer, Method], calls: list[LayerCall]) -> None:
        self.named, self.calls = named, calls
        _, _, layer, method = named
        self.page = getattr(layer, method)
        self.__self__, self.__func__ = layer, self.page.__func__

    def __call__(self, came: object, *mask: object) -> Any:
        went = self.page(came, *mask)
        self.calls.append(LayerCall(*self.named, came, went))
        return went


@contextmanager
def watching(net: Layer) -> Iterator[list[LayerCall]]:
    """The calls of the layers of `net` within the block, in the order in which they returned."""
    calls: list[LayerCall] = []
    before: list[tuple[dict[str, Any], Method, Any]] = []
    named = [(type(net).__name__, net), *places(net)]
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
    """Whether what passes through the net is noted."""
    return isinstance(net.__dict__.get("forward"), _Watched)


def places(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """All layers within, each with its place: `layer 2 of 4, Residual: layer 1 of 2, Tanh()`."""
    for i, inner in enumerate(layer.layers, 1):
        shown = type(inner).__name__ if inner.layers else repr(inner)
        where = f"{prefix}layer {i} of {len(layer.layers)}, {shown}"
        yield where, inner
        yield from places(inner, f"{where}: ")
