"""A traced step of a net with its numbers, and access by address."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.learn.explaining.elements import ATOMS, Elements
from handgrad.learn.explaining.inputs import ExplainedRows
from handgrad.learn.explaining.steps import (
    Line,
    Section,
    Step,
    first_not_finite,
    sections_of,
    steps_of,
)
from handgrad.learn.explaining.terms import Index, Many, NumberTerm, Term, TermWriter, slope
from handgrad.learn.explaining.traced_step import TracedStep
from handgrad.textbook.display import shown_whole
from handgrad.textbook.errors import SettingError, did_you_mean


@dataclass(frozen=True, eq=False, repr=False)
class Explained:
    """Traced step of the `subject`; its numbers are written by `writer`, in its `language`."""

    title: str
    traced: TracedStep
    writer: TermWriter
    language: str
    subject: ExplainedRows

    @cached_property
    def elements(self) -> Elements:
        """Arithmetic behind each number of an array."""
        step = self.traced
        return Elements(step.nodes, step.values, step.n, step.names)

    @cached_property
    def steps(self) -> list[Step]:
        """The lines of the layers, in the order in which they were computed."""
        return steps_of(self.traced, self.elements, self.writer)

    @cached_property
    def sections(self) -> list[Section]:
        """The steps, method by method; a method that is called again begins another section."""
        return sections_of(self.steps)

    @cached_property
    def not_finite(self) -> str | None:
        """Name of the first line with NaN or infinity, or None.

        Infinities that are constants of the code, as in padding, and their copies do not count.
        """
        return first_not_finite(self.steps, self.traced)

    def __getitem__(self, address: str) -> Step:
        """The step with an address or a name: `e["1.dx"]`, `e["dx_1"]`, `e["loss"]`."""
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
        by_name = {name: i for i, name in self.traced.names.items()}
        known = by_name | self.traced.addresses
        if matched[1] not in known:
            raise self._unknown(address)
        index = tuple(int(part) for part in (matched[2] or "").split(",") if part.strip())
        return known[matched[1]], index

    def of(self, address: str) -> Trail:
        """Follow one number back to the rows: `e.of("0.dW[2,0]")`, `e.of("loss")`.

        At each line the number with the largest contribution is followed, among those that depend
        on the rows. For a parameter, `e.of("0.W[2,0]")`, its gradient is followed.

        Parameters
        ----------
        address : str
            Address or name of an array, with the index of one element.
        """
        node, index = self._place(address)
        known = self.traced.addresses
        title, words = self.traced.called(node, index), self.writer.words
        gradient = next(
            (k for name, k in self.traced.gradients.items() if known[name] == node), None
        )
        if gradient is None:
            title = words["path_of"].format(title)
        else:
            node = gradient
            title = words["path_of_parameter"].format(title, self.traced.called(node, index))
        value = self.elements.values[node]
        if len(index) != value.ndim or any(
            not 0 <= k < n for k, n in zip(index, value.shape, strict=True)
        ):
            last = ",".join(str(n - 1) for n in value.shape)
            raise SettingError(
                f"{address!r}, of an array of shape {value.shape}",
                f"the index of one element, up to [{last}]" if last else "its name alone",
                f"e.of({address.split('[')[0] + (f'[{last}]' if last else '')!r})",
            )
        number = self.elements.number(node, index)
        return trail_of(title, number, self.traced, self.elements, self.steps, self.writer)

    def _unknown(self, address: object) -> SettingError:
        known = [*self.traced.addresses]
        listed = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        return SettingError(
            f"{address!r}, which is not in this step",
            f"one of {listed}",
            did_you_mean(address, known, "e.steps, which has all of them"),
        )


@dataclass(frozen=True, eq=False)
class Link:
    """A line of a trail, and the number in it that is followed: one of `of` numbers.

    `slope` is the local derivative of the line's number with respect to that one.
    """

    name: str
    text: str
    source: str
    way: str
    number: NumberTerm
    followed: NumberTerm | None
    followed_name: str
    of: int
    slope: float


@dataclass(frozen=True, eq=False, repr=False)
class Trail:
    """Backtrace of a number, line by line, in `links`.

    By the chain rule the product of the local derivatives is the derivative along this trail.
    """

    title: str
    links: Sequence[Link]
    end: str
    writer: TermWriter

    @property
    def factors(self) -> list[float]:
        """Local derivatives along the trail, the factors of the chain rule."""
        links = [*self.links]
        if not links or links[0].way == "forward":
            return [link.slope for link in links if link.followed is not None]
        backward = [link for link in links if link.way != "forward"]
        return [*(link.slope for link in backward[:-1]), backward[-1].number.number]

    def chain(self) -> str:
        """`0.5·0.7299·(−0.1434) = −0.05233`; empty if there is one factor only."""
        if len(factors := self.factors) < 2:
            return ""
        term = Many(Op.PROD, tuple(map(NumberTerm, factors)))
        return f"{self.writer.text(term)} = {self.writer.shown(prod(factors))}"

    def __str__(self) -> str:
        words, out = self.writer.words, [self.title]
        for link in self.links:
            out.append(f"  {link.text:<70} {link.source}")
            if link.followed is not None:
                text = words["followed"] if link.of > 1 else words["only"]
                step = self.writer.shown(link.slope)
                out.append(f"    ↳ {text.format(link.followed_name, step, link.of)}")
        out.append(f"  {self.end}")
        if chain := self.chain():
            out.append(f"  {words['chain'].format(chain)}")
        return "\n".join(line.rstrip() for line in out)

    def __repr__(self) -> str:
        return f"<Trail: {self.title}, {len(self.links)} lines>"

    _repr_pretty_ = shown_whole


def trail_of(
    title: str,
    number: NumberTerm,
    traced: TracedStep,
    elements: Elements,
    steps: Sequence[Step],
    writer: TermWriter,
) -> Trail:
    """Follow a number back to a leaf, a random draw, or a constant."""
    nodes, words, links, inputs = traced.nodes, writer.words, list[Link](), traced.inputs
    from_x = reached_from(nodes, {i for name, i in inputs.items() if name.startswith("x")})
    from_rows, step_of = (
        reached_from(nodes, {*inputs.values()}),
        {step.node: step for step in steps},
    )
    while True:
        i, name = number.node, traced.called(number.node, number.index)
        if nodes[i].operation in ATOMS:
            end = words["drawn_end" if nodes[i].operation is Op.RANDOM else "given_end"]
            return Trail(title, links, end.format(name), writer)
        line = Line(name, elements.line(i, number.index), number)
        shape = elements.values[i].shape
        source, of, factor = followed(
            line.term,
            lambda k: (k in from_x) + (k in from_rows),
            lambda k: elements.values[k].shape == shape,  # noqa: B023
        )
        own = "" if source is None else traced.called(source.node, source.index)
        step, text = step_of[i], line.text(writer)
        links.append(Link(name, text, step.place, step.way, number, source, own, of, factor))
        if source is None:
            return Trail(title, links, words["fixed_end"], writer)
        number = source


def reached_from(nodes: Sequence[Node], starts: set[int]) -> set[int]:
    """Nodes that depend on `starts`, those included."""
    nodes_ = {*starts}
    for i, node in enumerate(nodes):
        if not nodes_.isdisjoint(node.used()):
            nodes_.add(i)
    return nodes_


def followed(
    term: Term, wanted: Callable[[int], int], like: Callable[[int], bool]
) -> tuple[NumberTerm | None, int, float]:
    """The largest contribution to a term, the number of contributions, and its slope.

    Candidates are the numbers of the nodes with the highest `wanted`; ties go to an array `like`
    this one, then to the last computed.
    """
    known = {(n.node, n.index): n for n in term.numbers() if n.node >= 0}
    if not known:
        return None, 0, 0.0
    most = max(wanted(n.node) for n in known.values())
    slopes = {key: slope(term, n) for key, n in known.items() if wanted(n.node) == most}
    size = {key: abs(slopes[key] * known[key].number) for key in slopes}
    largest = max((v for v in size.values() if v == v), default=0.0)
    equal = [key for key in slopes if not size[key] < largest * (1 - 1e-6)]
    chosen = max(equal, key=lambda key: (like(key[0]), key))
    return known[chosen], len(known), slopes[chosen]
