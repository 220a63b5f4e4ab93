"""The state of the playground, one JSON object, read from its links: the schema of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Literal, TypedDict, cast

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
from handgrad.textbook.errors import SettingError, did_you_mean

VERSION = 1  # of the schema and of the arithmetic: with another one other numbers may come
Problem = Literal["classification", "regression"]


class RowsState(TypedDict):
    """Rows of drawn points or of a table: `x` and `y` as base64url of float32."""

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
    """A hidden layer; the last one follows from the loss."""

    units: int
    activation: str | None
    normalization: str | None
    dropout: float
    frozen: bool


class Event(TypedDict, total=False):
    """What happened in a training after so many steps: a learning rate, or other weights."""

    step: int
    set: dict[str, float]
    weights: str


class At(TypedDict):
    """Where a training is."""

    step: int


Settings = dict[str, object]


class State(TypedDict):
    """All of a playground; page/training/state.js tells the fields."""

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


# Each field: where it stands in the state, its key in a link, its kind, its value at first.
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
        choice([loss for found in LOSSES.values() for loss in found]),
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
HINT = "share the playground anew: its link has what it needs"


def state_of(given: Mapping[str, object]) -> State:
    """A whole state from parts of one, checked; what is missing is as usual.

    >>> state_of({"data": {"kind": "plane"}})["loss"]
    'MSELoss'
    """
    version = given.get("version", VERSION)
    if version != VERSION:
        raise SettingError(
            f"a state of version {version}",
            f"version {VERSION}",
            f"{HINT}, or the handgrad of then",
        )
    state: dict[str, object] = {"version": VERSION}
    said = set()
    for path, _, kind, usual in FIELDS:
        value = plain(value_at(given, path))
        if value is not _MISSING and not kind.holds(value):
            raise SettingError(f"{path} = {value!r}"[:200], kind.expected, HINT)
        if value is not _MISSING:
            said.add(path)
        if path == "view" and isinstance(value, dict) and isinstance(usual, dict):
            value = usual | value
        put(state, path, deepcopy(usual) if value is _MISSING else deepcopy(value))
    for path in _unknown(given):
        raise SettingError(
            f"{path} in a state", "fields that it has", did_you_mean(path, PATHS, HINT)
        )
    found = cast("State", state)
    _make_fit(found, said)
    return found


class _Missing:
    pass


_MISSING = _Missing()


def value_at(given: object, path: str) -> object:
    """What stands at a path of an object, `data.kind`."""
    for name in path.split("."):
        given = given.get(name, _MISSING) if isinstance(given, Mapping) else _MISSING
    return given


def put(state: dict[str, object], path: str, value: object) -> None:
    """Let a value stand at a path, of two names at most."""
    first, _, second = path.partition(".")
    if second:
        cast("dict[str, object]", state.setdefault(first, {}))[second] = value
    else:
        state[first] = value


def _unknown(given: Mapping[str, object], before: str = "") -> list[str]:
    found = []
    for name, value in given.items():
        path = before + name
        if path in PATHS or path == "version":
            continue
        part = any(known.startswith(f"{path}.") for known in PATHS) and isinstance(value, Mapping)
        found += _unknown(cast("Settings", value), f"{path}.") if part else [path]
    return found


def _make_fit(state: State, said: set[str]) -> None:
    """Choose what goes with the rest where nothing is said, and refuse what does not."""
    data = state["data"]
    if data["rows"] and "data.kind" not in said:
        data["kind"] = "rows"
    if data["kind"] == "rows" and not data["rows"]:
        raise SettingError("data of the kind rows, without rows", "rows", HINT)
    if data["kind"] != "rows":
        data["rows"] = None
    rows = data["rows"]

    def fits(problem: str) -> bool:
        if rows:
            return problem == "regression" or rows["classes"] is not None
        return data["kind"] in TOY_SETS[problem]

    problems: Sequence[Problem] = ("classification", "regression")
    if "data.problem" not in said:
        data["problem"] = next(filter(fits, problems))
    elif not fits(data["problem"]):
        if "data.kind" in said or rows:
            raise SettingError(f"a {data['problem']} of {data['kind']}", "another problem", HINT)
        data["kind"] = TOY_SETS[data["problem"]][0]
    fitting = LOSSES[data["problem"]]
    if "loss" not in said and state["loss"] not in fitting:
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
    """How many classes there are; 0 in a regression."""
    data = state["data"]
    if data["problem"] == "regression":
        return 0
    if data["rows"]:
        return max(2, len(data["rows"]["classes"] or ()))
    return data["classes"] if data["kind"] in ("gauss", "spiral") else 2
