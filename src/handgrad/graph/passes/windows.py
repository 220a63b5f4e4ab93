"""Window pass: products of windows read the array itself, not a copy of all its windows.

A convolution that makes columns of all windows (im2col) copies each number as often as windows have
it, multiplies the columns, and adds the products of overlapping windows to their positions
(col2im). Both are one contraction whose operand is a view of the array, with the axes of positions
and of offsets in a window apart:

    z[o, n, i, j] = Σ W[o, c, p, q] x[n, c, i + p, j + q]  over c, p, q

A sum of products over windows that overlap, where windows are one position apart, is a product of
the windows of the padded numbers and the flipped weights:

    dx[n, c, i, j] = Σ W[o, c, p, q] dz[n, o, i − p, j − q]  over o, p, q, dz = 0 beyond its edges

The terms of a sum keep the order c, p, q; those of dx have the order o, p, q.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from string import ascii_letters
from typing import Any

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes.batch_last_layout import BATCH, contiguous_steps
from handgrad.graph.passes.builder import Builder, rewritten
from handgrad.graph.passes.contractions import Operand, contracted
from handgrad.graph.passes.matrices import repeats_elements, steps_of
from handgrad.graph.passes.simplify import remove_dead_code
from handgrad.graph.passes.views import view_by
from handgrad.graph.symbolic import Dim, Ref, Shape, at
from handgrad.textbook.layers import Array

ROWS = 1_000_003  # a prime that no size has: those that follow n are its multiples
FEW_TERMS = 32  # of a sum that is one expression: a window of 5 by 5
LEAST_CHANNELS = 4  # rows of a product that fill a tile of registers well enough
Digits = tuple[str, ...]


def with_windows(graph: Graph) -> Graph:
    """Read windows where they lie, in products of copied windows and sums over windows."""
    folds: dict[int, _Fold] = {}

    def made(new: Builder, node: Node) -> Ref:
        node = _on_stored(new, node)
        if node.operation is Op.EINSUM:
            return _product_of_windows(new, node) or new.keep(node)
        if node.operation is Op.VIEW and (fold := folds.get(node.arguments[0].node)):
            return fold.box(new, node) or new.keep(node)
        if node.operation is not Op.WRITE or (fold := _fold(new, node)) is None:
            return new.keep(node)
        total = fold.whole(new)
        stored = new[total].arguments[0] if new[total].operation is Op.VIEW else total
        folds[stored.node] = fold
        return total

    return remove_dead_code(rewritten(graph, made))


def _on_stored(new: Builder, node: Node) -> Node:
    """A view of an array that became a view itself, as a view of what is stored."""
    if node.operation is not Op.VIEW or new[node.arguments[0]].operation is not Op.VIEW:
        return node
    base, *rest = node.arguments
    inner, offset, steps, shape = new[base].arguments
    if offset == 0 and tuple(steps) == contiguous_steps(shape):
        return Node(Op.VIEW, (inner, *rest), {}, node.shape, node.dtype, node.origin)
    copy = new.add(Op.CONCATENATE, ((base,), 0), shape, node.dtype)
    return Node(Op.VIEW, (copy, *rest), {}, node.shape, node.dtype, node.origin)


def full(sizes: Sequence[int | Dim]) -> list[int]:
    """Sizes or steps of a batch of `ROWS` rows."""
    return [int(at(size, ROWS)) for size in sizes]


def has_rows_only(shape: Shape) -> bool:
    """True where the sizes that follow n are its multiples."""
    return all(not isinstance(size, Dim) or size.offset == 0 for size in shape)


def sizes_of(numbers: Sequence[int]) -> Shape:
    """The sizes that a batch of `ROWS` rows has."""
    return tuple(k if k % ROWS else Dim(k // ROWS) for k in numbers)


@dataclass
class _Split:
    """The letters of a product, each split into finer axes at the boundaries of other shapes.

    `bounds` has for each letter the numbers of elements within a step of each of its parts.
    """

    new: Builder
    node: Node
    letters: list[str]
    output: str
    sizes: dict[str, int] = field(default_factory=dict)
    bounds: dict[str, set[int]] = field(default_factory=dict)
    parts: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, new: Builder, node: Node) -> "_Split | None":
        """The letters of a product of two arrays; None for other nodes."""
        is_product = node.operation is Op.EINSUM and node.dtype.kind == "f" and not node.options
        if not is_product or len(node.arguments) != 3 or steps_of(node) is None:
            return None
        inputs, output = node.arguments[0].split("->")
        split = cls(new, node, inputs.split(","), output)
        for ref, own in zip(node.arguments[1:], split.letters, strict=True):
            unusual = len({*own}) < len(own) or steps_of(new[ref]) is None
            if unusual or not has_rows_only(new[ref].shape):
                return None
            split.sizes |= dict(zip(own, full(new[ref].shape), strict=True))
        split.bounds = {letter: {1, size} for letter, size in split.sizes.items()}
        return split

    def cut(self, letters: str, steps: Sequence[int], bounds: set[int]) -> None:
        """Split letters with these steps at boundaries of the same array."""
        for letter, step in zip(letters, steps, strict=True):
            end = step * self.sizes[letter]
            self.bounds[letter] |= {c // step for c in bounds if step < c < end and c % step == 0}

    def name_parts(self) -> bool:
        """Give each part a letter; False where the boundaries do not divide each other."""
        spare = iter(c for c in ascii_letters if c not in self.sizes)
        for letter, bounds in self.bounds.items():
            pairs = [*pairwise(sorted(bounds))]
            if any(b % a for a, b in pairs):
                return False
            self.parts[letter] = [(next(spare), b // a) for a, b in reversed(pairs)]
        return True

    def of_letters(self, letters: str, ones: str = "") -> list[tuple[str, int]]:
        """The parts of letters and their sizes, and those letters of length 1 in `ones`."""
        named = [(letter, 1) for letter in ones]
        return [
            part
            for letter in letters
            for part in (self.parts[letter] or [one for one in named if one[0] == letter])
        ]

    def operand(self, k: int, ones: str = "") -> Operand:
        """An operand with the finer axes: of the windows themselves, if it is a copy of them."""
        ref, letters = self.node.arguments[1 + k], self.letters[k]
        parts = self.of_letters(letters, ones)
        shape, order = sizes_of([size for _, size in parts]), [*range(len(parts))]
        copied = copied_view(self.new, ref)
        if copied is not None and repeats_elements(self.new.nodes, self.new[copied]):
            steps = dict(zip(letters, full(steps_of(self.new[ref]) or ()), strict=True))
            lying = sorted(letters, key=lambda x: (steps[x], self.sizes[x]), reverse=True)
            lying_parts = self.of_letters("".join(lying), ones)
            shape = sizes_of([size for _, size in lying_parts])
            order = [lying_parts.index(part) for part in parts]
            ref = copied

        def run(array: Array, n: int) -> Array:
            return array.reshape([at(size, n) for size in shape]).transpose(order)

        view = view_by(self.new, self.node, ref, run)
        return Operand(view, "".join(letter for letter, _ in parts))


def copied_view(new: Builder, ref: Ref) -> Ref | None:
    """The view of which an operand is a copy, all of it; None for other operands."""
    node = new[ref]
    if node.operation is Op.VIEW:
        base, offset, _, shape = node.arguments
        if offset != 0 or math.prod(full(shape)) != math.prod(full(new[base].shape)):
            return None
        node = new[base]
    if node.operation is not Op.CONCATENATE or len(node.arguments[0]) != 1:
        return None
    (part,), _ = node.arguments
    is_view = new[part].operation is Op.VIEW and has_rows_only(new[part].shape)
    return part if is_view else None


def _product_of_windows(new: Builder, node: Node) -> Ref | None:
    """A product of copied windows, as one of the windows themselves; None for others."""
    copies = [copied_view(new, ref) for ref in node.arguments[1:]]
    if not any(copy is not None and repeats_elements(new.nodes, new[copy]) for copy in copies):
        return None
    split = _Split.of(new, node)
    if split is None:
        return None
    _cut_at_copies(split, copies)
    if not split.name_parts():
        return None
    ones = _ones(split)
    operands = [split.operand(k, ones) for k in (0, 1)]
    output = "".join(letter for letter, _ in split.of_letters(split.output, ones))
    return _reshaped(new, node, contracted(new, node, operands, output), node.shape)


def _cut_at_copies(split: _Split, copies: Sequence[Ref | None]) -> None:
    """Split letters at the axes of the views that were copied."""
    for ref, copy, own in zip(split.node.arguments[1:], copies, split.letters, strict=True):
        if copy is not None:
            shape = split.new[copy].shape
            steps = full(steps_of(split.new[ref]) or ())
            split.cut(own, steps, {*full(contiguous_steps(shape))})


def _ones(split: _Split) -> str:
    """The letters of length 1 that stay: without them a long sum would be no matrix product."""
    summed = [size for letter, size in split.sizes.items() if letter not in split.output]
    if math.prod(summed) <= FEW_TERMS or any(size % ROWS == 0 for size in summed):
        return ""
    return "".join(letter for letter, size in split.sizes.items() if size == 1)


def _reshaped(new: Builder, node: Node, ref: Ref, shape: Shape) -> Ref:
    return view_by(new, node, ref, lambda array, n: array.reshape([at(size, n) for size in shape]))


# Sums over windows


@dataclass(frozen=True)
class _Fold:
    """The sum of products over windows, one position apart, that end in a write.

    Parameters
    ----------
    split : _Split
        The product, with the axes of positions, channels and offsets apart.
    node : Node
        The last write.
    taps : str
        The part whose index counts the offsets in a window.
    axes : sequence of str
        The parts of each axis of the result: rows, channels, positions.
    kernel, dilation : sequence of int
        Numbers and distances of the offsets in a window, for each axis of positions.
    """

    split: _Split
    node: Node
    taps: str
    axes: Sequence[Digits]
    kernel: Sequence[int]
    dilation: Sequence[int]

    @property
    def spans(self) -> list[int]:
        """The positions of a window beyond its first one, along each axis."""
        return [d * (k - 1) for k, d in zip(self.kernel, self.dilation, strict=True)]

    def whole(self, new: Builder) -> Ref:
        """Append all of the result."""
        return self._part(new, [0] * len(self.kernel), self.node.shape)

    def box(self, new: Builder, view: Node) -> Ref | None:
        """Append the part of the result without an edge; None for other views."""
        _, offset, steps, shape = view.arguments
        if tuple(steps) != contiguous_steps(self.node.shape) or isinstance(offset, Dim):
            return None
        channels, *begin = map(int, np.unravel_index(offset, full(self.node.shape[1:])))
        edges = zip(begin, self.spans, strict=True)
        if channels or shape[:2] != self.node.shape[:2] or any(a > b for a, b in edges):
            return None
        ends = zip(begin, full(shape[2:]), full(self.node.shape[2:]), self.spans, strict=True)
        if any(a + size < whole - span for a, size, whole, span in ends):
            return None
        return self._part(new, begin, shape)

    def _part(self, new: Builder, begin: Sequence[int], shape: Shape) -> Ref:
        split, node = self.split, self.node
        of_numbers = 1 if self.axes[-1][0] in self._letters(1) else 0
        operands = [split.operand(k) for k in (0, 1)]
        numbers, weights = operands[of_numbers], operands[1 - of_numbers]
        windows = self._windows(new, numbers, begin, shape)
        offsets = windows.letters[len(windows.letters) - len(self.kernel) :]
        flipped = self._flipped(new, weights, offsets)
        output = "".join(letter for axis in self.axes for letter in axis)
        return _reshaped(new, node, contracted(new, node, [windows, flipped], output), shape)

    def _letters(self, k: int) -> str:
        return "".join(letter for letter, _ in self.split.of_letters(self.split.letters[k]))

    def _windows(
        self, new: Builder, numbers: Operand, begin: Sequence[int], shape: Shape
    ) -> Operand:
        """All windows of the numbers, with zeros around them."""
        places = [axis[0] for axis in self.axes[2:]]
        others = [x for x in numbers.letters if x not in places and x not in self.axes[0]]
        order = [*self.axes[0], *others, *places]
        axes = [numbers.letters.index(letter) for letter in order]
        inside = view_by(new, self.node, numbers.ref, lambda array, n: array.transpose(axes))
        front = new[inside].shape[: len(order) - len(places)]
        sizes = [int(at(size, ROWS)) + s for size, s in zip(shape[2:], self.spans, strict=True)]
        wide: Shape = (*front, *sizes)
        steps, dtype = contiguous_steps(wide), self.node.dtype
        edges = zip(self.spans, begin, steps[len(front) :], strict=True)
        offset = sum((span - first) * int(at(step, ROWS)) for span, first, step in edges)
        zeros = new.add(Op.FILL, (wide, 0.0, dtype), wide, dtype)
        arguments = (zeros, offset, steps, new[inside].shape, inside)
        padded = new.add(Op.WRITE, arguments, wide, dtype)
        spans, dilation = [span + 1 for span in self.spans], self.dilation

        def run(array: Array, n: int) -> Array:
            last = tuple(range(array.ndim - len(spans), array.ndim))
            windows = np.lib.stride_tricks.sliding_window_view(array, spans, axis=last)
            steps: Any = (slice(None, None, d) for d in dilation)
            return windows[(..., *steps)]

        spare = [x for x in ascii_letters if x not in self._letters(0) + self._letters(1)]
        offsets = spare[: len(spans)]
        return Operand(view_by(new, self.node, padded, run), "".join([*order, *offsets]))

    def _flipped(self, new: Builder, weights: Operand, offsets: str) -> Operand:
        """The weights with an axis for each axis of offsets, from the last to the first."""
        at_taps = weights.letters.index(self.taps)
        shape = full(new[weights.ref].shape)
        split = (*shape[:at_taps], *self.kernel, *shape[at_taps + 1 :])
        axes = tuple(at_taps + k for k in range(len(self.kernel)))

        def run(array: Array, n: int) -> Any:
            return np.flip(array.reshape(split), axes)

        letters = weights.letters.replace(self.taps, offsets)
        return Operand(view_by(new, self.node, weights.ref, run), letters)


def _fold(new: Builder, node: Node) -> _Fold | None:
    """The sum over windows that ends in a write; None for other writes."""
    rows, *row = node.shape or (0,)
    if len(row) not in (2, 3) or rows != BATCH or any(isinstance(size, Dim) for size in row):
        return None
    chain = _chain(new, node)
    if len(chain) < 2:
        return None
    offsets, added = [offset for offset, _ in chain], [new[ref] for _, ref in chain]
    product, _, steps, shape = added[0].arguments
    if any((x.arguments[0], *x.arguments[2:]) != (product, steps, shape) for x in added):
        return None
    split = _Split.of(new, new[product])
    kernel = _kernel(offsets, node.shape[2:])
    if split is None or kernel is None:
        return None
    taps = _axes_of_product(split, full(steps), full(shape), len(chain))
    if taps is None:
        return None
    part, axes, step = taps
    if [int(at(x.arguments[1], ROWS)) for x in added] != [step * t for t in range(len(chain))]:
        return None
    fold = _Fold(split, node, part, axes, *kernel)
    return fold if _is_worthwhile(fold) else None


def _chain(new: Builder, node: Node) -> list[tuple[int | Dim, Ref]]:
    """The offsets of writes that add views of a product to zeros, and the views, up to its end."""
    chain: list[tuple[int | Dim, Ref]] = []
    steps, shape = contiguous_steps(node.shape), node.arguments[3]
    while node.operation is Op.WRITE:
        added = _added_view(new, node, steps, shape)
        if added is None or not (chain or _ends_product(new[added], new)):
            return []
        chain.insert(0, (node.arguments[1], added))
        node = new[node.arguments[0]]
    is_zero = node.operation is Op.FILL and node.arguments[1] == 0
    return chain if is_zero else []


def _added_view(new: Builder, node: Node, steps: Shape, shape: Shape) -> Ref | None:
    """The view that a write adds to a part of an array; None for other writes."""
    part, values = node.arguments[:4], node.arguments[4]
    if (tuple(part[2]), part[3]) != (steps, shape) or not isinstance(values, Ref):
        return None
    total = new[values]
    if total.operation is not Op.ADD or not all(isinstance(x, Ref) for x in total.arguments):
        return None
    others = [x for x in total.arguments if new[x].arguments != part]
    return others[0] if len(others) == 1 and new[others[0]].operation is Op.VIEW else None


def _ends_product(view: Node, new: Builder) -> bool:
    """Return True if a view has the last element of a product: no write of another one follows."""
    base, offset, steps, shape = view.arguments
    pairs = zip(full(steps), full(shape), strict=True)
    last = int(at(offset, ROWS)) + sum(step * (size - 1) for step, size in pairs)
    return last + 1 == math.prod(full(new[base].shape))


def _kernel(offsets: Sequence[int | Dim], places: Shape) -> tuple[list[int], list[int]] | None:
    """The numbers of offsets in a window along each axis, and their distances."""
    if any(isinstance(offset, Dim) for offset in offsets):
        return None
    along = [x.tolist() for x in np.unravel_index(np.array(offsets, int), full(places))]
    kernel = [len({*column}) for column in along]
    dilation = [
        max(1, max(column) // max(k - 1, 1)) for column, k in zip(along, kernel, strict=True)
    ]
    grid = np.array([*np.ndindex(*kernel)]) * dilation
    return (kernel, dilation) if np.array_equal(grid.T, along) else None


def _axes_of_product(
    split: _Split, steps: Sequence[int], shape: Sequence[int], n_offsets: int
) -> tuple[str, list[Digits], int] | None:
    """The part that counts offsets, those of each axis of a view of a product, the first's step.

    The product's operands are split at the axes of the view too.
    """
    own = full(contiguous_steps(split.node.shape))
    axes = [(step, step * size) for step, size in zip(steps, shape, strict=True)]
    split.cut(split.output, own, {bound for axis in axes for bound in axis})
    _cut_at_copies(split, [copied_view(split.new, ref) for ref in split.node.arguments[1:]])
    if not split.name_parts():
        return None
    of_axis: list[list[str]] = [[] for _ in axes]
    left: list[tuple[str, int, int]] = []
    for letter, step in zip(split.output, own, strict=True):
        end = step * split.sizes[letter]
        for part, size in split.parts[letter]:
            begin = end // size
            within = [k for k, (low, high) in enumerate(axes) if low <= begin and end <= high]
            if within:
                of_axis[within[0]].append(part)
            else:
                left.append((part, size, begin))
            end = begin
    if len(left) != 1 or any(len(of_axis[k]) != 1 for k in (0, *range(2, len(axes)))):
        return None
    ((taps, count, step),) = left
    if count != n_offsets:
        return None
    return taps, [tuple(parts) for parts in of_axis], step


def _is_worthwhile(fold: _Fold) -> bool:
    """Return True if the operands are numbers and weights, with many channels or few terms."""
    split = fold.split
    sizes = {part: size for parts in split.parts.values() for part, size in parts}
    letters = [fold._letters(k) for k in (0, 1)]
    of_places = {letter for k in (0, *range(2, len(fold.axes))) for letter in fold.axes[k]}
    numbers = [own for own in letters if of_places <= {*own}]
    if len(numbers) != 1 or sum(bool(of_places & {*own}) for own in letters) != 1:
        return False
    (of_numbers,) = numbers
    if fold.taps in of_numbers:
        return False
    channels = math.prod(sizes[letter] for letter in fold.axes[1] if letter not in of_numbers)
    output = {letter for axis in fold.axes for letter in axis}
    terms = math.prod(sizes[x] for x in of_numbers if x not in output) * math.prod(fold.kernel)
    return channels >= LEAST_CHANNELS or (channels == 1 and terms <= FEW_TERMS)
