"""A row of a table explained: how a model file comes to its answer, number by number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from handgrad.base.errors import DataError
from handgrad.data import TableOptions
from handgrad.data.files import check_asked
from handgrad.data.table_options import TableWords, option
from handgrad.data.targets import target_of, with_target
from handgrad.explaining import Explanation, explain
from handgrad.runs.messages import Messages
from handgrad.runs.table_model import TableModel, errors_name

if TYPE_CHECKING:
    from handgrad.layers import Array


def explain_row(
    model: str | Path,
    data: str | Path,
    row: int = 0,
    target: str | None = None,
    *,
    language: str = "en",
    messages: Messages | None = None,
    **options: Unpack[TableWords],
) -> Explanation:
    """How a model file comes to its answer for a row of a table, counted from 0.

    Where the table has the `target`, the column with the truth, the step that would be learnt
    from that row is explained too. The table is read as that of the training, where keywords of
    `hg.data.TableOptions` do not say otherwise.
    """
    messages, data, asked = messages or Messages(), str(data), TableOptions(**options)
    named = TableModel.of(Path(model))
    table = named.read(data, asked)
    check_asked(data, table.names, asked)
    if not 0 <= row < len(table.numbers):
        raise DataError(
            f"{option('row', str(row))} of {len(table.numbers):,} rows",
            f"a number from 0 to {len(table.numbers) - 1}",
            option("row", "0"),
            data,
        )
    name = target or named.target
    if target is not None and target not in table.names:
        raise DataError(
            f"{option('target', target)}, which is no column",
            f"one of {', '.join(table.names[:20])}",
            f"without {option('target')}, to explain the prediction alone",
            data,
        )
    y: Array | None = None
    if name in table.names:
        table = with_target(table, str(name))
        y = target_of(table, str(name), named.task).values[row : row + 1]
        if named.classes:
            place = {str(label): label for label in named.classes}
            y = np.array([place.get(str(label), label) for label in y.tolist()])
    messages.note(*table.notes)
    with messages.warnings_as_notes(), errors_name(data, table):
        X = table.columns.drop_columns([str(name)]) if y is not None else table.columns
        return explain(named.estimator, X.slice(row, 1), y, language=language)
