"""An optimizer's update as a function of arrays of JAX, by their names."""

from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from handgrad.engines.jax.operations import computed
from handgrad.engines.jax.step import Layout, Named
from handgrad.graph import Graph, trace
from handgrad.graph.graph import Leaves
from handgrad.graph.operations import REDUCTIONS, Op
from handgrad.graph.passes import optimized
from handgrad.graph.passes.simplify import remove_dead_code
from handgrad.graph.symbolic import Ref
from handgrad.textbook.errors import CannotLowerError
from handgrad.textbook.layers import Array
from handgrad.textbook.optimizers.optimizer import ParameterGroup

Numbers = tuple[Array, ...]
Memory = tuple[Named, ...]  # an array like each parameter, for each that the rule remembers


class Update:
    """The rule of an optimizer for some of the parameters.

    What follows from the learning rate and the number of the step alone is computed beforehand, in
    double, as by the eager engine: of `1 - 0.999**step` float32 would keep few digits.
    """

    def __init__(self, group: ParameterGroup, layout: Layout, dtype: np.dtype[np.generic]) -> None:
        rule = self.rule = trace(group.optimizer)
        for node in optimized(rule).nodes:
            if node.operation in (*REDUCTIONS, Op.EINSUM):  # of the parameters of which array?
                raise CannotLowerError(f"{node.operation} in an update rule")
        self.factor, self.names, self.dtype = group.factor, layout.within(group.slices), dtype
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
        self, w: Named, dw: Named, memory: Memory, numbers: Numbers, norm: jax.Array
    ) -> tuple[Named, Memory]:
        """The new parameters and the new memory, by the gradients and their norm."""
        leaves, w, memory = self.graph.leaves, {**w}, tuple({**part} for part in memory)
        own = dict(zip(_names(numbers), numbers, strict=True))
        of_state = dict(zip(leaves.state, memory, strict=True))
        for name in self.names:
            here = own | {"dw": dw[name].ravel(), "dw_norm": norm}
            given = Leaves(
                {key: here[key] for key in leaves.inputs},
                {"w": w[name].ravel()},
                {key: part[name].ravel() for key, part in of_state.items()},
            )
            new, shape = computed(self.graph, given, w[name].size, self.dtype), w[name].shape
            w[name] = new.new_parameters["w"].reshape(shape)
            for key, part in of_state.items():
                part[name] = new.new_state[key].reshape(shape)
        return w, memory


def norm_of(dw: Named, updates: Sequence[Update], dtype: np.dtype[np.generic]) -> jax.Array:
    """The length of the gradient of all parameters that are updated together."""
    squares = (jnp.square(dw[name]).sum() for update in updates for name in update.names)
    return jnp.sqrt(sum(squares, jnp.zeros((), dtype)))


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
