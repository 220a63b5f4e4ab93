"""Contractions: products of arrays with named axes, as matrix products, sums and views.

Each axis of two arrays belongs to one kind: in both and in the result (batch), in one and in the
result (rows, columns), in both only (summed). With rows, columns and summed axes the contraction
is a product of matrices, or a batch of them: `einsum`. Without rows or without columns there is no
matrix to share: it is a sum of elementwise products. Both are decided by the expression alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes.builder import Builder
from handgrad.graph.passes.views import view_by
from handgrad.graph.symbolic import Dim, Ref, at
from handgrad.textbook.layers import Array

ROWS = 64  # of a batch, where costs are compared
MOST_ORDERED = 5  # operands whose every order is compared
SHORT = 8  # columns that do not fill a vector


@dataclass(frozen=True)
class Operand:
    """A node, with a letter for each of its axes."""

    ref: Ref
    letters: str


def contracted(new: Builder, node: Node, operands: Sequence[Operand], output: str) -> Ref:
    """Append the contraction of operands to the axes `output`, two at a time."""
    return Contraction(new, node, _sizes(new, operands)).result(operands, output)


def _sizes(new: Builder, operands: Sequence[Operand]) -> dict[str, int | Dim]:
    return {
        letter: size
        for operand in operands
        for letter, size in zip(operand.letters, new[operand.ref].shape, strict=True)
    }


@dataclass(frozen=True)
class Contraction:
    """A contraction that is lowered; `sizes` are those of the letters."""

    new: Builder
    node: Node
    sizes: Mapping[str, int | Dim]

    def result(self, operands: Sequence[Operand], output: str) -> Ref:
        """Append the nodes of the contraction."""
        if self.node.dtype.kind != "f":
            spec = f"{','.join(operand.letters for operand in operands)}->{output}"
            return self.new.alike(self.node, Op.EINSUM, spec, *(own.ref for own in operands))
        left_over = [
            self._summed(operand, output + "".join(x.letters for x in operands if x is not operand))
            for operand in operands
        ]
        while len(left_over) > 2:
            a, b = self._next(left_over, output)
            left_over = [operand for operand in left_over if operand not in (a, b)]
            later = output + "".join(operand.letters for operand in left_over)
            axes = [c for c in dict.fromkeys(a.letters + b.letters) if c in later]
            kept = "".join(sorted(axes, key=lambda c: not isinstance(self.sizes[c], Dim)))
            left_over.insert(0, Operand(self._pair(a, b, kept), kept))
        first, *rest = left_over
        return self._pair(first, rest[0], output) if rest else self._in_order(first, output)

    def _next(self, operands: Sequence[Operand], output: str) -> tuple[Operand, Operand]:
        """The two operands to multiply first, for the fewest multiplications in all."""
        if len(operands) > MOST_ORDERED:
            return operands[0], operands[1]
        _, (i, j) = self._cheapest([operand.letters for operand in operands], output)
        return operands[i], operands[j]

    def _cheapest(self, letters: Sequence[str], output: str) -> tuple[float, tuple[int, int]]:
        """The least number of multiplications, and the pair that comes first."""
        orders = []
        for i, j in combinations(range(len(letters)), 2):
            both = {*letters[i], *letters[j]}
            rest = [own for k, own in enumerate(letters) if k not in (i, j)]
            cost = float(self._count(both))
            if rest:
                kept = "".join(sorted(both & {*output, *"".join(rest)}))
                cost += self._cheapest([kept, *rest], output)[0]
            orders.append((cost, (i, j)))
        return min(orders)

    def _count(self, letters: Sequence[str] | set[str]) -> int:
        return math.prod(int(at(self.sizes[letter], ROWS)) for letter in letters)

    def _shape(self, letters: str) -> tuple[int | Dim, ...]:
        return tuple(self.sizes[letter] for letter in letters)

    def _summed(self, operand: Operand, later: str) -> Operand:
        """The operand without repeated axes, summed over the axes that nothing else has."""
        ref, own = operand.ref, "".join(dict.fromkeys(operand.letters))
        if own != operand.letters:
            ref = self._view(operand, own)
        kept = "".join(letter for letter in own if letter in later)
        if kept == own:
            return Operand(ref, own)
        axes = tuple(k for k, letter in enumerate(own) if letter not in later)
        return Operand(self._sum(ref, axes, kept), kept)

    def _sum(self, x: Ref, axes: tuple[int, ...], kept: str) -> Ref:
        shape, dtype = self._shape(kept), self.new[x].dtype
        return self.new.add(Op.SUM, (x, axes), shape, dtype, keepdims=False)

    def _view(self, operand: Operand, letters: str, order: str = "") -> Ref:
        """A view with the axes `letters`, and axes of length 1 for other letters of `order`."""
        spec, added = f"{operand.letters}->{letters}", order or letters
        index = tuple(slice(None) if letter in letters else None for letter in added)

        def run(array: Array, n: int) -> Array:
            return np.einsum(spec, array)[index]

        return view_by(self.new, self.node, operand.ref, run)

    def _in_order(self, operand: Operand, order: str) -> Ref:
        """The operand with its axes in another order; missing ones are broadcast."""
        if order.endswith(operand.letters):
            return operand.ref
        present = "".join(letter for letter in order if letter in operand.letters)
        return self._view(operand, present, order[order.index(present[0]) :])

    def _pair(self, a: Operand, b: Operand, output: str) -> Ref:
        """Append the contraction of two operands."""
        left, right = {*a.letters}, {*b.letters}
        summed = "".join(x for x in dict.fromkeys(a.letters + b.letters) if x not in output)
        if summed and (left - right) and (right - left):
            return self._matrices(a, b, output)
        if not summed:
            return self._elementwise(a, b, output)
        inner = self._innermost(a, b)
        if inner in summed:
            order = output + summed.replace(inner, "") + inner
            terms = self._elementwise(a, b, order)
            return self._sum(terms, tuple(range(len(output), len(order))), output)
        kept = output.replace(inner, "") + inner
        terms = self._elementwise(a, b, summed + kept)
        total = Operand(self._sum(terms, tuple(range(len(summed))), kept), kept)
        return self._in_order(total, output)

    def _elementwise(self, a: Operand, b: Operand, order: str) -> Ref:
        """Append the products of all pairs of elements, with the axes `order`."""
        dtype = np.result_type(self.new[a.ref].dtype, self.new[b.ref].dtype)
        factors = (self._in_order(a, order), self._in_order(b, order))
        return self.new.add(Op.MULTIPLY, factors, self._shape(order), dtype)

    def _innermost(self, a: Operand, b: Operand) -> str:
        """The longest axis that is contiguous in the larger operand."""
        large = max((a, b), key=lambda operand: self._count(operand.letters))
        node = self.new[large.ref]
        steps = [0] * (len(node.shape) - 1) + [1]
        if node.operation is Op.VIEW:
            steps = list(node.arguments[2])
        unit = [x for x, step in zip(large.letters, steps, strict=True) if step == 1]
        return max(unit or [large.letters[-1]], key=self._count)

    def _matrices(self, a: Operand, b: Operand, output: str) -> Ref:
        """Append a product of matrices, with its axes in an order that leaves them whole."""
        order = self._whole(a, b, output)
        dtype = np.result_type(self.new[a.ref].dtype, self.new[b.ref].dtype)
        spec = f"{a.letters},{b.letters}->{order}"
        product = self.new.add(Op.EINSUM, (spec, a.ref, b.ref), self._shape(order), dtype)
        return self._in_order(Operand(product, order), output)

    def _whole(self, a: Operand, b: Operand, output: str) -> str:
        """The axes of the result, so that its last ones are the columns of a matrix."""
        beside = [x for x in output if x in a.letters and x in b.letters]
        last = output[-1]
        if last in beside:
            first, *others = (x for x in output if x not in beside)
            side = a.letters if first in a.letters else b.letters
            rows = [first, *(x for x in others if x in side)]
            return "".join([*beside, *rows, *(x for x in others if x not in side)])
        side = a.letters if last in a.letters else b.letters
        columns = [x for x in output if x in side and x not in beside]
        run = [x for k, x in enumerate(output) if {*output[k:]} <= {*columns}]
        if self._count(run) >= SHORT or len(run) == len(columns):
            return output
        kept = [x for x in output[:1] if isinstance(self.sizes[x], Dim) and x not in beside]
        front = [*kept, *beside]
        columns = [x for x in columns if x not in front]
        rows = [x for x in output if x not in front and x not in columns]
        return "".join([*front, *rows, *columns])
