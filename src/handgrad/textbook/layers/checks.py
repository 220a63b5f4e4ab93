"""Checks of new layers and losses: results are returned, trained arrays declared."""

from typing import Any

import numpy as np

from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers.layer import Layer
from handgrad.textbook.module import Module

GIVES = {
    (True, "forward"): ("the output, as an array", "y"),
    (True, "backward"): ("the gradient of the input, as an array", "dx"),
    (False, "forward"): ("the mean over the rows, a number", "l"),
    (False, "backward"): ("the gradient of the predictions, as an array", "dp"),
}


def checked_result(module: Module, method: str, value: object, where: str = "") -> Any:
    """Return the result of a layer's or loss's method; raise ShapeError if it is no array.

    A layer with `integer_input` may return None from `backward`: whole numbers have no gradient.

    Parameters
    ----------
    module : Layer or Loss
        The object whose method was called.
    method : {"forward", "backward"}
        The method.
    value : object
        Its result.
    where : str, optional
        Name of the layer in the message.
    """
    is_layer = isinstance(module, Layer)
    if hasattr(value, "shape") or isinstance(value, tuple if is_layer else int | float):
        return value
    if (
        value is None
        and method == "backward"
        and isinstance(module, Layer)
        and module.integer_input
    ):
        return value
    expected, name = GIVES[is_layer, method]
    raise ShapeError(
        f"{method} returned {'None' if value is None else f'a {type(value).__name__}'}",
        expected,
        f"end {type(module).__name__}.{method} with `return {name}`",
        where or repr(module),
    )


def refuse_undeclared(layer: Layer) -> None:
    """Raise SettingError if `backward` left a gradient of an array that is not declared."""
    attributes = vars(layer)
    initial, declared = layer._made_of, (*layer.param_names, *layer.state_names)
    for name in initial:
        array, gradient = attributes.get(name), f"d{name}"
        if name in declared or not isinstance(array, np.ndarray) or gradient in initial:
            continue
        if array.dtype.kind == "f" and hasattr(attributes.get(gradient), "shape"):
            names = (*layer.param_names, name)
            raise SettingError(
                f"has an array `{name}` and a gradient `{gradient}`, but does not declare it",
                "the names of all trained arrays in param_names",
                f"param_names = {names!r}, in the class {type(layer).__name__}",
                repr(layer),
            )
