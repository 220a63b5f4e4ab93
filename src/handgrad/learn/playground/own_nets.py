"""Custom nets in the page: as a state if possible, else as a specification for its engine."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from handgrad.files.architecture import LAYERS, LayerWriter
from handgrad.graph import Graph
from handgrad.graph.graph import Leaves, Outputs
from handgrad.graph.tracer import trace_run
from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.constants import Json
from handgrad.learn.playground.fragments import fragment
from handgrad.learn.playground.pages import traced_modules
from handgrad.learn.playground.replay import net_of
from handgrad.learn.playground.schema import alternatives, choices, schema_at
from handgrad.learn.playground.state import LAYER, LOSSES, State
from handgrad.textbook.errors import CannotLowerError, SettingError
from handgrad.textbook.layers import (
    Array,
    BatchNorm,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
)
from handgrad.textbook.layers.checks import checked_result
from handgrad.textbook.losses import Loss
from handgrad.textbook.module import Module, arguments_of
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import example_targets
from handgrad.textbook.optimizers import Optimizer

HIDDEN = schema_at("layers")
SIZES: Mapping[type[Layer], Mapping[str, str]] = {
    Linear: {"n_in": "n_in", "n_out": "n_out"},
    BatchNorm: {"n_features": "n_in"},
    LayerNorm: {"n_features": "n_in"},
    Dropout: {"p": "p"},
}
# Layers that may follow a hidden Linear, in this order.
OF_LAYER = HIDDEN["items"]["properties"]
AFTER = (choices(OF_LAYER["normalization"]), choices(OF_LAYER["activation"]), ["Dropout"])
USUAL = {"Linear", "Softmax", "Sigmoid", *(kind for kinds in AFTER for kind in kinds)}


def state_of_net(net: Net, loss: Loss, optimizer: Optimizer) -> Json | None:
    """State fields of this net with its weights and training settings.

    None if a state cannot describe it: custom layers, other settings, branches.
    """
    name = type(loss).__name__
    layers, rules = _hidden(net, name), _rules(optimizer)
    if layers is None or rules is None or name not in LOSSES or len(_settings_of(loss)) > 1:
        return None
    return {
        "layers": layers,
        "loss": name,
        "optimizer": rules,
        "clip": optimizer.clip_norm,
        "events": [{"step": 0, "weights": packed(net.parameters)}],
    }


def training_settings(loss: Loss, optimizer: Optimizer) -> dict[str, Any]:
    """Loss and optimizer fields of the state of a net that a state cannot describe.

    A custom loss is left out. Such a training cannot be replayed from its state.
    """
    judge, rule = type(loss).__name__, type(optimizer).__name__
    rate = optimizer.learning_rate
    fields: dict[str, Any] = {"optimizer": {"name": rule, "learning_rate": rate}, "exact": False}
    return fields | ({"loss": judge} if judge in LOSSES else {})


def spec_of(state: State) -> Json:
    """The net of a state as a specification for the page's engine: `modelOf` of training/net.js."""
    layers = list[Json]()
    for layer in net_of(state):
        names = SIZES.get(type(layer), {})
        settings = {name: getattr(layer, attribute) for name, attribute in names.items()}
        named = {"layer": type(layer).__name__, "settings": settings}
        layers.append({**named, "trainable": layer.trainable})
    penalty = state["penalty"]
    return {
        "layers": layers,
        "loss": state["loss"],
        "optimizer": state["optimizer"],
        "penalty": penalty if penalty and penalty["alpha"] else None,
        "clip": state["clip"],
        "batch_size": state["batch_size"],
    }


def net_for_page(net: Net, loss: Loss, optimizer: Optimizer, x: Array) -> Json:
    """The net as a specification for the page's engine, with the graphs of the whole net.

    `x` are a few rows. Raises an error if a layer cannot be traced or lowered, or for an optimizer
    whose rule is not built in or not the same for all parameters.
    """
    rules = traced_modules()["optimizers"]
    if optimizer.groups or type(optimizer).__name__ not in rules:
        raise SettingError(
            f"{optimizer!r}{' with groups' if optimizer.groups else ''}",
            f"{', '.join(rules)}, with one rule for all parameters",
            "optimizer=hg.Adam(0.001); hg.fit trains with any",
        )
    writer = LayerWriter()
    try:
        graphs = _graphs(net, loss, x)
    except CannotLowerError as error:
        what, hint = "layers that the page of the playground can run", error.hint
        raise SettingError(str(error), what, hint or "hg.fit, which trains such a net") from None
    return {
        "own": True,
        "layers": [_layer(writer, layer, str(i)) for i, layer in enumerate(net.layers)],
        "graphs": graphs,
        "paths": [path for path, _ in net.walk()],
        "loss": _settings_of(loss),
        "optimizer": _settings_of(optimizer),
        "penalty": None,
        "clip": None,
        "width": x.shape[-1],
        "batch_size": 10,
        "weights": packed(net.parameters),
        "state": packed(net.running_state),
    }


def _layer(writer: LayerWriter, layer: Layer, path: str) -> Json:
    """The specification of a layer with its parameters, those of inner layers too."""
    frozen = {
        f"{inner}.{name}"
        for inner, part in layer.walk(path)
        if not part.trainable
        for name in part.param_names
    }
    parameters = [
        {
            "name": f"{path}.{name}",
            "shape": array.shape,
            "trainable": f"{path}.{name}" not in frozen,
        }
        for name, array in layer.named_parameters().items()
    ]
    state = [
        {"name": f"{path}.{name}", "shape": array.shape}
        for name, array in layer.named_states().items()
    ]
    return writer.described(layer, path) | {"parameters": parameters, "state": state}


def _graphs(net: Net, loss: Loss, x: Array) -> Json:
    """The fragments of a net's training step and of its predictions with their loss."""
    x = x.astype(np.float32)
    with net.mode(training=False):  # no draws, no change of running state
        y = example_targets(loss, net.forward(x))
    step, evaluation = (_traced(net, loss, x, y, training=mode) for mode in (True, False))
    page = fragment([step], [{}])
    lines = [line for lines in page["lines"]["lines"] for line in lines]
    for line, node in zip(lines, step.nodes[len(page["given"]) :], strict=True):
        if (origin := node.origin) and line[1:]:
            line.append({"path": origin.layer.split(".")[0], "method": origin.method})
    return {"step": page, "evaluation": fragment([evaluation], [{}], lines=False)}


def _traced(net: Net, loss: Loss, x: Array, y: Array, *, training: bool) -> Graph:
    """The graph of a step or an evaluation; each layer's output and its gradient are watched."""
    watched: dict[str, int] = {}

    def inputs(n: int) -> Leaves[Any]:
        rows = np.arange(n) % len(x)
        return Leaves({"x": x[rows], "y": y[rows]})

    def run(modules: Mapping[str, object], x: object, y: object) -> Outputs[Any]:
        whole, judge = cast(Any, [*modules.values()])
        parts = [*enumerate(whole.layers)]
        for i, layer in parts:
            result = checked_result(layer, "forward", layer.forward(x), str(i))
            watched[f"y {i}"], x = result.node, result
        value = checked_result(judge, "forward", judge.forward(x, y))
        if not training:
            return Outputs(x, value)
        dy = checked_result(judge, "backward", judge.backward(value))
        for i, layer in reversed(parts):
            watched[f"d {i}"] = dy.node
            dy = checked_result(layer, "backward", layer.backward(dy), str(i))
        return Outputs(x, value)

    modules = {"": net, "loss": loss}
    graph = trace_run(repr(net), modules, inputs, run, x.dtype, training=training)
    return replace(graph, watched=watched)


def _hidden(net: Net, loss: str) -> list[Json] | None:
    """The hidden layers as fields of a state; None if a state cannot describe them."""
    last = ["Linear", *filter(None, [LOSSES.get(loss, {}).get("last")])]
    layers, tail = [*net.layers[: -len(last)]], net.layers[-len(last) :]
    if [type(layer).__name__ for layer in tail] != last or not all(map(_is_usual, net.layers)):
        return None
    hidden = list[Json]()
    for layer in layers:
        kind = type(layer).__name__
        if isinstance(layer, Linear):
            hidden.append({**LAYER, "units": layer.n_out, "activation": None})
            hidden[-1]["frozen"] = not layer.trainable
            order = 0
            continue
        places = [kinds for kinds in AFTER if kind in kinds]
        if not hidden or not places or AFTER.index(places[0]) < order:
            return None
        place = AFTER.index(places[0])
        order = place + 1
        name = ("normalization", "activation", "dropout")[place]
        hidden[-1][name] = layer.p if isinstance(layer, Dropout) else kind
        if layer.param_names and layer.trainable is hidden[-1]["frozen"]:
            return None
    fits = len(hidden) <= HIDDEN["maxItems"] and all(part.trainable for part in tail)
    return hidden if fits else None


def _is_usual(layer: Layer) -> bool:
    """True if a layer has default settings except for sizes and weights, as in a state."""
    kind = type(layer)
    if isinstance(layer, BatchNorm) and (
        np.any(layer.running_mean) or np.any(layer.running_var != 1)
    ):
        return False
    made: list[Any] = [layer.n_in, layer.n_out] if isinstance(layer, Linear) else []
    made = [layer.n_in] if isinstance(layer, BatchNorm | LayerNorm) else made
    made = [layer.p] if isinstance(layer, Dropout) else made
    if LAYERS.get(kind.__name__) is not kind or kind.__name__ not in USUAL:
        return False
    return LayerWriter().described(layer, "") == LayerWriter().described(kind(*made), "")


def _rules(optimizer: Optimizer) -> Json | None:
    """The optimizer's settings as in a state; None if it has others."""
    settings = _settings_of(optimizer)
    known = alternatives(schema_at("optimizer")).get(settings["name"], {}).get("properties", {})
    others = settings.keys() - known.keys() - {"clip_norm"}
    if not known or any(settings[name] not in (None, 0, {}) for name in others):
        return None
    return {name: value for name, value in settings.items() if name in known}


def _settings_of(page: Module) -> Json:
    """Name of a loss or an optimizer with its settings that differ from the defaults."""
    settings: Json = {"name": type(page).__name__}
    parameters = inspect.signature(type(page)).parameters
    for name, passed in arguments_of(page).items():
        value = vars(page).get(name, passed)
        if value != parameters[name].default:
            settings[name] = [*value] if isinstance(value, tuple) else value
    return settings | ({"learning_rate": page.learning_rate} if isinstance(page, Optimizer) else {})
