"""A net of one's own as the page's state says it, or, where it cannot, as its engine takes it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.files.architecture import LAYERS, LayerWriter
from handgrad.learn.playground.pages import layer_page, loss_page, recorded_pages
from handgrad.learn.playground.replay import net_of
from handgrad.learn.playground.state import ACTIVATIONS, LAYER, LOSSES, OPTIMIZERS, State
from handgrad.learn.playground.tables import packed
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import (
    Array,
    BatchNorm,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
    Sigmoid,
    Softmax,
)
from handgrad.textbook.losses import Loss
from handgrad.textbook.module import Module
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import example_targets
from handgrad.textbook.optimizers import Optimizer

# The layer after the last Linear, for losses that take what it gives.
LAST = {"CrossEntropyLoss": Softmax, "BinaryCrossEntropyLoss": Sigmoid}
MOST_HIDDEN = 12
SIZES: Mapping[type[Layer], Mapping[str, str]] = {
    Linear: {"n_in": "n_in", "n_out": "n_out"},
    BatchNorm: {"n_features": "n_in"},
    LayerNorm: {"n_features": "n_in"},
    Dropout: {"p": "p"},
}
# What may follow a hidden Linear, in this order.
AFTER = (("BatchNorm", "LayerNorm"), ACTIVATIONS, ("Dropout",))
USUAL = {"Linear", "Softmax", "Sigmoid", *(kind for kinds in AFTER for kind in kinds)}
Given = dict[str, Any]


def state_of_net(net: Net, loss: Loss, optimizer: Optimizer) -> Given | None:
    """The parts of a state that say this net and how it learns, with its weights as they are.

    None where it has what no state says: layers of one's own, other settings, branches.
    """
    name = type(loss).__name__
    layers, rules = _hidden(net, name), _rules(optimizer)
    if layers is None or rules is None or not _is_known(name) or len(_said(loss)) > 1:
        return None
    return {
        "layers": layers,
        "loss": name,
        "optimizer": rules,
        "clip": optimizer.clip_norm,
        "events": [{"step": 0, "weights": packed(net.parameters)}],
    }


def learning_of_net(loss: Loss, optimizer: Optimizer) -> dict[str, Any]:
    """What a state says beside a net that it cannot say: by what it is judged, and at which rate.

    A loss that no state has is left out. From the state alone, its training is not made again.
    """
    judge, rule = type(loss).__name__, type(optimizer).__name__
    rate = optimizer.learning_rate
    said: dict[str, Any] = {"optimizer": {"name": rule, "learning_rate": rate}, "exact": False}
    return said | ({"loss": judge} if _is_known(judge) else {})


def spec_of(state: State) -> Given:
    """The net of a state as the engine of the page takes it: `modelOf` of page/training/net.js."""
    layers = list[Given]()
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


def net_for_page(net: Net, loss: Loss, optimizer: Optimizer, x: Array) -> Given:
    """The net as the page's engine takes it, with recorded pages of layers and losses of one's own.

    `x` are a few rows. Raises what recording does for what cannot be recorded, and a SettingError
    for an optimizer whose rule is not among the recorded ones, or not the same for all parameters.
    """
    pages = recorded_pages()
    if optimizer.groups or type(optimizer).__name__ not in pages["optimizers"]:
        raise SettingError(
            f"{optimizer!r}{' with groups' if optimizer.groups else ''}",
            f"{', '.join(pages['optimizers'])}, with one rule for all parameters",
            "optimizer=hg.Adam(0.001); hg.fit trains with any",
        )
    writer, layers, given = LayerWriter(), list[Given](), x
    for i, layer in enumerate(net.layers):
        said = writer.described(layer, str(i)) | {"trainable": layer.trainable}
        if said.get("layer") not in pages["layers"]:
            said["page"] = layer_page(layer, given)
        layers.append(said)
        with layer.mode(training=False):  # it neither draws nor changes running state
            given = layer.forward(given)
    judge = _said(loss)
    if judge["name"] not in pages["losses"]:
        judge["page"] = loss_page(loss, given, example_targets(loss, given))
    return {
        "own": True,
        "layers": layers,
        "paths": [path for path, _ in net.walk()],
        "loss": judge,
        "optimizer": _said(optimizer),
        "penalty": None,
        "clip": None,
        "width": x.shape[-1],
        "batch_size": 10,
        "weights": packed(net.parameters),
        "state": packed(net.running_state),
    }


def _hidden(net: Net, loss: str) -> list[Given] | None:
    """The hidden layers as a state has them, if the net is made of what states say."""
    last = [Linear, *([LAST[loss]] if loss in LAST else [])]
    layers, tail = [*net.layers[: -len(last)]], net.layers[-len(last) :]
    if [*map(type, tail)] != last or not all(map(_is_usual, net.layers)):
        return None
    found = list[Given]()
    for layer in layers:
        kind = type(layer).__name__
        if isinstance(layer, Linear):
            found.append({**LAYER, "units": layer.n_out, "activation": None})
            found[-1]["frozen"] = not layer.trainable
            order = 0
            continue
        places = [kinds for kinds in AFTER if kind in kinds]
        if not found or not places or AFTER.index(places[0]) < order:
            return None
        place = AFTER.index(places[0])
        order = place + 1
        name = ("normalization", "activation", "dropout")[place]
        found[-1][name] = layer.p if isinstance(layer, Dropout) else kind
        if layer.param_names and layer.trainable is found[-1]["frozen"]:
            return None
    return found if len(found) <= MOST_HIDDEN and all(part.trainable for part in tail) else None


def _is_known(loss: str) -> bool:
    return any(loss in names for names in LOSSES.values())


def _is_usual(layer: Layer) -> bool:
    """Whether a layer is as its class makes it, but for sizes and weights: so a state means it."""
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


def _rules(optimizer: Optimizer) -> Given | None:
    """The optimizer with those settings that a state has, if it has no others."""
    said = _said(optimizer)
    kinds = OPTIMIZERS.get(said["name"])
    others = said.keys() - {"name", *(kinds or ())}
    if kinds is None or any(said[name] not in (None, 0, {}) for name in others - {"clip_norm"}):
        return None
    return {name: value for name, value in said.items() if name == "name" or name in kinds}


def _said(page: Module) -> Given:
    """A loss or an optimizer as its name and those of its settings that are not as usual."""
    kind, (args, kwargs) = type(page), page.__dict__["_made_with"]
    signature = inspect.signature(kind)
    made = signature.bind_partial(*args, **kwargs).arguments
    found: Given = {"name": kind.__name__}
    for name, parameter in signature.parameters.items():
        value = vars(page).get(name, made.get(name, parameter.default))
        if value != parameter.default:
            found[name] = [*value] if isinstance(value, tuple) else value
    return found | ({"learning_rate": page.learning_rate} if isinstance(page, Optimizer) else {})
