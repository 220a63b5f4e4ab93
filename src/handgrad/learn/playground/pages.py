"""Lowered layers, losses, penalties and optimizers as JSON, for the playground's own engine.

The page of the playground needs no Python. It links the fragments of layers, loss, penalty and
optimizer to the graph of a step, for any widths and settings, and runs it as `engine="portable"`
does (`web/playground/engine`). Each kind is traced three times with other sizes, its settings as
formulas; `fragments` unifies the three graphs.
"""

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count, product
from typing import Any, TypeVar

import numpy as np

from handgrad.graph import Graph, trace
from handgrad.graph.graph import Leaves, Outputs
from handgrad.graph.passes import optimized
from handgrad.graph.symbolic import Formula
from handgrad.graph.tracer import trace_run
from handgrad.learn.playground.constants import Json
from handgrad.learn.playground.fragments import SINGLE, fragment
from handgrad.learn.playground.state import LOSSES
from handgrad.textbook import layers, losses, optimizers, penalties
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss
from handgrad.textbook.module import Module
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.optimizers.adapters import OptimizerAdapter
from handgrad.textbook.penalties import Penalty
from handgrad.textbook.version import __version__

P = TypeVar("P", bound=Module)
WIDTHS = (3, 8, 20)  # of the input, "k" in formulas: neither all odd nor all even
UNITS = (7, 18, 4)
# Attributes that hold a setting, if they are not named like it.
ATTRIBUTES = {"betas": ("beta1", "beta2"), "label_smoothing": ("a",)}
# Layers of the playground.
LAYERS = (
    *(layers.Linear, layers.Tanh, layers.ReLU, layers.LeakyReLU, layers.Sigmoid, layers.SiLU),
    *(layers.GELU, layers.GELUTanh, layers.ELU, layers.SELU, layers.Softplus, layers.Mish),
    *(layers.Softmax, layers.BatchNorm, layers.LayerNorm, layers.RMSNorm, layers.Dropout),
    layers.FeatureScale,
)
# Names of no loss, or of one for amounts above 0 or times, of which the playground has no data.
NO_LOSSES = ("Loss", "kinds", "GammaDevianceLoss", "TweedieDevianceLoss", "LogisticHazardLoss")
RULES = tuple(  # that see flat arrays
    kind
    for name in optimizers.__all__
    if (kind := getattr(optimizers, name)) not in (Optimizer, optimizers.LBFGS)
    and kind.elementwise
    and not issubclass(kind, OptimizerAdapter)
)
PENALTIES = (penalties.L1Penalty, penalties.L2Penalty, penalties.ElasticNetPenalty)
Run = dict[str, Any]  # sizes, and examples of settings


@cache
def traced_modules() -> Json:
    """All layers, losses, penalties and optimizers of the playground's engine, by kind and name.

    >>> pages = traced_modules()
    >>> [node[:2] for node in pages["layers"]["Tanh"]["training"]["nodes"][1]]
    [['multiply', ['#2', '#2']], ['subtract', [1, '#3']], ['multiply', ['#4', '#1']]]
    """
    kinds = [getattr(losses, name) for name in losses.__all__ if name not in NO_LOSSES]
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
        "ends": {
            f"{own['last']} {name}": _end(own["last"], name)
            for name, own in LOSSES.items()
            if "last" in own
        },
    }


def _runs(kind: type[object]) -> tuple[Json, list[Run]]:
    """Defaults of the numeric settings, and the sizes and examples to trace with."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    defaults: Json = {}
    runs: list[Run] = [{"k": width} for width in WIDTHS]
    which = count()  # no two settings have the same examples
    for parameter in parameters:
        name, default = parameter.name, parameter.default
        if name in ("n_in", "n_features"):
            values: Sequence[Any] = WIDTHS
        elif name.startswith("n_"):
            values = UNITS
        elif isinstance(default, tuple):
            values = [*zip(*(_examples(next(which)) for _ in default), strict=True)]
        elif isinstance(default, float) or name == "alpha":
            values = _examples(next(which))
        else:
            continue
        if isinstance(default, float | tuple):
            defaults[name] = default
        for run, value in zip(runs, values, strict=True):
            run[name] = value
    return defaults, runs


def _examples(which: int) -> list[float]:
    return [number + 0.037 * which for number in (0.3, 0.17, 0.41)]


def _made(kind: type[P], run: Run, **fixed: object) -> P:
    """A module whose settings are formulas, after its checks; those `fixed` stay numbers."""
    settings = {name: value for name, value in run.items() if name != "k"}
    module = kind(**(settings | fixed))
    for name, value in settings.items():
        if name in fixed or isinstance(value, int):
            continue
        parts = value if isinstance(value, tuple) else (value,)
        names = [name] if parts == (value,) else [f"{name}.{i}" for i in range(len(parts))]
        attributes = ATTRIBUTES.get(name, (name,))
        for attribute, part, number in zip(attributes, names, parts, strict=True):
            setattr(module, attribute, Formula("setting", (part,), number))
    return module


def _sizes(runs: Sequence[Run]) -> list[dict[str, int]]:
    return [{n: size for n, size in run.items() if isinstance(size, int)} for run in runs]


def _rows(width: int) -> Array:
    return np.random.default_rng(0).uniform(0.1, 0.9, (4, width)).astype(SINGLE)


def _layer(kind: type[Layer]) -> Json:
    defaults, runs = _runs(kind)
    return _of_layers([_made(kind, run) for run in runs], runs) | {"settings": defaults}


def _standardize() -> Json:
    made = [layers.Standardize(np.zeros(width), np.ones(width)) for width in WIDTHS]
    return _of_layers(made, [{"k": width} for width in WIDTHS]) | {"settings": {}}


def _of_layers(made: Sequence[Layer], runs: Sequence[Run]) -> Json:
    """The fragments of a layer, in training and prediction.

    Prediction has its own only if it differs from the forward pass.
    """
    pairs, sizes = [*zip(made, runs, strict=True)], _sizes(runs)
    training, prediction = (
        fragment(
            [trace(one, x=_rows(run["k"]), training=mode) for one, run in pairs], sizes, lines=mode
        )
        for mode in (True, False)
    )
    arrays = [layer.named_parameters() | layer.named_states() for layer in made]
    start = {name: {float(w) for a in arrays for w in a[name].flat} for name in arrays[0]}
    page = {
        "parameters": [*made[0].named_parameters()],
        "state": [*made[0].named_states()],
        "start": {name: next(iter(values)) for name, values in start.items() if len(values) == 1},
        "training": training,
    }
    same = _forward(training) == _forward(prediction)
    return page if same else page | {"prediction": prediction}


def _forward(page: Json) -> object:
    """The forward pass with the names of leaves, and other nodes counted from the first on."""
    leaves = [name for name, *_ in page["given"]]

    def named(value: object) -> object:
        if isinstance(value, list):
            return [named(part) for part in value]
        if not isinstance(value, str) or not value.startswith("#"):
            return value
        i = int(value[1:])
        return leaves[i] if i < len(leaves) else f"#{i - len(leaves)}"

    return named([*page["nodes"][0], f"#{page['outputs']['prediction']}"])


def _loss(kind: type[Loss]) -> Json:
    defaults, runs = _runs(kind)
    graphs = [trace(_made(kind, run), x=_rows(run["k"])) for run in runs]
    return {"settings": defaults, "training": fragment(graphs, _sizes(runs))}


def _end(last: str, name: str) -> Json:
    """The fragment of a loss with the layer before it: they are stabilized together."""
    runs = [{"k": width} for width in WIDTHS]
    layer, loss = getattr(layers, last), getattr(losses, name)
    graphs = [trace(layer(), loss(), x=_rows(run["k"])) for run in runs]
    return fragment(graphs, runs, lines=False)


def _optimizer(kind: type[Optimizer]) -> Json:
    """The fragment of an optimizer's rule, of SGD in three forms, without decay and clipping."""
    defaults, runs = _runs(kind)
    forms: dict[str, Json] = {"": {}}
    if kind is optimizers.SGD:
        defaults, forms = {"momentum": 0.0}, {"": {"momentum": 0.0}, "momentum": {}}
        forms["nesterov"] = {"nesterov": True}
    defaults.pop("learning_rate", None)
    pages: Json = {}
    for name, form in forms.items():
        fixed = {"learning_rate": 0.1, "weight_decay": 0.0} | form
        graphs = [trace(_made(kind, run, **fixed)) for run in runs]
        pages[name] = fragment(graphs, _sizes(runs)) | {"state": [*graphs[0].leaves.state]}
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
    """The fragments of clipping and weight decay, which precede the rule, for each combination."""
    kinds = (("", _Identity), ("decay", _Identity), ("decoupled", _DecoupledIdentity))
    pages: Json = {}
    for norm, value, (decay, kind) in product((False, True), (False, True), kinds):
        asked = {"clip_norm": norm, "clip_value": value, "weight_decay": bool(decay)}
        run = {name: 0.5 for name, wanted in asked.items() if wanted}
        names = [name for name in ("clip_norm", "clip_value") if asked[name]]
        rule = _made(kind, run, learning_rate=0.1)
        pages["+".join([*names, *[decay] * bool(decay)])] = fragment([trace(rule)], [{}])
    return pages


def _penalty(kind: type[Penalty]) -> Json:
    defaults, runs = _runs(kind)
    shapes = [{"m": units, "k": run["k"]} for run, units in zip(runs, UNITS, strict=True)]
    made = [_made(kind, run) for run in runs]
    pairs = [*zip(made, shapes, strict=True)]
    graphs = [_trace_penalty(penalty, shape["m"], shape["k"]) for penalty, shape in pairs]
    page = {"settings": defaults, "training": fragment(graphs, shapes)}
    return page | {"begins": [m for m in (1, 2) if _begins(made[0], m)]}


def _trace_penalty(penalty: Penalty, m: int, k: int, *, product: bool = False) -> Graph:
    """Trace of a penalty of weights W, (m, k), and its gradient, added to a product or alone."""

    def run(pages: Mapping[str, Penalty], W: Array, **rows: Array) -> Outputs[Any]:
        value, gradient = pages["penalty"].value(W, 1), pages["penalty"].gradient(W, 1)
        if rows:
            gradient = rows["dz"].T @ rows["x"] + gradient
        return Outputs(loss=value, input_gradients={"W": gradient})

    def inputs(n: int) -> Leaves[Any]:
        rows = {"dz": np.ones((n, m), SINGLE), "x": np.ones((n, k), SINGLE)} if product else {}
        return Leaves({"W": np.resize(_rows(3), (m, k)), **rows})

    return trace_run(repr(penalty), {"penalty": penalty}, inputs, run, SINGLE)


def _begins(penalty: Penalty, m: int) -> bool:
    """True if the sums of a gradient of `m` rows begin at the penalty's: see `fold_biases`."""
    nodes = optimized(_trace_penalty(penalty, m, 5, product=True)).nodes
    return any("start" in node.options for node in nodes)
