"""A note on a row of totals at the end of a table, which a spreadsheet has below its columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from handgrad.tables.data.files import Table

FEWEST_ROWS, LAST_ROWS = 20, 3
# A number so many times as large as the largest of the others is none of them; the sum of rounded
# numbers is theirs to this share.
FAR, ROUNDED = 5, 1e-3
TOTALS = {
    *("total", "totals", "grand total", "sum", "subtotal", "average", "mean", "overall"),
    *("summe", "gesamt", "gesamtsumme", "insgesamt", "zwischensumme", "mittelwert", "σ", "∑"),
    *("somme", "suma", "somma", "totale", "total general", "soma", "合计", "总计", "小计", "合計"),
}


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
