"""Steps: the lines of the layers, each number with the arithmetic that computed it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from handgrad.graph.nodes import Node, first_of_backward
from handgrad.graph.operations import Op
from handgrad.graph.printing import formula
from handgrad.learn.explaining.elements import ATOMS, FILLED, Elements
from handgrad.learn.explaining.terms import Index, NumberTerm, Term, TermWriter
from handgrad.learn.explaining.traced_step import UPDATE, TracedStep
from handgrad.textbook.display import shown_whole
from handgrad.textbook.layers import Array

FEW, FIRST = 8, 4  # arrays up to FEW numbers are shown whole, larger ones by the first


@dataclass(frozen=True, eq=False)
class Line:
    """One number: its name, its arithmetic, and its value."""

    name: str
    term: Term
    result: NumberTerm

    def text(self, writer: TermWriter) -> str:
        """`y_1[0,0] = tanh(−0.08219) = −0.08201`."""
        result, made = writer.shown(self.result.number), writer.text(self.term)
        return f"{self.name} = {result}" if made == result else f"{self.name} = {made} = {result}"


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """A line of a layer: `formula`, its array `value`, and the arithmetic of each number.

    `name` is its name in the graph, `address` the one for access: `dx_1`, `1.dx`. `layer` is the
    path of the layer, or `loss`; `method` is `forward`, `backward` or another method; `way` is
    `forward`, `backward` or `update`; the source is `file`, `line`. `goes_on` is true if another
    layer uses the value in the same pass, as it does the output of a layer.
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
    goes_on: bool
    value: Array
    _elements: Elements
    _writer: TermWriter

    @property
    def place(self) -> str:
        """Source of the step: `linear.py:54`."""
        return f"{Path(self.file).name}:{self.line}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its value."""
        return self.value.shape

    def line_of(self, index: Index = ()) -> Line:
        """The line of the number at `index`."""
        name = self.name + (f"[{','.join(map(str, index))}]" if index else "")
        number = self._elements.number(self.node, index)
        return Line(name, self._elements.line(self.node, index), number)

    def lines(self) -> Iterator[Line]:
        """All numbers, row by row."""
        return (self.line_of(index) for index in np.ndindex(self.value.shape))

    @property
    def filled(self) -> int | None:
        """The number that fills the array, if it is constant."""
        return FILLED.get(self._elements.nodes[self.node].operation)

    def shown_lines(self) -> tuple[list[Line], int]:
        """The lines that are shown, and the number of those left out."""
        if self.filled is not None:
            return [], 0
        size = self.value.size
        first = [*islice(self.lines(), size if size <= FEW else FIRST)]
        return first, size - len(first)

    def __str__(self) -> str:
        words = self._writer.words
        shape = "×".join(map(str, self.shape)) or words["number"]
        head = f"  {self.name} = {self.formula}"
        out = [f"{head:<62} {shape:>9}   {self.place}"]
        lines, more = self.shown_lines()
        out += [f"      {line.text(self._writer)}" for line in lines]
        if self.filled is not None:
            out.append(f"      {words['all_alike'].format(self.filled)}")
        if more:
            out.append(f"      {words['more'].format(more)}")
        return "\n".join(out)

    def __repr__(self) -> str:
        return f"<Step: {self.name} = {self.formula}>"

    _repr_pretty_ = shown_whole


def steps_of(traced: TracedStep, elements: Elements, writer: TermWriter) -> list[Step]:
    """The lines of the layers, in the order in which they were computed."""
    nodes = traced.nodes
    backward = first_of_backward(nodes)
    address = {i: address for address, i in reversed(traced.addresses.items())}
    going_on = _going_on(nodes, backward)
    steps = []
    for i, node in enumerate(nodes):
        origin = node.origin
        if origin is None or i not in traced.names or node.operation in ATOMS - {Op.RANDOM}:
            continue
        way = "forward" if i < backward else "backward"
        steps.append(
            Step(
                i,
                traced.names[i],
                address.get(i, traced.names[i]),
                formula(i, nodes, traced.names),
                UPDATE if origin.method == UPDATE else way,
                origin.layer,
                origin.method,
                traced.pages.get(origin.layer, ""),
                origin.file,
                origin.line,
                i in going_on,
                elements.values[i],
                elements,
                writer,
            )
        )
    return steps


def _going_on(nodes: Sequence[Node], backward: int) -> set[int]:
    """Nodes that another layer uses in the same pass; the backward pass starts at `backward`."""
    return {
        i
        for user, node in enumerate(nodes)
        for i in node.used()
        if (made := nodes[i].origin) and node.origin and made.layer != node.origin.layer
        if (i < backward) == (user < backward) and node.origin.method != UPDATE
    }


def first_not_finite(steps: Sequence[Step], traced: TracedStep) -> str | None:
    """Name of the first step with NaN, or with infinity that is not a constant of the code."""
    stated: set[int] = set()
    for i, (node, value) in enumerate(zip(traced.nodes, traced.values, strict=True)):
        if value.dtype.kind == "f" and np.isinf(value).any() and not np.isnan(value).any():
            sources = [k for k in node.used() if not np.isfinite(traced.values[k]).all()]
            if stated.issuperset(sources) and (sources or _states_infinity(node)):
                stated.add(i)
    for step in steps:
        finite = step.value.dtype.kind != "f" or np.isfinite(step.value).all()
        if not finite and step.node not in stated:
            return step.name
    return None


def _states_infinity(node: Node) -> bool:
    """True if infinity is among the constants of an operation."""
    constants: list[object] = []
    node.map(constants.append)
    return any(isinstance(leaf, float) and math.isinf(leaf) for leaf in constants)


def last_of(steps: Sequence[Step]) -> Step:
    """Output of the steps: the last that another layer uses, else the last."""
    return next((step for step in reversed(steps) if step.goes_on), steps[-1])


@dataclass(frozen=True, eq=False)
class Section:
    """Consecutive steps of one method of one layer."""

    steps: list[Step]

    @property
    def first(self) -> Step:
        return self.steps[0]

    @property
    def lines_run(self) -> tuple[object, ...]:
        """The source lines that ran: equal for each step of a recurrence."""
        first = self.first
        return first.way, first.layer, first.method, *(step.place for step in self.steps)

    def goes_on_with(self, step: Step) -> bool:
        """True if a step belongs to the same call of the method."""
        first, last = self.first, self.steps[-1]
        if (first.way, first.layer, first.method) != (step.way, step.layer, step.method):
            return False
        begun_anew = step.place == first.place != last.place
        return first.method == first.way or first.way == UPDATE or not begun_anew

    def runs(self) -> Iterator[tuple[bool, list[Step]]]:
        """The steps in order, with the middle iterations of a loop apart."""
        runs, ran = Counter(step.place for step in self.steps), Counter[str]()
        inner = []
        for step in self.steps:
            ran[step.place] += 1
            inner.append(runs[step.place] > FEW and 2 < ran[step.place] < runs[step.place])
        pairs = groupby(zip(inner, self.steps, strict=True), key=lambda pair: pair[0])
        return ((within, [step for _, step in group]) for within, group in pairs)

    def lines(self, words: Mapping[str, str]) -> Iterator[str]:
        """The steps as text; for lines of a loop, the first and the last iteration."""
        for left_out, steps in self.runs():
            if left_out:
                places = ", ".join(dict.fromkeys(step.place for step in steps))
                yield f"  {words['more'].format(len(steps))}   {places}"
            else:
                yield from map(str, steps)

    def title(self, words: Mapping[str, str]) -> str:
        """`forward · 0 · Linear(2, 3)`."""
        return " · ".join(part for part in (words[self.first.way], self.place) if part)

    @property
    def place(self) -> str:
        """`0 · Linear(2, 3)`: the path of the layer, its repr, and its method."""
        first = self.first
        layer = first.layer.removeprefix(f"{UPDATE} ")
        own = "" if first.method in (first.way, "rule") else first.method
        parts = (layer, own, first.page)
        return " · ".join(part for part in parts if part)

    def summary(self, writer: TermWriter) -> str:
        """Summary of the output in one line: shape, mean absolute value, zeros."""
        last = last_of(self.steps)
        if last.value.size == 1:
            return f"{last.name} = {writer.shown(last.value.item())}"
        size = np.abs(last.value.astype(float))
        mean, zeros = (
            writer.shown(float(size.mean())),
            writer.shown(float(100 * (size == 0).mean())),
        )
        shape = "×".join(map(str, last.shape))
        return writer.words["summary"].format(shape, last.name, mean, zeros)


def sections_of(steps: Sequence[Step]) -> list[Section]:
    """The steps, method by method; a method that is called again begins another section."""
    sections: list[Section] = []
    for step in steps:
        if not sections or not sections[-1].goes_on_with(step):
            sections.append(Section([]))
        sections[-1].steps.append(step)
    return sections
