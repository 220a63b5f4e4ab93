"""What authors of layers and losses forget: to return results, and to declare what is trained."""

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


def returned(page: Module, method: str, value: object, where: str = "") -> Any:
    """What `forward` or `backward` of a layer or a loss gave; refused where it gave nothing usable.

    Of whole numbers there is no gradient: a layer that takes them may leave it out.
    """
    is_layer = isinstance(page, Layer)
    if hasattr(value, "shape") or isinstance(value, tuple if is_layer else int | float):
        return value
    if value is None and method == "backward" and isinstance(page, Layer) and page.integer_input:
        return value
    expected, name = GIVES[is_layer, method]
    raise ShapeError(
        f"{method} returned {'None' if value is None else f'a {type(value).__name__}'}",
        expected,
        f"end {type(page).__name__}.{method} with `return {name}`",
        where or repr(page),
    )


def refuse_undeclared(layer: Layer) -> None:
    """Refuse a layer whose `backward` left a gradient for an array that is not declared."""
    there = vars(layer)
    made, declared = there.get("_made_of", ()), (*layer.param_names, *layer.state_names)
    for name in made:
        array, gradient = there.get(name), f"d{name}"
        if name in declared or not isinstance(array, np.ndarray) or gradient in made:
            continue
        if array.dtype.kind == "f" and hasattr(there.get(gradient), "shape"):
            names = (*layer.param_names, name)
            raise SettingError(
                f"has an array `{name}` and leaves `{gradient}`, but does not declare it",
                "the names of all arrays that are trained",
                f"param_names = {names!r}, in the class {type(layer).__name__}",
                repr(layer),
            )
