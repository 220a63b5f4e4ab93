"""Traced layers, losses, penalties and optimizers as JSON, for the playground's own engine.

The page of the playground needs no Python. It joins the nodes of layers, loss, penalty and
optimizer into the graph of a step, for any widths and settings, and runs it as
`engine="portable"` does (`web/playground/engine`). A traced layer in JSON is

    given       names of the leaves, which are the first nodes
    nodes       [operation, arguments, line, options, kind] each, options and kind if there are
                any; an argument that is a number is a node, one that is a text is a number
    labels      names of the nodes with a line of their own, by index
    backward    index of the first node of the backward pass
    outputs     nodes by name: `prediction`, `loss`, `dx`, `d W`, `new running_mean`
    settings    the default of each setting
    shapes      of parameters and running state: numbers, or a formula of a setting
    start       initial value of constant parameters and running state
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from itertools import count, product
from pathlib import Path
from types import EllipsisType
from typing import Any, TypeVar

import numpy as np

from handgrad.graph import Graph, trace
from handgrad.graph.graph import Leaves, Outputs
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.printing import labels_of
from handgrad.graph.symbolic import Arange, Dim, N, Ref, Scaled
from handgrad.graph.tracer import trace_run
from handgrad.textbook import layers, losses, optimizers, penalties
from handgrad.textbook.errors import RecordingError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty
from handgrad.textbook.version import __version__

WIDTH = "k"  # the size of the input's last axis

# The playground's page computes the same ones: s is a setting, k the width. A layer is traced three
# times, each with other settings and widths; a constant that differs is one of these, to the bit.
FORMULAS: Mapping[str, Callable[[float, int], float]] = {
    "s": lambda s, k: s,
    "-s": lambda s, k: -s,
    "1-s": lambda s, k: 1 - s,
    "-(1-s)": lambda s, k: -(1 - s),
    "2s-1": lambda s, k: 2 * s - 1,
    "1-2s": lambda s, k: 1 - 2 * s,
    "s/2": lambda s, k: s / 2,
    "(1-s)/2": lambda s, k: (1 - s) / 2,
    "s/k": lambda s, k: s / k,
}

Settings = Mapping[str, float]


@dataclass(frozen=True)
class Formula:
    """A constant computed from a setting: `1-s` of `momentum`."""

    formula: str
    setting: str


def unified(given: Sequence[object], settings: Sequence[Settings]) -> Any:
    """The structure common to all traces, with a `Formula` for each number that differs.

    >>> runs = [{"p": 0.3, "k": 3}, {"p": 0.2, "k": 5}, {"p": 0.6, "k": 7}]
    >>> unified([(2, 0.7), (2, 0.8), (2, 0.4)], runs)
    (2, Formula(formula='1-s', setting='p'))
    """
    values: list[Any] = [*given]
    first = values[0]
    kind = type(first)
    if any(type(value) is not kind for value in values):
        raise _without_formula(values)
    if isinstance(first, tuple | list):
        if len({len(value) for value in values}) > 1:
            raise _without_formula(values)
        return kind(unified(parts, settings) for parts in zip(*values, strict=True))
    if isinstance(first, Mapping):
        return {name: unified([value[name] for value in values], settings) for name in first}
    if isinstance(first, slice):
        ends = ([getattr(v, end) for v in values] for end in ("start", "stop", "step"))
        return slice(*(unified(end, settings) for end in ends))
    if all(value == first for value in values):
        return first
    if is_dataclass(first) and not isinstance(first, type):
        parts = ([getattr(value, field.name) for value in values] for field in fields(first))
        return kind(*(unified(part, settings) for part in parts))
    return _formula_of(values, settings)


def _formula_of(values: Sequence[float], settings: Sequence[Settings]) -> Formula:
    for name in settings[0]:
        for text, compute in FORMULAS.items():
            results = (compute(run[name], int(run[WIDTH])) for run in settings)
            if all(a == b for a, b in zip(values, results, strict=True)):
                return Formula(text, name)
    raise _without_formula(values)


def _without_formula(values: Sequence[object]) -> RecordingError:
    return RecordingError(
        f"constants {', '.join(map(repr, values))} with three settings",
        f"one of {', '.join(FORMULAS)} of a setting s and the width k",
        "another line among FORMULAS, here and in engine/constants.js",
    )


P = TypeVar("P")
Json = dict[str, Any]
RUNS = 3  # traces of a layer, each with its own settings and widths
SINGLE = np.dtype(np.float32)
# Layers of the playground.
LAYERS = (
    *(layers.Linear, layers.Tanh, layers.ReLU, layers.LeakyReLU, layers.Sigmoid, layers.SiLU),
    *(layers.GELU, layers.GELUTanh, layers.ELU, layers.SELU, layers.Softplus, layers.Mish),
    *(layers.Softmax, layers.BatchNorm, layers.LayerNorm, layers.Dropout, layers.FeatureScale),
)
RULES = tuple(
    kind
    for name in optimizers.__all__
    if (kind := getattr(optimizers, name)) not in (Optimizer, optimizers.LBFGS)
)
PENALTIES = (penalties.L1Penalty, penalties.L2Penalty, penalties.ElasticNetPenalty)


@cache
def traced_modules() -> Json:
    """All layers, losses, penalties and optimizers of the playground's engine, by kind and name.

    >>> pages = traced_modules()
    >>> [node[:2] for node in pages["layers"]["Tanh"]["training"]["nodes"][1:3]]
    [['power', [2, '2']], ['subtract', ['1', 3]]]
    """
    kinds = [getattr(losses, name) for name in losses.__all__ if name not in ("Loss", "kinds")]
    return {
        "version": __version__,
        "layers": {
            **{kind.__name__: _layer(kind) for kind in LAYERS},
            "Standardize": _standardize(),
        },
        "losses": {kind.__name__: _loss(kind) for kind in kinds},
        "optimizers": {kind.__name__: _optimizer(kind) for kind in RULES},
        "before": _before_rules(),
        "penalties": {kind.__name__: _penalty(kind) for kind in PENALTIES},
    }


def traced_layer(layer: Layer, x: Array) -> Json:
    """Trace of a layer, custom ones too, for the entry of an architecture.

    `x` are a few input rows. Inner layers, as in a `Residual`, are included, with the names of
    `frozen` parameters. Raises an error if the layer cannot be traced.
    """
    made: list[Layer] = [layer]
    frozen = [
        f"{path}.{name}" if path else name
        for path, inner in layer.walk()
        if not inner.trainable
        for name in inner.param_names
    ]
    return _of_layers(made, [{WIDTH: x.shape[-1]}], [x]) | {"frozen": frozen}


def traced_loss(loss: Loss, p: Array, y: Array) -> Json:
    """Trace of a loss, custom ones too, on a few predictions and their targets."""
    page = _page([trace(loss, x=p, y=y)], [{WIDTH: p.shape[-1]}])
    return {"indices": loss.target_kind.indices, "training": page}


def _runs(kind: type[object]) -> tuple[Json, list[dict[str, Any]]]:
    """Defaults of the numeric settings, and the values to trace with."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    defaults: Json = {}
    runs: list[dict[str, Any]] = [{WIDTH: 3 + 2 * i} for i in range(RUNS)]
    which = count()  # no two settings have the same values
    for parameter in parameters:
        name, default = parameter.name, parameter.default
        if name.startswith("n_"):
            first = 4 + next(which)
            values: Sequence[Any] = [first + 3 * i for i in range(RUNS)]
        elif isinstance(default, tuple):
            defaults[name] = default
            values = [*zip(*(_numbers(next(which)) for _ in default), strict=True)]
        elif isinstance(default, float) or name == "alpha":
            if default is not parameter.empty:
                defaults[name] = default
            values = _numbers(next(which))
        else:
            continue
        for run, value in zip(runs, values, strict=True):
            run[name] = value
    return defaults, runs


def _numbers(which: int) -> list[float]:
    return [number + 0.037 * which for number in (0.3, 0.17, 0.41)]


def _settings(run: Mapping[str, object]) -> dict[str, float]:
    """The settings of a trace by name, parts of tuples as `name.0`."""
    flat: dict[str, float] = {}
    for name, value in run.items():
        if isinstance(value, tuple):
            flat |= {f"{name}.{i}": part for i, part in enumerate(value)}
        elif isinstance(value, int | float):
            flat[name] = value
    return flat


def _made(kind: type[P], run: Mapping[str, object], **more: object) -> P:
    return kind(**{name: value for name, value in run.items() if name != WIDTH}, **more)


def _layer(kind: type[Layer]) -> Json:
    defaults, runs = _runs(kind)
    sized = [next((v for n, v in run.items() if n.startswith("n_")), run[WIDTH]) for run in runs]
    settings = [_settings(run) | {WIDTH: width} for run, width in zip(runs, sized, strict=True)]
    rows = [_rows(width) for width in sized]
    return _of_layers([_made(kind, run) for run in runs], settings, rows) | {"settings": defaults}


def _standardize() -> Json:
    widths = [3 + 2 * i for i in range(RUNS)]
    made = [layers.Standardize(np.zeros(w), np.ones(w)) for w in widths]
    rows = [_rows(width) for width in widths]
    return _of_layers(made, [{WIDTH: w} for w in widths], rows) | {"settings": {}}


def _rows(width: int) -> Array:
    return np.random.default_rng(0).uniform(0.1, 0.9, (4, width)).astype(SINGLE)


def _of_layers(made: Sequence[Layer], settings: Sequence[Settings], x: Sequence[Array]) -> Json:
    """Trace of a layer, in training and prediction.

    Prediction has its own nodes only if they differ from those of the forward pass.
    """
    graphs = [
        [trace(layer, x=rows, training=training) for layer, rows in zip(made, x, strict=True)]
        for training in (True, False)
    ]
    arrays = [layer.named_parameters() | layer.named_states() for layer in made]
    names = [*arrays[0]]
    start = {name: {float(number) for a in arrays for number in a[name].flat} for name in names}
    training, prediction = (_page(kinds, settings) for kinds in graphs)
    forward = training["nodes"][: training["backward"] - len(training["given"])]
    same = _renumbered(prediction, training["given"]) == forward
    page = {
        "parameters": [*made[0].named_parameters()],
        "state": [*made[0].named_states()],
        "shapes": _written(unified([{n: a[n].shape for n in names} for a in arrays], settings)),
        "start": {name: next(iter(values)) for name, values in start.items() if len(values) == 1},
        "training": training,
    }
    return page if same else page | {"prediction": prediction}


def _renumbered(page: Json, given: Sequence[str]) -> list[Any]:
    """Nodes of a trace, renumbered for other leaves."""
    new = {i: given.index(name) for i, name in enumerate(page["given"])}
    own, more = len(page["given"]), len(given)

    def argument(value: object) -> object:
        if isinstance(value, list):
            return [argument(part) for part in value]
        return new.get(value, value - own + more) if isinstance(value, int) else value

    return [[n[0], argument(n[1]), *n[2:]] for n in page["nodes"]]


def _loss(kind: type[Loss]) -> Json:
    defaults, runs = _runs(kind)
    graphs = [trace(_made(kind, run), x=_rows(run[WIDTH])) for run in runs]
    page = _page(graphs, [_settings(run) for run in runs])
    indices = kind.target_kind.indices
    return {"settings": defaults, "indices": indices, "training": page}


def _optimizer(kind: type[Optimizer]) -> Json:
    """Trace of an optimizer's rule, of SGD in three forms, without weight decay and clipping."""
    defaults, runs = _runs(kind)
    forms: dict[str, Json] = {"": {}}
    if kind is optimizers.SGD:
        defaults, forms = {"momentum": 0.0}, {"": {"momentum": 0.0}, "momentum": {}}
        forms["nesterov"] = {"nesterov": True}
    defaults.pop("learning_rate", None)
    pages: Json = {}
    for name, form in forms.items():
        made = [
            _made(kind, run | {"learning_rate": 0.1, "weight_decay": 0.0} | form) for run in runs
        ]
        settings = [
            {n: v for n, v in _settings(run).items() if n != "learning_rate"} for run in runs
        ]
        graphs = [trace(optimizer) for optimizer in made]
        pages[name] = _page(graphs, settings) | {"state": [*graphs[0].leaves.state]}
    more = {"weight_decay": kind.weight_decay}
    return {"settings": defaults | more, "decoupled": kind.decoupled, "training": pages}


class _Identity(Optimizer):
    """A rule that returns weights and gradient unchanged."""

    state_names = ("handed_on",)

    def rule(
        self, w: Array, dw: Array, handed_on: Array, *, learning_rate: float, step: int
    ) -> tuple[Array, ...]:
        return w, dw


class _DecoupledIdentity(_Identity):
    """The same, with decoupled weight decay."""

    decoupled = True


def _before_rules() -> Json:
    """Traces of clipping and weight decay, which precede the rule, for each combination."""
    kinds = (("", _Identity), ("decay", _Identity), ("decoupled", _DecoupledIdentity))
    numbers = zip(*map(_numbers, range(3)), strict=True)
    runs = [{"weight_decay": a, "clip_norm": b, "clip_value": c} for a, b, c in numbers]
    settings = [run | {WIDTH: 1} for run in runs]
    pages: Json = {}
    for norm, value, (decay, kind) in product((False, True), (False, True), kinds):
        graphs = [
            trace(
                kind(
                    0.1,
                    weight_decay=run["weight_decay"] if decay else 0.0,
                    clip_norm=run["clip_norm"] if norm else None,
                    clip_value=run["clip_value"] if value else None,
                )
            )
            for run in runs
        ]
        asked = ["clip_norm"] * norm + ["clip_value"] * value + [decay] * bool(decay)
        pages["+".join(asked)] = _page(graphs, settings)
    return pages


def _penalty(kind: type[Penalty]) -> Json:
    defaults, runs = _runs(kind)
    graphs = [_trace_penalty(_made(kind, run)) for run in runs]
    page = _page(graphs, [_settings(run) for run in runs])
    return {"settings": defaults, "training": page | {"backward": page["outputs"]["loss"] + 1}}


def _trace_penalty(penalty: Penalty) -> Graph:
    """Trace of a penalty of weights W and its gradient."""

    def run(pages: Mapping[str, Penalty], W: Array) -> Outputs[Any]:
        judge = pages["penalty"]
        return Outputs(loss=judge.value(W, 1), input_gradients={"W": judge.gradient(W, 1)})

    weights = _rows(3)
    return trace_run(
        repr(penalty), {"penalty": penalty}, lambda n: Leaves({"W": weights}), run, SINGLE
    )


def _page(graphs: Sequence[Graph], settings: Sequence[Settings]) -> Json:
    """The common structure of a layer's traces, as JSON."""
    first = graphs[0]
    leaves = [name for name, _ in first.leaves.named()]
    nodes = [
        _node([graph.nodes[i] for graph in graphs], settings)
        for i, node in enumerate(first.nodes)
        if node.operation is not Op.LEAF
    ]
    leaves_ = sorted(first.leaves.named(), key=lambda pair: pair[1])
    if [i for _, i in leaves_] != [*range(len(leaves))]:
        raise RecordingError(first.title, "leaves before all other nodes", "inputs given at once")
    back = [
        i for i, node in enumerate(first.nodes) if node.origin and node.origin.method == "backward"
    ]
    file = next((node.origin.file for node in first.nodes if node.origin), "")
    return {
        "file": Path(file).name,
        "given": [name for name, _ in leaves_],
        "nodes": nodes,
        "labels": labels_of(first.nodes, first.outputs.named()),
        "backward": min(back, default=len(first.nodes)),
        "outputs": first.outputs.named(),
    }


def _node(nodes: Sequence[Node], settings: Sequence[Settings]) -> list[Any]:
    first = nodes[0]
    arguments: Any = unified([node.arguments for node in nodes], settings)
    options = {name: _plain(value) for name, value in first.options.items()}
    if first.operation is Op.RANDOM:
        path, method, *arguments = arguments
        if method != "random" or first.dtype != SINGLE:
            raise first.refusal(
                f"draws by rng.{method} in {first.dtype}",
                "uniform numbers in float32, for a layer of the playground",
                "self.rng.random(x.shape, dtype=x.dtype)",
            )
        options = {"path": path} if path else {}
    line = first.origin.line if first.origin else 0
    kind = "d" if first.dtype == np.float64 and first.shape == () else first.dtype.kind
    more = [options, kind] if kind != "f" else [options] if options else []
    return [first.operation.value, _written(arguments), line, *more]


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _written(value: object) -> Any:
    """An argument as JSON."""
    match value:
        case None:
            return None
        case Ref(node):
            return node
        case str():
            return {"letters": value}
        case Formula(formula, setting):
            return {"is": [formula, setting]}
        case tuple() | list():
            return [_written(part) for part in value]
        case dict():
            return {name: _written(part) for name, part in value.items()}
        case slice():
            return {"slice": [_written(end) for end in (value.start, value.stop, value.step)]}
        case EllipsisType():
            return {"dots": 1}
        case np.dtype():
            return {"type": value.kind}
        case Dim(slope, offset):
            return {"n": [slope, offset]}
        case Scaled(scaling, k):
            return {"by": [scaling.value, _written(k)]}
        case Arange(length, _, 1) if length == N:
            return {"rows": 1}
        case bool() | int() | float() | np.generic():
            return repr(value.item() if isinstance(value, np.generic) else value)
    raise RecordingError(
        f"the argument {value!r} of a layer", "numbers, arrays and indices", "another layer"
    )
