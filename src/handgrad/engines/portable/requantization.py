"""Integers of quantized sums: weights, biases, and the multipliers that make sums int8 again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.engines.portable.quantized_model import HIGH, Int8Tensor
from handgrad.textbook.layers import Array

ADDED = 20  # bits of the factors of two terms
MOST = 2**30  # of a bias
TINY = 1e-30


@dataclass(frozen=True)
class CodedSum:
    """Numbers of a sum as integers, and the scale of the sum: real ≈ scale · sum."""

    weights: Array | None
    factors: tuple[int, ...]
    bias: Array
    scale: Array


def coded_sum(
    reads: Sequence[Int8Tensor],
    weights: Array | None,
    gain: Array,
    shift: Array,
    signs: tuple[int, ...],
    inner: Mapping[int, int],
) -> CodedSum:
    """Quantize weights for each output, or the factors of two terms, and the bias with them.

    `inner` are the sizes of the inner axes. The bias includes what the zero points add to a sum.
    """
    unit, zero = float(np.prod([x.scale for x in reads])), reads[0].zero_point
    least = max(float(np.abs(shift).max()) / MOST, TINY)  # or the bias would overflow
    codes: Array | None = None
    factors: tuple[int, ...] = ()
    if weights is None and not gain.all():
        weights = gain
    if signs and weights is None:
        parts = [sign * x.scale * float(gain.item()) for sign, x in zip(signs, reads, strict=True)]
        scale = np.full_like(gain, max(*map(abs, parts), least * 2**ADDED) / 2**ADDED)
        factors = tuple(round(part / scale.item()) for part in parts)
        zeros = sum(f * x.zero_point for f, x in zip(factors, reads, strict=True))
    elif weights is None:
        scale = unit * gain
        zeros = zero * math.prod(inner.values()) * (len(reads) == 1)
    else:
        weights = weights * gain
        most = np.abs(weights).max(axis=(*inner,), keepdims=True)
        scale = np.maximum(most / HIGH, least / unit)
        codes = np.rint(weights / scale).astype(np.int8)
        repeats = math.prod(n for axis, n in inner.items() if weights.shape[axis] == 1)
        zeros = zero * repeats * codes.sum(axis=(*inner,), keepdims=True, dtype=np.int64)
        scale = unit * scale
    bias = np.clip(np.rint(shift / scale), -MOST, MOST) - zeros
    return CodedSum(codes, factors, bias, scale)


def multipliers(ratio: Array) -> tuple[Array, Array]:
    """Multipliers m of 31 bits and shifts s: ratio ≈ m / 2^s.

    >>> multipliers(np.array([0.5, -0.001]))
    (array([ 1073741824, -1099511628]), array([31, 40]))
    """
    fraction, exponent = np.frexp(ratio)
    multiplier, shift = np.rint(fraction * 2.0**31), 31 - exponent
    rounded_up = np.abs(multiplier) == 2.0**31
    multiplier, shift = np.where(rounded_up, multiplier / 2, multiplier), shift - rounded_up
    return np.where(shift > 62, 0, multiplier).astype(np.int64), np.clip(shift, 1, 62).astype(
        np.int64
    )


def narrowed_axes(array: Array) -> Array:
    """An array with size 1 for each axis along which it is constant."""
    for axis in range(array.ndim):
        first = array.take([0], axis=axis)
        if (array == first).all():
            array = first
    return array
