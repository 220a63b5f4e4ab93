"""Calibration rows of quantized files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.layers import Array


@dataclass(frozen=True, eq=False)
class Calibration:
    """Rows x (n, …) that calibrate a quantized file, and labels or targets y (n, …), if any."""

    x: Array
    y: Array | None = None

    @staticmethod
    def of(title: str, kind: str, shape: tuple[int, ...], x: object, y: object) -> Calibration:
        """Validated calibration rows, of this shape without the number of rows.

        `title` and `kind` are those of the model.
        """
        if x is None:
            raise SettingError(
                f"no rows x to quantize {title}",
                "a few hundred training rows, which calibrate the ranges of activations",
                "hg.export(model, 'model.c', x_train, y_train, quantize='int8')",
            )
        if y is not None and kind == "net":
            raise SettingError(
                "y for the quantization of a net",
                "labels or targets of an estimator, which score the file",
                "leave y out: the proof has the deviation of the outputs",
            )
        rows = np.asarray(x)
        if rows.shape[1:] != shape or not np.isfinite(rows).all():
            raise DataError(
                f"x of shape {rows.shape}" + " with NaN or infinity" * (rows.shape[1:] == shape),
                f"finite rows of shape {shape}, to calibrate the ranges of activations",
                "x=x_train",
            )
        targets = None if y is None else np.asarray(y)
        if targets is not None and len(targets) != len(rows):
            raise DataError(f"{len(rows)} rows and {len(targets)} targets", "as many", "x, y")
        return Calibration(rows, targets)
