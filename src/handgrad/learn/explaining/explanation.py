"""A step of a net explained: each line of its pages with the numbers of these rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from html import escape
from itertools import islice

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.printing import formula
from handgrad.learn.explaining.backtrace import Link, Trail, followed, reached_from
from handgrad.learn.explaining.document import Chapter, WrittenLine, page_of
from handgrad.learn.explaining.elements import ATOMS, Elements
from handgrad.learn.explaining.inputs import Subject
from handgrad.learn.explaining.latex import Latex, escaped
from handgrad.learn.explaining.latex import line as arithmetic
from handgrad.learn.explaining.picture import Picture, key
from handgrad.learn.explaining.steps import FEW, FIRST, Line, Section, Step, text_of
from handgrad.learn.explaining.terms import Index, Number
from handgrad.learn.explaining.traced_step import UPDATE, Recorded
from handgrad.learn.explaining.writing import Writer
from handgrad.textbook.display import shown_whole
from handgrad.textbook.errors import SettingError, did_you_mean

FEW_NUMBERS = 4  # made of a column: of more those that are 0 are counted


class Explanation:
    """What `hg.explain` gives; printed, it is each line of the pages with these rows' numbers."""

    def __init__(
        self, title: str, recorded: Recorded, writer: Writer, language: str, subject: Subject
    ) -> None:
        self.title, self.language = title, language
        self._recorded, self.writer, self._subject = recorded, writer, subject
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
        going_on = _going_on(found.nodes, backward)
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
                    i in going_on,
                    self._elements.values[i],
                    self._elements,
                    self.writer,
                )
            )
        return steps

    @cached_property
    def sections(self) -> list[Section]:
        """The steps, method by method; a method that is called again begins another section."""
        found: list[Section] = []
        for step in self.steps:
            if not found or not found[-1].goes_on_with(step):
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
        matched = re.fullmatch(r"\s*(.+?)\s*(?:\[([-\d\s,]*)\])?\s*", str(address))
        if not isinstance(address, str) or matched is None:
            raise self._unknown(address)
        by_name = {name: i for i, name in self._recorded.names.items()}
        known = by_name | self._recorded.addresses
        if matched[1] not in known:
            raise self._unknown(address)
        index = tuple(int(part) for part in (matched[2] or "").split(",") if part.strip())
        return known[matched[1]], index

    def of(self, address: str) -> Trail:
        """Follow one number back to the rows: `e.of("0.dW[2,0]")`, `e.of("loss")`.

        At each line that of its numbers is followed which contributes most, among those that
        depend on the rows. Of a parameter, `e.of("0.W[2,0]")`, its gradient is followed.
        """
        node, index = self._place(address)
        title, words = self._written(node, index), self.writer.words
        gradient = self._recorded.gradients.get(self._parameters.get(node, ""))
        if gradient is None:
            title = words["path_of"].format(title)
        else:
            node = gradient
            title = words["path_of_parameter"].format(title, self._written(node, index))
        value = self._elements.values[node]
        if len(index) != value.ndim or any(
            not 0 <= k < n for k, n in zip(index, value.shape, strict=True)
        ):
            last = ",".join(str(n - 1) for n in value.shape)
            raise SettingError(
                f"{address!r}, of an array of shape {value.shape}",
                f"the place of one number, up to [{last}]" if last else "its name alone",
                f"e.of({address.split('[')[0] + (f'[{last}]' if last else '')!r})",
            )
        return self._trail(title, self._elements.number(node, index))

    def _trail(self, title: str, number: Number) -> Trail:
        nodes, words, links = self._recorded.nodes, self.writer.words, list[Link]()
        inputs = self._recorded.inputs
        from_x = reached_from(nodes, {i for name, i in inputs.items() if name.startswith("x")})
        from_rows = reached_from(nodes, {*inputs.values()})
        while True:
            i, name = number.node, self._written(number.node, number.index)
            if nodes[i].operation in ATOMS:
                end = words["drawn_end" if nodes[i].operation is Op.RANDOM else "given_end"]
                return Trail(title, links, end.format(name), self.writer)
            line = Line(name, self._elements.line(i, number.index), number)
            shape = self._elements.values[i].shape
            found = followed(
                line.term,
                lambda k: (k in from_x) + (k in from_rows),
                lambda k: self._elements.values[k].shape == shape,  # noqa: B023
            )
            own = found[0] and self._written(found[0].node, found[0].index)
            step = self._by_node[i]
            links.append(
                Link(
                    name,
                    line.text(self.writer),
                    step.place,
                    step.way,
                    number,
                    found[0],
                    own or "",
                    *found[1:],
                )
            )
            if found[0] is None:
                return Trail(title, links, words["fixed_end"], self.writer)
            number = found[0]

    @cached_property
    def _by_node(self) -> dict[int, Step]:
        return {step.node: step for step in self.steps}

    @cached_property
    def _parameters(self) -> dict[int, str]:
        """The parameters that have a gradient, by their nodes."""
        found = self._recorded
        return {found.addresses[name]: name for name in found.gradients}

    def _written(self, node: int, index: Index) -> str:
        """What a number is called: `W_0[2,0]`."""
        name = self._recorded.names.get(node, "")
        return name + (f"[{','.join(map(str, index))}]" if index else "")

    def _unknown(self, address: object) -> SettingError:
        known = [*self._recorded.addresses]
        listed = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        return SettingError(
            f"{address!r}, which is nothing of this step",
            f"one of {listed}",
            did_you_mean(address, known, "e.steps, which has all of them"),
        )

    def __str__(self) -> str:
        words = self.writer.words
        n = self._recorded.n
        rows = words["row"] if n == 1 else words["rows"].format(n)
        out = [words["opening"].format(self.title, rows)]
        if (place := self.not_finite) is not None:
            out.append(words["not_finite"].format(place))
        if self._subject.read:
            out += ["", words["read"], *self._read()]
        out += ["", words["given"], *self._given()]
        out += text_of(self.sections, self.writer)
        return "\n".join(line.rstrip() for line in out)

    def _given(self) -> Iterator[str]:
        """The rows that came, a line for each number."""
        lines, more = self._given_lines()
        for line in lines:
            column = line.column and f"   {line.column}"
            yield f"      {line.name} = {line.result}{column}"
            if line.key in more:
                yield f"      {more[line.key]}"

    def _given_lines(self) -> tuple[list[WrittenLine], dict[str, str]]:
        """The numbers that came, and after which of them how many more there are."""
        lines, more = list[WrittenLine](), dict[str, str]()
        for name, i in self._recorded.inputs.items():
            shape, size = self._elements.values[i].shape, self._elements.values[i].size
            for index in islice(np.ndindex(shape), size if size <= FEW else FIRST):
                place = f"[{','.join(map(str, index))}]" if index else ""
                number = self.writer.shown(self._elements.number(i, index).number)
                own, column = key(i, index), self._column(name, index)
                lines.append(WrittenLine(own, "", f"{name}{place}", (), number, column))
            if size > FEW:
                more[lines[-1].key] = self.writer.words["more"].format(size - FIRST)
        return lines, more

    def _column(self, name: str, index: Index) -> str:
        """What a number of a row is called, where it is of a table."""
        names = self._subject.names
        return names[index[-1]] if name == "x" and index and index[-1] < len(names) else ""

    def _read(self) -> Iterator[str]:
        """The first row of a table as it was read, and the numbers made of it."""
        words, shown = self.writer.words, self.writer.shown
        for cell in self._subject.read:
            value = cell.value if isinstance(cell.value, str) else None
            value = value or (words["missing"] if cell.value is None else shown(float(cell.value)))
            kept = {k: v for k, v in cell.numbers.items() if v or len(cell.numbers) <= FEW_NUMBERS}
            numbers = [f"{name} {shown(number)}" for name, number in kept.items()]
            numbers += [f"0 × {left}"] if (left := len(cell.numbers) - len(kept)) else []
            made = f" → {', '.join(numbers)}" if numbers else ""
            remark = words["remark"].format(words[f"feature_{cell.kind}"])
            yield f"      {cell.column} = {value}{made}   {remark}"

    def html(self) -> str:
        """The explanation as a page that needs nothing else: the net, and beside it every line."""
        subject, words = self._subject, self.writer.words
        lines, more = self._given_lines()
        given = Chapter(
            "given",
            words["given"].capitalize(),
            "",
            (),
            [line.strip() for line in self._read()],
            lines,
            more,
        )
        parts = self._recorded, self._elements, self.steps, subject.names, self.writer
        return page_of(
            self.title,
            self._recorded.n,
            given,
            self.sections,
            Picture(subject.net, *parts).svg(),
            self.writer,
            self.language,
            words["not_finite"].format(self.not_finite) if self.not_finite else "",
        )

    def _repr_html_(self) -> str:
        """The page in a frame: notebooks drop scripts outside of frames."""
        page = escape(self.html(), quote=True)
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts" loading="lazy" '
            f'title="{escape(self.writer.words["frame"])}" '
            'style="width: 100%; height: 40rem; border: 0"></iframe>'
        )

    def latex(self) -> str:
        """The explanation in LaTeX: a heading and an `align*` for each method of each page."""
        words, latex, out = self.writer.words, Latex(), list[str]()
        for section in self.sections:
            rows = []
            for step in section.steps:
                name = latex.name(step.name)
                rows.append(f"{name} &= {latex.formula(step.formula)}")
                lines, more = step.shown_lines()
                for line in lines:
                    index = line.name[len(step.name) :]
                    told = line.text(self.writer)[len(line.name) + 3 :]
                    rows.append(f"{name}{index} &= {arithmetic(told)}")
                if more:
                    rows.append(rf"&\text{{{escaped(words['more'].format(more))}}}")
            body = " \\\\\n".join(rows)
            title = escaped(section.title(words))
            out.append(f"\\subsubsection*{{{title}}}\n\\begin{{align*}}\n{body}\n\\end{{align*}}")
        return "\n\n".join(out)

    @cached_property
    def not_finite(self) -> str | None:
        """The name of the first line that gave NaN or infinity; None where all is finite.

        Infinities that a page states, as one that pads with them, are meant, and so are copies.
        """
        stated: set[int] = set()
        for i, (node, value) in enumerate(
            zip(self._recorded.nodes, self._recorded.values, strict=True)
        ):
            if value.dtype.kind == "f" and np.isinf(value).any() and not np.isnan(value).any():
                sources = [
                    k for k in node.used() if not np.isfinite(self._recorded.values[k]).all()
                ]
                if stated.issuperset(sources) and (sources or _states_infinity(node)):
                    stated.add(i)
        for step in self.steps:
            finite = step.value.dtype.kind != "f" or np.isfinite(step.value).all()
            if not finite and step.node not in stated:
                return step.name
        return None

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}, {len(self.steps)} steps>"

    _repr_pretty_ = shown_whole


def _going_on(nodes: Sequence[Node], backward: int) -> set[int]:
    """The nodes that another page goes on with on the same way; `backward` is where that begins."""
    return {
        i
        for user, node in enumerate(nodes)
        for i in node.used()
        if (made := nodes[i].origin) and node.origin and made.layer != node.origin.layer
        if (i < backward) == (user < backward) and node.origin.method != UPDATE
    }


def _states_infinity(node: Node) -> bool:
    """Whether infinity is among the constants of an operation."""
    found: list[object] = []
    node.map(found.append)
    return any(isinstance(leaf, float) and math.isinf(leaf) for leaf in found)
