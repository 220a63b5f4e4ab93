"""Shape inference: what layers one after another take and give, and in which type of numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.base.errors import SettingError, ShapeError
from handgrad.layers.layer import Layer, Shape


def fitting_shapes(layers: Sequence[Layer]) -> tuple[Shape | None, Shape | None]:
    """The shapes of a row that goes into a row of layers and of what comes out; refuses a misfit.

    None where the layers do not say it, and nothing that they say leads to it.
    """
    start = next((i for i, layer in enumerate(layers) if layer.shape_in is not None), len(layers))
    shape = shape_in = layers[start].shape_in if start < len(layers) else None
    if shape is not None and any(layer.shape_out(shape) != shape for layer in layers[:start]):
        shape_in = None
    for i, layer in enumerate(layers[start:], start):
        if shape is None:
            shape = layer.shape_in
        elif layer.n_in not in (None, n_features := features(shape, layer.feature_axis), None):
            raise ShapeError(
                f"{layer!r} was given {n_features} features",
                f"{layer.n_in}, its number of inputs",
                f"make it take {n_features}, or the layer before it give {layer.n_in}",
                f"layer {i + 1} of {len(layers)}, after {layers[i - 1]!r}",
            )
        shape = shape and layer.shape_out(shape)
    return shape_in, shape


def features(shape: Shape | None, axis: int = -1) -> int | None:
    """How many features a row of this shape has, on this axis of a batch; None if unknown."""
    if not shape:
        return None
    size = shape[axis] if axis < 0 else shape[axis - 1]
    return size if isinstance(size, int) else None


def common_dtype(layers: Sequence[Layer]) -> np.dtype[Any]:
    """The one type of numbers of all layers that say theirs; float32 if none does."""
    dtypes = {layer.dtype for layer in layers if layer.dtype is not None}
    if len(dtypes) > 1:
        raise SettingError(
            f"layers of types {' and '.join(sorted(map(str, dtypes)))} in one net",
            "one type of numbers in a net",
            "the same dtype= in every layer, or Net(..., dtype=np.float32)",
        )
    return dtypes.pop() if dtypes else np.dtype(np.float32)
