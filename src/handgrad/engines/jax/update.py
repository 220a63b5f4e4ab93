"""An optimizer's update as a function of flat arrays of JAX."""

from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from handgrad.engines.jax.operations import computed
from handgrad.graph import Graph, trace
from handgrad.graph.graph import Leaves
from handgrad.graph.operations import Op
from handgrad.graph.passes.simplify import remove_dead_code
from handgrad.graph.symbolic import Ref
from handgrad.layers import Array
from handgrad.optimizers.optimizer import ParameterGroup

Numbers = tuple[Array, ...]
Memory = tuple[jax.Array, ...]


class Update:
    """The rule of an optimizer for some slices of the parameters.

    What follows from the learning rate and the number of the step alone is computed beforehand, in
    double, as by the eager engine: of `1 - 0.999**step` float32 would keep few digits.
    """

    def __init__(self, group: ParameterGroup, dtype: np.dtype[np.generic]) -> None:
        rule = self.rule = trace(group.optimizer)
        self.factor, self.slices, self.dtype = group.factor, group.slices, dtype
        inputs = rule.leaves.inputs
        plain = {inputs["learning_rate"], inputs["step"]}
        for i, node in enumerate(rule.nodes):
            if node.used() and plain.issuperset(node.used()):
                plain.add(i)
        used = {j for i, node in enumerate(rule.nodes) if i not in plain for j in node.used()}
        self.plain, self.handed = sorted(plain), sorted(plain & used)
        self.graph = _given_numbers(rule, self.handed)

    def numbers(self, learning_rates: Array, steps: Array) -> Numbers:
        """The numbers that the rule is handed at each of these steps."""
        inputs = self.rule.leaves.inputs
        known = {inputs["learning_rate"]: self.factor * learning_rates, inputs["step"]: steps}

        def value(leaf: object) -> object:
            return known[leaf.node] if isinstance(leaf, Ref) else leaf

        for i in self.plain:
            if i not in known:
                node = self.rule.nodes[i].map(value)
                known[i] = node.operation.compute(*node.arguments, **node.options)
        found = [np.asarray(known[i]) for i in self.handed]
        return tuple(a if a.dtype == np.bool_ else a.astype(self.dtype) for a in found)

    def __call__(
        self, w: jax.Array, dw: jax.Array, memory: Memory, numbers: Numbers, norm: jax.Array
    ) -> tuple[jax.Array, Memory]:
        """The new parameters and the new memory, by the gradients and their norm."""
        leaves = self.graph.leaves
        for part in self.slices:
            own = dict(zip(_names(numbers), numbers, strict=True))
            own |= {"dw": dw[part], "dw_norm": norm}
            given = Leaves(
                {name: own[name] for name in leaves.inputs},
                {"w": w[part]},
                {name: m[part] for name, m in zip(leaves.state, memory, strict=True)},
            )
            new = computed(self.graph, given, part.stop - part.start, self.dtype)
            w = _replaced(w, part, new.new_parameters["w"])
            of_state = [new.new_state[name] for name in leaves.state]
            memory = tuple(_replaced(m, part, a) for m, a in zip(memory, of_state, strict=True))
        return w, memory


def norm_of(dw: jax.Array, updates: Sequence[Update]) -> jax.Array:
    """The length of the gradient of all parameters that are updated together."""
    squares = (jnp.square(dw[part]).sum() for update in updates for part in update.slices)
    return jnp.sqrt(sum(squares, jnp.zeros((), dw.dtype)))


def _given_numbers(rule: Graph, handed: Sequence[int]) -> Graph:
    """The rule, to which some of its nodes are given as inputs."""
    nodes = [
        replace(node, operation=Op.LEAF, arguments=(), options={}) if i in handed else node
        for i, node in enumerate(rule.nodes)
    ]
    inputs = {name: i for name, i in rule.leaves.inputs.items() if name in ("dw", "dw_norm")}
    inputs |= dict(zip(_names(handed), handed, strict=True))
    leaves = replace(rule.leaves, inputs=inputs)
    # the two inputs that are given no more stay leaves that nothing asks for
    return remove_dead_code(replace(rule, nodes=tuple(nodes), leaves=leaves))


def _names(numbers: Sequence[object]) -> list[str]:
    return [f"number {k}" for k in range(len(numbers))]


def _replaced(flat: jax.Array, part: slice, new: jax.Array) -> jax.Array:
    if part.stop - part.start == len(flat):
        return new
    return lax.dynamic_update_slice_in_dim(flat, new, part.start, 0)
