"""Shape inference: what layers one after another take and give, and in which type of numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers.layer import Layer, Shape, closed, features
from handgrad.textbook.module import Array


def fitting_shapes(layers: Sequence[Layer]) -> tuple[Shape | None, Shape | None]:
    """The shapes of a row that goes into a row of layers and of what comes out; refuses a misfit.

    None where the layers do not say it, and nothing that they say leads to it.
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
    """Whether rows of `shape` go through a layer, and come out in the same."""
    try:
        return layer.shape_out(shape) == shape
    except ShapeError:
        return False


def shape_behind(layers: Sequence[Layer], shape: Shape | None) -> Shape | None:
    """The shape of a row behind layers one after another; None where unknown."""
    for layer in layers:
        shape = None if shape is None else layer.shape_out(shape)
    return shape


def fits(layers: Sequence[Layer], shape: Shape) -> bool:
    """Whether what becomes of rows of `shape` is what the first layer of a stated number takes."""
    stating = next((i for i, layer in enumerate(layers) if layer.n_in is not None), len(layers))
    try:
        came = shape_behind(layers[:stating], shape)
    except ShapeError:
        return False
    return came is not None and all(layer.accepts(came) for layer in layers[stating : stating + 1])


def _followed(
    layers: Sequence[Layer], start: int, shape_in: Shape | None, begin: Shape
) -> tuple[Shape | None, Shape | None]:
    """What goes in and comes out where `begin` goes into the layer number `start`.

    Where a layer says which axes it takes, they are those that were open before it.
    """
    shape: Shape | None = begin
    follows = True  # from what went in, and not from what a layer states behind one that does not
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
                f"make it take {n_features}, or the layer before it give {layer.n_in}",
                place,
            )
        is_open = shape is not None and ... in shape and ... in begin
        if shape and is_open and follows and i > start and stated and ... not in stated:
            between = closed(stated)[: len(stated) + 1 - len(shape)]
            if closed(shape, between) == stated:
                shape_in = None if shape_in is None else closed(shape_in, between)
                return _followed(layers, start, shape_in, closed(begin, between))
        try:
            shape = None if shape is None else layer.shape_out(shape)
        except ShapeError as misfit:
            misfit.put_within(place)
            raise
    return shape_in, shape


def _check_axes(layer: Layer, shape: Shape | None, where: str) -> None:
    """Refuse rows of fewer or more axes than those for which alone a layer holds."""
    if shape is None or ... in shape or layer.ndim in (None, len(shape) + 1):
        return
    came = ", ".join(["n", *map(str, shape)])
    raise ShapeError(
        f"{layer!r} was given an array of shape ({came})",
        f"{layer.ndim} axes",
        "a layer between that gives such rows, a Reshape; return_sequences=True for a recurrence",
        where,
    )


def masks_taken(layer: Layer, mask: Array | None) -> tuple[Array, ...]:
    """What `forward` of a layer takes beside its input: the mask, if it takes one.

    (n, t) says which places of (n, t, k) are there, (n, 1, t) which of (n, k, t). A layer that has
    its features where these are the places is refused.
    """
    if mask is None:
        return ()
    places_last, reads = mask.ndim > 2, layer.takes_mask or layer.n_in is not None
    if reads and not layer.layers and places_last != (layer.feature_axis == 1):
        came, taken = ("(n, k, t)", "(n, t, k)")[:: 1 if places_last else -1]
        raise ShapeError(
            f"a sequence with padding came in as {came}",
            f"{taken}, t being the places",
            "Transpose(2, 1) before it",
            repr(layer),
        )
    return (mask,) if layer.takes_mask else ()


def places_unknown(layer: Layer) -> ShapeError:
    """The error for a layer behind which nobody can say which places of a sequence are padding."""
    return ShapeError(
        "a sequence with padding came in",
        "rows all of whose numbers are there: what comes out has other places",
        "a pooling over time, a recurrence or Flatten() before it; or an Embedding without "
        "padding=, which reads padding as any other code",
        repr(layer),
    )


def misfit(x: Array, n_in: int, where: str) -> ShapeError:
    """The error for a batch `x` that has no `n_in` features, as what is at `where` takes."""
    came = f"{x.shape[-1]} features" if x.ndim > 1 else f"an array of shape {x.shape}"
    shape = f"(rows, {n_in})"
    if x.ndim == 1 and len(x) == n_in:
        hint = "x[None, :], for a single row"
    elif x.ndim < 2:
        hint = f"x.reshape(-1, {n_in}), if these numbers are rows of {n_in}"
    elif x.ndim > 2:
        shape = f"(rows, …, {n_in})"
        hint = f"the {n_in} features the net was made for, or a net for {x.shape[-1]}"
    else:
        hint = f"the {n_in} columns the net was made for, or a net for {x.shape[-1]}"
    return ShapeError(f"{came} came in", f"{n_in} features: an array of shape {shape}", hint, where)


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
