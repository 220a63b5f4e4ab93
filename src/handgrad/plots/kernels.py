"""Pictures of nets that look at pictures: what a convolution looks for, and what layers make."""

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
# A grey between pictures, whose zeros are white.
BETWEEN = "#d9d9d9"


def plot_kernels(
    net: Net | Predictor, *, layer: int | str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what a convolution looks for: a picture of the weights from each channel to each.

    From blue below zero through white to orange, all on one scale, its end the largest weight.
    Output channels stand side by side, the channels of the input below each other; the weights of a
    `Conv1d` are one picture for each output channel, a line of it for each channel of the input.
    `layer` is the number of the convolution in `net.layers`, counted from 0, or its path,
    layer="2.0"; by default it is the first of the net. Of more than 16 channels the first are
    drawn. In place of a net it takes a fitted estimator that has one. Without
    `ax` a new figure is made, `axes.figure`.

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
        axes.set_yticks([])  # they are lines of one picture
    axes.tick_params(length=0)
    axes.set_title(label("kernels of {}", convolution), fontsize="medium")
    axes.figure.colorbar(image, ax=axes, label=label("weight"), aspect=12, shrink=0.8)
    return axes


def _channels(which: str, shown: int, n: int) -> str:
    return label(which) if shown == n else label(f"{which}, {{}} of {{}}", shown, n)


def _convolution_of(net: Net, layer: int | str | None) -> Convolution:
    found = {path: part for path, part in net.walk() if isinstance(part, Convolution)}
    if not found:
        raise SettingError(
            f"{net!r}, which has no convolution",
            "a net with a Conv2d or a Conv1d",
            "plot_net(net, x), or plot_neurons(net, x)",
        )
    path = next(iter(found)) if layer is None else str(layer)
    if isinstance(layer, bool) or path not in found:
        known = ", ".join(repr(int(path) if path.isdigit() else path) for path in found)
        raise SettingError(
            f"layer = {layer!r}",
            f"a convolution of the net: {known}",
            "layer=…; net.summary() lists the layers, there counted from 1",
        )
    return found[path]


def plot_feature_maps(
    net: Net | Predictor, x: object, *, axes: Sequence[Axes] | Array | None = None
) -> Array:
    """Draw what each layer makes of a single row `x`, from input to output; axes, one a layer.

    Where rows are pictures, (1, channels, height, width), there is a map of each channel, of
    the first 16 at most. A sequence, (1, t, features), is one map with t lines, and plain numbers
    are a strip. From blue below zero through white to orange, each layer on a scale of its
    own. In place of a net it takes a fitted estimator that has one, with a row as it takes it.

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
            f"{inner!r}, whose layers put out plain numbers",
            "a net with layers that put out pictures or sequences",
            "plot_net(net, x); for pictures, "
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
    """Draw what a layer makes of a row: (channels, height, width), (t, features) or (units,)."""
    largest = float(np.abs(values).max())
    if values.ndim > 2:
        maps = values.reshape(-1, *values.shape[-2:])
        shown = maps[:MOST_CHANNELS]
        _draw_side_by_side(axes, shown[None], largest)
        axes.set_anchor("W")
        counted = f"{len(shown)} of {len(maps)}" if len(shown) < len(maps) else f"{len(maps)}"
        plural = "s" if len(maps) > 1 else ""
        said = f"{counted} map{plural} of {maps.shape[1]} × {maps.shape[2]}"
    else:
        lines = values.reshape(-1, values.shape[-1])
        axes.imshow(lines, aspect="auto", interpolation="nearest", **_colours(largest))
        axes.spines[:].set_color(BETWEEN)
        said = f"{len(lines)} × {lines.shape[1]}" if values.ndim > 1 else f"{lines.size} numbers"
    axes.set(xticks=[], yticks=[])
    axes.set_title(translated(f"{shortened(name, 60)}: {said}"), loc="left", fontsize="small")


def _draw_side_by_side(axes: Axes, pictures: Array, largest: float) -> AxesImage:
    """Draw `pictures` (down, across, height, width), each 1 across with its gap."""
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
