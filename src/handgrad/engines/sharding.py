"""The shards of a training, and the worker that this process is: what all workers add up."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from handgrad.textbook.errors import positive
from handgrad.textbook.module import Array


class Exchange(Protocol):
    """What connects the workers of a training; each calls the same methods in the same order."""

    rank: int
    workers: int

    def add(self, array: Array) -> None:
        """Give every worker the sum of all their arrays of whole numbers."""

    def maximum(self, array: Array) -> None:
        """Give every worker the largest of their whole numbers, place by place."""

    def keep(self, folder: Path) -> None:
        """A checkpoint of the training is in this folder of the first worker."""


class Alone:
    """One worker, which has all shards."""

    rank, workers = 0, 1

    def add(self, array: Array) -> None:
        """There is nothing to add."""

    def maximum(self, array: Array) -> None:
        """There is nothing larger."""

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

    def share(self, n: int, batch: int) -> range:
        """Which of n rows this worker looks at: whole batches of them, neighbours."""
        each = batch * -(-n // (batch * self.exchange.workers))
        begin, end = (min(n, rank * each) for rank in (self.exchange.rank, self.exchange.rank + 1))
        return range(begin, end)

    def agree(self, asked: bool) -> bool:
        """What the first worker says, on each of them."""
        said = np.array([asked and self.exchange.rank == 0], np.uint32)
        self.exchange.add(said)
        return bool(said[0])

    def total(self, parts: Array) -> Array:
        """Σ over all shards, of `parts` (shards of this worker, size): the same bits everywhere.

        Floating-point numbers are added up in whole ones, which come to the same in any order:
        each is rounded to a multiple of 2ᵉ⁻ᵇ, 2ᵉ being above all that stands at its place in any
        shard, and b large enough that the total is as exact as one addition. So a worker hands on
        as much as its own sum, however many there are. See Demmel and Nguyen, "Parallel
        reproducible summation", 2015.
        """
        form, exchange = FORMS[parts.dtype.name], self.exchange
        if self.shards == 1:
            (total,) = parts if len(parts) else np.zeros((1, parts.shape[1]), parts.dtype)
            exchange.add(bits(total))
            return total
        wide = form.wide or self.shards > MOST_SHARDS_IN_32_BITS
        b = (62 if wide else 30) - (self.shards - 1).bit_length()
        n, whole = parts.shape[1], np.dtype(np.int64 if wide else np.int32)
        exponents, numbers = np.zeros(n, form.exponent), np.zeros(n, whole)
        total, blocks = np.empty(n, parts.dtype), [slice(i, i + BLOCK) for i in range(0, n, BLOCK)]
        for at in blocks:
            for part in parts:
                np.maximum(exponents[at], form.exponents_of(part[at]), out=exponents[at])
        exchange.maximum(exponents)
        with np.errstate(invalid="ignore", over="ignore"):
            for at in blocks:
                e = np.maximum(exponents[at], b).astype(form.bits)  # below: multiples of 2⁻¹²⁶
                scale = form.power_of_2(form.bias + b - 1 + form.bias - e)
                for part in parts:
                    numbers[at] += np.rint(part[at] * scale).astype(whole)
            exchange.add(numbers)
            for at in blocks:
                e = np.maximum(exponents[at], b).astype(form.bits)
                total[at] = numbers[at]
                total[at] *= form.power_of_2(e - b + 1)
        total[exponents == form.largest] = np.nan
        return total


@dataclass(frozen=True)
class FloatFormat:
    """Where the bits of a floating-point number stand: 2^(exponent - bias) times its fraction."""

    bits: type[np.unsignedinteger[Any]]
    exponent: type[np.unsignedinteger[Any]]
    fraction: int  # how many bits it has
    bias: int
    wide: bool  # the sum needs 64 bits

    @property
    def largest(self) -> int:
        """The exponent of infinity, and of what is no number."""
        return 2 * self.bias + 1

    def exponents_of(self, values: Array) -> Array:
        """The exponents of numbers, as they stand in their bits."""
        found: Array = values.view(self.bits) >> self.fraction & self.largest
        return found.astype(self.exponent)

    def power_of_2(self, exponents: Array) -> Array:
        """The numbers of these exponents, with nothing behind the point."""
        return (exponents << self.fraction).view(f"f{exponents.itemsize}")


FORMS = {
    "float32": FloatFormat(np.uint32, np.uint8, 23, 127, wide=False),
    "float64": FloatFormat(np.uint64, np.uint16, 52, 1023, wide=True),
}
BLOCK = 2**16  # numbers at once, that stay in a processor's cache
MOST_SHARDS_IN_32_BITS = 64  # more, and a sum of them would be less exact than float32


def bits(array: Array) -> Array:
    """The same memory as whole numbers: where others have zeros, their sum is what one has."""
    return array.reshape(-1).view(f"u{array.itemsize}")


# What trainings are cut into here, where nothing is said.
CURRENT: ContextVar[Sharding | None] = ContextVar("sharding", default=None)
