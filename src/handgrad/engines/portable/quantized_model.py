"""Quantized models: int8 tensors of one row, and the integer steps that compute them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.engines.portable.strides import Access
from handgrad.graph.nodes import Origin
from handgrad.textbook.layers import Array

LOW, HIGH = -128, 127
INPUT, OUTPUT = "x", "predictions"


@dataclass(frozen=True)
class Int8Tensor:
    """An int8 array of a row: value ≈ scale (code − zero_point)."""

    name: str
    size: int
    scale: float
    zero_point: int

    def codes(self, values: Array) -> Array:
        """The codes of numbers; NaN is coded as 0."""
        codes = np.rint(np.nan_to_num(values / self.scale, nan=0.0)) + self.zero_point
        return np.clip(codes, LOW, HIGH).astype(np.int8)

    def values(self) -> Array:
        """The numbers of all codes, in order."""
        return (np.arange(LOW, HIGH + 1) - self.zero_point) * self.scale


@dataclass(frozen=True)
class Constants:
    """A table of the file, and where it is read."""

    values: Array
    access: Access


@dataclass(frozen=True)
class Sum:
    """Inner sums from `bias`, requantized: (sum · multiplier) / 2^shift + zero point, clamped.

    The terms are x · weight; or x; or factor · x + factor · y; or (x − zero) (y − zero).
    """

    weights: Constants | None
    factors: tuple[int, ...]
    bias: Constants
    multiplier: Constants
    shift: Constants
    low: int
    high: int


@dataclass(frozen=True)
class Lookup:
    """Values from a table of all codes; without a table, copies."""

    table: Array | None


@dataclass(frozen=True)
class Largest:
    """The largest code of the inner loops."""


@dataclass(frozen=True)
class SoftmaxByTable:
    """Softmax over the inner loops; `table` has exp(−scale d) 2¹⁶ for d from 0 to 255."""

    table: Array


@dataclass(frozen=True)
class Fill:
    """One code everywhere."""

    code: int


Kernel = Sum | Lookup | Largest | SoftmaxByTable | Fill


@dataclass(frozen=True)
class IntegerStep:
    """Loops over `outer` sizes, which set `out`, and within them over `inner` sizes.

    `reads` are tensors with the places that the kernel reads.
    """

    kernel: Kernel
    origin: Origin | None
    outer: tuple[int, ...]
    inner: tuple[int, ...]
    out: tuple[Int8Tensor, Access]
    reads: tuple[tuple[Int8Tensor, Access], ...]


@dataclass(frozen=True)
class QuantizedModel:
    """Steps from an int8 row of `x` to `predictions`, of the given shape.

    A number becomes a code as round(gain · x + shift); both have one value, or one for each number.
    """

    steps: Sequence[IntegerStep]
    x: Int8Tensor
    gain: Array
    shift: Array
    predictions: Int8Tensor
    shape: tuple[int, ...]

    def memory(self) -> tuple[dict[str, int], int]:
        """The offset of each tensor between input and output, and the bytes of all.

        Tensors that are not needed at the same time share memory.
        """
        spans: dict[str, list[int]] = {}
        sizes: dict[str, int] = {}
        for i, step in enumerate(self.steps):
            for tensor in (step.out[0], *(tensor for tensor, _ in step.reads)):
                if tensor.name not in (INPUT, OUTPUT):
                    sizes[tensor.name] = tensor.size
                    spans.setdefault(tensor.name, [i, i])[1] = i
        offsets: dict[str, int] = {}
        for name in sorted(sizes, key=lambda name: -sizes[name]):
            taken = [
                (offsets[other], offsets[other] + sizes[other])
                for other in offsets
                if spans[other][0] <= spans[name][1] and spans[name][0] <= spans[other][1]
            ]
            offsets[name] = next(_gaps(sorted(taken), sizes[name]))
        return offsets, max((offsets[name] + sizes[name] for name in sizes), default=0)


def _gaps(taken: Sequence[tuple[int, int]], size: int) -> Iterator[int]:
    """Offsets at which so many bytes are free, the lowest first."""
    begin = 0
    for first, last in taken:
        if begin + size <= first:
            yield begin
        begin = max(begin, last)
    yield begin
