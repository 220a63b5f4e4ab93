"""State of the playground: one JSON object, its schema, and its links."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Literal, TypedDict, cast
from urllib.parse import quote, unquote_to_bytes

from handgrad.learn.playground.kinds import (
    EVENTS,
    FLAG,
    PAIR,
    ROWS,
    Kind,
    Kinds,
    choice,
    in_json,
    layers,
    named,
    number,
    plain,
    text,
    texts,
    whole,
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
    """State of a playground; web/playground/training/state.js describes the fields."""

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


TOY_SETS: Mapping[str, Sequence[str]] = {
    "classification": ("circle", "xor", "gauss", "spiral", "moons", "diagonal", "above"),
    "regression": ("plane", "multi-gauss", "formula"),
}
ACTIVATIONS = (
    "Tanh ReLU Sigmoid LeakyReLU SiLU GELU GELUTanh ELU SELU Softplus Mish".split()  # noqa: SIM905
)
INITIALIZERS = (
    *("lecun_normal", "lecun_uniform", "he_normal", "he_uniform"),
    *("xavier_normal", "xavier_uniform", "zeros"),
)
BINARY = ("BinaryCrossEntropyLoss", "SigmoidBinaryCrossEntropyLoss", "FocalLoss", "HingeLoss")
LOSSES: Mapping[str, Sequence[str]] = {
    "classification": (
        *("CrossEntropyLoss", "SoftmaxCrossEntropyLoss", "LabelSmoothingCrossEntropyLoss"),
        *("MultiMarginLoss", *BINARY),
    ),
    "regression": ("MSELoss", "MAELoss", "HuberLoss", "QuantileLoss", "PoissonNLLLoss"),
}
RATE, SHARE, BELOW_1, EPS = (
    number(0, 100, open=True),
    number(0, 1),
    number(0, 0.999999),
    number(0, 1),
)
CYCLES, MOST_EPOCHS = whole(1, 100), 10**6
EVERY: Kinds = {"learning_rate": RATE, "weight_decay": number(0, 100)}
ADAM: Kinds = {**EVERY, "betas": PAIR, "eps": EPS}
OPTIMIZERS: Mapping[str, Kinds] = {
    "SGD": {**EVERY, "momentum": BELOW_1, "nesterov": FLAG},
    "Adagrad": {**EVERY, "eps": EPS},
    "RMSprop": {**EVERY, "alpha": BELOW_1, "eps": EPS},
    "Adam": ADAM,
    "AdamW": ADAM,
    "NAdam": {**ADAM, "momentum_decay": number(0, 1)},
    "Lion": {**EVERY, "betas": PAIR},
}
OF: Kinds = {"epochs": whole(1, MOST_EPOCHS)}
UP_TO_1, WITHIN = number(0, 1, open=True), number(0.001, 0.999)
SCHEDULES: Mapping[str, Kinds] = {
    "step": {**OF, "every": UP_TO_1, "gamma": UP_TO_1},
    "exponential": {**OF, "end": UP_TO_1},
    "cosine": {**OF, "end": SHARE},
    "cyclic_cosine": {**OF, "cycles": CYCLES, "growth": number(0, 10, open=True), "end": SHARE},
    "coslog": {**OF, "cycles": whole(1, 20)},
    "one_cycle": {**OF, "rise": WITHIN, "start": SHARE, "end": SHARE},
    "warm_up": {**OF, "share": WITHIN, "start": SHARE},
}
ALPHA: Kinds = {"alpha": number(0, 100)}
PENALTIES: Mapping[str, Kinds] = {
    "L1Penalty": ALPHA,
    "L2Penalty": ALPHA,
    "ElasticNetPenalty": {**ALPHA, "l1_ratio": SHARE},
}
LAYER: LayerState = {
    "units": 4,
    "activation": "Tanh",
    "normalization": None,
    "dropout": 0,
    "frozen": False,
}
LAYER_KINDS: Kinds = {
    "units": whole(1, 256),
    "activation": choice(ACTIVATIONS, missing=True),
    "normalization": choice(["BatchNorm", "LayerNorm"], missing=True),
    "dropout": number(0, 0.95),
    "frozen": FLAG,
}
SEED = whole(0, 2**32 - 1)
STOP: Kinds = {
    "epoch": whole(1, MOST_EPOCHS),
    "loss": number(0, 1e9),
    "patience": whole(1, MOST_EPOCHS),
}


def _is_stop(value: object) -> bool:
    return value is None or (
        isinstance(value, Mapping) and all(k in STOP and STOP[k].holds(v) for k, v in value.items())
    )


# Each field: its path in the state, its key in a link, its type, its default.
FIELDS: Sequence[tuple[str, str, Kind, object]] = (
    ("data.kind", "data", choice([*(k for ks in TOY_SETS.values() for k in ks), "rows"]), "circle"),
    ("data.problem", "problem", choice([*TOY_SETS]), "classification"),
    ("data.n", "n", whole(4, 10000), 500),
    ("data.classes", "classes", whole(2, 6), 2),
    ("data.noise", "noise", number(0, 50), 0),
    ("data.seed", "data_seed", SEED, 0),
    ("data.formula", "formula", text(200), "0.5 * sin(x1)"),
    ("data.rows", "rows", ROWS, None),
    ("inputs", "inputs", texts(1, 64, 200), ["x1", "x2"]),
    ("share", "share", number(1, 99), 50),
    ("batch_size", "batch", whole(1, 10000), 10),
    ("shuffle", "shuffle", FLAG, True),
    ("seed", "seed", SEED, 0),
    (
        "layers",
        "layers",
        layers(12, LAYER_KINDS, cast("Settings", LAYER)),
        [LAYER, {**LAYER, "units": 2}],
    ),
    ("initializer", "initializer", choice(INITIALIZERS), "lecun_normal"),
    (
        "loss",
        "loss",
        choice([loss for losses in LOSSES.values() for loss in losses]),
        "CrossEntropyLoss",
    ),
    (
        "optimizer",
        "optimizer",
        named(OPTIMIZERS, {"learning_rate": 0.03}),
        {"name": "SGD", "learning_rate": 0.03},
    ),
    ("schedule", "schedule", named(SCHEDULES, {"epochs": 100}, missing=True), None),
    ("penalty", "penalty", named(PENALTIES, {"alpha": 0}, missing=True), None),
    ("clip", "clip", in_json(RATE.expected, lambda v: v is None or RATE.holds(v)), None),
    ("stop", "stop", in_json("epoch, loss and patience", _is_stop), None),
    ("events", "events", EVENTS, []),
    ("at.step", "step", whole(0, 2**53 - 1), 0),
    ("exact", "exact", FLAG, True),
    (
        "view",
        "view",
        in_json("an object", lambda v: isinstance(v, Mapping)),
        {"test": False, "discretize": False},
    ),
    ("hide", "hide", texts(0, 100, 40, signs=",;"), []),
    ("language", "language", choice(["en", "zh"], missing=True), None),
    ("tutorial", "tutorial", text(80), ""),
)
PATHS = {path for path, *_ in FIELDS}
HINT = "copy the link again in the playground"


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
    for path, _, kind, usual in FIELDS:
        value = plain(value_at(given, path))
        if value is not _MISSING and not kind.holds(value):
            raise SettingError(f"{path} = {value!r}"[:200], kind.expected, HINT)
        if value is not _MISSING:
            present.add(path)
        if path == "view" and isinstance(value, dict) and isinstance(usual, dict):
            value = usual | value
        put(state, path, deepcopy(usual) if value is _MISSING else deepcopy(value))
    for path in _unknown(given):
        raise SettingError(
            f"{path} in a state", "fields of the playground", did_you_mean(path, PATHS, HINT)
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
        if path in PATHS or path == "version":
            continue
        part = any(known.startswith(f"{path}.") for known in PATHS) and isinstance(value, Mapping)
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
        return data["kind"] in TOY_SETS[problem]

    problems: Sequence[Problem] = ("classification", "regression")
    if "data.problem" not in present:
        data["problem"] = next(filter(fits, problems))
    elif not fits(data["problem"]):
        if "data.kind" in present or rows:
            raise SettingError(f"a {data['problem']} of {data['kind']}", "another problem", HINT)
        data["kind"] = TOY_SETS[data["problem"]][0]
    fitting = LOSSES[data["problem"]]
    if "loss" not in present and state["loss"] not in fitting:
        state["loss"] = fitting[0]
    binary = state["loss"] in BINARY and classes_of(state) > 2
    if state["loss"] not in fitting or binary:
        many = f" of {classes_of(state)} classes" if binary else ""
        raise SettingError(
            f"{state['loss']} in a {data['problem']}{many}", f"one of {', '.join(fitting)}", HINT
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
    return data["classes"] if data["kind"] in ("gauss", "spiral") else 2


# A link without a version is a link of this playground if it has one of these keys.
OWN = {"data", "inputs", "layers", "optimizer", "batch", "data_seed", "loss"}
BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
EXPECTED = "a link of handgrad's playground, …#v=1&data=…"


def fragment_of(state: State) -> str:
    """Encode a state as a URL fragment without its #: fields that differ from the defaults.

    >>> fragment_of(state_of({"data": {"kind": "spiral"}, "layers": []}))
    'v=1&data=spiral&layers=none'
    """
    usual = state_of({})
    parts = [f"v={VERSION}"]
    for path, key, kind, _ in FIELDS:
        value = value_at(state, path)
        if value != value_at(usual, path):
            parts.append(f"{key}={quote(kind.write(value), safe=',:/;@=!~*()')}")
    return "&".join(parts)


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
    for path, key, kind, _ in FIELDS:
        if key not in values:
            continue
        text = values.pop(key)
        value = kind.read(text)
        if not kind.holds(value):
            raise SettingError(f"{key}={text[:80]} in the link", kind.expected, HINT)
        put(fields, path, value)
    for key in values:
        known = [known for _, known, *_ in FIELDS]
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
