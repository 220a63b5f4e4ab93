"""Notes on columns that are odd and can be learned from all the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.data.files import Table
from handgrad.data.frames import Column, dates_in, numbers_in
from handgrad.data.table_options import Task, option
from handgrad.data.targets import Target, is_text
from handgrad.data.text_formats import MISSING, at_odds, read_as

MOST_CODES = 100  # whole numbers, of which more are hardly names of classes
MOST_COMPARED = 10_000  # words of a column, with one another
A_COUNT_HAS = 20  # rows at least, before whole numbers one after another look like a count of them
# 12.5 kg; 14:30; 31 Dec 2024; Dec 31, 2024
NEARLY = (
    r"^[+\-]?[0-9][0-9.,'’ ]* ?[^0-9\s]{1,5}$|^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$"
    r"|^[0-9]{1,2}[. \-]+\p{L}{3,9}[., \-]+[0-9]{2,4}$|^\p{L}{3,9}\.? [0-9]{1,2},? [0-9]{2,4}$"
)


def notes_on_target(target: Target, asked: Task | None) -> list[str]:
    """Notes on a target whose task was inferred or `asked` for."""
    if target.task == "classification" and target.values.dtype.kind == "U":
        return [
            f"the target {target.name!r} has the classes {pair}, which differ by capitals only"
            for pair in alike(np.unique(target.values).tolist())
        ]
    if target.task == "classification" or asked:
        return []
    values = np.unique(target.values)
    codes = len(values) <= MOST_CODES and (values == np.round(values)).all()
    if codes or len(values) <= 2:
        return [
            f"the target {target.name!r} has {len(values)} different values only: "
            f"{option('task', 'classification')}, if they are classes"
        ]
    return []


def notes_on_columns(table: Table) -> list[str]:
    """Notes on the columns to learn from."""
    notes = []
    for name, column in zip(table.names, table.columns.columns, strict=True):
        if is_text(column.type):
            notes += _note_on_text(table, name, column)
        elif pa.types.is_integer(column.type) and len(column) >= A_COUNT_HAS:
            steps = np.diff(column.to_numpy()) if not column.null_count else np.zeros(1)
            if (steps == 1).all():
                notes.append(
                    f"column {name!r} counts the rows: {option('ignore', name, quoted=True)}, "
                    "if it says nothing of what is to be predicted"
                )
    return notes


def mixed_as_categories(frame: pa.Table) -> pa.Table:
    """The columns in which some texts alone read as numbers or dates as categories.

    The rows to learn from could have only such, and the rows held out another.
    """
    for i, name in enumerate(frame.column_names):
        column = frame[name]
        if is_text(column.type):
            texts = [text for text in column.unique().to_pylist() if text and text.strip()]
            whole, cells = Column("text", np.array(texts, object)), pa.array(texts, pa.string())
            if numbers_in(whole) or dates_in(whole):
                continue
            if read_as(cells, "number", "date").any():
                frame = frame.set_column(i, name, column.dictionary_encode())
    return frame


def _note_on_text(table: Table, name: str, column: pa.ChunkedArray) -> list[str]:
    """Numbers or dates with a few words among them, or that do not go together, are read as text:
    that is seldom what was meant; nor are words that differ by capitals only.
    """
    counts = {pair["values"]: pair["counts"] for pair in column.value_counts().to_pylist()}
    texts = [text for text in counts if text is not None and text.strip() not in MISSING]
    cells, n = pa.array(texts, pa.string()), np.array([counts[text] for text in texts], int)
    for what in ("number", "date"):
        reads = read_as(cells, what)
        if 2 * n[reads].sum() <= n.sum():
            continue
        if reads.all():
            return [
                f"column {name!r} has {what}s that do not go together, such as "
                f"{' and '.join(map(repr, at_odds(texts)))}, and so is read as text"
            ]
        text = texts[int(np.where(reads, 0, n).argmax())]
        row = column.to_pylist().index(text)
        return [
            f"column {name!r} is {text!r} in {table.place(row)}, among {n[reads].sum():,} {what}s, "
            f"and so is read as text: {option(what, name, quoted=True)}, if such cells stand for "
            "what is missing"
        ]
    nearly = np.asarray(pc.match_substring_regex(cells, NEARLY).to_numpy(False))
    if nearly.sum() >= A_COUNT_HAS and 2 * n[nearly].sum() > n.sum():
        cell = texts[int(nearly.argmax())]
        return [
            f"column {name!r} looks like numbers or dates, {cell!r} for one, and "
            "is read as text: as 12.5 or 2024-12-31 in the file it would count as such"
        ]
    return [
        f"column {name!r} has {pair}, which differ by capitals or blanks only"
        for pair in alike(texts)
    ]


def alike(texts: Sequence[str]) -> list[str]:
    """The first two of texts that differ by capitals or blanks only, as `'Yes' and 'yes'`."""
    first: dict[str, str] = {}
    for text in texts[:MOST_COMPARED]:
        other = first.setdefault(text.strip().casefold(), text)
        if other != text:
            return [f"{other!r} and {text!r}"]
    return []
