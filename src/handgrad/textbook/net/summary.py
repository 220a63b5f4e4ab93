"""Table of the layers of a net: outputs, parameters, and what each layer costs."""

import copy
from collections.abc import Iterator, Sequence
from unicodedata import east_asian_width

import numpy as np

from handgrad.textbook.display import Text
from handgrad.textbook.language import Catalogue
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import closed
from handgrad.textbook.net.minibatches import example_input, number_of_rows
from handgrad.textbook.net.predictor import BACKEND, LayerCost
from handgrad.textbook.net.watch import LayerCall, watching

WORDS = Catalogue("handgrad.textbook.net", "summary.zh.toml")
# Note for nets with layers that need several rows.
BY_SHARD = "batch norm uses the statistics of each batch, in data-parallel training of each shard"
COST = ("forward", "backward", "kept")
PASSES = 5  # that are timed, after one that is not

Column = list[str]  # the heading, a cell for each layer, one for all


def summary_of(net: Layer, in_a_row: bool, x: object = None) -> Text:
    """Return the table of a net.

    Parameters
    ----------
    net : Net
        The net.
    in_a_row : bool
        True if each layer takes the output of the one before it.
    x : array or tuple of arrays, optional
        Rows to measure the time of each layer with.
    """
    passes = [] if x is None else _passes(net, x)
    numbers = [*map(str, range(1, len(net.layers) + 1))]
    columns = [
        ["", *numbers, ""],
        ["layer", *map(repr, net.layers), f"in all, {net.dtype}"],
        ["output", *_outputs(net, in_a_row, passes), ""],
        ["parameters", *_parameters(net)],
    ]
    notes = [f"parameters: {sum(array.nbytes for array in _arrays(net)):,} bytes"]
    if net.layers and BACKEND.layer_costs is not None:
        costs, note = _costs(net, x)
        columns += costs
        notes.append(note)
    if passes:
        columns.append(["time", *_times(net, passes)])
        rows = number_of_rows(passes[0][0].came)
        notes.append(f"time: {rows} rows forward and backward, median of {PASSES} eager passes")
    notes += [BY_SHARD] if net.min_batch_size > 1 else []
    return Text("\n".join([*_aligned(columns), *map(WORDS.translated, notes)]))


def _passes(net: Layer, x: object) -> list[list[LayerCall]]:
    """The calls of the layers of a copy of the net, in several passes forward and backward."""
    trial, passes = copy.deepcopy(net), []
    trial.seed(0)
    with trial.mode(training=True), np.errstate(all="ignore"):
        for _ in range(1 + PASSES):
            with watching(trial) as calls:
                trial.backward(np.ones_like(trial.forward(x)))
            passes.append(calls)
    return passes[1:]


def _times(net: Layer, passes: Sequence[Sequence[LayerCall]]) -> Iterator[str]:
    for path in (*map(str, range(len(net.layers))), ""):
        sums = [sum(call.seconds for call in calls if call.path == path) for calls in passes]
        yield f"{1e3 * np.median(sums):,.3f} ms"


def _outputs(net: Layer, in_a_row: bool, passes: Sequence[Sequence[LayerCall]]) -> Iterator[str]:
    """The shape of the output of each layer for n rows: as measured, or as the layers state."""
    calls = passes[0] if passes else []
    measured = {call.path: call.went for call in calls if call.method == "forward"}
    shape = net.shape_in
    for i, layer in enumerate(net.layers):
        out = None if shape is None else layer.shape_out(shape)
        shape = out if in_a_row else shape
        if isinstance(array := measured.get(str(i)), np.ndarray):
            out = array.shape[1:]
        yield "?" if out is None else f"({', '.join(['n', *map(str, closed(out))])})"


def _parameters(net: Layer) -> Iterator[str]:
    for layer in net.layers:
        count = sum(array.size for array in _arrays(layer))
        yield f"{count:,}" + ("" if layer.trainable else f" {WORDS.translated('frozen')}")
    yield f"{sum(array.size for array in _arrays(net)):,}"


def _arrays(layer: Layer) -> list[Array]:
    return [*layer.named_parameters().values()]


def _costs(net: Layer, x: object) -> tuple[list[Column], str]:
    """The columns of the costs with a note on them; no columns if they cannot be counted."""
    try:
        x = example_input(net, 4) if x is None else x
        known = BACKEND.layer_costs(net, x)  # type: ignore[misc]
    except Exception as error:  # a layer may raise any
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        return [], f"costs unknown: {reason}"
    none = LayerCost(0, 0, 0)
    costs = [known.get(str(i), none) for i in range(len(net.layers))]
    columns = []
    for name in COST:
        total = sum(getattr(cost, name) for cost in known.values())
        columns.append([name, *(f"{getattr(cost, name):,}" for cost in costs), f"{total:,}"])
    shape = f" of shape {x.shape[1:]}" if isinstance(x, np.ndarray) else ""
    return columns, f"for each row{shape}: operations forward and backward, bytes kept between them"


def _aligned(columns: Sequence[Column]) -> Iterator[str]:
    """The lines of the table: names to the left, numbers to the right."""
    padded = []
    for i, (heading, *cells) in enumerate(columns):
        column = [WORDS.translated(heading), *cells[:-1], WORDS.translated(cells[-1])]
        width = max(map(_width, column))
        pads = [" " * (width - _width(cell)) for cell in column]
        pairs = zip(column, pads, strict=True)
        padded.append([cell + pad if i < 3 else pad + cell for cell, pad in pairs])
    for line in zip(*padded, strict=True):
        yield "  ".join(line).rstrip()


def _width(text: str) -> int:
    """The number of columns of a terminal that a text takes."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
