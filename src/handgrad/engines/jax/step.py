"""Gradients of a mini-batch and the optimizer's update, as functions of JAX arrays by name."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.engine import EngineRows
from handgrad.engines.jax.operations import evaluate
from handgrad.engines.loops.value_ranges import Bounds, index_bounds
from handgrad.graph import Graph, trace
from handgrad.graph.graph import Leaves
from handgrad.graph.operations import REDUCTIONS, Op
from handgrad.graph.passes import optimized, stabilized
from handgrad.graph.passes.simplify import remove_dead_code
from handgrad.graph.symbolic import Ref, at
from handgrad.textbook.errors import CannotLowerError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import take
from handgrad.textbook.optimizers.optimizer import ParameterGroup

NamedArrays = dict[str, jax.Array]
INDEXED = (Op.GETITEM, Op.SETITEM, Op.ADD_AT, Op.TAKE)


@dataclass(frozen=True)
class Layout:
    """The layout of a net's arrays in a flat array: consecutive, by name."""

    shapes: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, named: Mapping[str, Array]) -> "Layout":
        """The layout of these arrays."""
        return cls({name: array.shape for name, array in named.items()})

    def split(self, flat: jax.Array) -> NamedArrays:
        """Split a flat array; returns its arrays by name."""
        parts, start = NamedArrays(), 0
        for name, shape in self.shapes.items():
            end = start + math.prod(shape)
            parts[name] = flat[start:end].reshape(shape)
            start = end
        return parts

    def joined(self, parts: NamedArrays, dtype: np.dtype[np.generic]) -> jax.Array:
        """Concatenate arrays to a flat one; missing ones are 0."""
        zeros = (jnp.zeros(shape, dtype) for shape in self.shapes.values())
        whole = dict(zip(self.shapes, zeros, strict=True)) | parts
        return jnp.concatenate([jnp.zeros(0, dtype), *(a.ravel() for a in whole.values())])

    def within(self, slices: Sequence[slice]) -> list[str]:
        """The names of the arrays within these slices."""
        names, start = list[str](), 0
        for name, shape in self.shapes.items():
            if any(part.start <= start < part.stop for part in slices):
                names.append(name)
            start += math.prod(shape)
        return names


class TracedNet:
    """A traced net: its graph, with the layouts of its flat arrays."""

    def __init__(self, net: Net, graph: Graph) -> None:
        self.graph, self.dtype = stabilized(graph), net.dtype
        self.parameters = Layout.of(net.named_parameters())
        self.state = Layout.of(net.named_states())
        self.bounds = bounds_of(graph)
        self.draws = [node for node in self.graph.nodes if node.operation is Op.RANDOM]

    def leaves(self, w: NamedArrays, state: NamedArrays, **inputs: jax.Array) -> Leaves[jax.Array]:
        """The values of the graph's leaves."""
        arrays, leaves = w | state, self.graph.leaves
        return Leaves(
            {name: inputs[name] for name in leaves.inputs},
            {name: arrays[name] for name in leaves.parameters},
            {name: arrays[name] for name in leaves.state},
        )


def bounds_of(graph: Graph) -> Bounds:
    """The bounds of indices in the inputs: JAX does not report an index out of range."""
    computed_index = any(
        isinstance(part, Ref)
        for node in graph.nodes
        if node.operation in INDEXED
        for index in node.arguments[1:2]
        for part in (index if isinstance(index, tuple) else (index,))
    )
    if not computed_index:
        return {}
    nodes = (  # lowering supports one kind of draw; any of them does, as draws bound no index
        replace(node, arguments=(node.arguments[0], "random", node.shape), options={})
        if node.operation is Op.RANDOM
        else node
        for node in graph.nodes
    )
    return index_bounds(optimized(replace(graph, nodes=tuple(nodes))))


class Gradients(TracedNet):
    """The loss, predictions, gradients and new running state of a mini-batch."""

    def __init__(self, config: TrainingConfig, rows: EngineRows) -> None:
        net, w = config.net, rows.w
        weights = None if w is None else w[:4]
        x = take(rows.x, slice(0, 4))
        graph = trace(net, config.loss, config.penalty, x=x, y=rows.y[:4], sample_weight=weights)
        frozen = {
            f"{path}.{name}" if path else name
            for path, layer in net.walk()
            if not layer.trainable
            for name in layer.param_names
        }
        wanted = {name: i for name, i in graph.outputs.gradients.items() if name not in frozen}
        outputs = replace(graph.outputs, input_gradients={}, gradients=wanted)
        super().__init__(net, replace(graph, outputs=outputs))

    def __call__(
        self,
        w: NamedArrays,
        state: NamedArrays,
        n: int,
        draws: Sequence[jax.Array],
        **rows: jax.Array,
    ) -> tuple[jax.Array, jax.Array, NamedArrays, NamedArrays]:
        """Return loss, predictions, gradients (without frozen layers) and running state."""
        outputs = evaluate(self.graph, self.leaves(w, state, **rows), n, self.dtype, draws)
        return (
            outputs.loss,
            outputs.prediction,
            {**outputs.gradients},
            state | {**outputs.new_state},
        )

    def drawn(self, layers: Mapping[str, Layer], steps: int, n: int) -> tuple[Array, ...]:
        """Draw from the layers' streams, as any engine does, for `steps` batches of `n` rows."""
        numbers: list[list[Array]] = [[] for _ in self.draws]
        for _ in range(steps):
            for node, draws in zip(self.draws, numbers, strict=True):
                resolved = node.map(lambda leaf: at(leaf, n))
                stream, method, *arguments = resolved.arguments
                draws.append(getattr(layers[stream].rng, method)(*arguments, **resolved.options))
        return tuple(np.stack(draws) for draws in numbers)

    def bytes_drawn(self, n: int) -> int:
        """The memory of a batch's draws, in bytes."""
        shapes = [[at(size, n) for size in node.shape] for node in self.draws]
        sizes = [node.dtype.itemsize for node in self.draws]
        return sum(size * math.prod(shape) for size, shape in zip(sizes, shapes, strict=True))


Numbers = tuple[Array, ...]
Memory = tuple[NamedArrays, ...]  # an array per parameter, for each state of the optimizer


class JaxUpdate:
    """An optimizer's update rule for some of the parameters.

    Scalars that depend on the learning rate and the step number only are computed on the host in
    double precision, as in the eager engine: float32 would lose most digits of `1 - 0.999**step`.
    """

    def __init__(self, group: ParameterGroup, layout: Layout, dtype: np.dtype[np.generic]) -> None:
        self.shape, elementwise = group.shape, group.optimizer.elementwise
        rule = self.rule = trace(group.optimizer, x=group.example)
        for node in optimized(rule).nodes:
            if elementwise and node.operation in (*REDUCTIONS, Op.EINSUM):  # arrays are flat here
                raise CannotLowerError(f"{node.operation} in an elementwise update rule")
        self.factor, self.names, self.dtype = group.factor, layout.within(group.slices), dtype
        inputs = rule.leaves.inputs
        plain = {inputs["learning_rate"], inputs["step"]}
        for i, node in enumerate(rule.nodes):
            if node.used() and plain.issuperset(node.used()):
                plain.add(i)
        used = {j for i, node in enumerate(rule.nodes) if i not in plain for j in node.used()}
        self.plain, self.scalars = sorted(plain), sorted(plain & used)
        self.graph = _with_inputs(rule, self.scalars)

    def numbers(self, learning_rates: Array, steps: Array) -> Numbers:
        """The scalars of the rule at each of these steps."""
        inputs = self.rule.leaves.inputs
        values = {inputs["learning_rate"]: self.factor * learning_rates, inputs["step"]: steps}

        def value(leaf: object) -> object:
            return values[leaf.node] if isinstance(leaf, Ref) else leaf

        for i in self.plain:
            if i not in values:
                node = self.rule.nodes[i].map(value)
                values[i] = node.operation.compute(*node.arguments, **node.options)
        scalars = [np.asarray(values[i]) for i in self.scalars]
        return tuple(a if a.dtype == np.bool_ else a.astype(self.dtype) for a in scalars)

    def __call__(
        self, w: NamedArrays, dw: NamedArrays, memory: Memory, numbers: Numbers, norm: jax.Array
    ) -> tuple[NamedArrays, Memory]:
        """Return new parameters and memory, from the gradients and their norm."""
        leaves, w, memory = self.graph.leaves, {**w}, tuple({**part} for part in memory)
        scalars = dict(zip(_names(numbers), numbers, strict=True))
        of_state = dict(zip(leaves.state, memory, strict=True))
        for name in self.names:
            inputs = scalars | {"dw": dw[name].reshape(self.shape), "dw_norm": norm}
            values = Leaves(
                {key: inputs[key] for key in leaves.inputs},
                {"w": w[name].reshape(self.shape)},
                {key: part[name].reshape(self.shape) for key, part in of_state.items()},
            )
            new, shape = evaluate(self.graph, values, w[name].size, self.dtype), w[name].shape
            w[name] = new.new_parameters["w"].reshape(shape)
            for key, part in of_state.items():
                part[name] = new.new_state[key].reshape(shape)
        return w, memory


def norm_of(
    dw: NamedArrays, updates: Sequence[JaxUpdate], dtype: np.dtype[np.generic]
) -> jax.Array:
    """The norm of the gradient of all parameters that are updated together."""
    squares = (jnp.square(dw[name]).sum() for update in updates for name in update.names)
    return jnp.sqrt(sum(squares, jnp.zeros((), dtype)))


def _with_inputs(rule: Graph, scalars: Sequence[int]) -> Graph:
    """The rule with some of its nodes as inputs."""
    nodes = [
        replace(node, operation=Op.LEAF, arguments=(), options={}) if i in scalars else node
        for i, node in enumerate(rule.nodes)
    ]
    inputs = {name: i for name, i in rule.leaves.inputs.items() if name in ("dw", "dw_norm")}
    inputs |= dict(zip(_names(scalars), scalars, strict=True))
    leaves = replace(rule.leaves, inputs=inputs)
    # the learning rate and the step are leaves without users now
    return remove_dead_code(replace(rule, nodes=tuple(nodes), leaves=leaves))


def _names(numbers: Sequence[object]) -> list[str]:
    return [f"number {k}" for k in range(len(numbers))]
