"""Flat buffers of a net: parameters, gradients and running state in one array each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.checks import refuse_undeclared

Kind = Literal["param_names", "state_names"]
KINDS: tuple[Kind, Kind] = ("param_names", "state_names")


@dataclass
class FlatBuffers:
    """Flat arrays, (size,) each, of which `W`, `dW` and `mean` of the layers are views."""

    parameters: Array
    gradients: Array
    running_state: Array
    views: list[tuple[Layer, str, Array]] = field(default_factory=list)
    gathered: bool = False

    @classmethod
    def of(cls, net: Layer, dtype: np.dtype[np.generic]) -> "FlatBuffers":
        """Move the arrays of `net` and of all layers within it into new flat buffers."""
        parameters, state = (np.zeros(_size(net, kind), dtype) for kind in KINDS)
        for kind, flat in zip(KINDS, (parameters, state), strict=True):
            for layer, name, where in _slots(net, kind):
                values = getattr(layer, name)
                view = flat[where].reshape(values.shape)
                view[...] = values
                layer.__dict__[name] = view
        gradients = np.zeros(parameters.shape, dtype)  # memory when they are first written
        return cls(parameters, gradients, state)

    def parts(self, net: Layer) -> Iterator[tuple[Layer, "FlatBuffers"]]:
        """Yield each layer within `net` with its slices of these buffers."""
        starts = [0, 0]
        for _, layer in net.walk():
            total = [_size(layer, kind) for kind in KINDS]
            yield layer, self._cut(*(slice(a, a + n) for a, n in zip(starts, total, strict=True)))
            sizes = (sum(getattr(layer, n).size for n in getattr(layer, kind)) for kind in KINDS)
            starts = [a + n for a, n in zip(starts, sizes, strict=True)]

    def of_layers(self, layers: Sequence[Layer], start: int, stop: int) -> "FlatBuffers":
        """Return the slices of these buffers of the layers from `start` to before `stop`."""
        bounds = (
            slice(*(sum(_size(layer, kind) for layer in layers[:end]) for end in (start, stop)))
            for kind in KINDS
        )
        return self._cut(*bounds)

    def _cut(self, parameters: slice, state: slice) -> "FlatBuffers":
        return FlatBuffers(
            self.parameters[parameters], self.gradients[parameters], self.running_state[state]
        )

    def forget_gradients(self, net: Layer) -> None:
        """Remove the gradients of an earlier `backward`, so that the next one must set its own."""
        for layer, name, _ in self._gradient_views(net):
            layer.__dict__.pop(f"d{name}", None)

    def gather_gradients(self, net: Layer) -> None:
        """Copy what each `backward` left in `dW` into the flat gradients; `dW` becomes a view."""
        if not self.gathered:
            for _, layer in net.walk():
                refuse_undeclared(layer)
            self.gathered = True
        for layer, name, view in self._gradient_views(net):
            if layer.trainable and layer.__dict__.get(f"d{name}") is not view:
                view[...] = layer.gradient(name)
                layer.__dict__[f"d{name}"] = view

    def _gradient_views(self, net: Layer) -> list[tuple[Layer, str, Array]]:
        if not self.views:
            self.views = [
                (layer, name, self.gradients[where].reshape(getattr(layer, name).shape))
                for layer, name, where in _slots(net, "param_names")
            ]
        return self.views

    @staticmethod
    def trainable(net: Layer) -> list[slice]:
        """The slices of the parameters that are not frozen, neighbours joined."""
        joined: list[slice] = []
        for layer, _, where in _slots(net, "param_names"):
            if not layer.trainable:
                continue
            if joined and joined[-1].stop == where.start:
                where = slice(joined.pop().start, where.stop)
            joined.append(where)
        return joined


def _slots(net: Layer, kind: Kind) -> Iterator[tuple[Layer, str, slice]]:
    start = 0
    for _, layer in net.walk():
        for name in getattr(layer, kind):
            stop = start + getattr(layer, name).size
            yield layer, name, slice(start, stop)
            start = stop


def _size(net: Layer, kind: Kind) -> int:
    return sum(where.stop - where.start for _, _, where in _slots(net, kind))
