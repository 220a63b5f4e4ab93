"""Drawing and inspection of pictures on the page of a classifier of pictures."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import Any

import numpy as np

from handgrad.engines.portable.model import portable_model
from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.textbook.layers import Array, Conv2d, Layer, Softmax
from handgrad.textbook.layers.layer import Shape
from handgrad.textbook.net import Net

NET = "./net.js"


class PictureInspection(Net):
    """Saliency of the largest score, and feature maps of the first convolution.

    forward     y[i] = (∂ maxₖ zₖ / ∂x, maps) of row i, one after the other, z = f(x)
    shapes      x (n, n_in)    y (n, n_in + n_maps · height · width)
    source      Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013
    """

    def forward(self, x: Array, mask: Array | None = None, /) -> Array:
        z, maps = x, []
        for layer in self.layers:
            z = layer.forward(z)
            if isinstance(layer, Conv2d):
                maps.append(z.reshape(len(x), -1))
        dz = (z == z.max(axis=1, keepdims=True)).astype(z.dtype)
        for layer in reversed(self.layers):
            dz = layer.backward(dz)
        return np.concatenate([dz, *maps[:1]], axis=1)

    def shape_out(self, shape_in: Shape) -> Shape | None:
        return None


def inspection_module(spec: ModelSpec) -> str:
    """JavaScript module of the inspection of a picture, with the weights of the net's module."""
    if spec.picture is None:
        return "export const inspected = null;\n"
    layers = [layer for layer in spec.net.layers if _is_differentiable(layer)]
    net = PictureInspection(*map(copy.deepcopy, layers), dtype=spec.net.dtype)
    model = portable_model(net, x=spec.example, predicted_at_once=1, copies=False)
    return javascript_module(model, weights=NET) + "export const inspected = predict;\n"


def _is_differentiable(layer: Layer) -> bool:
    """Return True for a layer before the probabilities."""
    return type(layer).backward is not Layer.backward and not isinstance(layer, Softmax)


def picture_data(spec: ModelSpec) -> dict[str, Any] | None:
    """Data for the scripts of a page for pictures; None for other models."""
    if spec.picture is None:
        return None
    net, maps = spec.net, None
    for i, layer in enumerate(net.layers):
        if isinstance(layer, Conv2d):
            maps = net[: i + 1].predict(spec.example[:1]).shape[1:]
            break
    return {
        "shape": spec.picture,
        "maps": maps,
        "drawing": spec.drawing and asdict(spec.drawing),
    }
