"""The shards of a training, and the worker that this process is: what all workers add up."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from handgrad.base.errors import positive
from handgrad.base.page import Array

Node = tuple[int, int]  # of the tree of shards: the first, and the one after its last


class Exchange(Protocol):
    """What connects the workers of a training; each calls the same methods in the same order."""

    rank: int
    workers: int

    def merge(self, array: Array) -> None:
        """Give every worker the bits of all, in an array of whole numbers: or, place by place."""

    def add(self, array: Array) -> None:
        """Give both of two workers the sum of their arrays."""

    def keep(self, folder: Path) -> None:
        """A checkpoint of the training is in this folder of the first worker."""


class Alone:
    """One worker, which has all shards."""

    rank, workers = 0, 1

    def merge(self, array: Array) -> None:
        """Nothing is missing."""

    def add(self, array: Array) -> None:
        """There is nothing to add."""

    def keep(self, folder: Path) -> None:
        """It is where it is to stay."""


ALONE = Alone()


@dataclass(frozen=True)
class Sharding:
    """How a training is cut into shards, and the worker that this process is.

    What comes out depends on `shards` and `sync_every`, not on how many workers share them.
    """

    shards: int = 4
    sync_every: int = 1
    exchange: Exchange = ALONE

    def __post_init__(self) -> None:
        positive("shards", self.shards, whole=True)
        positive("sync_every", self.sync_every, whole=True)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Trainings are cut into these shards, as long as the block lasts."""
        token = CURRENT.set(self)
        try:
            yield
        finally:
            CURRENT.reset(token)

    @property
    def own(self) -> range:
        """The shards of this worker: neighbours."""
        return self.of_worker(self.exchange.rank)

    def of_worker(self, rank: int) -> range:
        """The shards of a worker: as many as others have, give or take one."""
        begin, end = (r * self.shards // self.exchange.workers for r in (rank, rank + 1))
        return range(begin, end)

    def agree(self, asked: bool) -> bool:
        """What the first worker says, on each of them."""
        said = np.array([asked and self.exchange.rank == 0], np.uint32)
        self.exchange.merge(said)
        return bool(said[0])

    def total(self, parts: Array) -> Array:
        """Σ over all shards, of `parts` (shards of this worker, size): the same bits everywhere.

        It is a tree of pairs: each worker adds what lies within its shards, which are neighbours.
        """
        exchange, own = self.exchange, self.own
        ranges = map(self.of_worker, range(exchange.workers))
        nodes = [node for its in ranges for node in _within((0, self.shards), its)]
        sums = {
            node: _added({(i, i + 1): part for i, part in zip(own, parts, strict=True)}, node)
            for node in nodes
            if own.start <= node[0] < own.stop
        }
        if exchange.workers == len(nodes) == 2:
            (both,) = sums.values()
            exchange.add(both)
            return both
        if exchange.workers > 1:
            slots = np.zeros((len(nodes), parts.shape[1]), parts.dtype)
            for node, value in sums.items():
                slots[nodes.index(node)] = value
            exchange.merge(bits(slots))
            sums = dict(zip(nodes, slots, strict=True))
        return _added(sums, (0, self.shards))


def _within(node: Node, leaves: range) -> list[Node]:
    """The largest parts of a tree that lie within some of its leaves."""
    if node[1] <= leaves.start or leaves.stop <= node[0]:
        return []
    if leaves.start <= node[0] and node[1] <= leaves.stop:
        return [node]
    return [part for half in _halves(node) for part in _within(half, leaves)]


def _added(sums: dict[Node, Array], node: Node) -> Array:
    """The sum of a part of the tree, from the sums of smaller ones."""
    if node in sums:
        return sums[node]
    left, right = (_added(sums, half) for half in _halves(node))
    return left + right


def _halves(node: Node) -> tuple[Node, Node]:
    middle = (node[0] + node[1] + 1) // 2
    return (node[0], middle), (middle, node[1])


def bits(array: Array) -> Array:
    """The same memory as whole numbers."""
    return array.reshape(-1).view(f"u{array.itemsize}")


# What trainings are cut into here, where nothing is said.
CURRENT: ContextVar[Sharding | None] = ContextVar("sharding", default=None)
