"""Comparison of a model that was read with the one that was saved."""

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.layers import Layer
from handgrad.net import Net
from handgrad.saving.estimators import ModelWriter, is_pipeline


def check_same(model: object, twin: object, writer: ModelWriter, said: object) -> None:
    """Refuse a twin that is made of other layers, or lacks something that was fitted.

    `said` is what the `writer` says of the model.
    """
    if isinstance(model, Net) and isinstance(twin, Net):
        _check_layers(model, twin)
        return
    again = ModelWriter()
    same = again.document(twin) == said and all(
        np.array_equal(array, again.arrays[name]) for name, array in writer.arrays.items()
    )
    if not same:
        raise SettingError(
            "parameters or fitted attributes that differ",
            "those that a fit leaves",
            "what was set by hand as the fit left it",
        )
    if writer.net is not None and again.net is not None:
        _check_layers(writer.net, again.net)
    _check_attributes(model, twin)


def _check_layers(net: Layer, twin: Layer) -> None:
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


def _check_attributes(model: object, twin: object) -> None:
    """Refuse a twin that lacks one of the attributes that scikit-learn calls fitted."""
    if is_pipeline(model) and is_pipeline(twin):
        for (_, step), (_, other) in zip(model.steps, twin.steps, strict=True):
            _check_attributes(step, other)
        return
    fitted = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    if lost := sorted(fitted - vars(twin).keys()):
        raise SettingError(
            f"{type(model).__name__} has {', '.join(lost)}, which the file does not keep",
            "the attributes of its fit",
            f"del model.{lost[0]}, if it was set by hand",
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
