"""What a picture shows, read back from its axes: rows, lines, pixels."""

import io
from typing import Any

import numpy as np


def rows(axes: Any) -> dict[str, Any]:
    """The places of the drawn rows by their label, (n, 2) each."""
    found: dict[str, Any] = {}
    for collection in axes.collections:
        if hasattr(collection, "get_sizes"):
            found[collection.get_label()] = np.asarray(collection.get_offsets())
    return found


def legend(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def contour(axes: Any, level: float) -> Any:
    """The points of the contour lines at `level`, (n, 2)."""
    points = [
        path.vertices
        for collection in axes.collections
        if hasattr(collection, "levels") and list(collection.levels) == [level]
        for path in collection.get_paths()
    ]
    return np.concatenate(points) if points else np.empty((0, 2))


def pixel(axes: Any, x: float, y: float) -> Any:
    """The colour at a point of the data, (3,) from 0 to 1."""
    from matplotlib.image import imread

    figure, file = axes.figure, io.BytesIO()
    figure.savefig(file, dpi=figure.dpi)
    file.seek(0)
    image = imread(file)
    across, up = axes.transData.transform((x, y))
    return image[image.shape[0] - 1 - round(up), round(across), :3]
