"""State of the playground: one JSON object, completed, validated, and read from links."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Literal, TypedDict, cast
from urllib.parse import unquote_to_bytes

from handgrad.learn.playground.schema import (
    Schema,
    defaults_of,
    fault_of,
    fields_of,
    plain,
    schema_at,
    value_in,
)
from handgrad.textbook.errors import SettingError, described, did_you_mean

VERSION = 1  # of schema and arithmetic: another version may give other numbers
Problem = Literal["classification", "regression"]


class RowsState(TypedDict):
    """Rows of drawn points or a table: `x` and `y` as base64url of float32."""

    names: list[str]
    classes: list[str] | None
    x: str
    y: str


class DataState(TypedDict):
    """A toy set, or rows."""

    kind: str
    problem: Problem
    n: int
    classes: int
    noise: float
    seed: int
    formula: str
    rows: RowsState | None


class LayerState(TypedDict):
    """A hidden layer; the output layer follows from the loss."""

    units: int
    activation: str | None
    normalization: str | None
    dropout: float
    frozen: bool


class Event(TypedDict, total=False):
    """An edit during training after `step` steps: another learning rate or other weights."""

    step: int
    set: dict[str, float]
    weights: str


class At(TypedDict):
    """Position of a training."""

    step: int


Settings = dict[str, object]


class State(TypedDict):
    """State of a playground; web/playground/state.schema.json describes the fields."""

    version: int
    data: DataState
    inputs: list[str]
    share: float
    batch_size: int
    shuffle: bool
    seed: int
    layers: list[LayerState]
    initializer: str
    loss: str
    optimizer: Settings
    schedule: Settings | None
    penalty: Settings | None
    clip: float | None
    stop: dict[str, float] | None
    events: list[Event]
    at: At
    exact: bool
    view: Settings
    hide: list[str]
    language: str | None
    tutorial: str


FIELDS = fields_of()
HINT = "copy the link again in the playground"
SETS = {one["const"]: one for one in schema_at("data", "kind")["oneOf"] if "rows" in one}
LOSSES = {one["const"]: one for one in schema_at("loss")["oneOf"]}
LAYER = cast("LayerState", defaults_of(schema_at("layers")["items"]))


def fitting(choices: Mapping[str, Schema], problem: str) -> list[str]:
    """Names of the choices for a problem."""
    return [name for name, one in choices.items() if one["problem"] == problem]


def state_of(given: Mapping[str, object]) -> State:
    """Complete and validate a state; missing fields have their defaults.

    >>> state_of({"data": {"kind": "plane"}})["loss"]
    'MSELoss'
    """
    version = given.get("version", VERSION)
    if version != VERSION:
        raise SettingError(
            f"a state of version {version}",
            f"version {VERSION}",
            f"{HINT}, or use the handgrad version of that link",
        )
    state: dict[str, object] = {"version": VERSION}
    present = set()
    for path, schema in FIELDS.items():
        value = plain(value_at(given, path))
        if value is not _MISSING:
            if fault := fault_of(schema, value):
                raise SettingError(f"{path} = {value!r}"[:200], fault.expected, HINT)
            present.add(path)
        if path == "view" and isinstance(value, dict):
            value = schema["default"] | value
        put(state, path, deepcopy(schema["default"] if value is _MISSING else value))
    for path in _unknown(given):
        raise SettingError(
            f"{path} in a state", "fields of the playground", did_you_mean(path, FIELDS, HINT)
        )
    complete = cast("State", state)
    _make_fit(complete, present)
    return complete


class _Missing:
    pass


_MISSING = _Missing()


def value_at(given: object, path: str) -> object:
    """Value at a path of an object, `data.kind`."""
    for name in path.split("."):
        given = given.get(name, _MISSING) if isinstance(given, Mapping) else _MISSING
    return given


def put(state: dict[str, object], path: str, value: object) -> None:
    """Set the value at a path of at most two names."""
    first, _, second = path.partition(".")
    if second:
        cast("dict[str, object]", state.setdefault(first, {}))[second] = value
    else:
        state[first] = value


def _unknown(given: Mapping[str, object], before: str = "") -> list[str]:
    paths = []
    for name, value in given.items():
        path = before + name
        if path in FIELDS or path == "version":
            continue
        part = any(known.startswith(f"{path}.") for known in FIELDS) and isinstance(value, Mapping)
        paths += _unknown(cast("Settings", value), f"{path}.") if part else [path]
    return paths


def _make_fit(state: State, present: set[str]) -> None:
    """Choose defaults that fit the other fields, and refuse combinations that do not."""
    data = state["data"]
    if data["rows"] and "data.kind" not in present:
        data["kind"] = "rows"
    if data["kind"] == "rows" and not data["rows"]:
        raise SettingError("data of kind rows without rows", "rows", HINT)
    if data["kind"] != "rows":
        data["rows"] = None
    rows = data["rows"]

    def fits(problem: str) -> bool:
        if rows:
            return problem == "regression" or rows["classes"] is not None
        return data["kind"] in fitting(SETS, problem)

    problems: Sequence[Problem] = ("classification", "regression")
    if "data.problem" not in present:
        data["problem"] = next(filter(fits, problems))
    elif not fits(data["problem"]):
        if "data.kind" in present or rows:
            raise SettingError(f"a {data['problem']} of {data['kind']}", "another problem", HINT)
        data["kind"] = fitting(SETS, data["problem"])[0]
    losses = fitting(LOSSES, data["problem"])
    if "loss" not in present and state["loss"] not in losses:
        state["loss"] = losses[0]
    binary = is_binary(state["loss"]) and classes_of(state) > 2
    if state["loss"] not in losses or binary:
        many = f" of {classes_of(state)} classes" if binary else ""
        raise SettingError(
            f"{state['loss']} in a {data['problem']}{many}", f"one of {', '.join(losses)}", HINT
        )
    if state["optimizer"].get("nesterov") and not state["optimizer"].get("momentum"):
        state["optimizer"] = {**state["optimizer"], "nesterov": False}


def classes_of(state: State) -> int:
    """Number of classes; 0 for regression."""
    data = state["data"]
    if data["problem"] == "regression":
        return 0
    if data["rows"]:
        return max(2, len(data["rows"]["classes"] or ()))
    return data["classes"] if SETS[data["kind"]].get("takes_classes") else 2


def is_binary(loss: str) -> bool:
    """True for a loss that takes two classes only."""
    return LOSSES[loss].get("binary", False) is True


# A link without a version is a link of this playground if it has one of these keys.
OWN = {"data", "inputs", "layers", "optimizer", "batch", "data_seed", "loss"}
BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
EXPECTED = "a link of handgrad's playground, …#v=1&data=…"


def state_in(link: str) -> State:
    """Decode the state of a link or of its fragment; raises SettingError for other texts.

    >>> state_in("play.html#v=1&data=xor&layers=8:ReLU,2:Tanh")["layers"][0]["units"]
    8
    """
    values = _values(link)
    if "v" not in values and not OWN & values.keys():
        raise SettingError(
            f"a link without its version, {link[:60]!r}",
            EXPECTED,
            "open it in the playground and copy the link there",
        )
    fields: dict[str, object] = {"version": _version(values.pop("v", str(VERSION)))}
    for path, schema in FIELDS.items():
        if (key := schema["key"]) not in values:
            continue
        text = values.pop(key)
        value = value_in(schema, text)
        if fault := fault_of(schema, value):
            raise SettingError(f"{key}={text[:80]} in the link", fault.expected, HINT)
        put(fields, path, value)
    for key in values:
        known = [schema["key"] for schema in FIELDS.values()]
        raise SettingError(f"{key!r} in the link", EXPECTED, did_you_mean(key, known, HINT))
    return state_of(fields)


def _version(text: str) -> object:
    return int(text) if text.isdecimal() and len(text) < 9 else text


def _values(link: str) -> dict[str, str]:
    """Decoded values of a fragment by key; the last of a repeated key counts."""
    if not isinstance(link, str):
        raise SettingError(described(link), EXPECTED, "the link as text")
    _, separator, fragment = link.partition("#")
    values = {}
    for part in filter(None, (fragment if separator else link).split("&")):
        key, _, written = part.partition("=")
        try:
            if BROKEN.search(written):
                raise ValueError(written)
            values[key] = unquote_to_bytes(written).decode("utf-8")
        except ValueError as error:
            raise SettingError(f"{part[:80]!r} in the link", EXPECTED, HINT) from error
    return values
