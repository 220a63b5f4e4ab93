"""A table of the layers of a net."""

import copy
from typing import Any

from handgrad.display import Text
from handgrad.graph.examples import example_input


def summary_of(net: Any) -> Text:
    """What each layer of `net` puts out for n rows, and its parameters."""
    rows = [("", "layer", "output", "parameters")]
    probe, x = copy.deepcopy(net), example_input(net, 2)
    with probe.mode(training=False):
        for i, (layer, twin) in enumerate(zip(net.layers, probe.layers, strict=True)):
            y = None if x is None else twin.forward(x)
            shape = "?" if y is None else "(" + ", ".join(["n", *map(str, y.shape[1:])]) + ")"
            x = net._next_input(x, y)
            count = sum(array.size for array in layer.named_parameters().values())
            frozen = "" if layer.trainable else " frozen"
            rows.append((str(i + 1), repr(layer), shape, f"{count:,}{frozen}"))
    rows.append(("", "", "", f"{net.parameters.size:,} in all, {net.dtype}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return Text("\n".join(line.rstrip() for line in lines))
