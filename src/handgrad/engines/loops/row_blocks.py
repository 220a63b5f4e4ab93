"""Row blocks: the loops of a group of wide arrays and of the products that read them.

For each block of rows all nodes of the group are computed, one after another: products as products
of matrices, what is between them row by row. So a block stays in the cache, and wide arrays take
memory for one block of each thread. Products that sum over rows add block to block.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from handgrad.engines.loops.element_access import ElementReader, store_element
from handgrad.engines.loops.fusion import Dataflow, Group
from handgrad.engines.loops.ir import (
    Body,
    Expression,
    For,
    Let,
    Load,
    Matrix,
    Num,
    ParallelFor,
    Statement,
    Var,
    cast,
    known,
    least,
    whole,
)
from handgrad.engines.loops.masked_columns import last_diagonal
from handgrad.engines.loops.memory_planning import (
    ALIGNMENT,
    BUFFERS,
    Arena,
    Storage,
    extent,
    in_place_reads,
    kind_of,
    stored_reads,
)
from handgrad.engines.loops.partitioning import partition_loop
from handgrad.engines.loops.product_nests import Core, Product, matrix_product, parsed_product
from handgrad.engines.loops.reductions import REDUCED, Counter, reduced, typed
from handgrad.engines.loops.row_fusion import WideProduct, begins_rows, wide_product
from handgrad.engines.loops.target import workspace_size
from handgrad.graph.graph import Graph
from handgrad.graph.operations import Op
from handgrad.graph.symbolic import Dim, Shape, at
from handgrad.textbook.errors import CannotLowerError

# The most numbers of a block, and its rows: with fewer, products read keys and values more often
# than they multiply.
BLOCK, LEAST_ROWS, MOST_ROWS = 2**18, 16, 64
WORK = 8  # operations for each number of a wide array, at least


def is_of_rows(elements: ElementReader, group: Group) -> bool:
    """Return True for a group that is computed by blocks of rows."""
    return elements.target.rounds_once and begins_rows(elements.graph, group[0])


def block_rows(shape: Shape) -> int:
    """The rows of a block, from the sizes of a wide array alone, as the bits depend on it."""
    *_, rows, columns = (int(at(size, 1)) for size in shape)
    fitting = BLOCK // columns // LEAST_ROWS * LEAST_ROWS
    return min(rows, MOST_ROWS, max(LEAST_ROWS, fitting))


def plan_row_blocks(elements: ElementReader, groups: Sequence[Group]) -> dict[int, Storage]:
    """The places of wide arrays that only their group reads; plans the sums over a block, too.

    Each thread has memory for a block, and all groups share it.
    """
    of_rows = [group for group in groups if is_of_rows(elements, group)]
    if not of_rows:
        return {}
    flow = Dataflow(elements.graph, [i for group in groups for i in group])
    plans = [_BlockPlan(elements, group, flow) for group in of_rows]
    begin = {
        type: elements.arena.allocate(type, max(plan.arena.sizes[type] for plan in plans))
        for type in BUFFERS
    }

    def moved(places: Mapping[int, Storage]) -> dict[int, Storage]:
        return {
            i: replace(place, offset=place.offset + whole(begin[place.type]))
            for i, place in places.items()
        }

    for plan in plans:
        elements.block_sums |= moved(plan.sums)
    return {i: place for plan in plans for i, place in moved(plan.places).items()}


class _BlockPlan:
    """Memory of the wide arrays of a group, which share it by liveness, and of sums over a block.

    Each has a part for each thread, `size_of_part` apart.
    """

    def __init__(self, elements: ElementReader, group: Group, flow: Dataflow) -> None:
        self.graph, self.at_once = elements.graph, elements.target.max_parts
        self.stored, self.arena = flow.needed, Arena()
        self.places: dict[int, Storage] = {}
        self.sums: dict[int, Storage] = {}
        shape = self.graph.nodes[group[0]].shape
        self.size = block_rows(shape) * int(at(shape[-1], 1))
        last = {j: i for i in group for j in flow.reads(i)}
        alone, living = {*group} - flow.kept(group), list[int]()
        for i in group:
            product = product_of(self.graph, i, group)
            if product is not None and product.sums_rows:
                size = math.prod(matrix_sizes(self.graph, i, product))
                self.sums[i] = self._allocated(i, size)
                self._release(self.sums[i], size)
            elif i in alone and self.graph.nodes[i].shape == shape:
                self._place(i, [j for j in living if last[j] == i])
                living.append(i)
            for j in [j for j in living if last[j] == i]:
                living.remove(j)
                if self.places[j] not in [self.places[k] for k in living]:
                    self._release(self.places[j], self.size)

    def _place(self, i: int, ending: Sequence[int]) -> None:
        """Place a wide array where one lies that it is the last to read, or in free memory."""
        own = [
            self.places[j]
            for j in in_place_reads(self.graph, i, self.stored)
            if j in ending and self.places[j].type == kind_of(self.graph.nodes[i])
        ]
        self.places[i] = own[0] if own else self._allocated(i, self.size)

    def _allocated(self, i: int, size: int) -> Storage:
        type, node = kind_of(self.graph.nodes[i]), self.graph.nodes[i]
        offset = self.arena.allocate(type, self.at_once * size_of_part(size))
        corner = (whole(0),) * (len(node.shape) - 1)
        return Storage(BUFFERS[type], whole(offset), type, block=corner)

    def _release(self, place: Storage, size: int) -> None:
        self.arena.release(place.type, known(place.offset) or 0, self.at_once * size_of_part(size))


def size_of_part(size: int) -> int:
    """The size of one thread's part of an array, so that each begins at a cache line."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def product_of(graph: Graph, i: int, group: Group) -> WideProduct | None:
    """A product of a group; None for other nodes."""
    return wide_product(graph, i, group) if graph.nodes[i].operation is Op.EINSUM else None


def matrix_sizes(graph: Graph, i: int, product: WideProduct) -> list[int]:
    """The rows and columns of the result for one index of the batch."""
    batch = product.rows[:-1]
    sizes = zip(product.output, graph.nodes[i].shape, strict=True)
    return [int(at(size, 1)) for letter, size in sizes if letter not in batch]


def row_blocks(elements: ElementReader, group: Group, batch_size: int) -> Body:
    """The loops of a group, over the axes of its rows, split for the threads."""
    return _RowBlocks(elements, group, batch_size).loops()


class _RowBlocks:
    """Writes the loops of a group."""

    def __init__(self, elements: ElementReader, group: Group, batch_size: int) -> None:
        self.elements, self.group, self.batch_size = elements, group, batch_size
        self.graph, self.places = elements.graph, elements.places
        self.shape = self.graph.nodes[group[0]].shape
        *_, rows, self.columns = (int(at(size, 1)) for size in self.shape)
        self.rows = block_rows(self.shape)
        self.blocks = -(-rows // self.rows)
        self.batch = [elements.new("i") for _ in self.shape[:-2]]
        self.part, self.block, self.row = (elements.new(prefix) for prefix in ("p", "k", "r"))
        self.first = self.block * self.rows if self.blocks > 1 else whole(0)
        self.count: Expression = whole(self.rows)
        if rows % self.rows:
            self.count = least(self.count, rows - self.first)
        self.products = {i: product_of(self.graph, i, group) for i in group}
        self.stop, self.room = self._last_column(), self._room()

    def _last_column(self) -> Expression:
        """The end of the columns that a block needs."""
        wide = [i for i in self.group if self.graph.nodes[i].shape == self.shape]
        if self.blocks == 1 or not all(self.places[i].block for i in wide):
            return whole(self.columns)
        k = last_diagonal(self.graph, self.group, self.products)
        every = whole(self.columns)
        return every if k is None else least(every, self.first + (self.rows + k))

    def loops(self) -> Body:
        """The loops over batch and blocks; the outermost one is split."""
        summed = {i: p for i, p in self.products.items() if p is not None and p.sums_rows}
        body: Body = [*self._of_block()]
        over: list[tuple[Var, int | Dim]] = [*zip(self.batch, self.shape[:-2], strict=True)]
        if summed and self.blocks > 1:
            body = [
                *(line for i, product in summed.items() for line in self._cleared(i, product)),
                For(self.block.name, whole(self.blocks), body),
            ]
        elif self.blocks > 1:
            over.append((self.block, self.blocks))
        sizes = [int(at(size, self.batch_size)) for _, size in over]
        outermost = sizes.index(max(sizes))
        for k in reversed(range(len(over))):
            if k != outermost:
                body = [For(over[k][0].name, extent(over[k][1]), body)]
        loop = For(over[outermost][0].name, extent(over[outermost][1]), body)
        work = WORK * self.columns * self.rows * math.prod(sizes)
        split = partition_loop(self.elements, loop, sizes[outermost], work, self.part)
        return [split] if isinstance(split, ParallelFor) else [Let(self.part.name, whole(0)), split]

    def _of_block(self) -> Body:
        """All nodes for a block: products, and row by row what is between them."""
        body, of_row = list[Statement](), list[Statement]()
        for i in self.group:
            product = self.products[i]
            if product is None:
                if not of_row:
                    self.elements.places = self._in_block(self.row)
                of_row += self._of_row(i)
                continue
            body += self._over_rows(of_row)
            of_row = []
            self.elements.places = self._in_block(whole(0))
            body += self._multiplied(i, product)
        body += self._over_rows(of_row)
        self.elements.places = self.places
        return body

    def _over_rows(self, of_row: Body) -> Body:
        return [For(self.row.name, self.count, of_row)] if of_row else []

    def _in_block(self, row: Expression) -> dict[int, Storage]:
        """The places of this thread's part, at a row of the block."""
        size = size_of_part(self.rows * self.columns)
        return self.places | {
            i: self._of_part(place, size, [*place.block[:-1], row])
            for i in self.group
            if (place := self.places[i]).block
        }

    def _of_part(self, place: Storage, size: int, block: Sequence[Expression]) -> Storage:
        offset = place.offset + self.part * size
        return replace(place, offset=offset, block=tuple(block))

    def _of_row(self, i: int) -> Body:
        """A node in one row: a number, which becomes a variable too, or the numbers of a row."""
        elements, node = self.elements, self.graph.nodes[i]
        column = elements.new("c")
        index = [*self.batch, self.first + self.row, column]
        body = self._numbers_of_row(i, index)
        place = elements.places.pop(i)  # so that it is computed here, not loaded
        if node.operation in REDUCED:
            (x,) = node.used()
            neutral, step = REDUCED[node.operation]
            number = elements.new("a", place.type)
            start = Num(typed(neutral, place.type), place.type)
            counter = Counter(column.name, self.stop, self.columns)
            terms = cast(elements.element(x, index), place.type)
            body += reduced(number, step, start, [counter], terms)
        elif node.shape == self.shape:
            value = elements.element(i, index)
            elements.places[i] = place
            stored = store_element(elements, i, index, value)
            return [*body, For(column.name, self.stop, stored)]
        else:
            number = elements.new("a", place.type)
            body.append(Let(number.name, cast(elements.element(i, index), place.type)))
        elements.places[i] = place
        body += store_element(elements, i, [*index[:-1], whole(0)], number)
        elements.places[i] = Storage(number.name, whole(0), place.type, variable=True)
        return body

    def _numbers_of_row(self, i: int, index: Sequence[Expression]) -> Body:
        """Load what a node reads once for a row to variables."""
        elements, body = self.elements, list[Statement]()
        for j in sorted(stored_reads(self.graph, i, elements.places)):
            place = elements.places[j]
            if self.graph.nodes[j].shape == (*self.shape[:-1], 1) and not place.variable:
                number = elements.new("a", place.type)
                body.append(Let(number.name, elements.load(j, [*index[:-1], whole(0)])))
                elements.places[j] = Storage(number.name, whole(0), place.type, variable=True)
        return body

    def _parsed(self, i: int, product: WideProduct) -> tuple[Product, Core, tuple[int, int, int]]:
        """A product with the axes of its matrices and the sizes of those of a block."""
        batch = product.rows[:-1]
        left, right = ({*own} - {*batch} for own in product.letters)
        (summed,), column = left & right, product.output[-1]
        (row,) = {*product.output} - {*batch, column}
        parsed = parsed_product(self.elements, i, self.batch_size)
        full = {**parsed.full, product.row: self.rows}
        parsed = replace(parsed, operands=product.operands, letters=product.letters, full=full)
        return parsed, Core(row, column, summed, batch), (full[row], full[column], full[summed])

    def _room(self) -> tuple[int, int, int]:
        """The sizes of the product whose packed matrices take the most memory.

        Threads are at different products of a block: each has as much memory for all of them.
        """
        sizes = (self._parsed(i, product)[-1] for i, product in self.products.items() if product)
        return max(sizes, key=lambda of_product: workspace_size(*of_product))

    def _multiplied(self, i: int, product: WideProduct) -> Body:
        """A product of the block; what it adds to sums over all rows has memory of its own."""
        elements, batch = self.elements, product.rows[:-1]
        parsed, core, _ = self._parsed(i, product)
        fixed = {**dict(zip(batch, self.batch, strict=True)), product.row: self.first}
        multiply = matrix_product(parsed, core, fixed, None)
        if multiply is None:
            raise CannotLowerError(f"a product of no matrices, at {self.graph.nodes[i].origin}")
        sizes = {product.row: self.count, product.column: self.stop}
        multiply = replace(
            multiply,
            m=sizes.get(core.row, multiply.m),
            n=sizes.get(core.column, multiply.n),
            k=sizes.get(core.summed, multiply.k),
        )
        if multiply.workspace is not None:
            room = elements.workspace(self.room, elements.target.max_parts)
            own = room.index + self.part * workspace_size(*self.room)
            multiply = replace(multiply, workspace=replace(room, index=own))
        if not product.sums_rows or self.blocks == 1:
            return [multiply]
        m, n = matrix_sizes(self.graph, i, product)
        place = self._of_part(elements.block_sums[i], size_of_part(m * n), ())
        multiply = replace(multiply, c=Matrix(place.buffer, place.offset, whole(n)))
        index = self._of_sum(i, product)
        a, b = (x for x, letter in zip(index, product.output, strict=True) if letter not in batch)
        added = Load(place.buffer, place.offset + a * n + b, place.type)
        total = elements.element(i, index) + added
        return [multiply, *self._over_sums(i, product, index, total, self.stop)]

    def _of_sum(self, i: int, product: WideProduct) -> list[Expression]:
        """The index of a number of a product, with counters of its own but in the batch."""
        batch = dict(zip(product.rows[:-1], self.batch, strict=True))
        return [batch.get(letter) or self.elements.new("s") for letter in product.output]

    def _over_sums(
        self,
        i: int,
        product: WideProduct,
        index: Sequence[Expression],
        value: Expression,
        stop: Expression,
    ) -> Body:
        """Loops over the numbers of a product for one index of the batch, up to a column."""
        body = store_element(self.elements, i, index, value)
        sizes = zip(product.output, index, self.graph.nodes[i].shape, strict=True)
        for letter, counter, size in reversed([*sizes]):
            if letter not in product.rows and isinstance(counter, Var):
                body = [For(counter.name, stop if letter == product.column else extent(size), body)]
        return body

    def _cleared(self, i: int, product: WideProduct) -> Body:
        """Set the sums of a product to 0."""
        index = self._of_sum(i, product)
        return self._over_sums(i, product, index, Num(0.0, "float"), whole(self.columns))
