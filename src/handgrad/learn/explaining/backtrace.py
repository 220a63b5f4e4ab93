"""One number followed back to the rows: the largest contribution of each line, the chain rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.learn.explaining.elements import ATOMS, Elements
from handgrad.learn.explaining.steps import Line, Step
from handgrad.learn.explaining.terms import Many, Number, Term, slope
from handgrad.learn.explaining.traced_step import Recorded
from handgrad.learn.explaining.writing import Writer
from handgrad.textbook.display import shown_whole


@dataclass(frozen=True, eq=False)
class Link:
    """A line of a trail, and the number in it that was followed: one of `of` that were there.

    `slope` is how much the line's number changes for each 1 of that one: the local derivative.
    """

    name: str
    text: str
    source: str
    way: str
    number: Number
    followed: Number | None
    followed_name: str
    of: int
    slope: float


@dataclass(frozen=True, eq=False, repr=False)
class Trail:
    """A number followed back, line by line; `links` has them all.

    Forward lines multiply their slopes to the derivative along this trail, as the chain rule
    says; so do backward ones, up to the slope of the loss itself.
    """

    title: str
    links: Sequence[Link]
    end: str
    writer: Writer

    @property
    def factors(self) -> list[float]:
        """The local derivatives along the trail, whose product the chain rule takes."""
        links = [*self.links]
        if not links or links[0].way == "forward":
            return [link.slope for link in links if link.followed is not None]
        backward = [link for link in links if link.way != "forward"]
        return [*(link.slope for link in backward[:-1]), backward[-1].number.number]

    def chain(self) -> str:
        """`0.5·0.7299·(−0.1434) = −0.05233`; nothing where there is one factor only."""
        if len(factors := self.factors) < 2:
            return ""
        term = Many(Op.PROD, tuple(map(Number, factors)))
        return f"{self.writer.text(term)} = {self.writer.shown(prod(factors))}"

    def __str__(self) -> str:
        words, out = self.writer.words, [self.title]
        for link in self.links:
            out.append(f"  {link.text:<70} {link.source}")
            if link.followed is not None:
                said = words["followed"] if link.of > 1 else words["only"]
                step = self.writer.shown(link.slope)
                out.append(f"    ↳ {said.format(link.followed_name, step, link.of)}")
        out.append(f"  {self.end}")
        if chain := self.chain():
            out.append(f"  {words['chain'].format(chain)}")
        return "\n".join(line.rstrip() for line in out)

    def __repr__(self) -> str:
        return f"<Trail: {self.title}, {len(self.links)} lines>"

    _repr_pretty_ = shown_whole


def trail_of(
    title: str,
    number: Number,
    recorded: Recorded,
    elements: Elements,
    steps: Sequence[Step],
    writer: Writer,
) -> Trail:
    """The trail from a number back to a leaf, a draw, or a line without numbers of others."""
    nodes, words, links, inputs = recorded.nodes, writer.words, list[Link](), recorded.inputs
    from_x = reached_from(nodes, {i for name, i in inputs.items() if name.startswith("x")})
    from_rows, step_of = (
        reached_from(nodes, {*inputs.values()}),
        {step.node: step for step in steps},
    )
    while True:
        i, name = number.node, recorded.called(number.node, number.index)
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
        own = "" if source is None else recorded.called(source.node, source.index)
        step, text = step_of[i], line.text(writer)
        links.append(Link(name, text, step.place, step.way, number, source, own, of, factor))
        if source is None:
            return Trail(title, links, words["fixed_end"], writer)
        number = source


def reached_from(nodes: Sequence[Node], starts: set[int]) -> set[int]:
    """The nodes that are computed from some, and these themselves."""
    found = {*starts}
    for i, node in enumerate(nodes):
        if not found.isdisjoint(node.used()):
            found.add(i)
    return found


def followed(
    term: Term, wanted: Callable[[int], int], like: Callable[[int], bool]
) -> tuple[Number | None, int, float]:
    """The number that contributes most to a term, of how many, and its slope.

    Only those are looked at of whose nodes `wanted` says most; of equal ones that of an array
    `like` this one's, or the last computed.
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
