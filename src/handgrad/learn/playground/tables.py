"""Tables for the page: rows as numbers, the target, and descriptions of the columns."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.schema import schema_at
from handgrad.learn.playground.toy_data import ToyRows, inputs_of
from handgrad.tables.data import BUNDLED, load, open_table
from handgrad.tables.data.files import Table
from handgrad.tables.data.targets import Target, target_of
from handgrad.tables.tabular import TableEncoder
from handgrad.textbook.errors import DataError, HandgradError, SettingError, did_you_mean
from handgrad.textbook.layers import Array

MOST_ROWS = 10_000  # that a page draws and trains on
MOST_CELLS = 2 * 10**7  # of a table that is read whole
MOST_INPUTS: int = schema_at("inputs")["maxItems"]
KINDS = (".csv", ".tsv", ".txt", ".parquet")


@dataclass(frozen=True, eq=False)
class WholeTable:
    """All rows of a table; `kept` are the indices of the page's sample."""

    rows: ToyRows
    kept: Array

    def without(self, tests: Array, inputs: Sequence[str]) -> tuple[Array, Array]:
        """Inputs and targets of all rows except the page's test rows."""
        trains = np.ones(len(self.rows.y), bool)
        trains[self.kept[tests]] = False
        return inputs_of(self.rows, inputs)[trains], self.rows.y[trains]


@dataclass(frozen=True, eq=False)
class PageTable:
    """Rows for a page: `x` (n, n_inputs) and `y` (n,), float32; class indices if `classes`.

    `read_as` describes how each column was read; `of_rows` is the number of rows of the whole
    table, `notes` are messages for the page, and `whole` has all rows if they fit in memory.
    """

    name: str
    names: Sequence[str]
    x: Array
    y: Array
    classes: Sequence[str] | None
    read_as: Sequence[tuple[str, str]] = ()
    of_rows: int = 0
    notes: Sequence[str] = ()
    whole: WholeTable | None = None

    def for_page(self) -> PageTable:
        """This table, or a sample of 10 000 rows with the whole table."""
        if len(self.y) <= MOST_ROWS:
            return self
        sample = np.sort(np.random.default_rng(0).choice(len(self.y), MOST_ROWS, replace=False))
        rows = ToyRows(self.x.astype(np.float32), self.y.astype(np.float32), (*self.names,), ())
        return replace(self, x=self.x[sample], y=self.y[sample], whole=WholeTable(rows, sample))

    def state(self) -> dict[str, Any]:
        """Initial state of a page with these rows."""
        return {
            "data": {
                "kind": "rows",
                "problem": "regression" if self.classes is None else "classification",
                "rows": self.rows(),
            },
            "inputs": [*self.names][:MOST_INPUTS],
        }

    def rows(self) -> dict[str, Any]:
        """The rows as a field of the state."""
        return {
            "names": [*self.names],
            "classes": None if self.classes is None else [*self.classes],
            "x": packed(self.x),
            "y": packed(self.y),
        }

    def summary(self) -> dict[str, Any]:
        """Description of the table for the page."""
        sampled = {"of": self.of_rows, "kept": len(self.y)} if self.of_rows > len(self.y) else None
        return {
            "name": self.name,
            "read_as": [[*pair] for pair in self.read_as],
            "sampled": sampled,
            "notes": [*self.notes],
        }


def table_in(path: str | Path, target: str | None = None, name: str = "") -> PageTable:
    """Read a CSV or Parquet file, or a bundled data set by name.

    The target is the last column by default; `hg.tables.TableEncoder` encodes the columns, and of
    more than 10 000 rows a sample is drawn.
    """
    if str(path) in BUNDLED:
        return _bundled(str(path), target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the page shows these notes
        stream = open_table(path)
    target = stream.names[-1] if target is None else target
    if target not in stream.names:
        hint = did_you_mean(target, stream.names, "the name of one of them")
        raise DataError(f"no column {target!r}", f"one of {', '.join(stream.names)}"[:300], hint)
    sample, n = stream.with_target(target), stream.n_rows
    if sample.n_rows * len(stream.names) > MOST_CELLS:
        sample = sample.sample(MOST_ROWS, rng=0)
    frame = sample.to_table()
    files, numbers = (stream.files, stream.rows_of_files), np.arange(len(frame))
    read = Table(stream.name, *files, frame, numbers, date_order=stream.date_order)
    target_values = target_of(read, target)
    encoder = TableEncoder().fit(frame.drop_columns([target]))
    names = [str(column) for column in encoder.get_feature_names_out()]
    x = encoder.transform(frame.drop_columns([target]))
    y, classes, words = _numbered(target_values)
    read_as = [*encoder.features_.read_as().items(), (target, words)]
    table = PageTable(name or Path(path).name, names, x, y, classes, read_as, n, sample.notes)
    return table.for_page()


def table_sent(content: bytes, name: str, target: str | None = None) -> PageTable:
    """Read a table from the bytes of a file; of its name only the suffix is used."""
    ending = next((kind for kind in KINDS if name.lower().endswith(kind)), None)
    if ending is None:
        raise SettingError(
            f"{name!r}"[:100], f"a file whose name ends with {', '.join(KINDS)}", "save it as CSV"
        )
    with TemporaryDirectory() as folder:
        path = Path(folder, f"table{'.parquet' if ending == '.parquet' else '.csv'}")
        path.write_bytes(content)
        try:
            return table_in(path, target or None, name)
        except HandgradError as error:  # the sender knows the file by its own name
            error.came = error.came.replace(str(path), name)
            error.where = error.where.replace(str(path), name)
            raise


def _bundled(name: str, target: str | None) -> PageTable:
    """A bundled data set with standardized columns."""
    data = load(name)
    if target not in (None, data.target_name):
        raise SettingError(
            f"the target {target!r} of {name}", f"{data.target_name!r}", "leave it out"
        )
    x = _scaled(data.x)
    classes = [*data.class_names] or None
    y = data.y if classes else _scaled(data.y)
    return PageTable(name, data.feature_names, x, y, classes, of_rows=len(x))


def _numbered(target: Target) -> tuple[Array, list[str] | None, str]:
    """A target as numbers, its class names, and a description."""
    values = target.values
    if target.task == "classification":
        classes, y = np.unique(values, return_inverse=True)
        return y, [str(name) for name in classes], f"{len(classes)} classes ({target.why})"
    center, scale = values.mean(), values.std() or 1.0
    return _scaled(values), None, f"number, shown as (value − {center:.6g}) / {scale:.6g}"


def _scaled(values: Array) -> Array:
    scale = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(scale == 0, 1, scale)
