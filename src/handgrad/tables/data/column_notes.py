"""Notes on unusual columns, and on a row of totals, that do not prevent training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.files.cell_patterns import MISSING
from handgrad.files.features import Column
from handgrad.tables.data.files import Table
from handgrad.tables.data.frames import dates_in, numbers_in
from handgrad.tables.data.table_options import Task, option
from handgrad.tables.data.targets import Target, is_text
from handgrad.tables.data.text_formats import at_odds, read_as
from handgrad.textbook.layers import Array

MOST_CODES = 100  # whole numbers, of which more are hardly names of classes
MOST_COMPARED = 10_000  # words of a column, with one another
MOST_NAMED = 5
A_COUNT_HAS = 20  # rows at least, before whole numbers one after another look like a count of them
# 31 Dec 2024; Dec 31, 2024
WITH_MONTHS = (
    r"^[0-9]{1,2}[. \-]+\p{L}{3,9}[., \-]+[0-9]{2,4}$|^\p{L}{3,9}\.? [0-9]{1,2},? [0-9]{2,4}$"
)
# What looks like numbers, by its sign, its name and as what it would count: 14:30; 12.5 kg.
NEARLY = (
    (r"^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$", "times of day", "hours, 14.5 for 14:30,"),
    (r"^[+\-]?[0-9][0-9.,'’ ]* ?[^0-9\s]{1,5}$", "numbers with something beside", "12.5"),
)
PLAIN = {"number": "12.5", "date": "2024-12-31"}
FEWEST_ROWS, LAST_ROWS = 20, 3
# A number so many times as large as the largest of the others is none of them; the sum of rounded
# numbers is theirs to this share.
FAR, ROUNDED = 5, 1e-3
TOTALS = {
    *("total", "totals", "grand total", "sum", "subtotal", "average", "mean", "overall"),
    *("summe", "gesamt", "gesamtsumme", "insgesamt", "zwischensumme", "mittelwert", "σ", "∑"),
    *("somme", "suma", "somma", "totale", "total general", "soma", "合计", "总计", "小计", "合計"),
}


def notes_on_target(target: Target, asked: Task | None) -> list[str]:
    """Notes on a target whose task was inferred or `asked` for."""
    if target.task == "classification" and target.values.dtype.kind == "U":
        words = alike(np.unique(target.values).tolist())
        return [
            f"the target {target.name!r} has the classes {words}, which differ by capitals only: "
            "written alike in the file they would be one class"
        ] * bool(words)
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
        elif pa.types.is_time(column.type) and column.null_count < len(column):
            notes.append(_note_on_nearly(name, str(column.drop_null()[0]), *NEARLY[0][1:]))
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
    named = np.asarray(pc.match_substring_regex(cells, WITH_MONTHS).to_numpy(False))
    for what in ("number", "date"):
        reads = read_as(cells, what)
        like = reads | named if what == "date" else reads
        if 2 * n[like].sum() <= n.sum():
            continue
        if like.all() or (named & like).any():
            return [_note_on_ways(name, what, texts, named)]
        text = texts[int(np.where(reads, 0, n).argmax())]
        row = column.to_pylist().index(text)
        return [
            f"column {name!r} is {text!r} in {table.place(row)}, among {n[reads].sum():,} {what}s, "
            f"and so is read as text: {option(what, name, quoted=True)}, if such cells stand for "
            "what is missing"
        ]
    for pattern, what, plain in NEARLY:
        nearly = np.asarray(pc.match_substring_regex(cells, pattern).to_numpy(False))
        if nearly.sum() >= A_COUNT_HAS and 2 * n[nearly].sum() > n.sum():
            return [_note_on_nearly(name, texts[int(nearly.argmax())], what, plain)]
    words = alike(texts)
    return [f"column {name!r} has {words}, which differ by capitals or blanks only"] * bool(words)


def _note_on_ways(name: str, what: str, texts: Sequence[str], named: Array) -> str:
    """Numbers or dates in several ways, or dates with names of months, none of which are read."""
    plain = f"written as {PLAIN[what]} in the file they would count as {what}s"
    if what == "date" and named.all():
        return (
            f"column {name!r} looks like dates with names of months, {texts[0]!r} for one, and is "
            f"read as text: {plain}"
        )
    others = [text for text, month in zip(texts, named, strict=True) if not month]
    ways = [
        *at_odds(others),
        *(texts[i] for i in np.flatnonzero(named if what == "date" else [])[:1]),
    ]
    shown = " and ".join([", ".join(map(repr, ways[:-1])), repr(ways[-1])])
    return (
        f"column {name!r} has {what}s that do not go together, such as {shown}, and so is read as "
        f"text: {plain}"
    )


def _note_on_nearly(name: str, cell: str, what: str, plain: str) -> str:
    return (
        f"column {name!r} looks like {what}, {cell!r} for one, and is read as text: as {plain} in "
        "the file it would count as a number"
    )


def alike(texts: Sequence[str]) -> str:
    """The texts that differ by capitals or blanks only, in words; '' where there are none.

    >>> alike(["Yes", "no", "yes", "NO", "YES", "perhaps"])
    "'Yes', 'yes' and 'YES'; 'no' and 'NO'"
    """
    found: dict[str, list[str]] = {}
    for text in texts[:MOST_COMPARED]:
        found.setdefault(text.strip().casefold(), []).append(text)
    several = [[*map(repr, group)] for group in found.values() if len(group) > 1]
    told = [f"{', '.join(group[:-1])} and {group[-1]}" for group in several[:MOST_NAMED]]
    more = [f"{len(several) - MOST_NAMED} more such"] * (len(several) > MOST_NAMED)
    return "; ".join([*told, *more])


def notes_on_totals(table: Table) -> list[str]:
    """That one of the last rows looks like the total of the others, if it does."""
    n = len(table.numbers)
    if n < FEWEST_ROWS:
        return []
    for row in range(n - 1, n - 1 - LAST_ROWS, -1):
        cells = {name: table.columns[name][row].as_py() for name in table.names}
        far, is_sum = _far(table, cells, row)
        empty = [name for name, cell in cells.items() if _is_empty(cell)]
        usual = sum(column.null_count for column in table.columns.columns) / n
        empties = len(empty) >= max(2, len(cells) / 2) and len(empty) > 2 * usual
        words = [name for name, cell in cells.items() if _is_word(cell)]
        if not is_sum and bool(far) + empties + bool(words) < 2:
            continue
        told = [far] * bool(far)
        told += [f"has empty cells in {len(empty)} of {len(cells)} columns"] * empties
        told += [f"has {cells[name]!r} in {name!r}" for name in words[:1]]
        what = " and ".join([", ".join(told[:-1]), told[-1]] if told[1:] else told)
        return [f"{table.place(row)} {what}: is it a total? it is learned from as the others are"]
    return []


def _far(table: Table, cells: dict[str, object], row: int) -> tuple[str, bool]:
    """How far the row's numbers are from the others, in words, and whether one is their sum."""
    for name, cell in cells.items():
        kind = table.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            continue
        if not isinstance(cell, int | float) or not np.isfinite(cell) or not cell:
            continue
        others = np.asarray(table.columns[name].to_numpy(), float)[:row]
        others = others[np.isfinite(others)]
        if len(others) < FEWEST_ROWS:
            continue
        largest, total = np.abs(others).max(), others.sum()
        is_sum = abs(cell) > largest and bool(np.isclose(cell, total, rtol=ROUNDED, atol=0))
        middle = float(np.abs(np.median(others)))
        if is_sum or abs(cell) > FAR * largest:
            times = f"{abs(cell) / middle:,.0f} times the median" if middle else "far from others"
            summed = "the sum of the rows above, " * is_sum
            return f"is {summed}{times}, in {name!r}", is_sum
    return "", False


def _is_empty(cell: object) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip())


def _is_word(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip().rstrip(":").casefold() in TOTALS
