"""Pictures in rows, moved by a few pixels."""

from math import prod

import numpy as np
import numpy.typing as npt

from handgrad.engines.streams import Rng
from handgrad.textbook.errors import DataError, SettingError, ShapeError, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.textbook.net.minibatches import array_of


def random_shift(
    x: npt.ArrayLike, shape: tuple[int, ...], *, pixels: int = 1, rng: Rng = None
) -> Array:
    """Shift each image in the rows of `x` at random: data augmentation.

    Each of the (2 `pixels` + 1)² shifts is equally likely; vacated pixels become 0. The layer
    `RandomShift` shifts images in training only, anew in each epoch.

    Parameters
    ----------
    x : array-like, (n, k)
        Images, one in each row.
    shape : tuple of int
        (height, width), or (channels, height, width), of each image.
    pixels : int, default 1
        Largest shift, vertically and horizontally.
    rng : int or Generator, optional
        Seed, or source of random numbers.

    Returns
    -------
    array, (n, k)
        Shifted images, of the type of `x`.

    Examples
    --------
    >>> random_shift([[1, 2, 3, 4, 5, 6, 7, 8, 9]], (3, 3), rng=0).reshape(3, 3)   # by one up
    array([[4, 5, 6],
           [7, 8, 9],
           [0, 0, 0]])
    """
    x = array_of(x, "x")
    _check(x, shape, pixels)
    generator = spawning_generator(rng)
    (n, k), (height, width) = x.shape, shape[-2:]
    pictures = x.reshape(n, k // (height * width), height, width)
    edge = (pixels, pixels)
    padded = np.pad(pictures, ((0, 0), (0, 0), edge, edge))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    top, left = generator.integers(2 * pixels + 1, size=(2, n))
    moved: Array = windows[np.arange(n), :, top, left].reshape(n, k)
    return moved


def _check(x: Array, shape: object, pixels: int) -> None:
    sides = shape if isinstance(shape, tuple | list) else ()
    if len(sides) not in (2, 3):
        raise SettingError(
            f"shape={shape!r}",
            "(height, width), or (channels, height, width)",
            "shape=(8, 8), for the digits of scikit-learn",
        )
    for side in sides:
        positive("a side of shape", side, whole=True)
    positive("pixels", pixels, whole=True)
    if pixels >= min(sides[-2:]):
        raise SettingError(
            f"pixels={pixels} for pictures of {sides[-2]} by {sides[-1]}",
            "fewer than the height and the width: part of each picture must stay",
            "pixels=1",
        )
    if x.ndim != 2 or x.shape[1] != prod(sides):
        raise ShapeError(
            f"x of shape {x.shape}, for pictures of shape {(*sides,)}",
            f"rows of {prod(sides)} numbers, (n, {prod(sides)})",
            "x.reshape(len(x), -1), or the shape of the pictures",
        )
    if x.dtype.kind not in "fiub":
        raise DataError(f"x of type {x.dtype}", "numbers", "x.astype(np.float32)")
