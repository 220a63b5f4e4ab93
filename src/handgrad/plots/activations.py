"""The non-linearities and their slopes."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from handgrad.base.errors import SettingError, described
from handgrad.layers import (
    ELU,
    GELU,
    SELU,
    Array,
    GELUTanh,
    Layer,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from handgrad.plots.style import FIRST, SECOND, panels_for, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEXTBOOK = (Tanh, ReLU, LeakyReLU, Sigmoid, SiLU, ELU, SELU, Softplus, Mish, GELU, GELUTanh)
WIDTH = 4.0


def plot_activations(
    layers: Sequence[Layer] | None = None, axes: "Sequence[Axes] | Array | None" = None
) -> Array:
    """Draw activations, each with its slope; returns the axes, one a layer.

    Without `layers`, those of the textbook. The values are what `forward` gives, the slopes
    what `backward` makes of ones, on float64 copies: the very layers that are trained with.

    >>> import handgrad as hg
    >>> (axes,) = plot_activations([hg.Tanh()])
    >>> value, slope, *_ = axes.lines
    >>> value.get_label(), slope.get_label(), float(slope.get_ydata().max())
    ('Tanh()', 'its slope', 1.0)
    """
    layers = [kind() for kind in TEXTBOOK] if layers is None else [*layers]
    if not layers:
        raise SettingError("no layers", "one or more", "plot_activations(), for the textbook's")
    curves = [_curves(layer) for layer in layers]
    columns = min(len(layers), 4)
    size = (2.9 * columns, 2.7 * -(-len(layers) // 4))
    given = None if axes is None else [*np.ravel(np.array(axes))][: len(layers)]
    panels = panels_for(given, len(layers), size)
    for panel, layer, (x, y, slope) in zip(panels, layers, curves, strict=True):
        panel.plot(x, y, color=FIRST, linewidth=2, label=repr(layer))
        panel.plot(x, slope, "--", color=SECOND, linewidth=1.8, label="its slope")
        panel.axhline(0, color="#BBBBBB", linewidth=0.8, zorder=1)
        panel.axvline(0, color="#BBBBBB", linewidth=0.8, zorder=1)
        panel.set(title=repr(layer), xlabel="x")
        tidy(panel)
    panels[0].legend(handles=panels[0].lines[:2], labels=["value", "slope"], frameon=False)
    return np.array(panels)


def _curves(layer: Layer) -> tuple[Array, Array, Array]:
    """x, the layer's values there, and their slopes."""
    if not isinstance(layer, Layer):
        raise SettingError(described(layer), "layers", "[hg.Tanh(), hg.ReLU()]")
    twin = copy.deepcopy(layer)
    x = np.linspace(-WIDTH, WIDTH, 401)
    try:
        with twin.mode(training=False):
            row = twin.forward(x[None, :])[0]
            y = twin.forward(x[:, None])
            slope = twin.backward(np.ones_like(y))[:, 0]
        elementwise = y.shape == (len(x), 1) and np.allclose(row, y[:, 0])
    except (ValueError, IndexError, TypeError):
        elementwise = False
    if not elementwise:
        raise SettingError(
            f"{layer!r}, which does not treat each number by itself",
            "activations, such as Tanh() and ReLU()",
            "plot_decision_boundary(net, x, y), for what layers do together",
        )
    return x, y[:, 0], slope
