"""Schema of a playground's state, which the page reads too: validation, and values in a link."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from handgrad.files.web import WEB
from handgrad.learn.playground.base64url import unpacked

Schema: TypeAlias = Mapping[str, Any]  # as JSON has it
WORDS = WEB / "playground/shell/words.json"
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
INVALID = math.nan  # no schema accepts it


def _expanded(part: object, definitions: Schema) -> Any:
    """A part of the schema with its references replaced by their definitions."""
    if isinstance(part, list):
        return [_expanded(inner, definitions) for inner in part]
    if not isinstance(part, Mapping):
        return part
    own = {name: _expanded(inner, definitions) for name, inner in part.items() if name != "$ref"}
    return {**definitions.get(part.get("$ref", "").rpartition("/")[2], {}), **own}


_READ = json.loads((WEB / "playground/state.schema.json").read_text("utf-8"))
SCHEMA: Schema = _expanded(_READ, _READ["$defs"])


def schema_at(*names: str) -> Schema:
    """Schema of the field at a path, such as `data`, `kind`."""
    schema = SCHEMA
    for name in names:
        schema = schema["properties"][name]
    return schema


def fields_of(schema: Schema = SCHEMA, before: str = "") -> dict[str, Schema]:
    """Schemas of the fields by path, such as `data.kind`."""
    fields = {}
    for name, inner in schema["properties"].items():
        if "key" in inner:
            fields[before + name] = inner
        elif "properties" in inner:
            fields |= fields_of(inner, f"{before}{name}.")
    return fields


def choices(schema: Schema) -> list[Any]:
    """Values of a choice."""
    if "enum" in schema:
        return [*schema["enum"]]
    return [one["const"] for one in schema.get("oneOf", [schema])]


def alternatives(schema: Schema) -> dict[str, Schema]:
    """Schemas of the settings of each name, for a name with settings."""
    return {
        one["properties"]["name"]["const"]: one for one in schema["oneOf"] if "properties" in one
    }


def defaults_of(schema: Schema) -> dict[str, Any]:
    """Defaults of an object's fields."""
    return {name: one["default"] for name, one in schema["properties"].items() if "default" in one}


def form_of(schema: Schema) -> str:
    """Form of a value in a link."""
    if "oneOf" in schema:
        return "choice" if any("const" in one for one in schema["oneOf"]) else "named"
    is_choice = "enum" in schema or "const" in schema
    return str(schema.get("form") or ("choice" if is_choice else schema["type"]))


class Fault(NamedTuple):
    """Reason why a value is invalid: the key of a message, without its fault_, and its values."""

    key: str
    values: Mapping[str, object] = {}

    @property
    def expected(self) -> str:
        """Description of valid values."""
        text = _messages()[f"fault_{self.key}"].format_map(
            {"text": "", "setting": "", **self.values}
        )
        return text.rpartition("xpected: ")[2].rstrip(".")


@cache
def _messages() -> dict[str, str]:
    texts: dict[str, str] = json.loads(WORDS.read_text("utf-8"))["en"]
    return texts


def fault_of(schema: Schema, value: object) -> Fault | None:
    """Reason why a value is invalid; None if it is valid.

    >>> fault_of({"type": "number", "minimum": 1, "maximum": 99}, 0).expected
    'a number from 1 to 99'
    """
    fault = _fault(schema, value)
    return fault and fault._replace(key=schema.get("fault", fault.key))


def _fault(schema: Schema, value: object) -> Fault | None:
    form, kinds = form_of(schema), schema.get("type", [])
    if form == "choice":
        return None if _is_choice(value, choices(schema)) else _no_choice(choices(schema))
    if form == "named":
        return _named_fault(schema, value)
    if value is None and "null" in kinds:
        return None
    kind = kinds if isinstance(kinds, str) else kinds[0]
    fault = FAULTS[kind](schema, value)
    if fault is None and "format" in schema and not FORMATS[schema["format"]](value):
        return Fault(schema["format"])
    return fault


def _is_choice(value: object, names: Sequence[str | None]) -> bool:
    return (value is None or isinstance(value, str)) and value in names


def _no_choice(names: Sequence[str | None]) -> Fault:
    return Fault("choice", {"names": ", ".join(name or "none" for name in names)})


def _named_fault(schema: Schema, value: object) -> Fault | None:
    missing, known = {"type": "null"} in schema["oneOf"], alternatives(schema)
    if value is None and missing:
        return None
    name = value.get("name") if isinstance(value, Mapping) else None
    if not isinstance(name, str) or name not in known:
        return _no_choice([*known, *[None] * missing])
    own = {**known[name], "required": schema["required"], "additionalProperties": False}
    return _object_fault(own, value)


def is_number(value: object) -> bool:
    """True for a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number_fault(schema: Schema, value: object) -> Fault | None:
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    least, most = schema.get("minimum", above), schema.get("maximum", below)
    is_whole = schema["type"] == "integer"
    fits = isinstance(value, int if is_whole else int | float) and is_number(value)
    if fits and least <= value <= most and value not in (above, below):
        return None
    key = "whole" if is_whole else "between" if above is None else "above"
    return Fault(key, {"least": least, "most": most})


def _boolean_fault(schema: Schema, value: object) -> Fault | None:
    return None if isinstance(value, bool) else Fault("flag")


def _string_fault(schema: Schema, value: object) -> Fault | None:
    most = schema.get("maxLength", math.inf)
    fits = isinstance(value, str) and schema.get("minLength", 0) <= len(value) <= most
    return None if fits else Fault("text", {"most": most})


def _array_fault(schema: Schema, value: object) -> Fault | None:
    least, most, items = (
        schema.get("minItems", 0),
        schema.get("maxItems", math.inf),
        schema["items"],
    )
    fault = Fault("layers", {"least": least, "most": most, "letters": items.get("maxLength")})
    if not isinstance(value, list) or not least <= len(value) <= most:
        return fault
    inner = next(filter(None, (fault_of(items, one) for one in value)), None)
    if inner is not None:
        return inner if items["type"] == "object" else fault
    return fault if schema.get("uniqueItems") and len({*value}) < len(value) else None


def _object_fault(schema: Schema, value: object) -> Fault | None:
    if not isinstance(value, Mapping):
        return Fault("object")
    known = schema.get("properties", {})
    closed = schema.get("additionalProperties") is False
    for name in (*schema.get("required", ()), *value):
        if name not in value or (closed and name not in known):
            return Fault("setting", {"setting": name})
        if name in known and (fault := fault_of(known[name], value[name])):
            return fault._replace(values={**fault.values, "setting": name})
    return None


FAULTS: Mapping[str, Callable[[Schema, object], Fault | None]] = {
    "number": _number_fault,
    "integer": _number_fault,
    "boolean": _boolean_fault,
    "string": _string_fault,
    "array": _array_fault,
    "object": _object_fault,
}


def _are_rows(rows: Any) -> bool:
    x, y, classes = unpacked(rows["x"]), unpacked(rows["y"]), rows["classes"]
    if x is None or y is None or not len(y) or len(x) != len(rows["names"]) * len(y):
        return False
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        return False
    return classes is None or bool(np.isin(y, np.arange(len(classes))).all())


def _are_events(events: Any) -> bool:
    steps = [event["step"] for event in events]
    weights = [unpacked(event.get("weights")) for event in events if "set" not in event]
    return sorted(steps) == steps and all(w is not None and np.isfinite(w).all() for w in weights)


FORMATS: Mapping[str, Callable[[Any], bool]] = {"rows": _are_rows, "events": _are_events}


def value_in(schema: Schema, text: str) -> object:
    """The value that a text of a link stands for; `INVALID` if it stands for none."""
    return READERS[form_of(schema)](schema, text)


def _number_in(schema: Schema, text: str) -> object:
    return plain(float(text)) if NUMBER.fullmatch(text) else INVALID


def plain(value: object) -> object:
    """JSON with integers for floats that are integers, as in JavaScript."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def _texts_in(schema: Schema, text: str) -> object:
    signs = schema["separators"]
    parts = re.split(f"[{signs}]", text) if text else []
    for sign in f"{signs}%":
        parts = [part.replace(f"%{ord(sign):X}", sign) for part in parts]
    return parts


def _settings_in(schema: Schema, settings: Sequence[str]) -> dict[str, object]:
    """Settings written `name=value`."""
    known, values = schema.get("properties", {}), dict[str, object]()
    for setting in settings:
        key, _, text = setting.partition("=")
        values[key] = value_in(known[key], text) if key in known and key != "name" else INVALID
    return values


def _named_in(schema: Schema, text: str) -> object:
    """A name with settings, `name:setting=value:…`."""
    if text == "none":
        return None
    name, *settings = text.split(":")
    own = alternatives(schema).get(name, {"properties": {}})
    needed = {key: one for key, one in defaults_of(own).items() if key in schema["required"]}
    return {"name": name, **needed, **_settings_in(own, settings)}


def _layers_in(schema: Schema, text: str) -> object:
    """Layers, each `units:activation:setting=value:…`."""
    items, values = schema["items"], []
    for layer in [] if text in ("none", "") else text.split(","):
        units, *rest = layer.split(":")
        first = [f"units={units}", *(f"activation={activation}" for activation in rest[:1])]
        values.append({**defaults_of(items), **_settings_in(items, [*first, *rest[1:]])})
    return values


def _json_in(schema: Schema, text: str) -> object:
    try:
        return plain(json.loads(text, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return INVALID


def _refuse(constant: str) -> object:
    raise ValueError(constant)


READERS: Mapping[str, Callable[[Schema, str], object]] = {
    "number": _number_in,
    "integer": _number_in,
    "boolean": lambda schema, text: {"1": True, "0": False}.get(text, INVALID),
    "choice": lambda schema, text: None if text == "none" else text,
    "string": lambda schema, text: text,
    "texts": _texts_in,
    "numbers": lambda schema, text: [_number_in(schema, part) for part in text.split(",")],
    "named": _named_in,
    "layers": _layers_in,
    "json": _json_in,
}
