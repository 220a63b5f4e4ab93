"""Operands of matrix products: axes that follow one another in memory count as one.

An einsum is a product of matrices, or a batch of them, where the summed axes of each operand are
one, and its columns or its rows are contiguous. An operand for which that does not hold is copied
in an order for which it does: windows to the columns of im2col, (n, c, h, w) to (c, n h w). The
order of the terms of each sum stays, so the bits do too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes.batch_last_layout import NotPermutableError, contiguous_steps, times
from handgrad.graph.passes.builder import Builder, rewritten
from handgrad.graph.symbolic import Dim, Ref, at

# A product of fewer multiplications becomes loops; for larger ones a call is faster.
SMALL_PRODUCT = 500
MANY_ROWS = 1000
# Numbers in a row of windows, below which copies and one large product are faster.
LEAST_RUN = 256
Size = int | Dim
Steps = Mapping[str, Size]  # of each axis, in elements


def steps_of(node: Node) -> tuple[Size, ...] | None:
    """The steps along the axes of a stored node or a view, in elements; None if n enters twice."""
    if node.operation is Op.VIEW:
        return tuple(node.arguments[2])
    try:
        return contiguous_steps(node.shape)
    except NotPermutableError:
        return None


def is_one_axis(steps: Steps, outer: str, inner: str, size: Size) -> bool:
    """Return True if an axis continues where the one within it, of that size, ends."""
    try:
        return steps[outer] == times(steps[inner], size)
    except NotPermutableError:
        return False


def is_valid_stride(step: int | Dim, count: int | Dim, size: int | Dim) -> bool:
    """Return True if `count` rows of `size` numbers, `step` apart, do not overlap."""
    return count == 1 or all(at(step, n) >= max(at(size, n), 1) for n in (1, MANY_ROWS))


def repeats_elements(nodes: Sequence[Node], node: Node) -> bool:
    """True for a view with more elements than its array, as overlapping windows have."""
    if node.operation is not Op.VIEW:
        return False
    base, _, steps, shape = node.arguments
    return elements_of(shape, steps) > elements_of(nodes[base.node].shape)


def elements_of(shape: Sequence[Size], steps: Sequence[Size] | None = None) -> int:
    """The number of elements of a row; those that steps of 0 repeat count once."""
    steps = steps or [1] * len(shape)
    sizes = [size for size, step in zip(shape, steps, strict=True) if step != 0]
    return math.prod(size.slope if isinstance(size, Dim) else size for size in sizes)


def with_matrices(graph: Graph, batch_size: int, *, gathers: bool) -> Graph:
    """Copy the operands of products that are no matrices as they lie in memory.

    `gathers`: packing a matrix gathers its rows, so that windows are not copied before.
    """
    copies: dict[object, Ref] = {}

    def made(new: Builder, node: Node) -> Ref:
        product = _matrix_product(new, node, batch_size)
        if product is None:
            return new.keep(node)
        return (product.on_windows(copies) if gathers else None) or product.on_matrices(copies)

    return rewritten(graph, made)


def _matrix_product(new: Builder, node: Node, batch_size: int) -> "_MatrixProduct | None":
    """A product of two arrays with rows, columns and sums that are worth copies; else None."""
    if node.operation is not Op.EINSUM or node.dtype.kind != "f" or len(node.arguments) != 3:
        return None
    spec, *operands = node.arguments
    inputs, output = spec.split("->")
    letters = inputs.split(",")
    left, right = ({*own} for own in letters)
    sizes = {
        letter: size
        for own, operand in zip(letters, operands, strict=True)
        for letter, size in zip(own, new[operand].shape, strict=True)
    }
    full = {letter: int(at(size, batch_size)) for letter, size in sizes.items()}
    steps = [steps_of(new[operand]) for operand in operands]
    if any(own is None for own in steps) or any(len({*own}) < len(own) for own in letters):
        return None
    summed = [letter for letter in sizes if letter not in output]
    shared = left & right
    if not (summed and {*summed} <= shared and left - right and right - left):
        return None
    if output[-1] in shared or math.prod(full.values()) < SMALL_PRODUCT:
        return None
    by_letter = [
        dict(zip(own, part or (), strict=True)) for own, part in zip(letters, steps, strict=True)
    ]
    return _MatrixProduct(new, node, operands, letters, output, sizes, full, summed, by_letter)


@dataclass(frozen=True)
class _MatrixProduct:
    """An einsum of two operands, with the sizes of all axes and the steps of both operands."""

    new: Builder
    node: Node
    operands: Sequence[Ref]
    letters: Sequence[str]
    output: str
    sizes: Mapping[str, Size]
    full: Mapping[str, int]
    summed: Sequence[str]
    steps: Sequence[Steps]

    def on_matrices(self, copies: dict[object, Ref]) -> Ref:
        """Append the einsum, of copies where an operand is no matrix."""
        copied: set[int] = set()
        while more := {k for k in (0, 1) if k not in copied and not self._is_matrix(k, copied)}:
            copied |= more
        operands, letters = [*self.operands], [*self.letters]
        for k in copied:
            letters[k] = self._order(k, copied)
            operands[k] = self._copy(k, letters[k], copies)
        spec = f"{','.join(letters)}->{self.output}"
        node = self.node
        return self.new.add(Op.EINSUM, (spec, *operands), node.shape, node.dtype, **node.options)

    def on_windows(self, copies: dict[object, Ref]) -> Ref | None:
        """Append the einsum of windows whose rows are gathered; None for other operands.

        Along rows of windows the numbers are contiguous, with the batch last. Where a sum runs over
        several of them, each is a product of its own, and these are added.
        """
        if self.node.options:  # a start, which the first product alone would get
            return None
        for k, operand in enumerate(self.operands):
            if not repeats_elements(self.new.nodes, self.new[operand]):
                continue
            unit = max(
                (x for x in self.letters[k] if self.steps[k][x] == 1),
                key=lambda letter: self.full[letter],
                default="",
            )
            if unit == self.output[-1] and unit not in self.letters[1 - k]:
                return self._of_rows_of_windows(k, copies)
            if unit == self.summed[-1] and self.steps[1 - k][unit] == 1:
                return self._in_parts(k)
        return None

    def _of_rows_of_windows(self, k: int, copies: dict[object, Ref]) -> Ref | None:
        """The sum over offsets in windows: rows of windows are those of the matrix."""
        if self._length([*self.output], [k]) < LEAST_RUN:
            return None
        operands, letters, other = [*self.operands], [*self.letters], 1 - k
        if not self._is_matrix(other, set()):
            letters[other] = self._order(other, {other})
            operands[other] = self._copy(other, letters[other], copies)
        return self._gathered(operands, letters, self.output, k, self.summed)

    def _in_parts(self, k: int) -> Ref | None:
        """The sum over positions: a product for each row of windows, which are added."""
        own = [x for x in self.output if x in self.letters[k] and x not in self.letters[1 - k]]
        if "".join(own) not in self.output or self._length(self.summed, [0, 1]) < LEAST_RUN:
            return None
        run = len(self._run(self.summed, [0, 1]))
        outer = "".join(self.summed[: len(self.summed) - run])
        parts = self._gathered(self.operands, self.letters, outer + self.output, k, own)
        if not outer:
            return parts
        axes, node = tuple(range(len(outer))), self.node
        return self.new.add(Op.SUM, (parts, axes), node.shape, node.dtype, keepdims=False)

    def _run(self, letters: Sequence[str], operands: Sequence[int]) -> list[str]:
        """The last axes of `letters` that follow one another in memory, in each operand."""
        run = [letters[-1]]
        for outer, inner in reversed([*pairwise(letters)]):
            if not all(
                {outer, inner} <= {*self.letters[k]} and self._joined(k, outer, inner)
                for k in operands
            ):
                break
            run.insert(0, outer)
        return run

    def _length(self, letters: Sequence[str], operands: Sequence[int]) -> int:
        return math.prod(self.full[letter] for letter in self._run(letters, operands))

    def _gathered(
        self,
        operands: Sequence[Ref],
        letters: Sequence[str],
        output: str,
        k: int,
        gathered: Sequence[str],
    ) -> Ref:
        """Append the einsum; `gathered` are the axes of operand k that count gathered rows."""
        spec, shape = f"{','.join(letters)}->{output}", tuple(self.sizes[x] for x in output)
        rows = (k, "".join(gathered))
        return self.new.add(Op.EINSUM, (spec, *operands), shape, self.node.dtype, gathered=rows)

    def _core(self, k: int, copied: set[int]) -> str:
        """The axes of an operand that are the rows or the columns of a matrix."""
        own, runs = self.letters[k], list[str]()
        free = [
            letter for letter in self.output if letter in own and letter not in self.letters[1 - k]
        ]
        for before, letter in pairwise("," + self.output):
            if letter not in free:
                continue
            joined = before in free and (k in copied or self._joined(k, before, letter))
            if joined and not ("start" in self.node.options and letter == self.output[-1]):
                runs[-1] += letter
            else:
                runs.append(letter)
        if self.output[-1] in own:
            return runs[-1]
        return max(reversed(runs), key=lambda run: math.prod(self.full[x] for x in run))

    def _joined(self, k: int, outer: str, inner: str) -> bool:
        return is_one_axis(self.steps[k], outer, inner, self.sizes[inner])

    def _is_matrix(self, k: int, copied: set[int]) -> bool:
        """Return True if the summed axes of an operand are one, and an axis is contiguous."""
        if not all(self._joined(k, *pair) for pair in pairwise(self.summed)):
            return False
        axes = (self.summed[-1], self._core(k, copied)[-1])
        return any(self.steps[k][letter] == 1 or self.full[letter] == 1 for letter in axes)

    def _order(self, k: int, copied: set[int]) -> str:
        """The axes of a copy: each matrix in one piece, its contiguous axis stays the last one."""
        core, own = self._core(k, copied), self.letters[k]
        batch = "".join(x for x in self.output if x in own and x not in core)
        unit = [x for x in own if self.steps[k][x] == 1] or [own[-1]]
        summed = "".join(self.summed)
        if max(unit, key=lambda letter: self.full[letter]) in summed:
            return batch + core + summed
        return batch + summed + core

    def _copy(self, k: int, order: str, copies: dict[object, Ref]) -> Ref:
        """The operand copied in that order; equal copies are made once."""
        ref = self.operands[k]
        node, shape = self.new[ref], tuple(self.sizes[letter] for letter in order)
        base, offset = (ref, 0) if node.operation is not Op.VIEW else node.arguments[:2]
        steps = tuple(self.steps[k][letter] for letter in order)
        key = (base.node, offset, steps, shape)
        if key not in copies:
            view = self.new.add(Op.VIEW, (base, offset, steps, shape), shape, node.dtype)
            copies[key] = self.new.add(Op.CONCATENATE, ((view,), 0), shape, node.dtype)
        return copies[key]
