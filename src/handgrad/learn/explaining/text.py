"""An explanation as text: the rows, and each line of the layers with its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from handgrad.learn.explaining.explained import Explained
from handgrad.learn.explaining.steps import FEW, FIRST, Section
from handgrad.learn.explaining.terms import Index, TermWriter

MOST_LETTERS = 80  # of a cell of text
FEW_NUMBERS = 4  # encoded from a column: with more, zeros are counted instead of written
MOST_SECTIONS, ENDS = 40, 12  # with more, those between the first and the last are closed


def text(e: Explained) -> str:
    """The whole text."""
    words, n = e.writer.words, e.traced.n
    rows = words["row"] if n == 1 else words["rows"].format(n)
    out = [words["opening"].format(e.title, rows)]
    if e.not_finite is not None:
        out.append(words["not_finite"].format(e.not_finite))
    if why := contributions_of(e):
        out += ["", words["why"], *(f"      {line}" for line in why)]
    if e.subject.read:
        out += ["", words["read"], *(f"      {line}" for line in columns_read(e))]
    out += ["", words["given"]]
    for number in input_numbers(e):
        out.append(f"      {number.name} = {number.result}   {number.column}")
        out += [f"      {number.more}"] if number.more else []
    out += text_of(e.sections, e.writer)
    return "\n".join(line.rstrip() for line in out)


def contributions_of(e: Explained) -> list[str]:
    """Contributions of the columns of a table to the prediction of its first row."""
    result = e.subject.contributions
    return [] if result is None else result.lines(words=e.writer.words)


@dataclass(frozen=True)
class InputNumber:
    """An input number, the name of its column, and the count of those left out after it."""

    node: int
    index: Index
    name: str
    result: str
    column: str
    more: str


def input_numbers(e: Explained) -> Iterator[InputNumber]:
    """The inputs: all numbers of a short array, the first of a long one."""
    names, words = e.subject.names, e.writer.words
    for name, i in e.traced.inputs.items():
        shape, size = e.elements.values[i].shape, e.elements.values[i].size
        shown = size if size <= FEW else FIRST
        for place, index in enumerate(islice(np.ndindex(shape), shown), 1):
            own = f"{name}[{','.join(map(str, index))}]" if index else name
            number = e.writer.shown(e.elements.number(i, index).number)
            of_table = name == "x" and index and index[-1] < len(names)
            more = words["more"].format(size - shown) if place == shown < size else ""
            yield InputNumber(i, index, own, number, names[index[-1]] if of_table else "", more)


def columns_read(e: Explained) -> Iterator[str]:
    """The first row of a table as it was read, and its encoding."""
    words, shown = e.writer.words, e.writer.shown
    for cell in e.subject.read:
        value = cell.value if isinstance(cell.value, str) else None
        value = f"{value[:MOST_LETTERS]}…" if value and len(value) > MOST_LETTERS else value
        value = value or (words["missing"] if cell.value is None else shown(float(cell.value)))
        kept = {k: v for k, v in cell.numbers.items() if v or len(cell.numbers) <= FEW_NUMBERS}
        numbers = [f"{name} {shown(number)}" for name, number in kept.items()]
        numbers += [f"0 × {left}"] if (left := len(cell.numbers) - len(kept)) else []
        made = f" → {', '.join(numbers)}" if numbers else ""
        remark = words["remark"].format(words[f"feature_{cell.kind}"])
        yield f"{cell.column} = {value}{made}   {remark}"


def text_of(sections: Sequence[Section], writer: TermWriter) -> Iterator[str]:
    """Sections line by line: the first step of a recurrence in full, the others by their result.

    If there are many sections, those between the first and the last get one line, too.
    """
    words, run, above_whole = writer.words, set[tuple[object, ...]](), True
    many = len(sections) > MOST_SECTIONS
    for i, section in enumerate(sections):
        again = section.lines_run in run
        run.add(section.lines_run)
        whole = not again and (not many or not ENDS <= i < len(sections) - ENDS)
        if whole or above_whole:
            yield ""
        repeated = f" ({words['again']})" if again else ""
        yield f"{section.title(words)}{repeated}   → {section.summary(writer)}"
        if whole:
            yield from section.lines(words)
        above_whole = whole
