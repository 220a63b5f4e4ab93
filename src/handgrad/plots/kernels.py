"""Plots of convolutional nets: kernels and feature maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from handgrad.plots.inputs import net_and_row, net_of
from handgrad.plots.labels import label, translated
from handgrad.plots.style import SIGNED, axes_for, panels_for, shortened
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.convolution import Convolution
from handgrad.textbook.layers.ensemble import EnsembleLayer
from handgrad.textbook.net import Net
from handgrad.training.results import Predictor

MOST_CHANNELS, FEWEST_CHANNELS = 16, 6
GAP, INCHES, STRIP = 0.12, 0.7, 0.35
# Grey between images, whose zeros are white.
BETWEEN = "#d9d9d9"


def plot_kernels(
    net: Net | Predictor, *, layer: int | str | None = None, ax: Axes | None = None
) -> Axes:
    """Plot the kernels of a convolution: an image of the weights for each pair of channels.

    Columns are output channels, rows are input channels, at most 16 each; for a `Conv1d` there is
    one image per output channel, with a row for each input channel. Blue is negative, white 0,
    orange positive, on one scale.

    Parameters
    ----------
    net : Net or fitted estimator
        With a `Conv2d` or `Conv1d`.
    layer : int or str, optional
        Index in `net.layers`, or path such as "2.0"; by default the first convolution.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> net = hg.Net(hg.layers.Reshape(1, 8, 8), hg.Conv2d(1, 6, 3, rng=0), hg.Tanh())
    >>> axes = plot_kernels(net)
    >>> axes.get_title(), len(axes.images)
    ('kernels of Conv2d(1, 6, 3)', 6)
    """
    convolution = _convolution_of(net_of(net), layer)
    W = convolution.W if convolution.W.ndim == 4 else convolution.W[:, None]
    kernels = W.swapaxes(0, 1)[:MOST_CHANNELS, :MOST_CHANNELS].astype(np.float64)
    down, across, height, width = kernels.shape
    tall = (1 - GAP) * height / width
    size = (INCHES * across + 1.8, INCHES * down * (tall + GAP) + 1.1)
    axes = axes_for(ax, size, grid=False)
    image = _draw_side_by_side(axes, kernels, float(np.abs(W).max()))
    axes.set_xticks(np.arange(across) + (1 - GAP) / 2, [*map(str, range(1, across + 1))])
    axes.set_yticks(np.arange(down) * (tall + GAP) + tall / 2, [*map(str, range(1, down + 1))])
    axes.set(
        xlabel=_channels("output channel", across, convolution.n_out),
        ylabel=_channels("input channel", down, len(W[0])),
    )
    if convolution.W.ndim == 3:
        axes.set_yticks([])  # the input channels are rows of one image
    axes.tick_params(length=0)
    axes.set_title(label("kernels of {}", convolution), fontsize="medium")
    axes.figure.colorbar(image, ax=axes, label=label("weight"), aspect=12, shrink=0.8)
    return axes


def _channels(which: str, shown: int, n: int) -> str:
    return label(which) if shown == n else label(f"{which}, {{}} of {{}}", shown, n)


def _convolution_of(net: Net, layer: int | str | None) -> Convolution:
    convolutions = {path: part for path, part in net.walk() if isinstance(part, Convolution)}
    if not convolutions:
        raise SettingError(
            f"{net!r}, which has no convolution",
            "a net with a Conv2d or a Conv1d",
            "plot_net(net, x), or plot_neurons(net, x)",
        )
    path = next(iter(convolutions)) if layer is None else str(layer)
    if isinstance(layer, bool) or path not in convolutions:
        known = ", ".join(repr(int(path) if path.isdigit() else path) for path in convolutions)
        raise SettingError(
            f"layer = {layer!r}",
            f"a convolution of the net: {known}",
            "layer=…; net.summary() lists the layers, counted from 1",
        )
    return convolutions[path]


def plot_feature_maps(
    net: Net | Predictor, x: object, *, axes: Sequence[Axes] | Array | None = None
) -> Array:
    """Plot the output of each layer for a single row `x`; returns the axes, one per layer.

    An image, (1, channels, height, width), has one map per channel, at most 16. A sequence,
    (1, t, features), is one map with t lines, and a vector is a strip. Blue is negative, white 0,
    orange positive, each layer on its own scale.

    Parameters
    ----------
    net : Net or fitted estimator
        With layers that output images or sequences.
    x : array (1, …)
        A single row, in the form the model takes.
    axes : sequence of Axes, optional
        Axes for input and layers; by default those of a new figure.

    Returns
    -------
    array of Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> net = hg.Net(hg.layers.Reshape(1, 8, 8), hg.Conv2d(1, 6, 3, rng=0), hg.MaxPool2d(2))
    >>> panels = plot_feature_maps(net, hg.data.load("digits").x[:1])
    >>> [panel.get_title(loc="left") for panel in panels][:2]
    ['input: 64 numbers', 'layer 1 of 3, Reshape(1, 8, 8): 1 map of 8 × 8']
    """
    inner, row = net_and_row(net, x)
    outputs = inner.outputs(row)
    names = ["input", *(inner.position(i) for i in range(len(inner.layers)))]
    maps = [row[0], *(outputs[str(i)][0] for i in range(len(inner.layers)))]
    several = any(isinstance(part, EnsembleLayer) for _, part in inner.walk())
    if several or all(values.ndim < 2 for values in maps):
        raise SettingError(
            f"{inner!r}, whose layers output vectors",
            "a net with layers that output images or sequences",
            "plot_net(net, x); for images, "
            "hg.Net(hg.layers.Reshape(1, 8, 8), hg.Conv2d(1, 6, 3), …)",
        )
    of_pictures = [min(len(values), MOST_CHANNELS) for values in maps if values.ndim > 2]
    across = max(of_pictures, default=FEWEST_CHANNELS)
    heights = [1.0 if values.ndim > 1 else STRIP for values in maps]
    size = (INCHES * max(across, FEWEST_CHANNELS), sum((INCHES + 0.1) * h + 0.28 for h in heights))
    panels = panels_for(axes, len(maps), size, grid=False, columns=1)
    place = panels[0].get_subplotspec()
    if axes is None and place is not None:
        place.get_gridspec().set_height_ratios(heights)
    for panel, name, values in zip(panels, names, maps, strict=True):
        _draw_maps(panel, name, np.asarray(values, np.float64))
    return np.array(panels)


def _draw_maps(axes: Axes, name: str, values: Array) -> None:
    """Draw a layer's output for a row: (channels, height, width), (t, features) or (units,)."""
    largest = float(np.abs(values).max())
    if values.ndim > 2:
        maps = values.reshape(-1, *values.shape[-2:])
        shown = maps[:MOST_CHANNELS]
        _draw_side_by_side(axes, shown[None], largest)
        axes.set_anchor("W")
        counted = f"{len(shown)} of {len(maps)}" if len(shown) < len(maps) else f"{len(maps)}"
        plural = "s" if len(maps) > 1 else ""
        shape = f"{counted} map{plural} of {maps.shape[1]} × {maps.shape[2]}"
    else:
        lines = values.reshape(-1, values.shape[-1])
        axes.imshow(lines, aspect="auto", interpolation="nearest", **_colours(largest))
        axes.spines[:].set_color(BETWEEN)
        shape = f"{len(lines)} × {lines.shape[1]}" if values.ndim > 1 else f"{lines.size} numbers"
    axes.set(xticks=[], yticks=[])
    axes.set_title(translated(f"{shortened(name, 60)}: {shape}"), loc="left", fontsize="small")


def _draw_side_by_side(axes: Axes, pictures: Array, largest: float) -> AxesImage:
    """Draw `pictures` (down, across, height, width), each of width 1 with its gap."""
    down, across, height, width = pictures.shape
    side, tall = 1 - GAP, (1 - GAP) * height / width
    pitch = tall + GAP
    for i, line in enumerate(pictures):
        for j, picture in enumerate(line):
            place = (j, j + side, i * pitch + tall, i * pitch)
            image = axes.imshow(picture, extent=place, interpolation="nearest", **_colours(largest))
    axes.set(xlim=(-GAP, across), ylim=(down * pitch, -GAP), aspect="equal", facecolor=BETWEEN)
    axes.spines[:].set_visible(False)
    return image


def _colours(largest: float) -> dict[str, Any]:
    most = largest or 1.0
    return {"cmap": SIGNED, "vmin": -most, "vmax": most}
