"""Drawing and inspection of pictures on the page of a classifier of pictures."""

from __future__ import annotations

import copy
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
        "drawing": drawing_of(spec.example.reshape(-1, *spec.picture)) if spec.given else None,
    }


def drawing_of(pictures: Array) -> dict[str, Any]:
    """Background, pen and place of drawings that resemble pictures, from 0 to 1.

    `pictures` are (n, channels, height, width). `paper` is the value of the background, 0 or 1;
    `pen` the width of strokes and `fill` the longer side of what is drawn, as fractions of the
    picture's; `center` (y, x) its center of mass.
    """
    grey = pictures.mean(axis=1, dtype=float)
    height, width = grey.shape[1:]
    edges = [grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]]
    paper = int(np.median(np.concatenate(edges, axis=1)) >= 0.5)
    ink = np.abs(grey - paper)
    ink = ink[ink.any(axis=(1, 2))]
    if not len(ink):
        return {"paper": paper, "pen": 1 / 12, "fill": 1, "center": [0.5, 0.5]}
    steps = np.gradient(np.pad(ink, ((0, 0), (1, 1), (1, 1))), axis=(1, 2))
    # A stroke of length l and width w has the area l·w, and an outline of about 2·l.
    pen = 2 * ink.sum() / np.hypot(*steps).sum()
    there = ink > ink.max(axis=(1, 2), keepdims=True) / 2
    sides = _extent(there.any(axis=2)) / height, _extent(there.any(axis=1)) / width
    weight = ink.sum(axis=(1, 2))
    y, x = (np.arange(size) + 0.5 for size in (height, width))
    center = [
        float((ink.sum(axis=axis) @ places / weight).mean() / size)
        for axis, places, size in ((2, y, height), (1, x, width))
    ]
    return {
        "paper": paper,
        "pen": float(pen / min(height, width)),
        "fill": float(np.median(np.maximum(*sides))),
        "center": center,
    }


def _extent(there: Array) -> Array:
    """Number of places from the first to the last True of each row, (n,)."""
    size = there.shape[1]
    extent: Array = size - there[:, ::-1].argmax(axis=1) - there.argmax(axis=1)
    return extent
