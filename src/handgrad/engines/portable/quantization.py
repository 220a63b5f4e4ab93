"""Post-training int8 quantization: a traced prediction as integer steps on one row.

The scheme is that of Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018: activations are int8, x ≈ scale (q − zero_point), with the
ranges of calibration rows; weights are int8 without a zero point, with a scale for each output;
sums are int32, and become int8 again by an integer multiplier and a shift. Functions of one number
are tables of 256 entries. No layer is known by name: the steps come from the lowered graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from string import ascii_letters
from typing import TypeGuard

import numpy as np

from handgrad.engines.portable.quantized_model import (
    HIGH,
    INPUT,
    LOW,
    OUTPUT,
    Constants,
    Fill,
    Int8Tensor,
    IntegerStep,
    Kernel,
    Largest,
    Lookup,
    QuantizedModel,
    SoftmaxByTable,
    Sum,
)
from handgrad.engines.portable.requantization import coded_sum, multipliers, narrowed_axes
from handgrad.engines.portable.strides import StridedNest, nest_of
from handgrad.graph.graph import Graph, values_of
from handgrad.graph.nodes import Node, users_of
from handgrad.graph.operations import ELEMENTWISE, Op
from handgrad.graph.passes.lower import lower
from handgrad.graph.passes.simplify import remove_dead_code, share_common_subexpressions
from handgrad.graph.symbolic import Ref, at, substitute
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array

AT_ONCE = 128  # calibration rows
PROBABILITY = (1 / 256, LOW)  # scale and zero point of a softmax
AFFINE = (Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE, Op.NEGATIVE)
OF_TWO = (Op.ADD, Op.SUBTRACT, Op.MULTIPLY)
LONGEST = 2**14  # terms, whose sum is within 31 bits
Terms = Sequence[tuple[str, object]]  # the axes of each operand


@dataclass(frozen=True)
class Placed:
    """The value of a node: the places of its elements in a tensor."""

    tensor: Int8Tensor
    index: Array


Plan = tuple[tuple[int, ...], Callable[[], Placed]]  # the nodes it reads


@dataclass
class SumEpilogue:
    """Continuation of the node `base`: gain · z + shift, written to the places `index`, and limits.

    The arrays have the shape of z. `shared` is true if z is a tensor that others read, too.
    """

    base: int
    gain: Array
    shift: Array
    index: Array
    limits: list[tuple[Op, float]] = field(default_factory=list)
    shared: bool = False

    @property
    def affine(self) -> bool:
        """True if anything but limits follows."""
        return bool((self.gain != 1).any() or (self.shift != 0).any())


def quantized(
    graph: Graph, weights: Mapping[str, Array], x: Array, place_of: Callable[[Node], str]
) -> QuantizedModel:
    """Quantize the traced prediction of a net.

    Parameters
    ----------
    graph : Graph
        The prediction, with one input `x`.
    weights : mapping of str to array
        Parameters and running state, as in `net.state()`.
    x : array, shape (n, …)
        Rows that calibrate the ranges of activations.
    place_of : callable
        The layer of a node, for errors.
    """
    return _Quantizer(graph, weights, x, place_of).model()


class _Quantizer:
    """Plans which nodes become tensors, then makes their steps in the order of the graph."""

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[str, Array],
        x: Array,
        place_of: Callable[[Node], str],
    ) -> None:
        self.graph = remove_dead_code(share_common_subexpressions(lower(remove_dead_code(graph))))
        self.weights, self.place_of = weights, place_of
        self.nodes = [node.map(lambda leaf: at(leaf, 1)) for node in self.graph.nodes]
        self.users = users_of(self.nodes)
        leaf = self.graph.leaves.inputs["x"]
        if self.nodes[leaf].dtype.kind != "f":
            raise self._refused(self.nodes[self.users[leaf][0]], "whole numbers as input")
        self.dependent = {leaf}
        for i, node in enumerate(self.nodes):
            if self.dependent & {*node.used()}:
                self.dependent.add(i)
        self.values = [np.asarray(v) for v in values_of(self.graph, {"x": x[:1]}, 1, weights)]
        self.low, self.high = self._ranges(x)
        self.steps: list[IntegerStep] = []
        self.placed: dict[int, Placed] = {}
        self.n_tensors = 0

    def _ranges(self, x: Array) -> tuple[Array, Array]:
        """The smallest and largest value of each node over all rows."""
        low = np.full(len(self.nodes), np.inf)
        high = -low
        for begin in range(0, len(x), AT_ONCE):
            rows = x[begin : begin + AT_ONCE]
            values = values_of(self.graph, {"x": rows}, len(rows), self.weights)
            for i in self.dependent:
                low[i] = min(low[i], np.min(values[i]))
                high[i] = max(high[i], np.max(values[i]))
        return low, high

    def model(self) -> QuantizedModel:
        """All steps."""
        (end,) = self.graph.outputs.all()
        gain, shift = self._input()
        (x,) = (placed.tensor for placed in self.placed.values())
        plans, waiting = dict[int, Plan](), [end]
        while waiting:
            i = waiting.pop()
            if i not in plans and i not in self.placed:
                plans[i] = self._plan(i)
                waiting += plans[i][0]
        for i in sorted(plans):
            self.placed[i] = plans[i][1]()
        result = self.placed[end]
        in_order = np.array_equal(result.index.ravel(), np.arange(result.tensor.size))
        if result.tensor is x or not in_order:
            tensor = self._tensor(
                result.index.size, (result.tensor.scale, result.tensor.zero_point)
            )
            result = self._copy(self.nodes[end], result, tensor, _positions(result.index.shape))
        last = replace(result.tensor, name=OUTPUT)
        steps = [_renamed(step, result.tensor, last) for step in self.steps]
        return QuantizedModel(steps, x, gain, shift, last, result.index.shape[1:])

    def _input(self) -> tuple[Array, Array]:
        """Place the input, after all that only scales and shifts it."""
        i = self.graph.leaves.inputs["x"]
        gain, shift = np.ones(1), np.zeros(1)
        while len(self.users[i]) == 1:
            affine = self._affine(self.users[i][0])
            if affine is None or self.values[self.users[i][0]].shape != self.values[i].shape:
                break
            gain, shift, i = gain * affine[1], shift * affine[1] + affine[2], self.users[i][0]
        shape = self.values[i].shape
        x = Int8Tensor(INPUT, self.values[i].size, *self._range(i))
        self.placed[i] = Placed(x, _positions(shape))
        gain, shift = gain / x.scale, shift / x.scale + x.zero_point
        if gain.size > 1 or shift.size > 1:
            gain, shift = (np.broadcast_to(part, shape).ravel() for part in (gain, shift))
        return gain, shift

    def _refused(self, node: Node, what: str) -> SettingError:
        return SettingError(
            f"{what}, for quantize='int8'",
            "products with weights, sums, functions of one number, maxima and softmax",
            "leave quantize out: the file then computes with floats",
            self.place_of(node),
        )

    def _range(self, i: int) -> tuple[float, int]:
        """Scale and zero point of a node; 0 has a code."""
        low, high = min(self.low[i], 0.0), max(self.high[i], 0.0)
        if not np.isfinite(high - low):
            raise self._refused(self.nodes[i], "numbers that are not finite")
        scale = float(high - low) / (HIGH - LOW) or 1.0
        return scale, int(np.rint(LOW - low / scale))

    def _tensor(self, size: int, coding: tuple[float, int]) -> Int8Tensor:
        self.n_tensors += 1
        return Int8Tensor(f"t{self.n_tensors}", size, *coding)

    def _constant(self, argument: object) -> Array:
        value = self.values[argument.node] if isinstance(argument, Ref) else argument
        return np.asarray(value, np.float64)

    def _varies(self, argument: object) -> TypeGuard[Ref]:
        return isinstance(argument, Ref) and argument.node in self.dependent

    # plans

    def _plan(self, i: int) -> Plan:
        """The nodes that a tensor for node i reads, and the call that makes it."""
        node = self.nodes[i]
        name, a = node.operation, node.arguments
        if name in (Op.VIEW, Op.GETITEM) and not self.dependent & {*node.used()[1:]}:
            return node.used()[:1], partial(self._viewed, node)
        if name is Op.CONCATENATE and len(a[0]) == 1:
            return node.used(), lambda: self.placed[a[0][0].node]
        if (softmax := self._softmax_of(node)) is not None:
            return softmax[:1], partial(self._softmax, i, *softmax)
        after = self._epilogue(i)
        base = self.nodes[after.base]
        summed = Op.LEAF if after.shared else base.operation
        reads = tuple(j for j in base.used() if j in self.dependent)
        if summed in (Op.EINSUM, Op.SUM):
            if self._foldable(after):
                return reads, partial(self._sum, i, after, *self._terms(after.base))
            return (after.base,), partial(self._scaled, i, after)
        if len(atoms := self._atoms(i)) == 1:
            return (*atoms,), partial(self._lookup, i, *atoms)
        if summed in OF_TWO and len({*reads}) == 2 and self._foldable(after):
            return reads, partial(self._sum, i, after, *self._terms(after.base))
        if after.base != i:
            return (after.base,), partial(self._scaled, i, after)
        if name is Op.MAX:
            return reads, partial(self._largest, i)
        if name in (Op.CONCATENATE, Op.WRITE):
            return reads, partial(self._joined, i)
        raise self._refused(node, f"the operation {name.value}")

    def _affine(self, i: int) -> tuple[int, Array, Array] | None:
        """The node z of which node i is gain · z + shift, and these constants."""
        node = self.nodes[i]
        where = [k for k, argument in enumerate(node.arguments) if self._varies(argument)]
        if node.operation not in AFFINE or len(where) != 1:
            return None
        z, zero, one = node.arguments[where[0]].node, np.zeros(1), np.ones(1)
        if node.operation is Op.NEGATIVE:
            return z, -one, zero
        c = self._constant(node.arguments[1 - where[0]])
        if node.operation is Op.ADD:
            return z, one, c
        if node.operation is Op.SUBTRACT:
            return (z, one, -c) if where[0] == 0 else (z, -one, c)
        if node.operation is Op.MULTIPLY:
            return z, c, zero
        return (z, 1 / c, zero) if where[0] == 0 else None

    def _epilogue(self, i: int) -> SumEpilogue:
        """Scaling, shifts, limits and views that end in node i."""
        shape = self.values[i].shape
        after = SumEpilogue(i, np.ones(shape), np.zeros(shape), _positions(shape))
        while not after.shared:
            node, affine = self.nodes[after.base], self._affine(after.base)
            limit = self._limit(node)
            if affine is not None and self.values[affine[0]].shape == self.values[after.base].shape:
                z, gain, shift = affine
                after.gain, after.shift = after.gain * gain, after.shift + after.gain * shift
            elif limit is not None and not after.affine:
                z = limit[0]
                after.limits.append((node.operation, limit[1]))
            elif node.operation is Op.VIEW and self._varies(node.arguments[0]):
                z = node.arguments[0].node
                if not _moved(after, node, self.values[z].shape):
                    break
            else:
                break
            after.base = z
            after.shared = z in self.placed or len(self.users[z]) != 1
        return after

    def _limit(self, node: Node) -> tuple[int, float] | None:
        """The limited node, and its limit, of a maximum or minimum with a number."""
        where = [k for k, argument in enumerate(node.arguments) if self._varies(argument)]
        if node.operation not in (Op.MAXIMUM, Op.MINIMUM) or len(where) != 1:
            return None
        limit = self._constant(node.arguments[1 - where[0]])
        return (node.arguments[where[0]].node, float(limit.item())) if limit.size == 1 else None

    def _atoms(self, i: int) -> set[int]:
        """The nodes of which node i is a function, number by number; i itself if it is none."""
        region = {i} if self._pointwise(i) else set()
        if not region:
            return set()
        atoms = set[int]()
        for j in self.nodes[i].used():
            if j in self.dependent:
                within = set() if j in self.placed else self._atoms(j)
                atoms |= within if len(within) == 1 else {j}
        return atoms

    def _pointwise(self, i: int) -> bool:
        """True for a function of arrays of one shape, and numbers."""
        node, shape = self.nodes[i], self.values[i].shape
        return node.operation in ELEMENTWISE and all(
            self.values[argument.node].shape == shape
            if self._varies(argument)
            else isinstance(argument, np.dtype) or self._constant(argument).size == 1
            for argument in node.arguments
        )

    def _softmax_of(self, node: Node) -> tuple[int, tuple[int, ...]] | None:
        """The logits and axes of a softmax that ends in a node."""
        e, total = (self._operand(node, Op.DIVIDE, k) for k in (0, 1))
        if e is None or total is None or self._operand(total, Op.SUM, 0) is not e:
            return None
        apart = self._operand(e, Op.EXP, 0)
        z, most = (apart and self._operand(apart, Op.SUBTRACT, k) for k in (0, 1))
        if not z or not most or self._operand(most, Op.MAX, 0) is not z:
            return None
        axes = most.arguments[1]
        return (self.nodes.index(z), axes) if total.arguments[1] == axes else None

    def _operand(self, node: Node, operation: Op, k: int) -> Node | None:
        """Operand k of a node of this operation, if it varies."""
        if node.operation is not operation or not self._varies(node.arguments[k]):
            return None
        return self.nodes[node.arguments[k].node]

    def _terms(self, i: int) -> tuple[str, list[tuple[str, object]], tuple[int, ...]]:
        """A sum as an einsum: the axes of the result, each operand with its axes, and signs."""
        node, a = self.nodes[i], self.nodes[i].arguments
        if node.operation is Op.EINSUM:
            operands, out = a[0].split("->")
            return out, [*zip(operands.split(","), a[1:], strict=True)], ()
        if node.operation is Op.SUM:
            axes = ascii_letters[: self.values[a[0].node].ndim]
            return "".join(k for j, k in enumerate(axes) if j not in a[1]), [(axes, a[0])], ()
        out = ascii_letters[: self.values[i].ndim]
        terms = [(out[len(out) - self.values[part.node].ndim :], part) for part in a]
        signs = {Op.ADD: (1, 1), Op.SUBTRACT: (1, -1)}.get(node.operation, ())
        return out, terms, signs

    def _sizes(self, terms: Terms) -> dict[str, int]:
        """The size of each axis of a sum."""
        sizes: dict[str, int] = {}
        for axes, part in terms:
            shape = (
                self.values[part.node].shape if isinstance(part, Ref) else np.asarray(part).shape
            )
            for axis, size in zip(axes, shape, strict=True):
                sizes[axis] = max(sizes.get(axis, 1), size)
        return sizes

    def _foldable(self, after: SumEpilogue) -> bool:
        """True if the gain of an epilogue can be multiplied into the weights of a sum."""
        out, terms, _ = self._terms(after.base)
        sizes = self._sizes(terms)
        gain = narrowed_axes(after.gain.reshape([sizes[axis] for axis in out]))
        weights = "".join(axes for axes, part in terms if not self._varies(part))
        return all(n == 1 or k in weights for n, k in zip(gain.shape, out, strict=True))

    # steps

    def _viewed(self, node: Node) -> Placed:
        """Other places of a tensor."""
        source = self.placed[node.arguments[0].node]
        rest = substitute(
            node.arguments[1:],
            lambda leaf: self.values[leaf.node] if isinstance(leaf, Ref) else leaf,
        )
        return Placed(source.tensor, node.operation.compute(source.index, *rest))

    def _scaled(self, i: int, after: SumEpilogue) -> Placed:
        """A tensor times constants."""
        out = ascii_letters[: self.values[after.base].ndim]
        terms: list[tuple[str, object]] = [(out, Ref(after.base))]
        gain = narrowed_axes(after.gain)
        if gain.size > 1:
            terms.append((out, gain))
            after = replace(after, gain=np.ones(after.gain.shape))
        return self._sum(i, after, out, terms, ())

    def _sum(
        self, i: int, after: SumEpilogue, out: str, terms: Terms, signs: tuple[int, ...]
    ) -> Placed:
        """A tensor of sums: int32, then int8 by a multiplier and a shift."""
        sizes = self._sizes(terms)
        axes = out + "".join(k for k in sizes if k not in out)
        reads, weights = list[tuple[Int8Tensor, Array]](), None
        for letters, part in terms:
            if self._varies(part):
                tensor, index = self.placed[part.node].tensor, self.placed[part.node].index
                reads.append((tensor, _spread(index, letters, axes)))
            else:
                weights = _spread(self._constant(part), letters, axes)
        shape = [sizes[k] if k in out else 1 for k in axes]
        gain, shift = (narrowed_axes(a.reshape(shape)) for a in (after.gain, after.shift))
        tensors = [tensor for tensor, _ in reads]
        inner = {k: sizes[axes[k]] for k in range(len(out), len(axes))}
        coded = coded_sum(tensors, weights, gain, shift, signs, inner)
        n_terms = math.prod(inner.values())
        if n_terms > LONGEST or not np.all(coded.scale):
            raise self._refused(self.nodes[i], f"a sum of {n_terms} terms")
        result = self._tensor(after.index.size, self._range(i))
        multiplier, by = multipliers(coded.scale / result.scale)
        tables = [coded.bias, multiplier, by]
        if coded.weights is not None:
            tables.append(coded.weights)
        places = [*(i for _, i in reads), *(_positions(table.shape) for table in tables)]
        nest = self._nest(
            self.nodes[i],
            [sizes[k] for k in axes],
            len(out),
            [after.index.reshape(shape), *places],
        )
        bias, multiply, shift_by, *more = (
            Constants(table.ravel(), access)
            for table, access in zip(tables, nest.accesses[1 + len(reads) :], strict=True)
        )
        kernel = Sum(
            more[0] if more else None,
            coded.factors,
            bias,
            multiply,
            shift_by,
            *_limits(after, result),
        )
        self._add(kernel, self.nodes[i], nest, result, tensors)
        return Placed(result, _positions(self.values[i].shape))

    def _lookup(self, i: int, atom: int) -> Placed:
        """A tensor of a function, by a table of all codes."""
        region, waiting = {i}, [i]
        while waiting:
            for j in self.nodes[waiting.pop()].used():
                if j in self.dependent and j not in region and j != atom:
                    region.add(j)
                    waiting.append(j)
        source = self.placed[atom]
        known: dict[int, Array] = {atom: source.tensor.values()}

        def value(leaf: object) -> object:
            if not isinstance(leaf, Ref):
                return leaf
            numbers = known.get(leaf.node)
            return self._constant(leaf).item() if numbers is None else numbers

        with np.errstate(all="ignore"):
            for j in sorted(region):
                node = self.nodes[j].map(value)
                known[j] = np.asarray(node.operation.compute(*node.arguments))
        result = self._tensor(source.index.size, self._range(i))
        return self._copy(
            self.nodes[i], source, result, _positions(source.index.shape), result.codes(known[i])
        )

    def _copy(
        self,
        node: Node,
        source: Placed,
        result: Int8Tensor,
        index: Array,
        table: Array | None = None,
    ) -> Placed:
        """Codes of a tensor at places of another, by a table unless both mean the same."""
        coding = (source.tensor.scale, source.tensor.zero_point)
        if table is None and coding != (result.scale, result.zero_point):
            table = result.codes(source.tensor.values())
        nest = self._nest(node, index.shape, index.ndim, [index, source.index])
        self._add(Lookup(table), node, nest, result, [source.tensor])
        return Placed(result, index)

    def _reduced(
        self, i: int, z: int, axes: Sequence[int], coding: tuple[float, int], kept: bool
    ) -> tuple[Int8Tensor, StridedNest]:
        """A new tensor, and the nest that reads z with the reduced axes innermost."""
        source = self.placed[z]
        order = [k for k in range(source.index.ndim) if k not in axes]
        read = source.index.transpose([*order, *axes])
        outer = len(order)
        result = self._tensor(read.size if kept else int(np.prod(read.shape[:outer])), coding)
        places = _positions(self.values[i].shape)
        if kept:
            places = places.transpose([*order, *axes])
        else:
            places = places.reshape(*read.shape[:outer], *[1] * len(axes))
        return result, self._nest(self.nodes[i], read.shape, outer, [places, read])

    def _largest(self, i: int) -> Placed:
        """A tensor of maxima, coded as the numbers are."""
        source, axes = self.nodes[i].arguments
        tensor = self.placed[source.node].tensor
        coding = (tensor.scale, tensor.zero_point)
        result, nest = self._reduced(i, source.node, axes, coding, kept=False)
        self._add(Largest(), self.nodes[i], nest, result, [tensor])
        return Placed(result, _positions(self.values[i].shape))

    def _softmax(self, i: int, z: int, axes: tuple[int, ...]) -> Placed:
        """A tensor of probabilities."""
        tensor = self.placed[z].tensor
        result, nest = self._reduced(i, z, axes, PROBABILITY, kept=True)
        table = np.rint(np.exp(-tensor.scale * np.arange(HIGH - LOW + 1)) * 0xFFFF)
        self._add(SoftmaxByTable(table.astype(np.uint16)), self.nodes[i], nest, result, [tensor])
        return Placed(result, _positions(self.values[i].shape))

    def _joined(self, i: int) -> Placed:
        """A tensor that several parts are copied to."""
        node, a = self.nodes[i], self.nodes[i].arguments
        places = _positions(self.values[i].shape)
        if node.operation is Op.CONCATENATE:
            ends = np.cumsum([self.values[part.node].shape[a[1]] for part in a[0]])[:-1]
            parts = [*zip(a[0], np.split(places, ends, axis=a[1]), strict=True)]
        else:
            parts = [(a[0], places), (a[-1], Op.VIEW.compute(places, *a[1:-1]))]
        sources = {self.placed[part.node].tensor for part, _ in parts if self._varies(part)}
        one = next(iter(sources))
        coding = (one.scale, one.zero_point) if len(sources) == 1 else self._range(i)
        result = self._tensor(places.size, coding)
        for part, index in parts:
            if self._varies(part):
                self._copy(node, self.placed[part.node], result, index)
                continue
            (code, *more) = np.unique(result.codes(self._constant(part)))
            if more:
                raise self._refused(node, "constants beside what depends on x")
            nest = self._nest(node, index.shape, index.ndim, [index])
            self._add(Fill(int(code)), node, nest, result, [])
        return Placed(result, places)

    def _add(
        self,
        kernel: Kernel,
        node: Node,
        nest: StridedNest,
        result: Int8Tensor,
        reads: Sequence[Int8Tensor],
    ) -> None:
        """Append a step; the accesses of the nest begin with those of the result and the reads."""
        places = nest.accesses[1 : 1 + len(reads)]
        out, reads_at = (result, nest.accesses[0]), tuple(zip(reads, places, strict=True))
        self.steps.append(IntegerStep(kernel, node.origin, nest.outer, nest.inner, out, reads_at))

    def _nest(
        self, node: Node, sizes: Sequence[int], n_outer: int, indices: Sequence[Array]
    ) -> StridedNest:
        nest = nest_of(sizes, n_outer, indices)
        if nest is None:
            raise self._refused(node, f"the indices of {node.operation.value}")
        return nest


def _limits(after: SumEpilogue, result: Int8Tensor) -> tuple[int, int]:
    """The lowest and the highest code within the limits of an epilogue."""
    low, high = LOW, HIGH
    for operation, limit in after.limits:
        code = int(result.codes(np.array(limit)))
        if operation is Op.MAXIMUM:
            low = max(low, code)
        else:
            high = min(high, code)
    return low, max(low, high)


def _moved(after: SumEpilogue, node: Node, shape: tuple[int, ...]) -> bool:
    """Move an epilogue to the array that a view permutes; False if it is no permutation."""
    places = Op.VIEW.compute(_positions(shape), *node.arguments[1:]).ravel()
    if not np.array_equal(np.sort(places), np.arange(math.prod(shape))):
        return False
    for name in ("gain", "shift", "index"):
        array = getattr(after, name)
        moved = np.empty(shape, array.dtype)
        moved.flat[places] = array.ravel()
        setattr(after, name, moved)
    return True


def _renamed(step: IntegerStep, old: Int8Tensor, new: Int8Tensor) -> IntegerStep:
    """A step with another name for a tensor."""
    out, reads = (
        tuple((new if tensor is old else tensor, access) for tensor, access in pairs)
        for pairs in ((step.out,), step.reads)
    )
    return replace(step, out=out[0], reads=reads)


def _positions(shape: Sequence[int]) -> Array:
    """The places of an array's elements in memory."""
    return np.arange(math.prod(shape)).reshape(shape)


def _spread(array: Array, axes: str, wanted: str) -> Array:
    """An array with the wanted axes, of size 1 where it has none."""
    order = sorted(range(len(axes)), key=lambda k: wanted.index(axes[k]))
    sizes = {axes[k]: array.shape[k] for k in order}
    return array.transpose(order).reshape([sizes.get(axis, 1) for axis in wanted])
