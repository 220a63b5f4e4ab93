"""From what was named to rows and a target: every mistake in them is told with its place."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.data import BUNDLED, load, train_test_split
from handgrad.data.files import Table, check_asked, listed, located, table_of
from handgrad.data.table_options import FOUND_OUT, TableOptions
from handgrad.data.tables import check_column
from handgrad.data.targets import Target, Task, is_text, target_of, with_target
from handgrad.data.text_formats import at_odds, dates_among, nearly_among, numbers_among
from handgrad.data.text_parts import MISSING
from handgrad.errors import DataError, SettingError, did_you_mean
from handgrad.files import kind_of, readable
from handgrad.layers import Array
from handgrad.tabular.tables import Column, dates_in, numbers_in

if TYPE_CHECKING:
    import pyarrow

MOST_CODES = 100  # whole numbers, of which more are hardly names of classes
MOST_COMPARED = 10_000  # words of a column, with one another
A_COUNT_HAS = 20  # rows at least, before whole numbers one after another look like a count of them


Pair = tuple["pyarrow.Table", Array]


@dataclass(frozen=True)
class Given:
    """A table, the column to predict, and what is to be said of them."""

    name: str
    table: Table
    target: Target
    features: pyarrow.Table
    notes: tuple[str, ...]
    streamed = False

    @property
    def classes(self) -> list[Any]:
        """The classes in order; none for numbers."""
        if self.target.task == "regression":
            return []
        found: list[Any] = np.unique(self.target.values).tolist()
        return found

    @property
    def column_names(self) -> list[str]:
        """The columns to learn from, and the one to predict."""
        return [*self.features.column_names, self.target.name]

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows there are, and how many columns to learn from."""
        n_rows, n_columns = self.features.shape
        return n_rows, n_columns

    def split(self, test_size: float, seed: int) -> tuple[Array, Array]:
        """The rows to learn from and those held out, as many of each class in both."""
        n = np.arange(len(self.target.values))
        y = np.unique(self.target.values, return_inverse=True)[1]
        stratify = self.target.task == "classification"
        learned, held_out, _, _ = train_test_split(
            n, y, test_size=test_size, stratify=stratify, rng=seed
        )
        return np.sort(learned), np.sort(held_out)

    def count(self, rows: Any) -> int:
        """How many rows these are."""
        return len(rows)

    def located(self, rows: Any) -> Array:
        """Which file each row is in, and which row of it, from 1: (n, 2)."""
        return located(self.table.numbers[rows], self.table.rows)

    def to_learn(self, rows: Any) -> Pair:
        """Rows as the estimators take them: features and targets."""
        return self.features.take(rows), self.target.values[rows]

    def to_judge(self, rows: Any) -> Pair:
        """Features and targets in memory."""
        return self.to_learn(rows)


def read(
    data: str,
    target: str | None,
    task: Task | None = None,
    ignore: Sequence[str] = (),
    asked: TableOptions = FOUND_OUT,
) -> Given:
    """The rows to learn from; refused where they cannot be learned from."""
    table = table_named(data, asked)
    check_asked(data, table.names, asked)
    name, kept = columns_kept(data, table.names, len(table.columns), target, ignore)
    table = with_target(table, name)
    found = target_of(table, name, task)
    _, places, counts = np.unique(found.values, return_inverse=True, return_counts=True)
    check_values(table, found, counts[places])
    features = table.columns.select(kept)
    check_finite(table, features)
    notes = [*table.notes, *notes_on_target(found, task), *notes_on_columns(table, features)]
    features = _with_texts_settled(features)
    return Given(stem_of(data, table.files), table, found, features, tuple(notes))


def _with_texts_settled(features: pyarrow.Table) -> pyarrow.Table:
    """The columns in which some texts alone read as numbers or dates as categories, as they are.

    The rows to learn from could have only such, and the rows held out another.
    """
    import pyarrow as pa

    for i, name in enumerate(features.column_names):
        column = features[name]
        if is_text(column.type):
            texts = [text for text in column.unique().to_pylist() if text and text.strip()]
            whole, cells = Column("text", np.array(texts, object)), pa.array(texts, pa.string())
            if numbers_in(whole) or dates_in(whole):
                continue
            if numbers_among(cells).any() or dates_among(cells).any():
                features = features.set_column(i, name, column.dictionary_encode())
    return features


def columns_kept(
    data: str, names: list[str], n_rows: int, target: str | None, ignore: Sequence[str]
) -> tuple[str, list[str]]:
    """The column to predict and those to learn from; refused where one of them is not there."""
    name = target or "target"
    if target is None and name not in names and len(names) > 1:
        raise DataError(
            f"{data}: --target is missing",
            f"the column to predict, one of {listed(names)}",
            f"--target '{names[-1]}', if it is the last column",
        )
    if name in ignore:
        raise SettingError(
            f"--ignore {name}, which is to be predicted",
            "columns beside the target",
            f"without --ignore {name}, or another --target",
        )
    refuse_joined("--ignore", ignore, names)
    for column in (name, *ignore):
        check_column(data, names, column)
    kept = [column for column in names if column != name and column not in ignore]
    if not kept or n_rows == 0:
        raise DataError(
            f"{data}: {n_rows} rows, {len(kept)} columns beside the target",
            "two rows and one column beside the target at least",
            "check the file, and what stands between its columns (--separator)",
        )
    return name, kept


def refuse_joined(flag: str, given: Sequence[str], names: Sequence[str]) -> None:
    """Refuse several columns where one is meant, as `--ignore A,B`."""
    for words in given:
        parts = [word.strip() for word in words.split(",")]
        if words not in names and {*parts} <= {*names}:
            raise DataError(
                f"{flag} {words}: no column of that name, but one for each of its parts",
                f"{flag} as often as there are columns",
                shlex.join([word for part in parts for word in (flag, part)]),
            )


def table_named(data: str, asked: TableOptions = FOUND_OUT) -> Table:
    """The bundled set, the file or the files that are called so."""
    if data in BUNDLED:
        return _bundled(data)
    if not kind_of(data) and not has_magic(Path(data).name) and "." not in Path(data).name:
        raise DataError(
            f"{data!r} is neither a file nor a bundled data set",
            f"a CSV or Parquet file, or one of {', '.join(BUNDLED)}",
            did_you_mean(data, BUNDLED, "check the spelling, and the folder you are in"),
        )
    return table_of(data, asked)


def _bundled(name: str) -> Table:
    import pyarrow as pa

    dataset = load(name)
    columns: dict[str, Any] = dict(zip(dataset.feature_names, dataset.x.T, strict=True))
    names = np.asarray(dataset.class_names)
    columns[dataset.target_name] = names[dataset.y] if dataset.class_names else dataset.y
    table = pa.table({column: pa.array(values) for column, values in columns.items()})
    n = len(dataset.y)
    return Table(name, (Path(name),), (n,), table, np.arange(n))


def check_finite(table: Table, features: pyarrow.Table) -> None:
    """Refuse infinity, which no measurement gives."""
    import pyarrow.types as types

    for name, column in zip(features.column_names, features.columns, strict=True):
        if types.is_floating(column.type):
            infinite = np.isinf(column.to_numpy())
            if infinite.any():
                row = int(np.flatnonzero(infinite)[0])
                raise DataError(
                    f"{table.source}: column {name!r} is {column[row]} in {table.place(row)}",
                    "finite numbers, or nothing where none was measured",
                    "empty that cell, or correct it",
                )


def check_values(table: Table, target: Target, counts: Array) -> None:
    """Refuse a target with one value only, and classes of one row; `counts` (n,) is of each."""
    values, rows = np.unique(target.values, return_index=True)
    if len(values) == 1:
        raise DataError(
            f"{table.source}: the target {target.name!r} is {values[0]} in every row",
            "a target with at least two values",
            "another --target, or a table with other rows too",
        )
    once = counts[rows] == 1
    if target.task == "classification" and once.any():
        alone = values[once]
        row = int(rows[once][0])
        raise DataError(
            f"{table.source}: {len(alone)} of the {len(values)} classes of {target.name!r} "
            f"{'has' if len(alone) == 1 else 'have'} one row only, {str(alone[0])!r} in "
            f"{table.place(row)} {'' if len(alone) == 1 else 'for one'}".rstrip(),
            "two rows or more of each class: some to learn from, some to be judged on",
            "more such rows, or none of them"
            + ("; another --target, if these are names" if len(alone) > len(values) / 2 else "")
            + "".join(
                f"; {pair} differ by capitals only"
                for pair in (alike(values.tolist()) if values.dtype.kind == "U" else ())
            ),
        )


def notes_on_target(target: Target, asked: Task | None) -> list[str]:
    """What is odd about the target, and can be learned all the same."""
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
            "--task classification, if they are classes"
        ]
    return []


def notes_on_columns(table: Table, features: pyarrow.Table) -> list[str]:
    """What is odd about the features, and can be learned from all the same."""
    import pyarrow.types as types

    notes = []
    for name, column in zip(features.column_names, features.columns, strict=True):
        if is_text(column.type):
            notes += _note_on_text(table, name, column)
        elif types.is_integer(column.type) and len(column) >= A_COUNT_HAS:
            steps = np.diff(column.to_numpy()) if not column.null_count else np.zeros(1)
            if (steps == 1).all():
                notes.append(
                    f"column {name!r} counts the rows: --ignore '{name}', "
                    "if it says nothing of what is to be predicted"
                )
    return notes


def _note_on_text(table: Table, name: str, column: pyarrow.ChunkedArray) -> list[str]:
    """Numbers or dates with a few words among them, or that do not go together, are read as text:
    that is seldom what was meant; nor are words that differ by capitals only.
    """
    import pyarrow as pa

    counts = {pair["values"]: pair["counts"] for pair in column.value_counts().to_pylist()}
    texts = [text for text in counts if text is not None and text.strip() not in MISSING]
    cells, n = pa.array(texts, pa.string()), np.array([counts[text] for text in texts], int)
    for what, among in (("number", numbers_among), ("date", dates_among)):
        reads = among(cells)
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
            f"and so is read as text: --{what} '{name}', if such cells stand for what is missing"
        ]
    nearly = nearly_among(cells)
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


def stem_of(data: str, files: Sequence[Path]) -> str:
    """What a run on this data is called."""
    return readable(Path(data).stem.rstrip("*?-_. ") or files[0].stem)


def fingerprint(source: str, files: Sequence[Path]) -> list[dict[str, Any]]:
    """The files with their sizes and SHA-256, by which a later run knows them again."""
    if source in BUNDLED:
        return []
    found = []
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append({"path": str(path), "bytes": path.stat().st_size, "sha256": digest})
    return found
