"""Evaluation of graphs by jax.numpy, node by node; precision and device of JAX's arrays."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import erf

from handgrad.graph.graph import Graph, Leaves, Outputs
from handgrad.graph.operations import BINARY, UNARY, Op
from handgrad.graph.symbolic import Ref, at
from handgrad.textbook.layers import Array


@contextmanager
def precision_of(dtype: np.dtype[np.generic]) -> Iterator[None]:
    """Set JAX's precision to a net's, in this thread, while its functions are traced or called.

    Enables 64-bit types for a net of float64. Products of float32 have full precision; by default
    GPUs and TPUs round their factors to fewer bits.
    """
    with jax.enable_x64(dtype == np.float64), jax.default_matmul_precision("highest"):
        yield


def to_device(array: Array) -> jax.Array:
    """Copy an array to JAX's device; shares no memory with it."""
    return jnp.array(array, copy=True)


def device() -> str:
    """JAX's platform and device kind."""
    first = jax.devices()[0]
    return f"{first.platform}, {first.device_kind}"


Value: TypeAlias = jax.Array | Array


def _windows(
    x: Value, window_shape: int | tuple[int, ...], axis: int | tuple[int, ...] | None = None
) -> jax.Array:
    """NumPy's sliding_window_view, as shifted slices stacked along new last axes."""
    sizes = (window_shape,) if isinstance(window_shape, int) else window_shape
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    rank = x.ndim
    for size, k in zip(sizes, axes, strict=True):
        k %= rank
        count = x.shape[k] - size + 1
        x = jnp.stack([lax.slice_in_dim(x, i, i + count, axis=k) for i in range(size)], axis=-1)
    return jnp.asarray(x)


def _view(x: Value, offset: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> jax.Array:
    """NumPy's as_strided, with `offset` and `strides` in elements."""
    places = jnp.full(shape, offset)
    for i, step in enumerate(strides):
        places = places + step * lax.broadcasted_iota(places.dtype, shape, i)
    return jnp.ravel(x)[places]


def _written(x: Value, index: Value | tuple[Value, ...], values: Value) -> jax.Array:
    x = jnp.asarray(x)
    return x.at[_indexed(index)].set(jnp.asarray(values).astype(x.dtype))


def _added(x: Value, index: Value | tuple[Value, ...], values: Value) -> jax.Array:
    x = jnp.asarray(x)
    return x.at[_indexed(index)].add(jnp.asarray(values).astype(x.dtype))


def _indexed(index: object) -> Any:
    """An index for JAX, with arrays in place of lists."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(np.asarray(part) if isinstance(part, list) else part for part in parts)


def _product(spec: str, *operands: Value, optimize: object = None) -> jax.Array:
    return jnp.einsum(spec, *operands)


# Operations that jax.numpy lacks or names differently; all others have its names, or are operators.
IMPLEMENTATIONS: Mapping[Op, Callable[..., jax.Array]] = {
    Op.GETITEM: lambda x, index: jnp.asarray(x)[_indexed(index)],
    Op.SETITEM: _written,
    Op.ADD_AT: _added,
    Op.FILL: jnp.full,
    Op.VIEW: _view,
    Op.EINSUM: _product,
    Op.SLIDING_WINDOW_VIEW: _windows,
    Op.ERF: erf,
    Op.COPY: jnp.asarray,
    Op.ASTYPE: lambda x, dtype: jnp.asarray(x).astype(dtype),
}


def jax_function(operation: Op) -> Callable[..., jax.Array]:
    """The JAX function of an operation."""
    if operation in IMPLEMENTATIONS:
        return IMPLEMENTATIONS[operation]
    if operation in BINARY | UNARY:
        return operation.compute
    function: Callable[..., jax.Array] = getattr(jnp, operation.compute.__name__)
    return function


def evaluate(
    graph: Graph,
    leaves: Leaves[jax.Array],
    n: int,
    dtype: np.dtype[np.generic],
    draws: Sequence[jax.Array] = (),
) -> Outputs[jax.Array]:
    """Evaluate a graph.

    Parameters
    ----------
    graph : Graph
        Traced for any number of rows.
    leaves : Leaves
        The inputs, parameters and state.
    n : int
        The number of rows.
    dtype : dtype
        Of all floating-point numbers.
    draws : sequence of array
        The draws of its random nodes, in order.

    Returns
    -------
    Outputs
    """
    values = [value for _, value in leaves.named()]
    inputs = {i: value for (_, i), value in zip(graph.leaves.named(), values, strict=True)}
    drawn, results = iter(draws), list[Any]()

    def resolve(leaf: object) -> Any:
        if isinstance(leaf, Ref):
            return results[leaf.node]
        if isinstance(leaf, np.dtype | type):
            kind = np.dtype(leaf)
            return dtype if kind.kind == "f" else jax.dtypes.canonicalize_dtype(kind)
        return at(leaf, n)

    for i, node in enumerate(graph.nodes):
        if node.operation is Op.LEAF:
            results.append(inputs[i])
        elif node.operation is Op.RANDOM:
            results.append(next(drawn))
        else:
            resolved = node.map(resolve)
            compute = jax_function(node.operation)
            results.append(compute(*resolved.arguments, **resolved.options))
    return graph.outputs.map(lambda i: results[i])
