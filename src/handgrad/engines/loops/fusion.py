"""Epilogue fusion: elementwise operations applied to each tile of a GEMM.

An activation, its gradient or the optimizer's step then needs no second pass over memory. The bits
stay the same: each number is computed as in a separate loop.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from handgrad.engines.loops.memory_planning import in_place_reads, stored_reads
from handgrad.engines.loops.row_fusion import RowFusion, begins_rows
from handgrad.engines.loops.target import TargetInfo
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import users_of
from handgrad.graph.operations import ELEMENTWISE, Op
from handgrad.graph.symbolic import at

Group = list[int]  # a stored node, and the elementwise nodes of its epilogue


@dataclass(frozen=True)
class Axes:
    """The einsum letters of a product: batch axes (`beside`), rows, columns, summed axis."""

    beside: str
    row: str
    column: str
    summed: str


def axes_of(spec: str) -> Axes | None:
    """The axes of a matrix product or a batch of them; None for other specs."""
    inputs, output = spec.split("->")
    letters = inputs.split(",")
    beside = "".join(x for x in output if all(x in own for own in letters))
    inner = [x for x in output if x not in beside]
    summed = [x for x in dict.fromkeys(inputs) if x not in output and x != ","]
    if len(letters) != 2 or (len(inner), len(summed)) != (2, 1):
        return None
    return Axes(beside, *inner, *summed)


def is_packed(graph: Graph, i: int, batch_size: int, target: TargetInfo) -> bool:
    """Return True if a node is a matrix product that is large enough to be packed."""
    node = graph.nodes[i]
    if node.operation is not Op.EINSUM or node.dtype.kind != "f":
        return False
    axes = axes_of(node.arguments[0])
    if axes is None:
        return False
    letters = node.arguments[0].partition("->")[0].split(",")
    sizes = {
        letter: int(at(size, batch_size))
        for operand, own in zip(node.arguments[1:], letters, strict=True)
        for letter, size in zip(own, graph.nodes[operand.node].shape, strict=True)
    }
    return target.packs(sizes[axes.row], sizes[axes.column], sizes[axes.summed])


def is_gathered(graph: Graph, leaf: int, batch_size: int, target: TargetInfo) -> bool:
    """Return True if only packed products read these rows: packing gathers them, without a copy."""
    users, shape = users_of(graph.nodes), graph.nodes[leaf].shape
    if len(shape) != 2 or shape[1] == 1:
        return False
    across = [
        user
        for user in users[leaf]
        if graph.nodes[user].operation is Op.VIEW
        and graph.nodes[user].arguments[1:] == (0, (1, shape[1]), shape[::-1])
    ]
    readers = [user for i in (leaf, *across) for user in users[i] if user not in across]
    return all(is_packed(graph, user, batch_size, target) for user in readers)


def fuse_epilogues(
    graph: Graph, stored: Sequence[int], batch_size: int, target: TargetInfo
) -> list[Group]:
    """Group each product with its epilogue or its rows; other stored nodes are groups of one."""
    groups: list[Group] = []
    known, left = {i for _, i in graph.leaves.named()}, dict.fromkeys(stored)
    rows = RowFusion(graph, {*stored})
    while left:
        group = [next(iter(left))]
        if target.rounds_once and begins_rows(graph, group[0]):
            for i in [*left][1:]:
                if rows.joins(group, i, known):
                    group.append(i)
        elif is_packed(graph, group[0], batch_size, target):
            for i in [*left][1:]:
                if _is_epilogue(graph, group, i, known, stored):
                    group.append(i)
        groups.append(group)
        known.update(group)
        for i in group:
            del left[i]
    return groups


def _is_epilogue(
    graph: Graph, group: Group, i: int, known: Collection[int], stored: Collection[int]
) -> bool:
    """Return True if a node is elementwise in the product and in nodes computed before."""
    node = graph.nodes[i]
    if node.operation not in ELEMENTWISE or node.shape != graph.nodes[group[0]].shape:
        return False
    read = stored_reads(graph, i, stored)
    of_group = read & {*group}
    return (
        bool(of_group)
        and read <= {*known, *group}
        and of_group <= {*in_place_reads(graph, i, stored)}
    )


@dataclass
class Dataflow:
    """Reads and uses of the stored nodes."""

    graph: Graph
    stored: Sequence[int]

    def __post_init__(self) -> None:
        self.users, self.outputs = users_of(self.graph.nodes), self.graph.outputs.all()
        self.needed, loss = {*self.stored, *self.outputs}, self.graph.outputs.loss
        self.for_loss = set[int]() if loss is None else {loss, *self.reads(loss)}

    def reads(self, i: int) -> set[int]:
        """The stored nodes and leaves that a node reads."""
        return stored_reads(self.graph, i, self.stored)

    def kept(self, group: Group) -> set[int]:
        """The nodes of a group that later groups or the outputs need."""
        return {
            i for i in group if i in self.outputs or not self._used_only_in(group, self.users[i])
        }

    def _used_only_in(self, group: Group, users: Sequence[int]) -> bool:
        """Return True if all users are in the group, or are fused into nodes that are."""
        return all(
            user in group
            or (
                user not in {*self.stored, *self.outputs}
                and self._used_only_in(group, self.users[user])
            )
            for user in users
        )

    def gives_loss(self, group: Group) -> bool:
        """Return True if the group computes the loss, or a node that the loss reads."""
        return not self.for_loss.isdisjoint(group)

    def is_consumed(self, group: Group, batch_size: int, target: TargetInfo) -> bool:
        """Return True if only the optimizer's step needs the result of a group, a gradient.

        The group may read no parameters except, elementwise, those of that gradient.
        """
        gradient, leaves = group[-1], self.graph.leaves.parameters
        names = [name for name, i in self.graph.outputs.gradients.items() if i == gradient]
        if len(names) != 1 or self.outputs.count(gradient) != 1:
            return False
        own = leaves[names[0]]
        alone = self._used_only_in(group, self.users[gradient]) and self.kept(group) == {gradient}
        return (
            is_packed(self.graph, group[0], batch_size, target)
            and alone
            and not any(
                leaf in self.reads(i)
                and (leaf != own or leaf not in in_place_reads(self.graph, i, {*self.stored, leaf}))
                for i in group
                for leaf in leaves.values()
            )
        )


def with_updates_last(
    flow: Dataflow, groups: Sequence[Group], updates: Sequence[Group]
) -> list[Group]:
    """Move the `updates` after the loss and after all groups that read their parameters."""
    leaves, gradients = flow.graph.leaves.parameters, flow.graph.outputs.gradients
    parameters = {i: leaves[name] for name, i in gradients.items()}
    reads = {group[-1]: {j for i in group for j in flow.reads(i)} for group in groups}
    order = [group for group in groups if group not in updates]
    for group in updates:
        needed, updated = reads[group[-1]], parameters[group[-1]]
        before = [
            k
            for k, other in enumerate(order)
            if flow.gives_loss(other) or not needed.isdisjoint(other) or updated in reads[other[-1]]
        ]
        order.insert(max(before, default=-1) + 1, group)
    return order
