"""Plots of saliency: the pixels of images that a class's score depends on most."""

import copy
from collections.abc import Sequence
from math import prod

import numpy as np
from matplotlib.axes import Axes

from handgrad.plots.inputs import net_and_rows
from handgrad.plots.labels import label
from handgrad.plots.style import panels_for
from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers import Array, Reshape, Softmax
from handgrad.textbook.layers.ensemble import EnsembleLayer
from handgrad.textbook.net import Net
from handgrad.training.results import Predictor, is_classifier

MOST_IMAGES, INCHES = 10, 1.3


def plot_saliency(
    net: Net | Predictor, x: object, *, axes: Sequence[Axes] | Array | None = None
) -> Array:
    """Plot images above their saliency maps; returns the axes, first those of the images.

    The map is the absolute derivative of the predicted class's score with respect to each pixel,
    the largest of the channels (Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks:
    visualising image classification models and saliency maps", 2013): dark pixels are those whose
    small changes change the score most. The score is that before a softmax.

    Parameters
    ----------
    net : Net or fitted estimator
        Classifier of images; a net that takes rows begins with a `Reshape` to images.
    x : array (n, …)
        At most 10 images, in the form the model takes.
    axes : sequence of Axes, optional
        Axes for the n images and the n maps; by default those of a new figure.

    Returns
    -------
    array of Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> net = hg.Net(hg.layers.Reshape(1, 8, 8), hg.Flatten(), hg.Linear(64, 10, rng=1))
    >>> panels = plot_saliency(net, hg.data.load("digits").x[:3])
    >>> len(panels), panels[3].images[0].get_array().shape
    (6, (8, 8))
    """
    inner, rows, _, _ = net_and_rows(net, x)
    if not 0 < len(rows) <= MOST_IMAGES:
        raise ShapeError(
            f"x of shape {rows.shape}", f"1 to {MOST_IMAGES} images", f"x[:{MOST_IMAGES}]"
        )
    images = _images_of(inner, rows)
    maps, places = saliency(inner, rows)
    names = [str(net.classes_[i]) for i in places] if is_classifier(net) else [*map(str, places)]
    n = len(rows)
    panels = panels_for(axes, 2 * n, (INCHES * n, 2 * INCHES + 0.4), grid=False, columns=n)
    for i, (image, values) in enumerate(zip(images, maps.reshape(images.shape), strict=True)):
        shown = image[0] if len(image) == 1 else np.moveaxis(image, 0, 2).clip(0, 1)
        panels[i].imshow(shown, cmap="gray", interpolation="nearest")
        panels[i].set_title(label("class {}", names[i]), fontsize="small")
        largest = np.abs(values).max(axis=0)
        panels[n + i].imshow(largest, cmap="gray_r", vmin=0, interpolation="nearest")
    for panel in panels:
        panel.set(xticks=[], yticks=[])
    return np.array(panels)


def saliency(net: Net, x: Array) -> tuple[Array, Array]:
    """Derivatives of each row's largest score by its inputs, (n, …), and that class, (n,)."""
    net = copy.deepcopy(net)
    if isinstance(net.layers[-1], Softmax):
        net = net[:-1]
    with net.mode(training=False):
        scores = net.forward(x)
        if scores.ndim != 2 or scores.shape[1] < 2:
            raise SettingError(
                f"{net!r}, whose output has the shape {scores.shape}",
                "a net with a score for each class, (n, classes)",
                "hg.plots.plot_feature_maps(net, x[:1])",
            )
        places = scores.argmax(axis=1)
        return net.backward(np.eye(scores.shape[1], dtype=scores.dtype)[places]), places


def _images_of(net: Net, rows: Array) -> Array:
    """The rows as images, (n, channels, height, width)."""
    if rows.ndim == 4:
        return rows
    first = next(iter(net.layers), None)
    shape = first.shape if isinstance(first, Reshape) else ()
    several = any(isinstance(part, EnsembleLayer) for _, part in net.walk())
    if several or rows.ndim != 2 or len(shape) != 3 or prod(shape) != rows.shape[1]:
        raise SettingError(
            f"{net!r}, for x of shape {rows.shape}",
            "a net of images, (n, channels, height, width), or of rows that it reshapes to images",
            "hg.Net(hg.layers.Reshape(1, 8, 8), hg.Conv2d(1, 6, 3), …)",
        )
    return rows.reshape(-1, *shape)
