"""Comparison of a net that was read with the one that was saved."""

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.layers import Layer


def check_same(net: Layer, twin: Layer) -> None:
    """Refuse a twin whose layers differ in class, or in what they were made of."""
    for (path, layer), (_, other) in zip(net.walk(), twin.walk(), strict=True):
        if type(layer) is not type(other):
            raise SettingError(
                f"layers of two classes, both called {type(layer).__name__}",
                "a name of its own for each class",
                "rename one of them",
            )
        apart = ("layers", "rng", "training", *layer.param_names, *layer.state_names)
        for name in layer.__dict__["_made_of"]:
            old, new = vars(layer).get(name), vars(other).get(name)
            if name not in apart and not name.startswith("_") and not _alike(old, new):
                raise SettingError(
                    f"{layer!r}, layer {path}, has {name}={_short(old)}, "
                    f"and would come back with {_short(new)}",
                    "what the constructor makes of its arguments, kept under their names",
                    f"{name} as an argument of __init__ kept in self.{name}, "
                    "or an array in state_names",
                )


def _alike(old: object, new: object) -> bool:
    """Whether two attributes are equal, where that can be asked."""
    old, new = (value.item() if isinstance(value, np.generic) else value for value in (old, new))
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        return np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(_alike, old, new))
    plain = None | bool | int | float | str | np.ndarray
    if isinstance(old, plain) or isinstance(new, plain):
        return type(old) is type(new) and bool(old == new or old != old)
    return True


def _short(value: object) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)[:60]
