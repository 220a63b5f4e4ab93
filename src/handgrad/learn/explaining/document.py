"""HTML page of an explanation: the net with the numbers of a row, and every line."""

from __future__ import annotations

import html as markup
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from handgrad.files import html
from handgrad.files.html import environment
from handgrad.learn.explaining.explained import Explained
from handgrad.learn.explaining.notation import MathML
from handgrad.learn.explaining.steps import Line, Section, Step, last_of
from handgrad.learn.explaining.terms import NumberTerm, TermWriter, key
from handgrad.learn.explaining.text import columns_read, contributions_of, input_numbers
from handgrad.textbook.layers import Array
from handgrad.textbook.version import __version__

OPEN = 24  # sections that are open; with more, none is
MOST_CELLS = 8  # rows and columns of a table
MASKED = 1e8  # numbers of this size stand for −∞
BEGIN, MIDDLE, END = "\ue000\ue001\ue002"  # around a number, until its line is HTML


class Linked(TermWriter):
    """Writes numbers with their keys in the page."""

    def number(self, number: NumberTerm) -> str:
        text = self.shown(number.number)
        if number.node < 0:
            return text
        return f"{BEGIN}{key(number.node, number.index)}{MIDDLE}{text}{END}"


@dataclass(frozen=True)
class WrittenLine:
    """A line: the keys of its number and of its operands, and the text between them."""

    key: str
    sources: str
    name: str
    parts: Sequence[Markup]
    result: str
    column: str = ""
    more: str = ""


@dataclass(frozen=True)
class WrittenTable:
    """A matrix `name` of an array of more axes: rows of (key, text, shade)."""

    name: str
    rows: Sequence[Sequence[tuple[str, str, float]]]
    more_rows: int
    more_columns: int


@dataclass(frozen=True)
class WrittenStep:
    """A step: its formula, its source line, and its lines, or the first and a table."""

    math: Markup
    code: str
    shape: str
    place: str
    lines: Sequence[WrittenLine]
    table: WrittenTable | None
    filled: int | None
    more: int


@dataclass(frozen=True)
class WrittenSection:
    """The steps of a layer's method; the middle iterations of a loop are one closed group."""

    title: str
    summary: str
    open: bool
    steps: Sequence[tuple[bool, Sequence[WrittenStep]]]


@dataclass(frozen=True)
class StepGroup:
    """Forward, backward or update, or the inputs."""

    name: str
    title: str
    way: str
    parts: Sequence[WrittenSection] = ()
    contributions: Sequence[str] = ()
    read: Sequence[str] = ()
    given: Sequence[WrittenLine] = ()


def written_line(line: Line, writer: Linked) -> WrittenLine:
    """A line whose numbers are linked elements."""
    number, term = line.result, line.term
    text = markup.escape(writer.text(term), quote=False)
    text = text.replace(BEGIN, '<span data-k="').replace(MIDDLE, '" tabindex="-1">')
    made, result = Markup(text.replace(END, "</span>")), writer.shown(number.number)
    sources = dict.fromkeys(key(n.node, n.index) for n in term.numbers() if n.node >= 0)
    parts = [] if made.striptags() == result else [made]
    return WrittenLine(key(number.node, number.index), " ".join(sources), line.name, parts, result)


def written_table(step: Step, writer: Linked) -> WrittenTable:
    """The first matrix of an array of three axes or more, shaded by absolute value."""
    first = (0,) * (step.value.ndim - 2)
    matrix = step.value[first].astype(float)
    part = matrix[:MOST_CELLS, :MOST_CELLS]
    finite = np.abs(part[np.isfinite(part)])
    # masks use −1e9: scale the shades by the other numbers
    largest = finite[finite < MASKED].max(initial=0) or 1
    rows = [
        [
            (
                key(step.node, (*first, i, j)),
                writer.shown(float(number)),
                round(min(1, abs(number) / largest), 2) if abs(number) < MASKED else 0.0,
            )
            for j, number in enumerate(row)
        ]
        for i, row in enumerate(part)
    ]
    more_rows, more_columns = (
        size - shown for size, shown in zip(matrix.shape, part.shape, strict=True)
    )
    name = f"{step.name}[{','.join([*map(str, first), ':', ':'])}]"
    return WrittenTable(name, rows, more_rows, more_columns)


def written_step(step: Step, writer: Linked) -> WrittenStep:
    """A step as data of the page."""
    lines, more = step.shown_lines()
    table = None
    if more and step.value.ndim > 2:
        lines, more, table = lines[:1], 0, written_table(step, writer)
    return WrittenStep(
        Markup(MathML().equation(step.name, step.formula)),
        f"{step.name} = {step.formula}",
        "×".join(map(str, step.shape)) or writer.words["number"],
        step.place,
        [written_line(line, writer) for line in lines],
        table,
        step.filled,
        more,
    )


def chapters_of(sections: Sequence[Section], writer: Linked) -> Iterator[StepGroup]:
    """Forward, backward and update, each with its sections."""
    few, plain = len(sections) <= OPEN, TermWriter(writer.digits, writer.words)
    for way in dict.fromkeys(section.first.way for section in sections):
        parts = [
            WrittenSection(
                section.place,
                section.summary(plain),
                few,
                [
                    (closed, [written_step(step, writer) for step in steps])
                    for closed, steps in section.runs()
                ],
            )
            for section in sections
            if section.first.way == way
        ]
        yield StepGroup(way, writer.words[way].capitalize(), way, parts)


def page(e: Explained) -> str:
    """The whole page, self-contained."""
    words, linked = e.writer.words, Linked(e.writer.digits, e.writer.words)
    inputs = StepGroup(
        "given",
        words["given"].capitalize(),
        "",
        contributions=contributions_of(e),
        read=[*columns_read(e)],
        given=[
            WrittenLine(key(n.node, n.index), "", n.name, (), n.result, n.column, n.more)
            for n in input_numbers(e)
        ],
    )
    picture = NetDrawing(e).svg()
    return html.page(
        "learn/explaining/page.html",
        language=e.language,
        title=words["heading_row"] if e.traced.n == 1 else words["heading_rows"].format(e.traced.n),
        told=e.title,
        not_finite=words["not_finite"].format(e.not_finite) if e.not_finite else "",
        picture=picture,
        wide=picture is not None and picture.count('class="title"') > MOST_COLUMNS // 2 + 1,
        backward=any(section.first.way == "backward" for section in e.sections),
        contents=words["contents"],
        sections=[inputs, *chapters_of(e.sections, linked)],
        words=words,
        footer=f"handgrad {__version__}",
    )


MOST_COLUMNS, MOST_UNITS = 6, 8
WIDTH, HEIGHT, UNIT, TOP = 166, 52, 88, 46
LONGEST = 21  # characters above a column


@dataclass(frozen=True)
class Unit:
    """A unit: its value, and the gradient of the loss with respect to it."""

    key: str
    x: int
    y: int
    label: str
    value: str
    slope_key: str
    slope: str


@dataclass(frozen=True)
class Wire:
    """A weight between two units, or a whole layer between two columns."""

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
class DiagramColumn:
    """Output of a group of layers, at most one of which has weights."""

    title: str
    node: int
    x: int = 0
    layers: list[int] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    more: int = 0


class NetDrawing:
    """Draws the net of an explanation."""

    def __init__(self, e: Explained) -> None:
        self.net, self.names, self.writer = e.subject.net, e.subject.names, e.writer
        self.found, self.elements, self.steps = e.traced, e.elements, e.steps

    def svg(self) -> Markup | None:
        """The diagram as SVG; None if the net has no arrays of rows."""
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

    def _columns(self) -> list[DiagramColumn]:
        start = self.found.inputs.get("x")
        if start is None:
            return []
        columns = [DiagramColumn(self.writer.words["inputs"], start)]
        for i, layer in enumerate(self.net.layers):
            out = self._last(str(i), "forward")
            title = type(layer).__name__
            if out is None:
                continue
            alone = not layer.named_parameters() and len(columns) > 1
            same = self.elements.values[out].shape == self.elements.values[columns[-1].node].shape
            if alone and same:
                columns[-1].node = out
                columns[-1].title += f" · {title}"
            else:
                columns.append(DiagramColumn(title, out))
            columns[-1].layers.append(i)
        for column in columns:
            if len(column.title) > LONGEST:
                column.title = f"{column.title[: LONGEST - 1]}…"
        return columns

    def _last(self, layer: str, way: str) -> int | None:
        """The output node of a layer, or of its inner layers."""
        own = [
            step
            for step in self.steps
            if step.way == way and (step.layer == layer or step.layer.startswith(f"{layer}."))
        ]
        return last_of(own).node if own else None

    def _fill(self, column: DiagramColumn) -> None:
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

    def _slope(self, column: DiagramColumn) -> int | None:
        """The node with the gradient of the loss with respect to a column's output."""
        after = (max(column.layers) if column.layers else -1) + 1
        layers = [*map(str, range(after, len(self.net.layers))), "loss"]
        nodes = (self._last(layer, "backward") for layer in layers)
        shape = self.elements.values[column.node].shape
        node = next((i for i in nodes if i is not None), None)
        return node if node is not None and self.elements.values[node].shape == shape else None

    @staticmethod
    def _spread(column: DiagramColumn, height: int) -> None:
        count = len(column.units) + bool(column.more)
        step = (height - TOP) / count
        column.units = [
            Unit(**{**vars(unit), "y": round(TOP + (place + 0.5) * step)})
            for place, unit in enumerate(column.units)
        ]

    def _wires(self, left: DiagramColumn, right: DiagramColumn) -> list[Wire]:
        """Weights between the units that are shown; none for layers without a weight matrix."""
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

    def _weights(self, left: DiagramColumn, right: DiagramColumn) -> tuple[int, Array] | None:
        shape = tuple(self.elements.values[c.node][0].size for c in (right, left))
        for layer in right.layers:
            node = self.found.addresses.get(f"{layer}.W")
            if node is not None and self.elements.values[node].shape == shape:
                return node, self.elements.values[node]
        return None

    def _bottom(self) -> str:
        words, shown = self.writer.words, self.writer.shown
        lines = []
        y = self.found.inputs.get("y")
        if y is not None:
            row = self.elements.values[y][:1].ravel()
            target = ", ".join(shown(number.item()) for number in row[:4])
            lines.append(words["target"].format(target + ", …" * (row.size > 4)))
        loss = self.found.addresses.get("loss")
        if loss is not None:
            lines.append(words["loss_is"].format(shown(self.elements.number(loss, ()).number)))
        return " · ".join(lines)
