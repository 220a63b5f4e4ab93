"""A batch's gradients as a function of arrays of JAX, by their names."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.engine import EngineRows
from handgrad.engines.jax.operations import computed
from handgrad.engines.loops.value_ranges import Bounds, index_bounds
from handgrad.graph import Graph, trace
from handgrad.graph.graph import Leaves
from handgrad.graph.operations import Op
from handgrad.graph.passes import optimized, stabilized
from handgrad.graph.symbolic import Ref, at
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import take

Named = dict[str, jax.Array]
INDEXED = (Op.GETITEM, Op.SETITEM, Op.ADD_AT, Op.TAKE)


@dataclass(frozen=True)
class Layout:
    """Where in a flat array those of a net lie, one after another, by their names."""

    shapes: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, named: Mapping[str, Array]) -> "Layout":
        """That of these arrays."""
        return cls({name: array.shape for name, array in named.items()})

    def split(self, flat: jax.Array) -> Named:
        """The arrays by name."""
        parts, start = Named(), 0
        for name, shape in self.shapes.items():
            end = start + math.prod(shape)
            parts[name] = flat[start:end].reshape(shape)
            start = end
        return parts

    def joined(self, parts: Named, dtype: np.dtype[np.generic]) -> jax.Array:
        """The flat array of `parts`; those that are missing are 0."""
        zeros = (jnp.zeros(shape, dtype) for shape in self.shapes.values())
        whole = dict(zip(self.shapes, zeros, strict=True)) | parts
        return jnp.concatenate([jnp.zeros(0, dtype), *(a.ravel() for a in whole.values())])

    def within(self, slices: Sequence[slice]) -> list[str]:
        """The names of the arrays that lie in these slices."""
        found, start = list[str](), 0
        for name, shape in self.shapes.items():
            if any(part.start <= start < part.stop for part in slices):
                found.append(name)
            start += math.prod(shape)
        return found


class RecordedNet:
    """What a net makes of rows, recorded: layouts of its flat arrays beside the graph."""

    def __init__(self, net: Net, graph: Graph) -> None:
        self.graph, self.dtype = stabilized(graph), net.dtype
        self.parameters = Layout.of(net.named_parameters())
        self.state = Layout.of(net.named_states())
        self.bounds = bounds_of(graph)
        self.draws = [node for node in self.graph.nodes if node.operation is Op.RANDOM]

    def given(self, w: Named, state: Named, **inputs: jax.Array) -> Leaves[jax.Array]:
        """The leaves of the graph."""
        known, leaves = w | state, self.graph.leaves
        return Leaves(
            {name: inputs[name] for name in leaves.inputs},
            {name: known[name] for name in leaves.parameters},
            {name: known[name] for name in leaves.state},
        )


def bounds_of(graph: Graph) -> Bounds:
    """How far the indices among the inputs may point: JAX says nothing of one out of range."""
    computed_index = any(
        isinstance(part, Ref)
        for node in graph.nodes
        if node.operation in INDEXED
        for index in node.arguments[1:2]
        for part in (index if isinstance(index, tuple) else (index,))
    )
    if not computed_index:
        return {}
    nodes = (  # whatever is drawn, of which lowering knows one kind alone: it bounds nothing
        replace(node, arguments=(node.arguments[0], "random", node.shape), options={})
        if node.operation is Op.RANDOM
        else node
        for node in graph.nodes
    )
    return index_bounds(optimized(replace(graph, nodes=tuple(nodes))))


class Gradients(RecordedNet):
    """A batch's loss, predictions, gradients and new running state."""

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
        self, w: Named, state: Named, n: int, draws: Sequence[jax.Array], **rows: jax.Array
    ) -> tuple[jax.Array, jax.Array, Named, Named]:
        """Loss, predictions, gradients (those of frozen layers are missing) and running state."""
        found = computed(self.graph, self.given(w, state, **rows), n, self.dtype, draws)
        return found.loss, found.prediction, {**found.gradients}, state | {**found.new_state}

    def drawn(self, layers: Mapping[str, Layer], steps: int, n: int) -> tuple[Array, ...]:
        """What the layers' streams draw for so many batches of `n` rows: as in any engine."""
        numbers: list[list[Array]] = [[] for _ in self.draws]
        for _ in range(steps):
            for node, those in zip(self.draws, numbers, strict=True):
                here = node.map(lambda leaf: at(leaf, n))
                stream, method, *arguments = here.arguments
                those.append(getattr(layers[stream].rng, method)(*arguments, **here.options))
        return tuple(np.stack(those) for those in numbers)

    def bytes_drawn(self, n: int) -> int:
        """How much memory the draws of a batch take."""
        shapes = [[at(size, n) for size in node.shape] for node in self.draws]
        sizes = [node.dtype.itemsize for node in self.draws]
        return sum(size * math.prod(shape) for size, shape in zip(sizes, shapes, strict=True))
