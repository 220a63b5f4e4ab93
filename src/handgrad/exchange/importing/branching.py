"""Branches of a graph, from a value to the node where they meet again, as layers."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, Protocol, TypeVar

from handgrad.exchange.importing.parts import common_dtype, refused
from handgrad.files.architecture import DEEPEST
from handgrad.textbook.layers import Layer, Transpose
from handgrad.textbook.net import Net, Parallel, Residual
from handgrad.textbook.net.branches import Join

# Each level is a Parallel of Nets, below the outermost Net; a file holds no deeper net.
MOST_LEVELS = (DEEPEST - 1) // 2
MEETING = (
    "branches without common nodes that meet in one addition or concatenation, as in "
    "hg.Residual and hg.Parallel"
)


class ImportedNode(Hashable, Protocol):
    """A node of a graph: the names of the values that it reads, and of those that it makes."""

    @property
    def input(self) -> Sequence[str]: ...

    @property
    def output(self) -> Sequence[str]: ...


AnyNode = TypeVar("AnyNode", bound=ImportedNode)


class ImportedGraph(Protocol[AnyNode]):
    """A graph: nodes in topological order, their positions, users of values, and outputs."""

    @property
    def nodes(self) -> Sequence[AnyNode]: ...

    @property
    def positions(self) -> Mapping[AnyNode, int]: ...

    @property
    def users(self) -> Mapping[str, Sequence[AnyNode]]: ...

    @property
    def outputs(self) -> Collection[str]: ...

    def described(self, names: Sequence[str]) -> str:
        """The shapes of values, for an error."""


@dataclass(frozen=True)
class Branch(Generic[AnyNode]):
    """Nodes of a branch in order, none of a skip connection, and the name of its last value."""

    nodes: Sequence[AnyNode]
    end: str


def branches_from(
    graph: ImportedGraph[AnyNode], value: str, level: int
) -> tuple[Sequence[Branch[AnyNode]], AnyNode]:
    """Branches from a value with several users, and the node where all meet.

    `level` counts the branches around these. A node of two branches is refused, since two copies of
    its weights would be trained apart.
    """
    if level > MOST_LEVELS:
        raise refused(f"{level} levels of branches within branches", f"at most {MOST_LEVELS}")
    *inner, join = _region(graph, value)
    makers = {name: node for node in inner for name in node.output}
    ends = [name for name in join.input if name == value or name in makers]
    taken, branches = set[AnyNode](), list[Branch[AnyNode]]()
    for end in ends:
        own, names = set[AnyNode](), [end]
        while names:
            node = makers.get(names.pop())
            if node in taken:
                raise refused(
                    f"{node}, {graph.described(node.output)}, in two branches from {value!r}",
                    MEETING,
                )
            if node is not None and node not in own:
                own.add(node)
                names += node.input
        taken |= own
        branches.append(Branch(sorted(own, key=graph.positions.__getitem__), end))
    return branches, join


def _region(graph: ImportedGraph[AnyNode], value: str) -> list[AnyNode]:
    """Nodes after a value, to the first that all paths lead through."""
    users = graph.users
    unread = {value: len(users[value])}  # uses to come, of each value made so far
    heap, queued, region, fresh = list[int](), set[AnyNode](), list[AnyNode](), [value]
    while True:
        for node in (user for name in fresh for user in users.get(name, ())):
            if node not in queued:
                queued.add(node)
                heappush(heap, graph.positions[node])
        if not heap:
            raise refused(
                f"{value!r}, {graph.described([value])}, read by "
                f"{' and by '.join(map(str, users[value][:3]))}, which do not meet again",
                MEETING,
            )
        region.append(node := graph.nodes[heappop(heap)])
        for name in {*node.input} & unread.keys():
            unread[name] -= 1
            if not unread[name] and name not in graph.outputs:
                del unread[name]
        fresh = [name for name in node.output if name in users or name in graph.outputs]
        unread |= {name: len(users.get(name, ())) for name in fresh}
        if len(fresh) == 1 and unread.keys() == {*fresh}:
            return region


def joined(branches: Sequence[Sequence[Layer]], join: Join, axis: int, n_axes: int) -> list[Layer]:
    """Layers of branches that are added, or concatenated on `axis`, -1 or one of `n_axes`."""
    dtype = common_dtype([layer for branch in branches for layer in branch])
    if join == "sum" and [bool(branch) for branch in branches] in ([True, False], [False, True]):
        return [Residual(*branches[0], *branches[1], dtype=dtype)]
    parts, back = [[*branch] for branch in branches], list[Layer]()
    if axis != -1:  # Parallel concatenates on the last axis
        others = [i for i in range(1, n_axes) if i != axis]
        for part in parts:
            part.append(Transpose(*others, axis))
        back = [Transpose(*range(1, axis), n_axes - 1, *range(axis, n_axes - 1))]
    nets = [part[0] if len(part) == 1 else Net(*part, dtype=dtype) for part in parts]
    return [Parallel(*nets, join=join, dtype=dtype), *back]


def concatenation_axis(place: str, axis: int, n_axes: int | None) -> int:
    """Axis of a concatenation, -1 for the last; an error for the rows, or an unknown axis."""
    if axis == -1 and n_axes != 1:
        return -1
    if n_axes is None and axis:
        expected = "axis -1, of the features, where the number of axes is not known"
        raise refused(f"{place} on axis {axis}", expected, "axis -1, if it is that")
    if n_axes is None or not -n_axes < axis < n_axes or not axis:
        raise refused(f"{place} on axis {axis}", "concatenation of features or channels")
    return -1 if axis == n_axes - 1 else axis % n_axes
