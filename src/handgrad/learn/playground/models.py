"""Models from the JSON of a page, and their WebAssembly programs."""

from __future__ import annotations

import base64
import binascii
import copy
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from handgrad.engines.portable.model import portable_model
from handgrad.engines.portable.webassembly import webassembly
from handgrad.files import shown
from handgrad.files.architecture import LAYERS, call, layer_entry, parameters_of
from handgrad.files.paths import reason
from handgrad.textbook import losses, optimizers, penalties
from handgrad.textbook.errors import (
    CannotLowerError,
    DataError,
    HandgradError,
    SettingError,
    did_you_mean,
)
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
MOST_WIDTH = 2**20  # numbers of a row
MOST_OF_A_ROW = 2**20  # numbers that a layer computes from a row

Spec = Mapping[str, Any]


def _pages(module: ModuleType, base: type[P]) -> dict[str, type[P]]:
    """Public classes of a module that derive from `base`, by name."""
    kinds = {name: kind for name, kind in vars(module).items() if isinstance(kind, type)}
    return {name: k for name, k in kinds.items() if issubclass(k, base) and k is not base}


LOSSES = _pages(losses, Loss)
OPTIMIZERS = _pages(optimizers, Optimizer)
PENALTIES = _pages(penalties, Penalty)


@dataclass(frozen=True, eq=False)
class Model:
    """A net of a page with its weights, and its training settings."""

    net: Net
    loss: Loss | None
    optimizer: Optimizer | None
    penalty: Penalty | None
    batch_size: int


def model_of(spec: Spec, own: Net | None = None) -> Model:
    """Build the model that a page describes; `own` is the net that the page was opened with.

    `spec["layers"]` are built-in layers by name and settings, as in model files; if `spec["own"]`
    is true, they are those of `own`. `spec["weights"]` are all parameters and `spec["state"]` the
    running state, as base64 of float32 in the net's order.

    Raises SettingError or DataError for other data.
    """
    if spec.get("own"):
        if own is None:
            raise refused("own", True, "layers, since this page was opened without a net")
        net = copy.deepcopy(own)
    else:
        net = _net_of(spec.get("layers"))
    for name, array in (("weights", net.parameters), ("state", net.running_state)):
        if spec.get(name):
            array[...] = numbers_in(spec[name], name, len(array))
    optimizer = spec.get("optimizer")
    if isinstance(optimizer, Mapping) and spec.get("clip") is not None:
        optimizer = {**optimizer, "clip_norm": spec["clip"]}
    return Model(
        net,
        _built(LOSSES, spec.get("loss"), "loss"),
        _built(OPTIMIZERS, optimizer, "optimizer"),
        _built(PENALTIES, spec.get("penalty"), "penalty"),
        whole_in(spec, "batch_size", 32, most=2**20),
    )


def _net_of(layers: object) -> Net:
    """A net of built-in layers within size limits, its weights zero."""
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
        spec = dict(entry) if isinstance(entry, dict) else entry
        trainable = spec.pop("trainable", True) if isinstance(spec, dict) else True
        name, own, settings = layer_entry(spec, str(i))
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
                )  # a table that is not drawn
            made.append(call(kind, plain))
        made[-1].trainable = trainable is not False
    return Net(*made)


def refuse_large_rows(net: Net, width: int) -> None:
    """Raise an error if a layer computes too many numbers from a row of `width`."""
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


def _built(known: Mapping[str, type[P]], value: object, what: str) -> P | None:
    """A loss, optimizer or penalty from its name or an object of name and settings."""
    if value is None:
        return None
    if not isinstance(value, str | dict):
        raise refused(what, value, "its name, or an object with name and settings")
    settings = {"name": value} if isinstance(value, str) else {**value}
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
    """Decode base64 to `n` numbers, or to any number of them."""
    try:
        content = base64.b64decode(str(text).replace("-", "+").replace("_", "/") + "==")
        numbers = np.frombuffer(content, f"<{kind}").astype(kind)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"{name} is not base64", "base64 of float32", "send it again") from error
    if n is not None and len(numbers) != n:
        raise DataError(f"{len(numbers)} {name}", f"{n} of them", "send those of this net")
    return numbers


def rows_in(spec: Spec, net: Net, which: str = "") -> tuple[Array, Array]:
    """Rows for the net: `x` in float32, `y` in float32 or as class indices."""
    y = _targets(spec.get(f"y{which}"), f"y{which}")
    if not (n := len(y)):
        raise DataError("no rows", "at least one", "send the rows of the page")
    x = numbers_in(spec.get(f"x{which}"), f"x{which}")
    if not len(x) or len(x) % n:
        raise DataError(f"{len(x)} numbers x for {n} rows", "as many for each", "send all of them")
    x = x.reshape(n, -1)
    if not spec.get("own"):
        refuse_large_rows(net, x.shape[1])
    return x, y


def _targets(value: object, name: str) -> Array:
    return integers_in(value, name) if isinstance(value, dict) else numbers_in(value, name)


def integers_in(value: object, name: str) -> Array:
    """Decode the integers of `{ int32 }`, base64 of their bytes."""
    text = value.get("int32") if isinstance(value, dict) else None
    return numbers_in(text, name, kind="i4").astype(np.int64)


def whole_in(spec: Spec, name: str, usual: int, *, least: int = 1, most: int) -> int:
    """A whole number from `least` to `most`."""
    value = spec.get(name, usual)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise refused(name, value, f"a whole number from {least} to {most}")
    return value


def _is_plain(value: object) -> bool:
    """True for a number or a word of bounded size, or a short list of them."""
    if isinstance(value, list):
        return len(value) <= MOST_LAYERS and all(not isinstance(v, list | dict) for v in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return abs(value) <= MOST_NUMBERS
    return value is None or isinstance(value, bool | str)


@contextmanager
def _settings_of(name: str) -> Iterator[None]:
    """Turn any error about a class's settings into a SettingError."""
    try:
        yield
    except HandgradError:
        raise
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise SettingError(
            f"{name}: {shown(reason(error))}", "settings that it takes", ""
        ) from error


def refused(name: str, value: object, expected: str) -> SettingError:
    """The error for data that a page does not send."""
    return SettingError(f"{name} = {shown(value)}", expected, "send what the page sends")


MOST_PROGRAMS = 64
# Fields that a program depends on; weights and the learning rate are its arguments.
MADE_FOR = ("layers", "loss", "optimizer", "penalty", "clip", "batch_size")


def program_of(spec: Spec, own: Net | None = None, n_in: int | None = None) -> dict[str, Any]:
    """The WebAssembly program of a model: `{"code": base64, "batch_size": 10}`.

    A page with one trains by it, bit-identical to its own engine: `engine/wasm_model.js`.
    `spec` is as in `model_of`; `n_in` is the width of a row if the layers do not define it.
    Programs of nets that a page can describe are cached. Raises SettingError for an invalid
    model and CannotLowerError for one without loops or in float64.

    >>> layers = [{"layer": "Linear", "settings": {"n_in": 2, "n_out": 1}}]
    >>> said = {"layers": layers, "loss": "MSELoss", "batch_size": 10,
    ...         "optimizer": {"name": "SGD", "learning_rate": 0.1}}
    >>> program = program_of(said)
    >>> base64.b64decode(program["code"])[:4], program["batch_size"]
    (b'\\x00asm', 10)
    """
    key = {name: spec[name] for name in MADE_FOR if spec.get(name) is not None}
    if isinstance(key.get("optimizer"), dict):
        key["optimizer"] = {**key["optimizer"], "learning_rate": 1.0}
    if spec.get("own"):
        return _program(key | {"own": True}, own, n_in)
    return _cached_program(json.dumps(key, sort_keys=True), n_in)


@lru_cache(MOST_PROGRAMS)
def _cached_program(key: str, n_in: int | None) -> dict[str, Any]:
    return _program(json.loads(key), None, n_in)


def _program(spec: Spec, own: Net | None, n_in: int | None) -> dict[str, Any]:
    model = model_of(spec, own)
    if model.loss is None or model.optimizer is None:
        raise SettingError("a model without loss or optimizer", "both", "send what the page would")
    if model.net.dtype != np.float32:
        raise CannotLowerError(f"a net in {model.net.dtype}: pages compute in float32")
    size = n_in or model.net.n_in
    if size is not None and own is None:
        refuse_large_rows(model.net, size)
    x = None if size is None else np.zeros((4, size), np.float32)
    made = portable_model(
        model.net,
        loss=model.loss,
        optimizer=model.optimizer,
        penalty=model.penalty,
        x=x,
        batch_size=model.batch_size,
    )
    code = base64.b64encode(webassembly(made)).decode()
    return {"code": code, "batch_size": model.batch_size}
