"""An explanation as a page: the net with the numbers of a row, and beside it every line."""

from __future__ import annotations

import html as markup
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from handgrad.files import html
from handgrad.learn.explaining.explained import Explained
from handgrad.learn.explaining.mathml import MathML
from handgrad.learn.explaining.picture import MOST_COLUMNS, Picture
from handgrad.learn.explaining.steps import Line, Section, Step
from handgrad.learn.explaining.terms import Number, key
from handgrad.learn.explaining.text import columns_read, numbers_given
from handgrad.learn.explaining.writing import Writer
from handgrad.textbook.version import __version__

OPEN = 24  # so many sections are open, of more none
MOST_CELLS = 8  # rows and columns of a table
MASKED = 1e8  # numbers of this size are stand-ins for −∞
BEGIN, MIDDLE, END = "\ue000\ue001\ue002"  # around a number, while its line is no HTML yet


class Linked(Writer):
    """Writes numbers with what they are called in the page."""

    def number(self, number: Number) -> str:
        text = self.shown(number.number)
        if number.node < 0:
            return text
        return f"{BEGIN}{key(number.node, number.index)}{MIDDLE}{text}{END}"


@dataclass(frozen=True)
class WrittenLine:
    """A line: what its number is called and those it came from, and the parts between the signs."""

    key: str
    sources: str
    name: str
    parts: Sequence[Markup]
    result: str
    column: str = ""
    more: str = ""


@dataclass(frozen=True)
class WrittenTable:
    """A matrix of an array of more axes: `name` says which; rows of a key, a text and a shade."""

    name: str
    rows: Sequence[Sequence[tuple[str, str, float]]]
    more_rows: int
    more_columns: int


@dataclass(frozen=True)
class WrittenStep:
    """A step: its formula, where it stands, and its lines, or the first and a table."""

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
    """The steps of a page's method; the rounds in the midst of a loop are together, and closed."""

    title: str
    summary: str
    open: bool
    steps: Sequence[tuple[bool, Sequence[WrittenStep]]]


@dataclass(frozen=True)
class Chapter:
    """Forward, backward or update; or what was given, line by line."""

    name: str
    title: str
    way: str
    parts: Sequence[WrittenSection] = ()
    read: Sequence[str] = ()
    given: Sequence[WrittenLine] = ()


def written_line(line: Line, writer: Linked) -> WrittenLine:
    """A line with its numbers as elements that point at each other."""
    number, term = line.result, line.term
    text = markup.escape(writer.text(term), quote=False)
    text = text.replace(BEGIN, '<span data-k="').replace(MIDDLE, '" tabindex="-1">')
    made, result = Markup(text.replace(END, "</span>")), writer.shown(number.number)
    sources = dict.fromkeys(key(n.node, n.index) for n in term.numbers() if n.node >= 0)
    parts = [] if made.striptags() == result else [made]
    return WrittenLine(key(number.node, number.index), " ".join(sources), line.name, parts, result)


def written_table(step: Step, writer: Linked) -> WrittenTable:
    """The first matrix of an array of three axes or more, shaded by the size of its numbers."""
    first = (0,) * (step.value.ndim - 2)
    matrix = step.value[first].astype(float)
    part = matrix[:MOST_CELLS, :MOST_CELLS]
    finite = np.abs(part[np.isfinite(part)])
    # a mask puts −1e9 where nothing may be seen: the others are to be told apart
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
    """A step for the page."""
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


def chapters_of(sections: Sequence[Section], writer: Linked) -> Iterator[Chapter]:
    """Forward, backward and update, each with its sections."""
    few, plain = len(sections) <= OPEN, Writer(writer.digits, writer.words)
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
        yield Chapter(way, writer.words[way].capitalize(), way, parts)


def page(e: Explained) -> str:
    """The whole page, which needs nothing else."""
    words, linked = e.writer.words, Linked(e.writer.digits, e.writer.words)
    given = Chapter(
        "given",
        words["given"].capitalize(),
        "",
        read=[*columns_read(e)],
        given=[
            WrittenLine(key(n.node, n.index), "", n.name, (), n.result, n.column, n.more)
            for n in numbers_given(e)
        ],
    )
    picture = Picture(e).svg()
    return html.page(
        "learn/explaining/page.html",
        language=e.language,
        title=words["heading_row"]
        if e.recorded.n == 1
        else words["heading_rows"].format(e.recorded.n),
        told=e.title,
        not_finite=words["not_finite"].format(e.not_finite) if e.not_finite else "",
        picture=picture,
        wide=picture is not None and picture.count('class="title"') > MOST_COLUMNS // 2 + 1,
        backward=any(section.first.way == "backward" for section in e.sections),
        contents=words["contents"],
        sections=[given, *chapters_of(e.sections, linked)],
        words=words,
        footer=f"handgrad {__version__}",
    )
