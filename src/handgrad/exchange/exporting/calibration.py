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
    def of(title: str, shape: tuple[int, ...], n_targets: int, x: object, y: object) -> Calibration:
        """Validated calibration rows, of this shape without the number of rows.

        `title` is that of the model; it has `n_targets` targets a row, 0 for a net.
        """
        if x is None:
            raise SettingError(
                f"no rows x to quantize {title}",
                "a few hundred training rows, which calibrate the ranges of activations",
                "hg.export(model, 'model.c', x_train, y_train, quantize='int8')",
            )
        if y is not None and not n_targets:
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
        if targets is not None and targets.size != len(rows) * n_targets:
            raise DataError(
                f"{len(rows)} rows x, and y of shape {targets.shape}",
                f"{n_targets} target{'s' * (n_targets != 1)} for each row",
                "y=y_train",
            )
        return Calibration(rows, targets)
