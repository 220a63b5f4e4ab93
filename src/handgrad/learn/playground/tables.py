"""A table as the page takes it: numbers for a net, what its target is, and words for both."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from handgrad.learn.playground.toy_data import ToyRows, inputs_of
from handgrad.tables.data import BUNDLED, load, open_table
from handgrad.tables.data.files import Table
from handgrad.tables.data.targets import Target, target_of
from handgrad.tables.tabular import TableEncoder
from handgrad.textbook.errors import DataError, HandgradError, SettingError, did_you_mean
from handgrad.textbook.layers import Array

MOST_ROWS = 10_000  # that a page is given to draw and to train on
MOST_CELLS = 2 * 10**7  # of a table that is read whole
MOST_INPUTS = 64  # as its state allows
KINDS = (".csv", ".tsv", ".txt", ".parquet")


@dataclass(frozen=True, eq=False)
class WholeTable:
    """All rows of a table; those of the numbers `kept` are the ones that a page was given."""

    rows: ToyRows
    kept: Array

    def without(self, tests: Array, inputs: Sequence[str]) -> tuple[Array, Array]:
        """Inputs and targets of all rows, but for some of those that the page was given."""
        trains = np.ones(len(self.rows.y), bool)
        trains[self.kept[tests]] = False
        return inputs_of(self.rows, inputs)[trains], self.rows.y[trains]


@dataclass(frozen=True, eq=False)
class PageTable:
    """Rows for a page: `x` (n, n_inputs) and `y` (n,), float32; class numbers where `classes`.

    `read_as` says of each column, in words, what it was read as; `of_rows` how many rows there
    were, of which these were drawn; `notes` what else is to be told, and `whole` has all of
    the rows, where they fit in memory.
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
        """This table, or of more than 10 000 rows so many, and the whole beside them."""
        if len(self.y) <= MOST_ROWS:
            return self
        kept = np.sort(np.random.default_rng(0).choice(len(self.y), MOST_ROWS, replace=False))
        rows = ToyRows(self.x.astype(np.float32), self.y.astype(np.float32), (*self.names,), ())
        return replace(self, x=self.x[kept], y=self.y[kept], whole=WholeTable(rows, kept))

    def state(self) -> dict[str, Any]:
        """The state of a page that begins with these rows."""
        return {
            "data": {
                "kind": "rows",
                "problem": "regression" if self.classes is None else "classification",
                "rows": self.rows(),
            },
            "inputs": [*self.names][:MOST_INPUTS],
        }

    def rows(self) -> dict[str, Any]:
        """The rows as the state has them."""
        return {
            "names": [*self.names],
            "classes": None if self.classes is None else [*self.classes],
            "x": packed(self.x),
            "y": packed(self.y),
        }

    def told(self) -> dict[str, Any]:
        """What the page says of them."""
        sampled = {"of": self.of_rows, "kept": len(self.y)} if self.of_rows > len(self.y) else None
        return {
            "name": self.name,
            "read_as": [[*pair] for pair in self.read_as],
            "sampled": sampled,
            "notes": [*self.notes],
        }


def packed(numbers: Array) -> str:
    """Numbers as base64url of float32, without padding, as links and states have them."""
    text = base64.urlsafe_b64encode(np.ascontiguousarray(numbers, "<f4").tobytes())
    return text.decode().rstrip("=")


def table_in(path: str | Path, target: str | None = None, name: str = "") -> PageTable:
    """The table in a CSV or Parquet file, or the bundled set of that name.

    The target is the last column, if not another is named; columns of any kind become numbers by
    `hg.tables.TableEncoder`, of more than 10 000 rows so many are drawn. Raises what reading
    raises.
    """
    if str(path) in BUNDLED:
        return _bundled(str(path), target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these notes are shown in the page
        stream = open_table(path)
    target = stream.names[-1] if target is None else target
    if target not in stream.names:
        hint = did_you_mean(target, stream.names, "the name of one of them")
        raise DataError(f"no column {target!r}", f"one of {', '.join(stream.names)}"[:300], hint)
    kept, n = stream.with_target(target), stream.n_rows
    if kept.n_rows * len(stream.names) > MOST_CELLS:
        kept = kept.sample(MOST_ROWS, rng=0)
    frame = kept.to_table()
    files, numbers = (stream.files, stream.rows_of_files), np.arange(len(frame))
    read = Table(stream.name, *files, frame, numbers, date_order=stream.date_order)
    found = target_of(read, target)
    encoder = TableEncoder().fit(frame.drop_columns([target]))
    names = [str(column) for column in encoder.get_feature_names_out()]
    x = encoder.transform(frame.drop_columns([target]))
    y, classes, words = _numbered(found)
    read_as = [*encoder.features_.read_as().items(), (target, words)]
    table = PageTable(name or Path(path).name, names, x, y, classes, read_as, n, kept.notes)
    return table.for_page()


def table_sent(content: bytes, name: str, target: str | None = None) -> PageTable:
    """The table in the bytes of a file; of its name nothing but the ending is believed."""
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
        except HandgradError as error:  # who sent it knows the file by its own name
            error.came = error.came.replace(str(path), name)
            error.where = error.where.replace(str(path), name)
            raise


def _bundled(name: str, target: str | None) -> PageTable:
    """A set that comes with scikit-learn, each column scaled."""
    found = load(name)
    if target not in (None, found.target_name):
        raise SettingError(
            f"the target {target!r} of {name}", f"{found.target_name!r}", "leave it out"
        )
    x = _scaled(found.x)
    classes = [*found.class_names] or None
    y = found.y if classes else _scaled(found.y)
    return PageTable(name, found.feature_names, x, y, classes, of_rows=len(x))


def _numbered(target: Target) -> tuple[Array, list[str] | None, str]:
    """A target as numbers, the names of its classes, and what it is, in words."""
    values = target.values
    if target.task == "classification":
        classes, y = np.unique(values, return_inverse=True)
        return y, [str(name) for name in classes], f"{len(classes)} classes ({target.why})"
    center, scale = values.mean(), values.std() or 1.0
    return _scaled(values), None, f"number, shown as (value − {center:.6g}) / {scale:.6g}"


def _scaled(values: Array) -> Array:
    scale = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(scale == 0, 1, scale)
