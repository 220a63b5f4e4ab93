"""Whether each index of a loop program stays inside the array that it is meant for.

A loop program reads and writes flat buffers in which many arrays lie; an index may leave its own
array and still be inside the buffer. Here programs are made in memory that no two arrays share, so
that a place in a buffer says which array is meant, and all indices are followed by how far they go.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np

import handgrad as hg
from handgrad.engines.loops import build, memory_planning, row_blocks
from handgrad.engines.loops.ir import (
    CHUNK,
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    Matrix,
    Multiply,
    Num,
    ParallelFor,
    Reduce,
    ReturnIf,
    Statement,
    Store,
    Type,
    Var,
    known,
)
from handgrad.engines.loops.memory_planning import ALIGNMENT, BUFFERS, Arena, Storage
from handgrad.engines.loops.printing import text_of
from handgrad.engines.loops.program import Program, buffer_of
from handgrad.engines.loops.random_streams import WORDS
from handgrad.engines.loops.target import TargetInfo
from handgrad.engines.loops.tracing import prediction_graph, training_step, updates_of
from handgrad.engines.portable.scalarize import EVERYWHERE, scalarized
from handgrad.graph.graph import Graph
from handgrad.graph.operations import ELEMENTWISE, REDUCTIONS, Op
from handgrad.graph.symbolic import Shape, at, shape_text

BATCH = 64
SIZES = (1, 2, 3, 15, 16, 17, 33, 64)  # rows of the last batch
Interval = tuple[float, float]  # the lowest and the highest
UNKNOWN = (-math.inf, math.inf)


def strays(
    net: hg.Net,
    loss: hg.Loss,
    x: Any,
    y: Any,
    optimizer: hg.optimizers.Optimizer | None = None,
    sizes: Sequence[int] = SIZES,
) -> list[str]:
    """The indices that leave their array: in training and in prediction, compiled and portable.

    `x` and `y` are some rows, as of a training; `sizes` are those of the last batch. There should
    be none. Nodes whose shape does not follow from what they read are among them.
    """
    step, graph = training_step(net, loss, x, y), prediction_graph(net, x)
    updates = updates_of(net, optimizer or hg.SGD(0.1, momentum=0.9))
    found: list[str] = []
    for target, way in ((TargetInfo(True, 4), _as_it_is), (EVERYWHERE, scalarized)):
        with _memory_of_its_own() as plans:
            by = loss.batches_weighted_by
            epoch = build.training_program(step, updates, BATCH, net.dtype, by, target)
            predict = build.prediction_program(graph, BATCH, net.dtype, target, True)
        for program, plan in zip((epoch, predict), plans, strict=True):
            found += [f"{program.name}: {line}" for line in _misfits(plan.graph)]
            written = way(program)
            for n in sizes:
                check = _Check(written, plan, BATCH, n)
                check.statements(written.body)
                found += [f"{program.name}, {n} rows: {line}" for line in check.found]
    return [*dict.fromkeys(found)]


def _as_it_is(program: Program) -> Program:
    return program


@dataclass(frozen=True)
class Plan:
    """Where the nodes of a graph lie."""

    graph: Graph
    places: Mapping[int, Storage]
    blocks: Mapping[int, int]  # the sizes of arrays that have memory for a block, for all threads
    sums: "Sequence[Part]"  # what blocks add to sums


class _Unshared(Arena):
    """Scratch memory in which each array has a place of its own, with a gap behind it."""

    def allocate(self, type: Type, size: int) -> int:
        """The end of all that is there."""
        offset = self.sizes[type]
        self.sizes[type] = offset + (-(-size // ALIGNMENT) + 1) * ALIGNMENT
        return offset

    def release(self, type: Type, offset: int, size: int) -> None:
        """Nothing is used again."""


@contextmanager
def _memory_of_its_own() -> Iterator[list[Plan]]:
    """Programs are made without arrays that share memory; the plans of those that were made."""
    plans: list[Plan] = []
    made: list[Any] = []

    def in_blocks(elements: Any, groups: Sequence[list[int]]) -> dict[int, Storage]:
        places = row_blocks.plan_row_blocks(elements, groups)
        made[:] = [*_of_blocks(elements, places, groups)]
        return places

    def planned(graph: Graph, *given: Any) -> dict[int, Storage]:
        places = memory_planning.plan_memory(graph, *given)
        plans.append(Plan(graph, dict(places), *made))
        return places

    with (
        mock.patch.object(Arena, "allocate", _Unshared.allocate),
        mock.patch.object(Arena, "release", _Unshared.release),
        mock.patch.object(memory_planning, "in_place_reads", return_value=[]),
        mock.patch.object(build, "plan_memory", planned),
        mock.patch.object(build, "plan_row_blocks", in_blocks),
    ):
        yield plans


def _of_blocks(
    elements: Any, places: Mapping[int, Storage], groups: Sequence[list[int]]
) -> tuple[dict[int, int], list["Part"]]:
    """The sizes of arrays of a block, and where the sums of a block lie."""
    graph, threads = elements.graph, elements.target.max_parts

    def size(*lengths: int) -> int:
        return threads * row_blocks.size_of_part(math.prod(lengths))

    sizes = {
        i: size(row_blocks.block_rows(shape), int(at(shape[-1], 1)))
        for i in places
        for shape in [graph.nodes[i].shape]
    }
    sums = [
        Part(begin, begin + size(*row_blocks.matrix_sizes(graph, i, product)), f"sums of {i}")
        for i, place in elements.block_sums.items()
        for group in groups
        if i in group and (product := row_blocks.product_of(graph, i, group))
        for begin in [known(place.offset) or 0]
    ]
    return sizes, sums


def _misfits(graph: Graph) -> Iterator[str]:
    """Nodes that are of another shape than what they read comes to."""
    for i, node in enumerate(graph.nodes):
        shapes = [graph.nodes[j].shape for j in node.used()]
        if node.operation in ELEMENTWISE:
            fits = all(_spreads(shape, node.shape) for shape in shapes)
        elif node.operation in REDUCTIONS:
            kept = [None if k in node.arguments[1] else size for k, size in enumerate(shapes[0])]
            left = [1 if size is None else size for size in kept]
            fits = node.shape == tuple(
                left if node.options["keepdims"] else (size for size in kept if size is not None)
            )
        elif node.operation is Op.EINSUM:
            inputs, output = node.arguments[0].split("->")
            sizes = {*zip("".join(inputs.split(",")) + output, [
                size for j in node.arguments[1:] for size in graph.nodes[j.node].shape
            ] + [*node.shape], strict=True)}  # fmt: skip
            fits = len({letter for letter, _ in sizes}) == len(sizes)
        else:
            continue
        if not fits:
            given = ", ".join(map(shape_text, shapes))
            yield f"{node.operation} {i} of {shape_text(node.shape)} from {given}"


def _spreads(shape: Shape, full: Shape) -> bool:
    pairs = zip(shape[::-1], full[::-1], strict=False)
    return len(shape) <= len(full) and all(size in (1, wanted) for size, wanted in pairs)


@dataclass(frozen=True)
class Part:
    """An array in a buffer: from where on, up to below where."""

    begin: int
    end: int
    name: str


@dataclass
class _Check:
    """Follows the indices of a program for a full batch and one of `n` rows behind it."""

    program: Program
    plan: Plan
    batch: int
    n: int
    env: dict[str, Interval] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    within_loops: int = 0
    numbers: dict[float, tuple[float, Interval]] = field(default_factory=dict)  # of gathered rows

    def __post_init__(self) -> None:
        self.rows = self.batch + self.n
        self.env["n_rows"] = self.rows, self.rows
        self.parts: dict[int, dict[str, list[Part]]] = {}

    def arrays(self) -> dict[str, list[Part]]:
        """The arrays of each buffer, as they are while a batch is at work."""
        n = int(self.env.get("n", (self.batch, 0))[0])
        if n not in self.parts:
            self.parts[n] = self._arrays(n)
        return self.parts[n]

    def _arrays(self, n: int) -> dict[str, list[Part]]:
        graph, program, rows = self.plan.graph, self.program, self.rows
        found: dict[str, list[Part]] = {}
        for i, place in self.plan.places.items():
            begin = known(place.offset)
            if place.variable or begin is None or place.buffer in graph.leaves.inputs:
                continue
            node = graph.nodes[i]
            size = self.plan.blocks.get(i) or math.prod(at(length, n) for length in node.shape)
            name = f"{node.operation} {i} of {tuple(at(length, n) for length in node.shape)}"
            found.setdefault(place.buffer, []).append(Part(begin, begin + size, name))
        found.setdefault("scratch", []).extend(self.plan.sums)
        scratch = program.arena.sizes["float"]
        found.setdefault("scratch", []).append(Part(self._planned_end(), scratch, "room to pack"))
        numbers = Part(self._planned_end("int"), program.arena.sizes["int"], "numbers of rows")
        found.setdefault("scratch_int", []).append(numbers)
        for name, i in graph.leaves.inputs.items():
            width = math.prod(at(length, 1) for length in graph.nodes[i].shape[1:])
            found[buffer_of(name)] = [Part(0, rows * width, name)]
        for buffer in [p.name for p in program.parameters if p.name.startswith("memory_")]:
            found[buffer] = found.get("parameters", [])
        found["gradients"] = found.get("parameters", [])
        for name in ("parameters", "state"):
            found[f"{name}_after"] = found.get(name, [])
        ends = [0, *np.cumsum([table.size for table in program.tables], dtype=int).tolist()]
        found["tables"] = [Part(a, b, "table") for a, b in pairwise(ends)]
        streams = WORDS * len(program.streams)
        alone = {"order": rows, "loss_total": 1, "loss_before": 1, "steps": 1, "learning_rates": 2}
        alone |= {"predictions": rows * math.prod(program.output_shape)}
        alone |= {"streams": streams, "streams_after": streams}
        found |= {name: [Part(0, size, name)] for name, size in alone.items()}
        return {
            buffer: sorted(parts, key=lambda part: part.begin) for buffer, parts in found.items()
        }

    def _planned_end(self, type: Type = "float") -> int:
        """Where the arrays of the plan end in scratch memory, for a full batch."""
        ends = [
            (known(place.offset) or 0)
            + (
                self.plan.blocks.get(i)
                or math.prod(at(length, self.batch) for length in self.plan.graph.nodes[i].shape)
            )
            for i, place in self.plan.places.items()
            if place.buffer == BUFFERS[type]
        ]
        return max(ends, default=0)

    def statements(self, body: Sequence[Statement]) -> None:
        """All statements, in their order."""
        for statement in body:
            self.statement(statement)

    def statement(self, statement: Statement) -> None:
        """Check what it reads and writes, and keep what its variables can be."""
        match statement:
            case For():
                self.loop(statement)
            case ParallelFor(counter, count, body):
                for part in range(count):
                    self.env[counter] = part, part
                    self.statements(body)
            case Store(buffer, index, value):
                self.reach(buffer, index, self.span(index))
                if buffer == "scratch_int":
                    self.numbers[self.span(index)[0]] = self.span(index)[1], self.span(value)
                self.span(value)
            case Let(name, value):
                self.let(name, self.span(value))
            case ReturnIf(condition, value):
                self.span(condition)
                self.span(value)
            case Multiply():
                self.product(statement)
            case Reduce(counters=counters, value=value):
                if self.counted([(name, self.span(stop)[1]) for name, stop in counters]):
                    self.span(value)
            case Draw(_, buffer, offset, count):
                low, high = self.span(offset)
                self.reach(buffer, offset, (low, high + self.span(count)[1] - 1))
            case Comment():
                pass

    def loop(self, loop: For) -> None:
        """Those through batches, chunks and steps of a sequence one by one, others at once."""
        (begin, _), (_, stop) = self.span(loop.begin), self.span(loop.stop)
        by_chunks = loop.counter == "start" or loop.step == CHUNK
        if by_chunks or re.fullmatch(r"k\d+", loop.counter):
            before = dict(self.env)
            for value in range(int(begin), int(stop), loop.step):
                own = {name: self.env[name] for name in before}  # not what loops within have left
                self.env = own | {loop.counter: (value, value)}
                self.statements(loop.body)
        elif stop > begin:
            self.env[loop.counter] = begin, begin + (stop - 1 - begin) // loop.step * loop.step
            self.within_loops += 1
            self.statements(loop.body)
            self.within_loops -= 1

    def let(self, name: str, span: Interval) -> None:
        """In a loop a variable may be what it was in another round, or before."""
        before = self.env.get(name) if self.within_loops else None
        self.env[name] = span if before is None else _joined(before, span)

    def counted(self, counters: Sequence[tuple[str, float]]) -> bool:
        """Let the counters go through their numbers; whether there are any."""
        for name, stop in counters:
            self.env[name] = 0, stop - 1
        return all(stop > 0 for _, stop in counters)

    def product(self, product: Multiply) -> None:
        """The matrices, and what is done with each number at the end."""
        m, n, k = (self.span(size)[1] for size in (product.m, product.n, product.k))
        self.matrix(product.a, m, k)
        self.matrix(product.b, k, n)
        self.matrix(product.c, m, n)
        if product.start is not None and n > 0:
            low, high = self.span(product.start.index)
            self.reach(product.start.buffer, product.start.index, (low, high + n - 1))
        if product.workspace is not None:
            self.span(product.workspace)
        if product.epilogue is not None:
            end = product.epilogue
            if self.counted([(end.row, m), (end.column, n)]):
                self.statements(end.body)

    def matrix(self, matrix: Matrix, rows: float, columns: float) -> None:
        """All its numbers."""
        lines, length = (columns, rows) if matrix.transposed else (rows, columns)
        if lines <= 0 or length <= 0:
            return
        (low, high), (_, width) = self.span(matrix.offset), self.span(matrix.width)
        if matrix.rows is None:
            self.reach(matrix.buffer, matrix.offset, (low, high + (lines - 1) * width + length - 1))
            return
        first, last = self.span(matrix.rows.index)
        self.reach(matrix.rows.buffer, matrix.rows.index, (first, last + lines - 1))
        least, most = 0.0, self.rows - 1.0
        if matrix.rows.buffer == "scratch_int":  # stored just before
            end, (least, most) = self.numbers[first]
            assert (first, end) == (last, first + lines - 1)
        span = low + least * width, high + most * width + length - 1
        self.reach(matrix.buffer, matrix.offset, span)

    def span(self, value: Expression) -> Interval:
        """The lowest and the highest that a whole number can be; what is read in it is checked."""
        match value:
            case Num(number, "int"):
                return float(number), float(number)
            case Var(name, _):
                return self.env.get(name, UNKNOWN)
            case Load(buffer, index, _):
                span = self.span(index)
                self.reach(buffer, index, span)
                return self.value_of(buffer, span)
            case Call("where", (condition, a, b), _):
                self.span(condition)
                return _joined(self.span(a), self.span(b))
            case Call(operation, arguments, type):
                spans = [self.span(argument) for argument in arguments]
                if operation == "cast":
                    return spans[0]
                known_here = type == "int" and operation in COMPUTED
                return COMPUTED[operation](*spans) if known_here else UNKNOWN
        return UNKNOWN

    def value_of(self, buffer: str, span: Interval) -> Interval:
        """How far numbers go that are themselves used as an index."""
        if buffer == "order":
            return 0, self.rows - 1
        if buffer == "steps":
            return 0, 0
        if buffer == "tables":
            numbers = np.concatenate([table.ravel() for table in self.program.tables])
            part = numbers[int(span[0]) : int(span[1]) + 1]
            return (part.min(), part.max()) if part.size else UNKNOWN
        spans = (
            bound
            for lying, begin, end, bound in self.bounded
            if lying == buffer and begin <= span[0] < end
        )
        return next(spans, UNKNOWN)

    @cached_property
    def bounded(self) -> list[tuple[str, float, float, Interval]]:
        """Where numbers lie that are used as an index, and how far they go."""
        found: list[tuple[str, float, float, Interval]] = []
        for i, place in self.plan.places.items():
            bounds = self.program.bounds.get(self.input_of(i), ())
            if bounds:
                begin = known(place.offset)
                shape = self.plan.graph.nodes[i].shape
                size = math.prod(at(length, self.batch) for length in shape)
                span = 0.0, min(bound.size for bound in bounds) - 1.0
                here = (0, math.inf) if begin is None else (begin, begin + size)
                found.append((place.buffer, *here, span))
        return found

    def input_of(self, i: int) -> str:
        """The input whose numbers a node has, if it does nothing else to them."""
        names = {i: name for name, i in self.plan.graph.leaves.inputs.items()}
        while i not in names:
            node = self.plan.graph.nodes[i]
            if node.operation not in (Op.VIEW, Op.ASTYPE, Op.CONCATENATE):
                return ""
            i = node.used()[0]
        return names[i]

    def reach(self, buffer: str, index: Expression, span: Interval) -> None:
        """Note an index that leaves its array."""
        low, high = span
        parts = self.arrays()[buffer]
        before = bisect_right(parts, low, key=lambda part: part.begin)
        own = parts[before - 1] if before and low < parts[before - 1].end else None
        if own is not None and high < own.end:
            return
        if buffer not in BUFFERS.values() and _is_flat(index) and 0 <= low <= high < parts[-1].end:
            return  # a loop over several arrays, as an optimizer's is
        where = "no array" if own is None else f"{own.name} at {own.begin} to {own.end - 1}"
        line = f"{buffer}[{text_of(index)}] goes from {low:g} to {high:g}: {where}"
        if line not in self.found:
            self.found.append(line)


def _is_flat(index: Expression) -> bool:
    """Whether an index goes through a buffer one by one: a counter, and what is fixed."""
    match index:
        case Call("add", (a, b), _):
            return _is_flat(a) and _is_flat(b)
    return isinstance(index, Num | Var)


def _joined(a: Interval, b: Interval) -> Interval:
    return min(a[0], b[0]), max(a[1], b[1])


def _product(a: Interval, b: Interval) -> Interval:
    ends = [x * y if x and y else 0.0 for x in a for y in b]
    return min(ends), max(ends)


COMPUTED: Mapping[str, Callable[..., Interval]] = {
    "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "subtract": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "multiply": _product,
    "minimum": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "maximum": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "negative": lambda a: (-a[1], -a[0]),
}
