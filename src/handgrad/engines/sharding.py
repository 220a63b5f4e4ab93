"""Sharding: how workers split a training, and their exact all-reduce."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from handgrad.textbook.errors import positive
from handgrad.textbook.module import Array


class Exchange(Protocol):
    """Communication between workers; all call the same methods in the same order."""

    rank: int
    workers: int

    def add(self, array: Array) -> None:
        """All-reduce by sum: replace an integer array by its sum over all workers."""

    def maximum(self, array: Array) -> None:
        """All-reduce by maximum: replace an integer array by its elementwise maximum."""

    def keep(self, folder: Path) -> None:
        """Save a checkpoint, which is in this folder of the first worker."""


class Alone:
    """The exchange of a single worker, which has all shards."""

    rank, workers = 0, 1

    def add(self, array: Array) -> None:
        """Do nothing: the array is the sum."""

    def maximum(self, array: Array) -> None:
        """Do nothing: the array is the maximum."""

    def keep(self, folder: Path) -> None:
        """Do nothing: the checkpoint stays in its folder."""


ALONE = Alone()


@dataclass(frozen=True)
class Sharding:
    """The shards of a training, and the worker that this process is.

    Results depend on `shards` and `sync_every`, not on the number of workers.

    Parameters
    ----------
    shards : int, default 4
        Slices of each batch.
    sync_every : int, default 1
        Steps that each shard takes between averages.
    exchange : Exchange, default ALONE
        Communication with the other workers.
    """

    shards: int = 4
    sync_every: int = 1
    exchange: Exchange = ALONE

    def __post_init__(self) -> None:
        positive("shards", self.shards, whole=True)
        positive("sync_every", self.sync_every, whole=True)

    @property
    def own(self) -> range:
        """The shards of this worker, which are consecutive."""
        return self.of_worker(self.exchange.rank)

    def of_worker(self, rank: int) -> range:
        """The shards of a worker; the numbers differ by at most one between workers."""
        begin, end = (r * self.shards // self.exchange.workers for r in (rank, rank + 1))
        return range(begin, end)

    def share(self, n: int, batch: int) -> range:
        """The rows of n that this worker predicts: consecutive whole batches."""
        each = batch * -(-n // (batch * self.exchange.workers))
        begin, end = (min(n, rank * each) for rank in (self.exchange.rank, self.exchange.rank + 1))
        return range(begin, end)

    def agree(self, asked: bool) -> bool:
        """Broadcast: the answer of the first worker, on all workers."""
        answer = np.array([asked and self.exchange.rank == 0], np.uint32)
        self.exchange.add(answer)
        return bool(answer[0])

    def total(self, parts: Array) -> Array:
        """Reproducible all-reduce: the sum over all shards, with the same bits on all workers.

        Floats are summed as integers, whose sum does not depend on the order: each is rounded to a
        multiple of 2ᵉ⁻ᵇ, where 2ᵉ exceeds the numbers of all shards at that index and b makes the
        total as exact as one addition. A worker sends as much data as its own sum, whatever the
        number of shards. See Demmel and Nguyen, "Parallel reproducible summation", 2015.

        Parameters
        ----------
        parts : array, shape (shards of this worker, size)
            The terms.
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
    """A floating-point format: 2^(exponent - bias) times the fraction."""

    bits: type[np.unsignedinteger[Any]]
    exponent: type[np.unsignedinteger[Any]]
    fraction: int  # bits of the fraction
    bias: int
    wide: bool  # the sum needs 64 bits

    @property
    def largest(self) -> int:
        """The exponent field of infinity and NaN."""
        return 2 * self.bias + 1

    def exponents_of(self, values: Array) -> Array:
        """The biased exponents of numbers."""
        exponents: Array = values.view(self.bits) >> self.fraction & self.largest
        return exponents.astype(self.exponent)

    def power_of_2(self, exponents: Array) -> Array:
        """The powers of two with these biased exponents."""
        return (exponents << self.fraction).view(f"f{exponents.itemsize}")


FORMS = {
    "float32": FloatFormat(np.uint32, np.uint8, 23, 127, wide=False),
    "float64": FloatFormat(np.uint64, np.uint16, 52, 1023, wide=True),
}
BLOCK = 2**16  # numbers at a time, which fit in the cache
MOST_SHARDS_IN_32_BITS = 64  # with more shards the sum would be less exact than float32


def bits(array: Array) -> Array:
    """View an array as integers: if all other workers have zeros, the sum is this array."""
    return array.reshape(-1).view(f"u{array.itemsize}")


UNSHARDED = Sharding(1)


class Shardable:
    """Mixin of estimators: the sharding of their trainings, which clones keep, but not pickles."""

    sharding = UNSHARDED

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {name: value for name, value in state.items() if name != "sharding"}

    def __sklearn_clone__(self) -> Self:
        twin: Self = super().__sklearn_clone__()  # type: ignore[misc]
        if "sharding" in vars(self):
            twin.sharding = self.sharding
        return twin
