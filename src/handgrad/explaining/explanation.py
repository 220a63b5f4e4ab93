"""A step of a net explained: each line of its pages with the numbers of these rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from handgrad.base.errors import SettingError, did_you_mean
from handgrad.display import shown_whole
from handgrad.explaining.elements import ATOMS, FILLED, Elements
from handgrad.explaining.recorded import UPDATE, Recorded
from handgrad.explaining.terms import Index, Number, Term
from handgrad.explaining.writing import Writer
from handgrad.graph.operations import Op
from handgrad.graph.printing import formula
from handgrad.layers import Array

FEW, FIRST = 8, 4  # numbers of an array: so many are all shown, of more the first
MOST_SECTIONS, ENDS = 40, 12  # of more, those between the first and the last are closed


@dataclass(frozen=True, eq=False)
class Line:
    """One number: its name, the arithmetic it was made by, and what it came to."""

    name: str
    term: Term
    result: Number

    def text(self, writer: Writer) -> str:
        """`y_1[0,0] = tanh(−0.08219) = −0.08201`."""
        result, made = writer.shown(self.result.number), writer.text(self.term)
        return f"{self.name} = {result}" if made == result else f"{self.name} = {made} = {result}"


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """A line of a page: `formula`, the array `value` it gave, and how each number came about.

    `name` is what the graph calls it, `address` what it is asked for by: `dx_1`, `1.dx`.
    `layer` is the path of the layer, or `loss`; `method` is `forward`, `backward` or another of
    the page; `way` is `forward`, `backward` or `update`; it stands in `file` at `line`.
    """

    node: int
    name: str
    address: str
    formula: str
    way: str
    layer: str
    method: str
    page: str
    file: str
    line: int
    value: Array
    _elements: Elements
    _writer: Writer

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its value."""
        return self.value.shape

    def line_of(self, index: Index = ()) -> Line:
        """How the number at `index` came about."""
        name = self.name + (f"[{','.join(map(str, index))}]" if index else "")
        number = self._elements.number(self.node, index)
        return Line(name, self._elements.line(self.node, index), number)

    def lines(self) -> Iterator[Line]:
        """All numbers, row by row."""
        return (self.line_of(index) for index in np.ndindex(self.value.shape))

    @property
    def is_filled(self) -> bool:
        """Whether it was filled with one number, of which nothing is to be told."""
        return self._elements.nodes[self.node].operation in FILLED

    def shown_lines(self) -> tuple[list[Line], int]:
        """The lines that are shown, and how many more there are."""
        if self.is_filled:
            return [], 0
        size = self.value.size
        first = [*islice(self.lines(), size if size <= FEW else FIRST)]
        return first, size - len(first)

    def __str__(self) -> str:
        words = self._writer.words
        shape = "×".join(map(str, self.shape)) or words["number"]
        head = f"  {self.name} = {self.formula}"
        out = [f"{head:<62} {shape:>9}   {Path(self.file).name}:{self.line}"]
        lines, more = self.shown_lines()
        out += [f"      {line.text(self._writer)}" for line in lines]
        if self.is_filled:
            out.append(f"      {words['all_zero']}")
        if more:
            out.append(f"      {words['more'].format(more)}")
        return "\n".join(out)

    def __repr__(self) -> str:
        return f"<Step: {self.name} = {self.formula}>"

    _repr_pretty_ = shown_whole


@dataclass(frozen=True, eq=False)
class Section:
    """The steps that follow each other in one method of one page."""

    steps: list[Step]

    @property
    def first(self) -> Step:
        return self.steps[0]

    def title(self, words: Mapping[str, str]) -> str:
        """`forward · 0 · Linear(2, 3)`."""
        first = self.first
        layer = first.layer.removeprefix(f"{UPDATE} ")
        own = "" if first.method in (first.way, "rule") else first.method
        parts = (words[first.way], layer, own, first.page)
        return " · ".join(part for part in parts if part)

    def summary(self, writer: Writer) -> str:
        """What came out, in one line: shape, mean size, zeros."""
        last = self.steps[-1]
        if last.value.size == 1:
            return f"{last.name} = {writer.shown(last.value.item())}"
        size = np.abs(last.value.astype(float))
        mean, zeros = (
            writer.shown(float(size.mean())),
            writer.shown(float(100 * (size == 0).mean())),
        )
        shape = "×".join(map(str, last.shape))
        return writer.words["summary"].format(shape, last.name, mean, zeros)


class Explanation:
    """What `hg.explain` gives; printed, it is each line of the pages with these rows' numbers."""

    def __init__(
        self, title: str, recorded: Recorded, writer: Writer, language: str, names: tuple[str, ...]
    ) -> None:
        self.title, self.language = title, language
        self._recorded, self._writer, self._names = recorded, writer, names
        self._elements = Elements(recorded.nodes, recorded.values, recorded.n, recorded.names)

    @cached_property
    def steps(self) -> list[Step]:
        """The lines of the pages, in the order in which they were computed."""
        found = self._recorded
        backward = next(
            (
                i
                for i, node in enumerate(found.nodes)
                if node.origin and node.origin.method == "backward"
            ),
            len(found.nodes),
        )
        address = {i: address for address, i in reversed(found.addresses.items())}
        steps = []
        for i, node in enumerate(found.nodes):
            origin = node.origin
            if origin is None or i not in found.names or node.operation in ATOMS - {Op.RANDOM}:
                continue
            way = "forward" if i < backward else "backward"
            steps.append(
                Step(
                    i,
                    found.names[i],
                    address.get(i, found.names[i]),
                    formula(i, found.nodes, found.names),
                    UPDATE if origin.method == UPDATE else way,
                    origin.layer,
                    origin.method,
                    found.pages.get(origin.layer, ""),
                    origin.file,
                    origin.line,
                    self._elements.values[i],
                    self._elements,
                    self._writer,
                )
            )
        return steps

    @cached_property
    def sections(self) -> list[Section]:
        """The steps, method by method."""
        found: list[Section] = []
        for step in self.steps:
            here = (step.way, step.layer, step.method)
            first = found[-1].first if found else None
            if first is None or (first.way, first.layer, first.method) != here:
                found.append(Section([]))
            found[-1].steps.append(step)
        return found

    def __getitem__(self, address: str) -> Step:
        """The step of that address or name: `e["1.dx"]`, `e["dx_1"]`, `e["loss"]`."""
        node, index = self._place(address)
        for step in self.steps:
            if step.node == node and not index:
                return step
        raise self._unknown(address)

    def _place(self, address: str) -> tuple[int, Index]:
        """The node and the index that `0.W[2,0]` names."""
        matched = re.fullmatch(r"\s*(.+?)\s*(?:\[([-\d\s,]*)\])?\s*", address)
        if not isinstance(address, str) or matched is None:
            raise self._unknown(address)
        by_name = {name: i for i, name in self._recorded.names.items()}
        known = by_name | self._recorded.addresses
        if matched[1] not in known:
            raise self._unknown(address)
        index = tuple(int(part) for part in (matched[2] or "").split(",") if part.strip())
        return known[matched[1]], index

    def _unknown(self, address: object) -> SettingError:
        known = [*self._recorded.addresses]
        listed = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        return SettingError(
            f"{address!r}, which is nothing of this step",
            f"one of {listed}",
            did_you_mean(address, known, "e.steps, which has all of them"),
        )

    def __str__(self) -> str:
        words = self._writer.words
        n = self._recorded.n
        rows = words["row"] if n == 1 else words["rows"].format(n)
        out = [f"{self.title}; {rows}"]
        if (place := self.not_finite) is not None:
            out.append(words["not_finite"].format(place))
        out += ["", words["given"], *self._given()]
        many = len(self.sections) > MOST_SECTIONS
        for i, section in enumerate(self.sections):
            out += ["", f"{section.title(words)}   → {section.summary(self._writer)}"]
            if not many or not ENDS <= i < len(self.sections) - ENDS:
                out += map(str, section.steps)
        return "\n".join(line.rstrip() for line in out)

    def _given(self) -> Iterator[str]:
        """The rows that came, a line for each number."""
        for name, i in self._recorded.inputs.items():
            value = self._elements.values[i]
            size = value.size
            for index in islice(np.ndindex(value.shape), size if size <= FEW else FIRST):
                place = f"[{','.join(map(str, index))}]" if index else ""
                number = self._writer.shown(self._elements.number(i, index).number)
                column = self._column(name, index)
                yield f"      {name}{place} = {number}{column and f'   {column}'}"
            if size > FEW:
                yield f"      {self._writer.words['more'].format(size - FIRST)}"

    def _column(self, name: str, index: Index) -> str:
        """What a number of a row is called, where it is of a table."""
        known = name == "x" and index and index[-1] < len(self._names)
        return self._names[index[-1]] if known else ""

    @cached_property
    def not_finite(self) -> str | None:
        """The name of the first line that gave NaN or infinity; None where all is finite."""
        for step in self.steps:
            if step.value.dtype.kind == "f" and not np.isfinite(step.value).all():
                return step.name
        return None

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}, {len(self.steps)} steps>"
