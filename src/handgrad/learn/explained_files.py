"""Explanations of a model file's prediction for a row of a table, or for a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from handgrad.learn.explaining import Explanation, explain
from handgrad.tables.data import TableOptions
from handgrad.tables.data.files import check_asked
from handgrad.tables.data.table_options import TableWords, option
from handgrad.tables.data.targets import target_of, with_target
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.table_model import TableModel, errors_name
from handgrad.tables.runs.text_model import TextModel
from handgrad.textbook.errors import DataError
from handgrad.textbook.losses import SoftmaxCrossEntropyLoss

if TYPE_CHECKING:
    from handgrad.textbook.layers import Array


def explain_row(
    model: str | Path,
    data: str | Path,
    row: int = 0,
    target: str | None = None,
    *,
    background: str | Path | None = None,
    language: str | None = None,
    messages: Messages | None = None,
    **options: Unpack[TableWords],
) -> Explanation:
    """Explain a model file's prediction for a row of a table.

    The contributions of the columns come first, if there are rows to compare with.

    Parameters
    ----------
    model : path
        Model file.
    data : path
        Table, read like the training table.
    row : int, default 0
        Index of the row.
    target : str, optional
        Column of the target; if the table has it, the training step on that row is explained too.
    background : path, optional
        Table with the rows to compare with; `data` if not given.
    language : {"en", "zh"}, optional
        Language of the texts; by default that of all texts, see `hg.defaults`.
    messages : Messages, optional
        Receives notes and warnings.
    **options
        Fields of `hg.data.TableOptions`, which override how the table is read.
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
            f"{option('target', target)}, which is not a column",
            f"one of {', '.join(table.names[:20])}",
            f"without {option('target')}, to explain the prediction alone",
            data,
        )
    y: Array | None = None
    if name in table.names and named.exposure in (None, *table.names):
        table = with_target(table, str(name))
        y = named.rates(table, target_of(table, str(name), named.task).values)[0][row : row + 1]
        if named.classes:
            place = {str(label): label for label in named.classes}
            y = np.array([place.get(str(label), label) for label in y.tolist()])
    messages.note(*table.notes)
    with messages.warnings_as_notes(), errors_name(data, table):
        X = table.columns.drop_columns([str(name)]) if y is not None else table.columns
        others = named.background(background, asked, X)
        if others is None and named.shape is None:
            messages.note(f"no contributions without rows to compare with: {option('background')}")
        return explain(named.estimator, X.slice(row, 1), y, background=others, language=language)


def explain_text(writer: TextModel, start: str | None, language: str | None) -> Explanation:
    """Explain a language model on a text: the predictions of each next character, and a step.

    Parameters
    ----------
    writer : TextModel
        Language model of a file.
    start : str or None
        Text; all characters but the last are the input, all but the first the targets.
    language : {"en", "zh"}, optional
        Language of the texts; by default that of all texts, see `hg.defaults`.
    """
    text, model, most = start or "", writer.model, writer.model.context + 1
    codes, unknown, kind = model.encode(text)[None], model.unknown(text), model.pairs_.kind
    if not 2 <= codes.size <= most or unknown:
        raise DataError(
            f"{option('start', text)}, "
            + (f"with {unknown[0]!r}" if unknown else f"of {codes.size} {kind}"),
            f"2 to {most} {kind} of the model's vocabulary: {model.vocabulary_[1:]!r}",
            option("start", "the "),
            str(writer.path),
        )
    loss = SoftmaxCrossEntropyLoss()
    return explain(model.net_, codes[:, :-1], codes[:, 1:], loss=loss, language=language)
