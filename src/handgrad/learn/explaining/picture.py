"""The net as a picture: a column of units for each layer, with the numbers of the first row."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from handgrad.files.html import environment
from handgrad.learn.explaining.explained import Explained
from handgrad.learn.explaining.steps import last_of
from handgrad.learn.explaining.terms import key
from handgrad.textbook.layers import Array

MOST_COLUMNS, MOST_UNITS = 6, 8
WIDTH, HEIGHT, UNIT, TOP = 166, 52, 88, 46
LONGEST = 21  # letters above a column


@dataclass(frozen=True)
class Unit:
    """A number of a layer, and the slope of the loss there."""

    key: str
    x: int
    y: int
    label: str
    value: str
    slope_key: str
    slope: str


@dataclass(frozen=True)
class Wire:
    """A weight between two units, or the whole of a layer between two columns."""

    key: str
    x1: int
    y1: int
    x2: int
    y2: int
    width: str
    negative: bool
    text: str
    to: str


@dataclass
class Column:
    """What came out of some layers, of which one had weights at most."""

    title: str
    node: int
    x: int = 0
    layers: list[int] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    more: int = 0


class Picture:
    """Draws the net of an explanation."""

    def __init__(self, e: Explained) -> None:
        self.net, self.names, self.writer = e.subject.net, e.subject.names, e.writer
        self.found, self.elements, self.steps = e.recorded, e.elements, e.steps

    def svg(self) -> Markup | None:
        """The picture; None where no array of rows goes through the net."""
        columns = self._columns()
        if not columns or self.elements.values[columns[0].node].ndim < 2:
            return None
        shown = columns
        if len(columns) > MOST_COLUMNS:
            half = MOST_COLUMNS // 2
            shown = [*columns[:half], *columns[-half:]]
        for place, column in enumerate(shown):
            column.x = WIDTH // 2 + place * WIDTH
            self._fill(column)
        tall = max(len(column.units) + bool(column.more) for column in shown)
        height = TOP + tall * HEIGHT + 40
        for column in shown:
            self._spread(column, height - 40)
        words = self.writer.words
        template = environment().get_template("learn/explaining/picture.svg")
        drawn = template.render(
            columns=shown,
            wires=[w for a, b in itertools.pairwise(shown) for w in self._wires(a, b)],
            width=WIDTH * len(shown),
            height=height,
            unit_width=UNIT,
            bottom=self._bottom(),
            words=words,
        )
        return Markup(drawn)

    def _columns(self) -> list[Column]:
        start = self.found.inputs.get("x")
        if start is None:
            return []
        found = [Column(self.writer.words["inputs"], start)]
        for i, layer in enumerate(self.net.layers):
            out = self._last(str(i), "forward")
            title = type(layer).__name__
            if out is None:
                continue
            alone = not layer.named_parameters() and len(found) > 1
            same = self.elements.values[out].shape == self.elements.values[found[-1].node].shape
            if alone and same:
                found[-1].node = out
                found[-1].title += f" · {title}"
            else:
                found.append(Column(title, out))
            found[-1].layers.append(i)
        for column in found:
            if len(column.title) > LONGEST:
                column.title = f"{column.title[: LONGEST - 1]}…"
        return found

    def _last(self, layer: str, way: str) -> int | None:
        """The node that came out of a layer, or of those within it."""
        own = [
            step
            for step in self.steps
            if step.way == way and (step.layer == layer or step.layer.startswith(f"{layer}."))
        ]
        return last_of(own).node if own else None

    def _fill(self, column: Column) -> None:
        value, shown = self.elements.values[column.node], self.writer.shown
        row = [(0, *index) for index in np.ndindex(value.shape[1:])]
        first = row if len(row) <= MOST_UNITS else row[: MOST_UNITS - 1]
        column.more = len(row) - len(first)
        slope = self._slope(column)
        for place, index in enumerate(first):
            label = ",".join(map(str, index[1:]))
            if column.layers == [] and index[-1] < len(self.names):
                label = self.names[index[-1]][:12]
            number = self.elements.number(column.node, index).number
            down = None if slope is None else self.elements.number(slope, index).number
            column.units.append(
                Unit(
                    key(column.node, index),
                    column.x,
                    place,
                    label,
                    shown(number),
                    "" if slope is None else key(slope, index),
                    "" if down is None else shown(down),
                )
            )

    def _slope(self, column: Column) -> int | None:
        """The node with the slope of the loss at what came out of a column."""
        after = (max(column.layers) if column.layers else -1) + 1
        layers = [*map(str, range(after, len(self.net.layers))), "loss"]
        nodes = (self._last(layer, "backward") for layer in layers)
        shape = self.elements.values[column.node].shape
        node = next((i for i in nodes if i is not None), None)
        return node if node is not None and self.elements.values[node].shape == shape else None

    @staticmethod
    def _spread(column: Column, height: int) -> None:
        count = len(column.units) + bool(column.more)
        step = (height - TOP) / count
        column.units = [
            Unit(**{**vars(unit), "y": round(TOP + (place + 0.5) * step)})
            for place, unit in enumerate(column.units)
        ]

    def _wires(self, left: Column, right: Column) -> list[Wire]:
        """The weights between the units that are shown; of a column of other layers, none."""
        weights = self._weights(left, right)
        if weights is None:
            return []
        node, W = weights
        largest = float(np.abs(W).max()) or 1.0
        wires = []
        for b, end in enumerate(right.units):
            for a, start in enumerate(left.units):
                w = float(W[b, a])
                wires.append(
                    Wire(
                        key(node, (b, a)),
                        start.x + UNIT // 2,
                        start.y,
                        end.x - UNIT // 2,
                        end.y,
                        f"{0.6 + 2.6 * abs(w) / largest:.1f}",
                        w < 0,
                        self.writer.shown(w),
                        end.key,
                    )
                )
        return wires

    def _weights(self, left: Column, right: Column) -> tuple[int, Array] | None:
        shape = tuple(self.elements.values[c.node][0].size for c in (right, left))
        for layer in right.layers:
            node = self.found.addresses.get(f"{layer}.W")
            if node is not None and self.elements.values[node].shape == shape:
                return node, self.elements.values[node]
        return None

    def _bottom(self) -> str:
        words, shown = self.writer.words, self.writer.shown
        told = []
        y = self.found.inputs.get("y")
        if y is not None:
            row = self.elements.values[y][:1].ravel()
            target = ", ".join(shown(number.item()) for number in row[:4])
            told.append(words["target"].format(target + ", …" * (row.size > 4)))
        loss = self.found.addresses.get("loss")
        if loss is not None:
            told.append(words["loss_is"].format(shown(self.elements.number(loss, ()).number)))
        return " · ".join(told)
