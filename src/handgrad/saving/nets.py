"""Nets in files: their layers, which of them are frozen, and their numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.files import FileError
from handgrad.layers import Array, Layer
from handgrad.net import Net
from handgrad.saving.architecture import Reader, Writer
from handgrad.saving.names import all_learned
from handgrad.saving.tensors import damaged, shown


def described_net(net: Net, writer: Writer) -> dict[str, Any]:
    """A net as JSON; its parameters and running state are put by the `writer`'s other arrays."""
    return {
        "net": writer.described(net),
        "frozen": [place for place, layer in net.walk() if not layer.trainable],
    }


def net_from(entry: object, frozen: object, reader: Reader) -> Net:
    """The net that a file describes, with the numbers that the `reader` has."""
    net = reader.layer(entry)
    walked = dict(net.walk())
    if not isinstance(net, Net):
        raise damaged(f"{shown(net)} as the whole", "a net")
    if len(walked) != len(reader.made):
        raise damaged("a layer among settings that no layer keeps", "it to be in self.layers")
    fill(all_learned(net), net.dtype, reader.tensors)
    if not isinstance(frozen, list) or not all(
        isinstance(place, str) and place in walked for place in frozen
    ):
        raise damaged(f"{shown(frozen)} as frozen", "a list of places of layers, as 0.1")
    for place in frozen:
        walked[place].trainable = False
    return net


def fill(own: Mapping[str, Array], dtype: object, arrays: Mapping[str, Array]) -> None:
    """Copy the numbers, of that type and finite, into the arrays of a net."""
    for tensor, array in own.items():
        values = arrays[tensor]
        if values.dtype != dtype:
            raise damaged(f"{tensor} is {values.dtype}", f"{dtype}, as the net is")
        if not np.isfinite(values).all():
            raise FileError(
                f"{tensor} has NaN or infinity in it",
                "finite numbers",
                "a file from before the training went wrong",
            )
        array[...] = values


def layers_of_ones_own(layer: Layer, known: Mapping[str, type[Layer]]) -> dict[str, type[Layer]]:
    """The classes within a layer that are not among those `known`, by name."""
    return {
        type(inner).__name__: type(inner)
        for _, inner in layer.walk()
        if known.get(type(inner).__name__) is not type(inner)
    }
