"""What a page says of its net, as JSON: the layers, loss, optimizer and numbers that it means."""

from __future__ import annotations

import base64
import binascii
import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from handgrad.files import shown
from handgrad.files.architecture import LAYERS, call, layer_entry, parameters_of
from handgrad.files.paths import reason
from handgrad.textbook import losses, optimizers, penalties
from handgrad.textbook.errors import DataError, HandgradError, SettingError, did_you_mean
from handgrad.textbook.layers import (
    Array,
    Layer,
    MultiheadAttention,
    RandomShift,
    SinusoidalEncoding,
    defaults,
)
from handgrad.textbook.layers.initializers import without_initialization
from handgrad.textbook.layers.layer import Shape, sizes_of
from handgrad.textbook.layers.windows import WindowLayer
from handgrad.textbook.losses import Loss
from handgrad.textbook.module import Module
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty

P = TypeVar("P", bound=Module)

MOST_LAYERS, MOST_NUMBERS = 100, 2**24
MOST_WIDTH = 2**20  # of a row
MOST_OF_A_ROW = 2**20  # numbers that a layer makes of it

Said = Mapping[str, Any]


def _pages(module: ModuleType, base: type[P]) -> dict[str, type[P]]:
    """The pages of a kind that a module makes public, by name."""
    kinds = {name: kind for name, kind in vars(module).items() if isinstance(kind, type)}
    return {name: k for name, k in kinds.items() if issubclass(k, base) and k is not base}


LOSSES = _pages(losses, Loss)
OPTIMIZERS = _pages(optimizers, Optimizer)
PENALTIES = _pages(penalties, Penalty)


@dataclass(frozen=True, eq=False)
class Model:
    """The net of a page, with its numbers, and how it is trained."""

    net: Net
    loss: Loss | None
    optimizer: Optimizer | None
    penalty: Penalty | None
    batch_size: int


def model_of(said: Said, own: Net | None = None) -> Model:
    """The model that a page means; `own` is the net that the page was opened with.

    `said["layers"]` are those of handgrad's, by name and settings, as model files have them; where
    `said["own"]` is true, they are those of `own`. `said["weights"]` are all parameters, and
    `said["state"]` the running state, as base64 of float32 in the net's order.

    Raises a SettingError or a DataError for what is no such model.
    """
    if said.get("own"):
        if own is None:
            raise refused("own", True, "layers, since this page was opened without a net")
        net = copy.deepcopy(own)
    else:
        net = _net_of(said.get("layers"))
    for name, array in (("weights", net.parameters), ("state", net.running_state)):
        if said.get(name):
            array[...] = numbers_in(said[name], name, len(array))
    optimizer = said.get("optimizer")
    if isinstance(optimizer, Mapping) and said.get("clip") is not None:
        optimizer = {**optimizer, "clip_norm": said["clip"]}
    return Model(
        net,
        _made(LOSSES, said.get("loss"), "loss"),
        _made(OPTIMIZERS, optimizer, "optimizer"),
        _made(PENALTIES, said.get("penalty"), "penalty"),
        whole_in(said, "batch_size", 32, most=2**20),
    )


def _net_of(layers: object) -> Net:
    """A net of built-in layers, sizes within bounds, its numbers zero."""
    if not isinstance(layers, list) or not 0 < len(layers) <= MOST_LAYERS:
        raise refused("layers", layers, f"a list of 1 to {MOST_LAYERS} layers")
    left = MOST_NUMBERS

    def allow(shape: tuple[int, ...]) -> None:
        nonlocal left
        left -= math.prod(map(int, shape))
        if left < 0:
            raise refused("layers", shape, f"{MOST_NUMBERS} weights at most")

    made: list[Layer] = []
    for i, entry in enumerate(layers):
        said = dict(entry) if isinstance(entry, dict) else entry
        trainable = said.pop("trainable", True) if isinstance(said, dict) else True
        name, own, settings = layer_entry(said, str(i))
        kind = LAYERS.get(name)
        if own or kind is None:
            hint = did_you_mean(name, LAYERS, "a newer handgrad, which may have it")
            raise SettingError(f"layer {i} is {shown(name)}", "a layer of handgrad's", hint)
        known = parameters_of(kind)
        plain = {key: value for key, value in settings.items() if _is_plain(value)}
        if plain != settings or not plain.keys() <= known.keys():
            raise refused(f"layer {i}", entry, f"plain settings: {', '.join(known)}")
        with defaults(), without_initialization(allow), _settings_of(name):
            if kind is SinusoidalEncoding:
                allow(
                    tuple(n for n in plain.values() if isinstance(n, int))
                )  # a table, which nobody draws
            made.append(call(kind, plain))
        made[-1].trainable = trainable is not False
    return Net(*made)


def refuse_large_rows(net: Net, width: int) -> None:
    """Refuse a net of which a layer makes more of a row of `width` than any page's would."""
    shape: Shape | None = (width,)
    for i, layer in enumerate(net.layers):
        if shape is None or (sizes := sizes_of(shape)) is None:
            return
        made = sizes
        if isinstance(layer, WindowLayer | RandomShift) and len(sizes) > 1:
            around = layer.padding if isinstance(layer, WindowLayer) else (layer.pixels,)
            made = (sizes[0], *(size + 2 * max(around) for size in sizes[1:]))
        elif isinstance(layer, MultiheadAttention):
            made = (sizes[0], sizes[0], layer.n_heads)
        shape = layer.shape_out(shape)
        for numbers in (made, shape or ()):
            if math.prod(n for n in numbers if isinstance(n, int)) > MOST_OF_A_ROW:
                expected = f"{MOST_OF_A_ROW} numbers at most"
                raise refused(f"layer {i} makes of a row", numbers, expected)


def _made(known: Mapping[str, type[P]], said: object, what: str) -> P | None:
    """A loss, optimizer or penalty, by its name or as an object of name and settings."""
    if said is None:
        return None
    if not isinstance(said, str | dict):
        raise refused(what, said, "its name, or an object with name and settings")
    settings = {"name": said} if isinstance(said, str) else {**said}
    kind = known.get(name := str(settings.pop("name", None)))
    if kind is None:
        raise SettingError(
            f"the {what} {name!r}"[:200],
            f"one of {', '.join(known)}",
            did_you_mean(name, known, ""),
        )
    with _settings_of(name):
        return kind(**settings)


def numbers_in(text: object, name: str, n: int | None = None, kind: str = "f4") -> Array:
    """The numbers of a text, base64 of their bytes; `n` of them, where that is known."""
    try:
        found = base64.b64decode(str(text).replace("-", "+").replace("_", "/") + "==")
        numbers = np.frombuffer(found, f"<{kind}").astype(kind)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"{name} is no base64", "that of float32", "send it anew") from error
    if n is not None and len(numbers) != n:
        raise DataError(f"{len(numbers)} {name}", f"{n} of them", "send those of this net")
    return numbers


def rows_in(said: Said, net: Net, which: str = "") -> tuple[Array, Array]:
    """The rows for the net: `x` as float32, `y` so too, or as whole numbers of classes."""
    y = _targets(said.get(f"y{which}"), f"y{which}")
    if not (n := len(y)):
        raise DataError("no rows", "one at least", "send the rows of the page")
    x = numbers_in(said.get(f"x{which}"), f"x{which}")
    if not len(x) or len(x) % n:
        raise DataError(f"{len(x)} numbers x for {n} rows", "as many for each", "send all of them")
    x = x.reshape(n, -1)
    if not said.get("own"):
        refuse_large_rows(net, x.shape[1])
    return x, y


def _targets(said: object, name: str) -> Array:
    return integers_in(said, name) if isinstance(said, dict) else numbers_in(said, name)


def integers_in(said: object, name: str) -> Array:
    """The whole numbers of `{ int32 }`, base64 of their bytes."""
    text = said.get("int32") if isinstance(said, dict) else None
    return numbers_in(text, name, kind="i4").astype(np.int64)


def whole_in(said: Said, name: str, usual: int, *, least: int = 1, most: int) -> int:
    """A whole number from `least` to `most`."""
    value = said.get(name, usual)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise refused(name, value, f"a whole number from {least} to {most}")
    return value


def _is_plain(value: object) -> bool:
    """Whether a setting is a number or a word of bounded size, or a few of them."""
    if isinstance(value, list):
        return len(value) <= MOST_LAYERS and all(not isinstance(v, list | dict) for v in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return abs(value) <= MOST_NUMBERS
    return value is None or isinstance(value, bool | str)


@contextmanager
def _settings_of(name: str) -> Iterator[None]:
    """Settings that a page's class refuses, in whatever way, are the client's mistake."""
    try:
        yield
    except HandgradError:
        raise
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise SettingError(
            f"{name}: {shown(reason(error))}", "settings that it takes", ""
        ) from error


def refused(name: str, value: object, expected: str) -> SettingError:
    """The error for what a page would not have sent."""
    return SettingError(f"{name} = {shown(value)}", expected, "send what the page would")
