"""Contributions of the columns of a table to predictions, as columns of a file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from handgrad.tables.data.table_options import option
from handgrad.tables.inspection import contributions
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array
from handgrad.training.results import Predictor


def contribution_columns(
    model: Predictor, background: pa.Table | None, name: str, X: pa.Table
) -> pa.Table:
    """Contributions for rows, a column each.

    Of two classes they are those to the probability of the second, of more to that of the predicted
    class; `explained` names it. `contribution_error` is the largest standard error, if they are
    sampled.
    """
    if background is None:
        raise DataError(
            f"{name}: one row, for {option('explain')}",
            "several rows, or others to compare it with",
            f"{option('background', 'training.csv')}",
        )
    result = contributions(model, X, background)
    n, n_outputs = result.predictions.shape
    k = result.predictions.argmax(axis=1) if n_outputs > 2 else np.full(n, n_outputs - 1)
    rows = np.arange(n)
    columns: dict[str, Array | list[str]] = {}
    if result.outputs != ("prediction",):
        columns["explained"] = [result.outputs[i] for i in k]
    columns["mean"] = result.base[k]
    values = result.values[rows, :, k]
    columns |= {f"contribution_{name}": values[:, j] for j, name in enumerate(result.columns)}
    if result.errors.any():
        columns["contribution_error"] = result.errors[rows, :, k].max(axis=1)
    return pa.table(columns)
