"""The lines of the pages as steps: each number with the arithmetic that made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from handgrad.learn.explaining.elements import FILLED, Elements
from handgrad.learn.explaining.terms import Index, Number, Term
from handgrad.learn.explaining.traced_step import UPDATE
from handgrad.learn.explaining.writing import Writer
from handgrad.textbook.display import shown_whole
from handgrad.textbook.layers import Array

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
    the page; `way` is `forward`, `backward` or `update`; it stands in `file` at `line`. `goes_on`:
    whether another page takes it the same way, as it does what comes out of a layer.
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
    _writer: Writer

    @property
    def place(self) -> str:
        """Where it stands: `linear.py:54`."""
        return f"{Path(self.file).name}:{self.line}"

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
    def filled(self) -> int | None:
        """The number that it was filled with, of which nothing is to be told."""
        return FILLED.get(self._elements.nodes[self.node].operation)

    def shown_lines(self) -> tuple[list[Line], int]:
        """The lines that are shown, and how many more there are."""
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


def last_of(steps: Sequence[Step]) -> Step:
    """What comes out of the steps: the last that another page goes on with, else the last."""
    return next((step for step in reversed(steps) if step.goes_on), steps[-1])


@dataclass(frozen=True, eq=False)
class Section:
    """The steps that follow each other in one method of one page."""

    steps: list[Step]

    @property
    def first(self) -> Step:
        return self.steps[0]

    @property
    def lines_run(self) -> tuple[object, ...]:
        """What was run: the same for each step of a recurrence."""
        first = self.first
        return first.way, first.layer, first.method, *(step.place for step in self.steps)

    def goes_on_with(self, step: Step) -> bool:
        """Whether a step is of the same method, and that is not begun anew."""
        first, last = self.first, self.steps[-1]
        if (first.way, first.layer, first.method) != (step.way, step.layer, step.method):
            return False
        begun_anew = step.place == first.place != last.place
        return first.method == first.way or first.way == UPDATE or not begun_anew

    def runs(self) -> Iterator[tuple[bool, list[Step]]]:
        """The steps in their order, those apart that are rounds in the midst of a loop."""
        runs, ran = Counter(step.place for step in self.steps), Counter[str]()
        inner = []
        for step in self.steps:
            ran[step.place] += 1
            inner.append(runs[step.place] > FEW and 2 < ran[step.place] < runs[step.place])
        pairs = groupby(zip(inner, self.steps, strict=True), key=lambda pair: pair[0])
        return ((within, [step for _, step in group]) for within, group in pairs)

    def lines(self, words: Mapping[str, str]) -> Iterator[str]:
        """The steps as text; of a line of a loop, which ran many times, the first and the last."""
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
        """`0 · Linear(2, 3)`: the layer, its page, and another method of it."""
        first = self.first
        layer = first.layer.removeprefix(f"{UPDATE} ")
        own = "" if first.method in (first.way, "rule") else first.method
        parts = (layer, own, first.page)
        return " · ".join(part for part in parts if part)

    def summary(self, writer: Writer) -> str:
        """What came out, in one line: shape, mean size, zeros."""
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


def text_of(sections: Sequence[Section], writer: Writer) -> Iterator[str]:
    """Sections line by line: of the steps of a recurrence the first, of the others what they gave.

    Where there are many sections, those in the midst are told in a line, too.
    """
    words, run, above_told = writer.words, set[tuple[object, ...]](), True
    many = len(sections) > MOST_SECTIONS
    for i, section in enumerate(sections):
        again = section.lines_run in run
        run.add(section.lines_run)
        told = not again and (not many or not ENDS <= i < len(sections) - ENDS)
        if told or above_told:
            yield ""
        repeated = f" ({words['again']})" if again else ""
        yield f"{section.title(words)}{repeated}   → {section.summary(writer)}"
        if told:
            yield from section.lines(words)
        above_told = told
