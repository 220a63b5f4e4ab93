"""What authors of layers forget: to return what was computed, and to declare what is trained."""

from typing import Any

import numpy as np

from handgrad.errors import SettingError, ShapeError
from handgrad.layers.layer import Layer


def returned(layer: Layer, method: str, value: Any, where: str = "") -> Any:
    """What `forward` or `backward` of `layer` gave; refused where it gave no array.

    Of whole numbers there is no gradient: a layer that takes them may leave it out.
    """
    if hasattr(value, "shape") or isinstance(value, tuple):
        return value
    if value is None and method == "backward" and layer.integer_input:
        return value
    came = "None" if value is None else f"a {type(value).__name__}"
    what, name = ("output", "y") if method == "forward" else ("gradient of the input", "dx")
    raise ShapeError(
        f"{method} returned {came}",
        f"the {what}, as an array",
        f"end {type(layer).__name__}.{method} with `return {name}`",
        where or repr(layer),
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
