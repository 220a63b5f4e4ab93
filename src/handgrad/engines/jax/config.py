"""The settings under which JAX computes in a net's own type, and arrays on its device."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np

from handgrad.textbook.layers import Array


@contextmanager
def numbers_of(dtype: np.dtype[np.generic]) -> Iterator[None]:
    """While a function of JAX is traced or called: float64 where the net is, and no less.

    JAX has 64 bits only where it is told so; this thread is, for this time. Products of float32
    are those of float32, where GPUs and TPUs would round the factors to fewer bits.
    """
    with jax.enable_x64(dtype == np.float64), jax.default_matmul_precision("highest"):
        yield


def on_device(array: Array) -> jax.Array:
    """A copy of an array where JAX computes, which shares no memory with it."""
    return jnp.array(array, copy=True)


def device() -> str:
    """What JAX computes on, as it names it."""
    first = jax.devices()[0]
    return f"{first.platform}, {first.device_kind}"
