"""Folders of small pictures, drawn: upright and level bars, 12 by 12 pixels."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE = 12


def bars(folder: Path, n: int = 20, *, colour: bool = False, seed: int = 0) -> Path:
    """A folder with the classes `level` and `upright`, of `n` pictures each."""
    generator = np.random.default_rng(seed)
    for name in ("level", "upright"):
        (folder / name).mkdir(parents=True)
        for i in range(n):
            pixels = generator.integers(0, 60, (SIDE, SIDE, 3), np.uint8)
            pixels[generator.integers(1, SIDE - 3) :][:2] = 250
            if name == "upright":
                pixels = pixels.transpose(1, 0, 2)
            save(pixels if colour else pixels[:, :, 0], folder / name / f"{i:02}.png")
    return folder


def save(pixels: object, path: Path, **options: Any) -> Path:
    """A picture of these pixels (height, width), or (height, width, channels), in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)
    return path
