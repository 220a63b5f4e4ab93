"""What the formulas about pictures and shapes are run on, and what the library says."""

from collections.abc import Callable
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.layers.convolution import Convolution
from handgrad.textbook.layers.random_stream import NormalNumbers
from tests.docs.formulas import Values

Rng = np.random.Generator
Given = Callable[[Rng], Values]
Library = Callable[[Values], Values]


class Drawn(NormalNumbers):
    """Stands in for a random stream: the same numbers each time."""

    dtype = np.dtype(np.float64)

    def random(self, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
        return np.random.default_rng(0).random(shape, dtype)


def of_pictures(layer: hg.Layer, x: tuple[int, ...], y: str = "y", *names: str) -> Any:
    """Rows of this shape and a gradient from above, with settings by their names; and the layer."""
    if layer.param_names or isinstance(layer, hg.MaxPool2d | hg.layers.AvgPool2d):
        names = (*names, "kernel_size", "stride", "padding")
    if layer.param_names:
        names = (*names, "n_in", "n_out", "dilation")
    if isinstance(layer, Convolution):
        names = (*names, "groups")
    layer.rng = Drawn()  # type: ignore[assignment]
    above = layer.forward(np.zeros(x)).shape

    def given(rng: Rng) -> Values:
        weights = {n: rng.normal(size=getattr(layer, n).shape) for n in layer.param_names}
        settings = {name: getattr(layer, name) for name in names}
        rows = {"x": rng.normal(size=x), "d" + y: rng.normal(size=above)}
        masks = {"mask": np.arange(x[-1]) < np.array([[[4]], [[6]]])} if layer.takes_mask else {}
        return rows | masks | weights | settings

    def library(values: Values) -> Values:
        for name in layer.param_names:
            setattr(layer, name, values[name])
        masks = (values["mask"],) if layer.takes_mask else ()
        found = {y: layer.forward(values["x"], *masks), "dx": layer.backward(values["d" + y])}
        return found | {"d" + name: getattr(layer, "d" + name) for name in layer.param_names}

    return given, library


POOLS: dict[str, Any] = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}
PLAIN = hg.Conv2d(2, 3, (3, 4), dtype=np.float64)
PLAIN_GIVEN, PLAIN_LIBRARY = of_pictures(PLAIN, (2, 2, 4, 5), "z")


def drawn_windows(rng: Rng) -> Values:
    """Pictures, and what stands against each number of their windows."""
    return {"x": rng.normal(size=(2, 2, 4, 3)), "g": rng.normal(size=(2, 2, 2, 2, 3, 2))} | POOLS


PICTURE_CASES: dict[str, tuple[Given, Library]] = {
    "Reshape": of_pictures(hg.layers.Reshape(2, 3), (2, 6), "y", "shape"),
    "Flatten": of_pictures(hg.Flatten(), (2, 2, 3)),
    "Transpose": of_pictures(hg.layers.Transpose(3, 1, 2), (2, 2, 3, 5), "y", "axes"),
    "Conv2d": of_pictures(
        hg.Conv2d(4, 6, **POOLS, dilation=(1, 2), groups=2, dtype=np.float64), (2, 4, 4, 4), "z"
    ),
    "Conv1d": of_pictures(
        hg.layers.Conv1d(4, 6, 3, 2, 1, dilation=2, groups=2, dtype=np.float64), (2, 4, 6), "z"
    ),
    "ConvTranspose2d": of_pictures(
        hg.layers.ConvTranspose2d(2, 3, **POOLS, dtype=np.float64), (2, 2, 3, 4)
    ),
    "ConvTranspose1d": of_pictures(
        hg.layers.ConvTranspose1d(2, 3, 3, 2, 1, dtype=np.float64), (2, 2, 4)
    ),
    "the sum over a window": (PLAIN_GIVEN, PLAIN_LIBRARY),
    "dx is a convolution too": (PLAIN_GIVEN, PLAIN_LIBRARY),
    "taking windows and adding them up": (drawn_windows, lambda _: {}),
    "MaxPool2d": of_pictures(hg.MaxPool2d(**POOLS), (2, 2, 4, 3), "y", "size"),
    "AvgPool2d": of_pictures(hg.layers.AvgPool2d(**POOLS), (2, 2, 4, 3), "y", "size"),
    "RandomShift": of_pictures(hg.layers.RandomShift(2), (8, 1, 3, 4), "y", "rng", "pixels"),
    "RandomHorizontalFlip": of_pictures(
        hg.layers.RandomHorizontalFlip(0.5), (2, 2, 3, 4), "y", "rng", "p"
    ),
    "GaussianNoise": of_pictures(hg.layers.GaussianNoise(0.5), (2, 3), "y", "rng", "std"),
}
