"""Memory planning: selects the nodes that are stored, and assigns buffer offsets by liveness."""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np

from handgrad.engines.loops.ir import Expression, Load, Type, Var, whole
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, users_of
from handgrad.graph.operations import ELEMENTWISE, REDUCTIONS, Op
from handgrad.graph.symbolic import Dim, Ref, Shape, at

TRANSCENDENTAL = (*(Op.EXP, Op.EXPM1, Op.LOG, Op.LOG1P, Op.ERF, Op.TANH, Op.SIN, Op.COS, Op.POWER),)
WRITES = (Op.WRITE, Op.SETITEM, Op.ADD_AT)
# Fused without a limit, a sum over a thousand time steps would be one expression, too deeply nested
# for recursive functions and for Python's parser.
MAX_FUSED = 64
ALIGNMENT = 16  # numbers: arrays begin at a cache line


@dataclass(frozen=True)
class Storage:
    """The memory of a node: an offset in a buffer, or a local variable.

    With `rows` the rows are gathered: row i is the row whose number is the i-th from `rows` on.
    With `block` only a block of rows has memory: these are the leading indices within it.
    """

    buffer: str
    offset: Expression
    type: Type
    variable: bool = False
    rows: Load | None = None
    block: Sequence[Expression] = ()


def kind_of(node: Node, *, plain_numbers: bool = False) -> Type:
    """The type of a node's numbers in a loop program.

    `plain_numbers`: float64 scalars are computed in double, as the learning rate in an update
    rule is.
    """
    if plain_numbers and node.shape == () and node.dtype == np.float64:
        return "double"
    return {"f": "float", "i": "int", "u": "int", "b": "bool"}[node.dtype.kind]  # type: ignore[return-value]


def extent(size: int | Dim) -> Expression:
    """A size as an expression of n, the number of rows of this batch."""
    if not isinstance(size, Dim):
        return whole(size)
    return whole(size.slope) * Var("n", "int") + whole(size.offset)


def size_of(shape: Shape) -> int:
    """The number of elements of an array whose shape does not depend on the batch size."""
    return math.prod(int(at(size, 1)) for size in shape)


def strides(shape: Shape) -> list[Expression]:
    """The strides of a contiguous array, in elements."""
    steps: list[Expression] = []
    step: Expression = whole(1)
    for size in reversed(shape):
        steps.insert(0, step)
        step = step * extent(size)
    return steps


def stored_nodes(graph: Graph, outputs: Iterable[int]) -> list[int]:
    """The nodes that are stored in memory; the others are fused into their user.

    An elementwise operation is fused if it is used once, by an operation over the same elements,
    up to a depth of `MAX_FUSED`.
    """
    users, kept = users_of(graph.nodes), set(outputs)
    stored: list[int] = []
    depths: list[int] = []  # of the expression of each node; 0 for stored nodes
    for i, node in enumerate(graph.nodes):
        depth = 1 + max((depths[j] for j in node.used()), default=0)
        if node.operation in (Op.LEAF, Op.VIEW):
            depth = 0
        elif (
            i in kept
            or depth > MAX_FUSED
            or not _fused(graph, i, [graph.nodes[user] for user in users[i]])
        ):
            stored.append(i)
            depth = 0
        depths.append(depth)
    return stored


def _fused(graph: Graph, i: int, users: list[Node]) -> bool:
    node = graph.nodes[i]
    if node.operation is Op.FILL:
        return all(user.operation in (*ELEMENTWISE, *WRITES) for user in users)
    if node.operation not in ELEMENTWISE or len(users) != 1:
        return False
    (user,) = users
    if user.operation is Op.WRITE:
        *_, shape, values = user.arguments
        return shape == node.shape and values == Ref(i) != user.arguments[0]
    if user.operation in ELEMENTWISE:
        return user.shape == node.shape and not (
            user.operation in TRANSCENDENTAL and _broadcasts_to_short_rows(graph, node)
        )
    return user.operation in REDUCTIONS


def _broadcasts_to_short_rows(graph: Graph, node: Node) -> bool:
    """Return True if an argument is broadcast to rows that are too short to fill a vector.

    Loops over such rows are slow; a stored result can be read as one long row.
    """
    *outer, width = node.shape or (1,)
    shapes = [graph.nodes[i].shape for i in node.used()]
    spread = any(shape != node.shape and shape != () for shape in shapes)
    return bool(outer) and isinstance(width, int) and width < ALIGNMENT and spread


@dataclass
class Arena:
    """Allocator of scratch memory: arrays that are not live at the same time share it."""

    sizes: dict[Type, int] = field(default_factory=lambda: {"float": 0, "int": 0, "bool": 0})
    free: list[tuple[Type, int, int]] = field(default_factory=list)

    def allocate(self, type: Type, size: int) -> int:
        """Allocate `size` numbers, by best fit; returns their offset."""
        size = -(-size // ALIGNMENT) * ALIGNMENT
        fitting = [part for part in self.free if part[0] == type and part[2] >= size]
        if fitting:
            best = min(reversed(fitting), key=lambda part: part[2])
            self.free.remove(best)
            if best[2] > size:
                self.free.append((type, best[1] + size, best[2] - size))
            return best[1]
        offset = self.sizes[type]
        self.sizes[type] = offset + size
        return offset

    def release(self, type: Type, offset: int, size: int) -> None:
        """Free the `size` numbers at `offset`."""
        self.free.append((type, offset, -(-size // ALIGNMENT) * ALIGNMENT))


BUFFERS: dict[Type, str] = {"float": "scratch", "int": "scratch_int", "bool": "scratch_bool"}


def plan_memory(
    graph: Graph,
    fixed: Mapping[int, Storage],
    groups: Sequence[Sequence[int]],
    batch_size: int,
    arena: Arena,
) -> dict[int, Storage]:
    """Assign a place to every stored node without one; arrays reuse the memory of dead ones.

    An elementwise operation works in place if it is the last to read one of its arguments.

    Parameters
    ----------
    graph : Graph
        The graph whose nodes are placed.
    fixed : Mapping of int to Storage
        Nodes that have a place.
    groups : Sequence of Sequence of int
        The stored nodes in order of execution; the nodes of a group are computed together.
    batch_size : int
        Rows of a full batch.
    arena : Arena
        Allocates the memory.
    """
    position = {i: k for k, group in enumerate(groups) for i in group}
    last_use = _last_uses(graph, position, len(groups))
    places = dict(fixed)
    living: dict[int, tuple[int, Type, int, int]] = {}
    ends: list[tuple[int, int, int]] = []  # a heap: last use, order of arrival, node
    for came, (i, k) in enumerate(position.items()):
        over: list[tuple[int, int]] = []
        while ends and ends[0][0] < k:
            over.append(heappop(ends)[1:])
        for _, j in sorted(over):
            if j in living:
                arena.release(*living.pop(j)[1:])
        if i in places:
            continue
        node = graph.nodes[i]
        type = kind_of(node)
        if node.shape == ():
            places[i] = Storage(f"t{i}", whole(0), type, variable=True)
            continue
        size = int(np.prod([at(length, batch_size) for length in node.shape], dtype=int))
        others = [m for m in groups[k] if m != i]
        later = groups[k][groups[k].index(i) + 1 :]
        taken = {j for m in others for j in stored_reads(graph, m, position)} - {*others}
        taken |= {j for m in later for j in stored_reads(graph, m, position)}
        own = [
            j
            for j in in_place_reads(graph, i, position)
            if j in living and living[j][:2] == (k, type) and j not in taken
        ]
        offset = living.pop(own[0])[2] if own else arena.allocate(type, size)
        living[i] = (last_use[i], type, offset, size)
        heappush(ends, (living[i][0], came, i))
        places[i] = Storage(BUFFERS[type], whole(offset), type)
    return places


def _last_uses(graph: Graph, position: Mapping[int, int], forever: int) -> list[int]:
    """The last group that reads each node, directly or through fused nodes."""
    users, outputs = users_of(graph.nodes), {*graph.outputs.all()}
    last = [0] * len(graph.nodes)
    for i in reversed(range(len(graph.nodes))):
        uses = (position.get(user, last[user]) for user in users[i])
        last[i] = forever if i in outputs else max(uses, default=0)
    return last


def stored_reads(graph: Graph, i: int, stored: Container[int]) -> set[int]:
    """The stored nodes and leaves that a node reads, directly or through fused nodes."""
    reads, waiting = set[int](), [*graph.nodes[i].used()]
    while waiting:
        j = waiting.pop()
        if j in stored or graph.nodes[j].operation is Op.LEAF:
            reads.add(j)
        else:
            waiting += graph.nodes[j].used()
    return reads


def _written_into(graph: Graph, i: int, stored: Container[int]) -> list[int]:
    """The array that a write can change in place: the written values read no other part of it."""
    node = graph.nodes[i]
    into, *others = node.used()
    waiting = others
    while waiting:
        j = waiting.pop()
        same = node.operation is Op.WRITE and graph.nodes[j].operation is Op.VIEW
        if same and graph.nodes[j].arguments[:4] == node.arguments[:4]:
            continue
        if j == into:
            return []
        if j not in stored:
            waiting += graph.nodes[j].used()
    return [into] if into in stored else []


def in_place_reads(graph: Graph, i: int, stored: Container[int]) -> list[int]:
    """The stored nodes that a node can overwrite: it reads each number only where it writes one.

    For an elementwise node these are its arguments of the same shape, for a write its target.
    """
    shape = graph.nodes[i].shape
    if graph.nodes[i].operation in WRITES:
        return _written_into(graph, i, stored)
    read: list[tuple[int, bool]] = []

    def look(user: int, in_place: bool) -> None:
        in_place = in_place and graph.nodes[user].operation in ELEMENTWISE
        for used in graph.nodes[user].used():
            if used in stored:
                read.append((used, in_place and graph.nodes[used].shape == shape))
            else:
                look(used, in_place)

    look(i, True)
    elsewhere = {j for j, in_place in read if not in_place}
    return [j for j, _ in read if j not in elsewhere]
