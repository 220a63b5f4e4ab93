"""Facts of pictures that let a page scale a user's strokes to resemble them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handgrad.textbook.layers import Array


@dataclass(frozen=True)
class Drawing:
    """Background, strokes and place of what pictures show.

    `paper` is the value of the background, 0 or 1; `pen` is the width of strokes, and `fill` the
    longer side of what is drawn, as fractions of the picture's; `y` and `x` its center of mass.
    """

    paper: int = 0
    pen: float = 1 / 12
    fill: float = 1.0
    y: float = 0.5
    x: float = 0.5


def drawing_of(pictures: Array) -> Drawing:
    """Drawing of pictures (n, channels, height, width) with values from 0 to 1."""
    grey = pictures.mean(axis=1, dtype=float)
    height, width = grey.shape[1:]
    edges = [grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]]
    paper = int(np.median(np.concatenate(edges, axis=1)) >= 0.5)
    ink = np.abs(grey - paper)
    ink = ink[ink.any(axis=(1, 2))]
    if not len(ink):
        return Drawing(paper)
    steps = np.gradient(np.pad(ink, ((0, 0), (1, 1), (1, 1))), axis=(1, 2))
    # A stroke of length l and width w has the area l·w, and an outline of about 2·l.
    pen = 2 * ink.sum() / np.hypot(*steps).sum()
    there = ink > ink.max(axis=(1, 2), keepdims=True) / 2
    sides = _extent(there.any(axis=2)) / height, _extent(there.any(axis=1)) / width
    shares = ink / ink.sum(axis=(1, 2), keepdims=True)
    y, x = (np.arange(size) + 0.5 for size in (height, width))
    return Drawing(
        paper,
        float(min(pen / min(height, width), 1)),
        float(np.median(np.maximum(*sides))),
        float((shares.sum(axis=2) @ y).mean() / height),
        float((shares.sum(axis=1) @ x).mean() / width),
    )


def _extent(there: Array) -> Array:
    """Number of places from the first to the last True of each row, (n,)."""
    size = there.shape[1]
    extent: Array = size - there[:, ::-1].argmax(axis=1) - there.argmax(axis=1)
    return extent
