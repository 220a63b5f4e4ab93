"""Whether layers fit one after another: how many features each takes, in which type of numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.errors import SettingError, ShapeError
from handgrad.layers.layer import Layer


def sizes_that_fit(layers: Sequence[Layer]) -> tuple[int | None, int | None]:
    """How many features go in and come out, as far as the layers say; refuses a misfit."""
    n_in = n_features = None
    known_from_start = True
    for i, layer in enumerate(layers):
        if layer.n_in is not None:
            if n_features is not None and n_features != layer.n_in:
                raise ShapeError(
                    f"{layer!r} was given {n_features} features",
                    f"{layer.n_in}, its number of inputs",
                    f"make it take {n_features}, or the layer before it give {layer.n_in}",
                    f"layer {i + 1} of {len(layers)}, after {layers[i - 1]!r}",
                )
            if known_from_start and n_in is None:
                n_in = layer.n_in
        if layer.n_out is not None:
            n_features = layer.n_out
        elif not layer.keeps_shape:
            n_features = None
            known_from_start = known_from_start and n_in is not None
    return n_in, n_features


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
