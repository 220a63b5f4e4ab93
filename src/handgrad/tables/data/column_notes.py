"""Notes on unusual columns, and on a row of totals, that do not prevent training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.files.cell_patterns import MISSING
from handgrad.files.features import CYCLES_OF_TEXT, Column
from handgrad.tables.data.cyclic_texts import places_in
from handgrad.tables.data.files import Table
from handgrad.tables.data.frames import cycles_in, read
from handgrad.tables.data.spellings import listing, spelled_alike
from handgrad.tables.data.table_options import Task, option
from handgrad.tables.data.targets import Target, is_text
from handgrad.tables.data.text_formats import (
    TEXT_KINDS,
    CandidateFormats,
    TextKind,
    at_odds,
    read_as,
)
from handgrad.textbook.layers import Array

MOST_CODES = 100  # distinct integers at most that may be classes
MOST_COMPARED = 10_000  # words of a column that are compared
MOST_NAMED = 5
A_COUNT_HAS = 20  # fewest rows for consecutive integers to look like row numbers
# 31 déc. 2024; déc. 31, 2024
WITH_MONTHS = (
    r"^[0-9]{1,2}[. \-]+\p{L}{3,9}[., \-]+[0-9]{2,4}$|^\p{L}{3,9}\.? [0-9]{1,2},? [0-9]{2,4}$"
)
# Text that nearly is numbers: pattern, name, and how to write it as numbers: 14:30; 12.5 kg.
NEARLY = (
    (r"^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$", "times of day", "hours, 14.5 for 14:30,"),
    (r"^[+\-]?[0-9][0-9.,'’ ]* ?[^0-9\s]{1,5}$", "numbers with something beside", "12.5"),
)
PLAIN = {"number": "12.5", "date": "2024-12-31"}
FEWEST_ROWS, LAST_ROWS = 20, 3
# Factor beyond the largest of the other numbers; relative tolerance for a sum of rounded numbers.
FAR, ROUNDED = 5, 1e-3
TOTALS = {
    *("total", "totals", "grand total", "sum", "subtotal", "average", "mean", "overall"),
    *("summe", "gesamt", "gesamtsumme", "insgesamt", "zwischensumme", "mittelwert", "σ", "∑"),
    *("somme", "suma", "somma", "totale", "total general", "soma", "合计", "总计", "小计", "合計"),
}


def notes_on_target(target: Target, asked: Task | None, counts: Array | None = None) -> list[str]:
    """Notes on a target whose task was inferred, or `asked` for.

    `counts` (n,) are the rows of each of its values; 1 by default.
    """
    if target.task == "classification" and target.values.dtype.kind == "U":
        words = listing(spelled_alike(classes_counted(target, counts)))
        return [
            f"the target {target.name!r} has the classes {words}, which differ only in case or "
            f"spaces: {option('merge_case', True)} merges each group into one class"
        ] * bool(words)
    if target.task == "classification" or asked:
        return []
    values = np.unique(target.values)
    codes = len(values) <= MOST_CODES and (values == np.round(values)).all()
    if codes or len(values) <= 2:
        return [
            f"the target {target.name!r} has only {len(values)} distinct values: "
            f"use {option('task', 'classification')} if they are classes"
        ]
    return []


def classes_counted(target: Target, counts: Array | None = None) -> dict[str, int]:
    """Rows of each class of a target, in order."""
    values, places = np.unique(target.values, return_inverse=True)
    rows = np.bincount(places, counts).astype(int).tolist()
    return dict(zip(map(str, values.tolist()), rows, strict=True))


def notes_on_columns(table: Table) -> list[str]:
    """Notes on the feature columns."""
    notes = []
    for name, column in zip(table.names, table.columns.columns, strict=True):
        is_time = pa.types.is_time(column.type) and column.null_count < len(column)
        if (is_time or is_text(column.type)) and (note := _note_on_cycle(name, column)):
            notes.append(note)
        elif is_text(column.type):
            notes += _note_on_text(table, name, column)
        elif is_time:
            notes.append(_note_on_nearly(name, str(column.drop_null()[0]), *NEARLY[0][1:]))
        elif pa.types.is_integer(column.type) and len(column) >= A_COUNT_HAS:
            steps = np.diff(column.to_numpy()) if not column.null_count else np.zeros(1)
            if (steps == 1).all():
                notes.append(
                    f"column {name!r} numbers the rows: use {option('ignore', name, quoted=True)} "
                    "if it is unrelated to the target"
                )
    return notes


def mixed_as_categories(frame: pa.Table) -> pa.Table:
    """Columns in which only some texts parse as numbers or dates, as categories.

    Else the training rows might have only such texts, and the held-out rows others.
    """
    for i, name in enumerate(frame.column_names):
        column = frame[name]
        if is_text(column.type):
            texts = [text for text in column.unique().to_pylist() if text and text.strip()]
            whole, cells = Column("text", np.array(texts, object)), pa.array(texts, pa.string())
            if read(whole).kind != "text":
                continue
            if read_as(cells, "number", "date").any() or _are_mostly_cyclic(cells):
                frame = frame.set_column(i, name, column.dictionary_encode())
    return frame


def _are_mostly_cyclic(texts: pa.Array) -> bool:
    """Return True if more than half of the texts, but not all, are times, months or weekdays."""
    n_read = [(places_in(texts, cycle) >= 0).sum() for cycle in CYCLES_OF_TEXT]
    return any(len(texts) < 2 * n < 2 * len(texts) for n in n_read)


def _note_on_cycle(name: str, column: pa.ChunkedArray) -> str:
    """Note on times of day, and names of months or weekdays."""
    cells = column.unique().cast(pa.string()).to_pylist()
    texts = [text for text in cells if text is not None and text.strip() not in MISSING]
    places = cycles_in(Column("text", np.array(texts, object))) if texts else None
    return f"column {name!r} is read as {CYCLES_OF_TEXT[places.written].texts}" if places else ""


def _note_on_text(table: Table, name: str, column: pa.ChunkedArray) -> list[str]:
    """Note on text that probably was meant otherwise.

    Numbers or dates with a few words among them, or in different formats; words that differ only in
    case.
    """
    counts = {pair["values"]: pair["counts"] for pair in column.value_counts().to_pylist()}
    texts = [text for text in counts if text is not None and text.strip() not in MISSING]
    cells, n = pa.array(texts, pa.string()), np.array([counts[text] for text in texts], int)
    named = np.asarray(pc.match_substring_regex(cells, WITH_MONTHS).to_numpy(False))
    for what in TEXT_KINDS:
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
            f"and so is read as text: use {option(what, name, quoted=True)} if such cells are "
            "missing values"
        ]
    for pattern, kind, plain in NEARLY:
        nearly = np.asarray(pc.match_substring_regex(cells, pattern).to_numpy(False))
        if nearly.sum() >= A_COUNT_HAS and 2 * n[nearly].sum() > n.sum():
            return [_note_on_nearly(name, texts[int(nearly.argmax())], kind, plain)]
    groups = spelled_alike({text: counts[text] for text in texts[:MOST_COMPARED]})
    return [
        f"column {name!r} has {listing(groups, MOST_NAMED)}, which differ only in case or spaces: "
        f"{option('merge_case', True)} merges them"
    ] * bool(groups)


def _note_on_ways(name: str, what: TextKind, texts: Sequence[str], named: Array) -> str:
    """Note on numbers or dates in different formats, or dates with names of months."""
    plain = f"written as {PLAIN[what]} they would be {what}s"
    if what == "date" and named.all():
        return (
            f"column {name!r} looks like dates with names of months, such as {texts[0]!r}, and is "
            f"read as text: {plain}"
        )
    others = [text for text, month in zip(texts, named, strict=True) if not month]
    ways = [
        *at_odds(others),
        *(texts[i] for i in np.flatnonzero(named if what == "date" else [])[:1]),
    ]
    shown = " and ".join([", ".join(map(repr, ways[:-1])), repr(ways[-1])])
    orders = CandidateFormats.of_texts(pa.array(texts, pa.string()), [what]).possible_orders
    if orders:
        plain += f", as with {' or '.join(option('date_order', way) for way in sorted(orders))}"
    return (
        f"column {name!r} has {what}s in different formats, such as {shown}, and so is read as "
        f"text: {plain}"
    )


def _note_on_nearly(name: str, cell: str, what: str, plain: str) -> str:
    return (
        f"column {name!r} looks like {what}, such as {cell!r}, and is read as text: written as "
        f"{plain} it would be a number"
    )


def notes_on_totals(table: Table) -> list[str]:
    """Note on one of the last rows if it looks like a total of the others."""
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
        reasons = [far] * bool(far)
        reasons += [f"has empty cells in {len(empty)} of {len(cells)} columns"] * empties
        reasons += [f"has {cells[name]!r} in {name!r}" for name in words[:1]]
        what = " and ".join([", ".join(reasons[:-1]), reasons[-1]] if reasons[1:] else reasons)
        return [f"{table.place(row)} {what}: is it a total? It is trained on like the others"]
    return []


def _far(table: Table, cells: dict[str, object], row: int) -> tuple[str, bool]:
    """Description of how far the row's numbers are from the others; True if one is their sum."""
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
