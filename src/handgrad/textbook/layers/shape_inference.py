"""Shape inference: input and output shapes, masks and dtype of layers in a sequence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers.layer import Layer, Shape, closed, features
from handgrad.textbook.module import Array


def fitting_shapes(layers: Sequence[Layer]) -> tuple[Shape | None, Shape | None]:
    """Return the input and output shape of a row for layers in a sequence; None where unknown.

    Raises ShapeError if a layer does not accept the output of the one before.
    """
    start = next((i for i, layer in enumerate(layers) if layer.shape_in is not None), len(layers))
    shape = layers[start].shape_in if start < len(layers) else None
    if shape is None:
        return None, None
    shape_in: Shape | None = shape
    if not all(_keeps(layer, shape) for layer in layers[:start]):
        shape_in = None
    return _followed(layers, start, shape_in, shape)


def _keeps(layer: Layer, shape: Shape) -> bool:
    """Return whether a layer accepts rows of `shape` and keeps their shape."""
    try:
        return layer.shape_out(shape) == shape
    except ShapeError:
        return False


def shape_behind(layers: Sequence[Layer], shape: Shape | None) -> Shape | None:
    """Return the shape of a row after the layers; None if unknown."""
    for layer in layers:
        shape = None if shape is None else layer.shape_out(shape)
    return shape


def fits(layers: Sequence[Layer], shape: Shape) -> bool:
    """Return whether rows of `shape` may reach the first layer with a known `n_in` in its shape."""
    stating = next((i for i, layer in enumerate(layers) if layer.n_in is not None), len(layers))
    try:
        came = shape_behind(layers[:stating], shape)
    except ShapeError:
        return False
    if came is None:  # of an open shape, which the layers before it change
        return ... in shape
    return all(layer.accepts(came) for layer in layers[stating : stating + 1])


def _followed(
    layers: Sequence[Layer], start: int, shape_in: Shape | None, begin: Shape
) -> tuple[Shape | None, Shape | None]:
    """Input and output shape of the layers if layer `start` gets rows of shape `begin`.

    The axes that a layer states replace open ones before it.
    """
    shape: Shape | None = begin
    follows = True  # from the input's shape, and not from what a later layer states
    for i, layer in enumerate(layers[start:], start):
        stated = layer.shape_in
        _check_axes(layer, shape, f"layer {i + 1} of {len(layers)}")
        if shape is None:
            shape, follows = stated, False
        place = f"layer {i + 1} of {len(layers)}" + f", after {layers[i - 1]!r}" * (i > 0)
        if shape is not None and not layer.accepts(shape):
            n_features = features(shape, layer.feature_axis)
            in_rows = f", in rows of shape {shape}" if len(shape) > 1 and ... not in shape else ""
            raise ShapeError(
                f"{layer!r} was given {n_features} features{in_rows}",
                f"{layer.n_in}, its number of inputs",
                f"n_in={n_features} here, or n_out={layer.n_in} in the layer before it",
                place,
            )
        is_open = shape is not None and ... in shape and ... in begin
        if shape and is_open and follows and i > start and stated and ... not in stated:
            between = closed(stated)[: len(stated) + 1 - len(shape)]
            whole = closed(begin, between)
            if closed(shape, between) == stated and _takes_axes(layers[start:i], whole):
                shape_in = None if shape_in is None else closed(shape_in, between)
                return _followed(layers, start, shape_in, whole)
        try:
            shape = None if shape is None else layer.shape_out(shape)
        except ShapeError as misfit:
            misfit.put_within(place)
            raise
    return shape_in, shape


def _takes_axes(layers: Sequence[Layer], shape: Shape) -> bool:
    """Return whether each layer accepts as many axes: `Reshape` states one, and accepts all."""
    try:
        for layer in layers:
            _check_axes(layer, shape, "")
            shape = layer.shape_out(shape) or (...,)
    except ShapeError:
        return False
    return True


def _check_axes(layer: Layer, shape: Shape | None, where: str) -> None:
    """Raise ShapeError if rows have another number of axes than a layer accepts."""
    if shape is None or ... in shape or layer.ndim in (None, len(shape) + 1):
        return
    came = ", ".join(["n", *map(str, shape)])
    raise ShapeError(
        f"{layer!r} was given an array of shape ({came})",
        f"{layer.ndim} axes",
        "a Reshape between them, or return_sequences=True in a recurrent layer",
        where,
    )


def masks_taken(layer: Layer, mask: Array | None) -> tuple[Array, ...]:
    """Return the mask as an argument of a layer's `forward`, if it takes one; else nothing.

    A mask (n, t) belongs to sequences (n, t, k), (n, 1, t) to (n, k, t). Raises ShapeError if the
    layer has its features on the axis of the positions.
    """
    if mask is None:
        return ()
    steps_last, reads = mask.ndim > 2, layer.takes_mask or layer.n_in is not None
    if reads and not layer.layers and steps_last != (layer.feature_axis == 1):
        came, taken = ("(n, k, t)", "(n, t, k)")[:: 1 if steps_last else -1]
        raise ShapeError(
            f"a sequence with padding, of shape {came}",
            f"{taken}, with t positions",
            "Transpose(2, 1) before it",
            repr(layer),
        )
    return (mask,) if layer.takes_mask else ()


def padding_error(layer: Layer) -> ShapeError:
    """The error for a layer after which the mask of a sequence is lost."""
    return ShapeError(
        "a sequence with padding",
        "rows without padding: the output has other positions",
        "a pooling over time, a recurrent layer or Flatten() before it; or an Embedding without "
        "padding=, for which padding is a code like any other",
        repr(layer),
    )


def misfit(x: Array, n_in: int, where: str) -> ShapeError:
    """The error for a batch `x` without the `n_in` features of the layer at `where`."""
    came = f"{x.shape[-1]} features" if x.ndim > 1 else f"an array of shape {x.shape}"
    shape = f"(rows, {n_in})"
    if x.ndim == 1 and len(x) == n_in:
        hint = "x[None, :], for a single row"
    elif x.ndim < 2:
        hint = f"x.reshape(-1, {n_in}), for rows of {n_in} numbers"
    elif x.ndim > 2:
        shape = f"(rows, …, {n_in})"
        hint = f"the {n_in} features of the net, or a net with n_in={x.shape[-1]}"
    else:
        hint = f"the {n_in} columns of the net, or a net with n_in={x.shape[-1]}"
    return ShapeError(came, f"{n_in} features: an array of shape {shape}", hint, where)


def common_dtype(layers: Sequence[Layer]) -> np.dtype[Any]:
    """Return the dtype of all layers with parameters; float32 if there are none."""
    dtypes = {layer.dtype for layer in layers if layer.dtype is not None}
    if len(dtypes) > 1:
        raise SettingError(
            f"layers of types {' and '.join(sorted(map(str, dtypes)))} in one net",
            "one dtype in a net",
            "the same dtype= in every layer, or Net(..., dtype=np.float32)",
        )
    return dtypes.pop() if dtypes else np.dtype(np.float32)
