"""Types of a state's fields: validation and their form in a link, as in the page."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from handgrad.textbook.layers import Array

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
Object = Mapping[str, object]


@dataclass(frozen=True)
class Kind:
    """Type of a field: a description, a test, and how it is read from a link and written."""

    expected: str
    holds: Callable[[object], bool]
    read: Callable[[str], object]
    write: Callable[[object], str]


def _number_in(text: str) -> object:
    if not NUMBER.fullmatch(text):
        return math.nan
    return plain(float(text))


def _number_text(value: object) -> str:
    return repr(value)


def plain(value: object) -> object:
    """JSON with integers for floats that are integers, as in JavaScript."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def is_number(value: object) -> bool:
    """True for a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(least: float, most: float, *, open: bool = False) -> Kind:
    """A number from `least` to `most`; if `open`, larger than `least`."""

    def holds(value: object) -> bool:
        if not isinstance(value, int | float) or not is_number(value) or value > most:
            return False
        return value > least if open else value >= least

    span = f"a number above {least:g}, up to {most:g}" if open else f"{least:g} to {most:g}"
    return Kind(span, holds, _number_in, _number_text)


def whole(least: int, most: int) -> Kind:
    """A whole number from `least` to `most`."""

    def holds(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return Kind(f"a whole number from {least} to {most}", holds, _number_in, _number_text)


FLAG = Kind(
    "true or false",
    lambda value: isinstance(value, bool),
    lambda text: {"1": True, "0": False}.get(text),
    lambda value: "1" if value else "0",
)


def choice(names: Sequence[str], *, missing: bool = False) -> Kind:
    """One of these names; None, written `none`, if `missing`."""
    return Kind(
        f"one of {', '.join([*names, *['none'] * missing])}",
        lambda value: (isinstance(value, str) and value in names) or (missing and value is None),
        lambda text: None if text == "none" else text,
        lambda value: "none" if value is None else str(value),
    )


def text(most: int) -> Kind:
    """A text of at most `most` characters."""

    def holds(value: object) -> bool:
        return isinstance(value, str) and len(value) <= most

    return Kind(f"a text of at most {most} characters", holds, lambda given: given, str)


def texts(least: int, most: int, letters: int, *, signs: str = ";") -> Kind:
    """`least` to `most` different texts of at most `letters` characters each.

    In a link any of `signs` separates them; the first is written.
    """
    codes = {sign: f"%{ord(sign):X}" for sign in f"%{signs}"}

    def holds(value: object) -> bool:
        return (
            are_texts(value)
            and least <= len(value) <= most
            and len({*value}) == len(value)
            and all(0 < len(part) <= letters for part in value)
        )

    def write(value: object) -> str:
        parts = value if are_texts(value) else []
        return signs[0].join(_replaced(part, codes) for part in parts)

    def read(given: str) -> object:
        parts = re.split(f"[{signs}]", given) if given else []
        plain_again = {code: sign for sign, code in reversed(codes.items())}
        return [_replaced(part, plain_again) for part in parts]

    expected = f"{least} to {most} different texts, separated by {' or '.join(signs)}"
    return Kind(expected, holds, read, write)


def _replaced(text: str, others: Mapping[str, str]) -> str:
    for old, new in others.items():
        text = text.replace(old, new)
    return text


def are_texts(value: object) -> TypeGuard[list[str]]:
    """True for a list of texts."""
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def in_json(expected: str, holds: Callable[[object], bool]) -> Kind:
    """A JSON value that passes the test `holds`."""
    return Kind(expected, holds, _json_in, lambda value: json.dumps(value, separators=(",", ":")))


def _json_in(text: str) -> object:
    try:
        return plain(json.loads(text, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return math.nan


def _refuse(constant: str) -> object:
    raise ValueError(constant)


PAIR = Kind(
    "two numbers from 0 to below 1",
    lambda value: (
        isinstance(value, list)
        and len(value) == 2
        and all(is_number(p) and 0 <= p < 1 for p in value)
    ),
    lambda given: [_number_in(part) for part in given.split(",")],
    lambda value: ",".join(map(str, value)) if isinstance(value, list) else "",
)
Kinds = Mapping[str, Kind]


def named(kinds: Mapping[str, Kinds], needed: Object, *, missing: bool = False) -> Kind:
    """A name with settings, `{name, …}`, written `name:setting=value:…`, as in the page."""

    def holds(value: object) -> bool:
        if value is None:
            return missing
        if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
            return False
        own = kinds.get(value["name"])
        return own is not None and settings_hold(own, needed, value)

    def read(given: str) -> object:
        if given == "none":
            return None
        name, *settings = given.split(":")
        return {"name": name, **needed, **settings_in(kinds.get(name, {}), settings)}

    def write(value: object) -> str:
        if not isinstance(value, Mapping):
            return "none"
        own = kinds[value["name"]]
        settings = (f"{k}={own[k].write(v)}" for k, v in value.items() if k != "name")
        return ":".join([value["name"], *settings])

    expected = choice([*kinds], missing=missing).expected + ", with its settings"
    return Kind(expected, holds, read, write)


def settings_hold(kinds: Kinds, needed: Object, settings: Object) -> bool:
    """True if all needed settings are present and every setting is known and valid."""
    return needed.keys() <= settings.keys() and all(
        name == "name" or (name in kinds and kinds[name].holds(value))
        for name, value in settings.items()
    )


def settings_in(kinds: Kinds, settings: Sequence[str]) -> dict[str, object]:
    """Settings written `name=value`; NaN, which no type accepts, for an unknown one."""
    values = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        values[key] = kinds[key].read(value) if key in kinds else math.nan
    return values


def layers(most: int, kinds: Kinds, usual: Object) -> Kind:
    """At most `most` hidden layers, each written `units:activation:setting=value:…`."""

    def holds(value: object) -> bool:
        return (
            isinstance(value, list)
            and len(value) <= most
            and all(isinstance(layer, Mapping) and "name" not in layer for layer in value)
            and all(settings_hold(kinds, usual, layer) for layer in value)
        )

    def read(given: str) -> object:
        values = []
        for layer in [] if given in ("none", "") else given.split(","):
            units, *rest = layer.split(":")
            activation, *settings = rest or ["Tanh"]
            first = {"units": _number_in(units), "activation": kinds["activation"].read(activation)}
            values.append({**usual, **first, **settings_in(kinds, settings)})
        return values

    def write(value: object) -> str:
        texts = []
        for layer in value if isinstance(value, list) else []:
            first = [str(layer["units"]), kinds["activation"].write(layer["activation"])]
            rest = (k for k in layer if k not in ("units", "activation") and layer[k] != usual[k])
            texts.append(":".join([*first, *(f"{k}={kinds[k].write(layer[k])}" for k in rest)]))
        return ",".join(texts) or "none"

    return Kind(f"at most {most} layers, as 8:Tanh,4:ReLU:dropout=0.2", holds, read, write)


def unpacked(given: object) -> Array | None:
    """Decode base64url to float32; None if it is invalid."""
    if not isinstance(given, str) or not BASE64URL.fullmatch(given):
        return None
    try:
        data = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
    except binascii.Error:
        return None
    return None if len(data) % 4 else np.frombuffer(data, "<f4").astype(np.float32)


def numbers_in(given: str) -> Array:
    """Decode base64url to float32 that has been checked."""
    numbers = unpacked(given)
    return np.empty(0, np.float32) if numbers is None else numbers


def packed(numbers: Array) -> str:
    """Encode numbers as base64url of float32."""
    return base64.urlsafe_b64encode(numbers.astype("<f4").tobytes()).decode().rstrip("=")


def _are_rows(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, Mapping) or not are_texts(value.get("names")) or not value["names"]:
        return False
    x, y, classes = unpacked(value.get("x")), unpacked(value.get("y")), value.get("classes", 0)
    if x is None or y is None or not len(y) or len(x) != len(value["names"]) * len(y):
        return False
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        return False
    if classes is None:
        return True
    return are_texts(classes) and bool(((y == np.floor(y)) & (y >= 0) & (y < len(classes))).all())


def _are_events(value: object) -> bool:
    before = 0
    for event in value if isinstance(value, list) else [None]:
        if not isinstance(event, Mapping) or not whole(before, 2**53 - 1).holds(event.get("step")):
            return False
        set_, weights = event.get("set"), unpacked(event.get("weights"))
        rate = set_.get("learning_rate") if isinstance(set_, Mapping) else None
        if not number(0, 100, open=True).holds(rate) and (
            weights is None or not np.isfinite(weights).all()
        ):
            return False
        before = event["step"]
    return True


ROWS = in_json("rows with names, classes or null, x and y as base64url of float32", _are_rows)
EVENTS = in_json("a list of {step, set} and {step, weights}, in their order", _are_events)
