"""Settings of a layer: the arguments of its constructor, as they are now."""

import inspect
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.layers import Layer

# They say how weights begin; a file has the weights.
HOW_WEIGHTS_BEGIN = ("rng", "initializer")

VARIADIC = inspect.Parameter.VAR_POSITIONAL
Parameters = Mapping[str, inspect.Parameter]


def parameters_of(kind: type[Layer]) -> Parameters:
    """The constructor's parameters by name, but for those of how weights begin."""
    if kind.__init__ is object.__init__:
        return {}
    _, *parameters = inspect.signature(kind.__init__).parameters.values()
    return {
        parameter.name: parameter
        for parameter in parameters
        if parameter.name not in HOW_WEIGHTS_BEGIN and parameter.kind != parameter.VAR_KEYWORD
    }


def settings_of(layer: Layer) -> dict[str, Any]:
    """The value of each argument: the attribute of that name, else what the layer was made with."""
    kind = type(layer)
    args, kwargs = layer.__dict__["_made_with"]
    signature = inspect.signature(kind.__init__)
    made = signature.bind_partial(layer, *args, **kwargs).arguments
    for name, parameter in signature.parameters.items():
        if parameter.kind == parameter.VAR_KEYWORD and made.get(name):
            raise SettingError(
                f"{layer!r} was given {', '.join(made[name])} by **{name}",
                "arguments that the constructor names",
                f"them instead of **{name}, in {kind.__name__}.__init__",
            )
    found = {}
    for name, parameter in parameters_of(kind).items():
        if name in vars(layer) or isinstance(getattr(kind, name, None), property):
            found[name] = getattr(layer, name)
        elif parameter.kind == VARIADIC:
            values = made.get(name, ())
            layers = all(isinstance(value, Layer) for value in values)
            found[name] = layer.layers if layers else values  # others may have been added
        else:
            found[name] = made.get(name, parameter.default)
    return found


def call(kind: type[Layer], given: Mapping[str, Any]) -> Layer:
    """Make the layer again, with what differs from the defaults, in the order it is written in."""
    parameters = parameters_of(kind)
    kinds = {parameter.kind for parameter in parameters.values()}
    said = OrderedDict(
        (name, given[name])
        for name, parameter in parameters.items()
        if name in given
        and (
            (VARIADIC in kinds and parameter.kind != parameter.KEYWORD_ONLY)  # each in its place
            or not is_default(given[name], parameter)
        )
    )
    bound = inspect.BoundArguments(inspect.Signature([*parameters.values()]), said)
    return kind(*bound.args, **bound.kwargs)


def is_default(value: object, parameter: inspect.Parameter) -> bool:
    """Whether a setting, as it is written, is the one that need not be said."""
    try:
        default = plain(parameter.default)
    except TypeError:
        return False
    return type(value) is type(default) and bool(value == default)


def plain(value: object) -> Any:
    """A setting without arrays and layers as JSON has it; `TypeError` if JSON has no such thing."""
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    raise TypeError
