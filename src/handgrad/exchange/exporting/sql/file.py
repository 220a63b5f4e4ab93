"""Export to one query in SQL, and its check in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np

from handgrad.exchange.exporting.model_spec import ModelSpec, plain_classes
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.exchange.exporting.sql.query import Query, outputs_of
from handgrad.exchange.exporting.sql.scalars import Scalar, largest
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.files.features import Feature, TextFeature
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.version import __version__

WIDEST, SHOWN = 94, 8
# SQL has no float32, to which handgrad rounds the rows of a table.
OF_TABLES = MOST["float32"]
NAMES = {"probabilities": "probability", "scores": "score", "values": "prediction"}


def write_sql(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Write the query, and run it on its test rows in SQLite."""
    source = sql_query(spec)
    path.write_text(source, "utf-8", newline="\n")
    ran = f"SQLite {sqlite3.sqlite_version}"
    with sqlite3.connect(":memory:") as database:
        try:
            database.execute("SELECT exp(1.0), tanh(1.0)")
        except sqlite3.OperationalError:
            reason = "Python's SQLite has no mathematical functions here"
            return [Check(ran, "predict", not_run=reason)]
        rows = database.execute(_filled(database, spec, source)).fetchall()
    n, n_out = spec.answers.reshape(len(spec.answers), -1).shape
    outputs = np.array([row[-n_out:] for row in rows], float).reshape(n, n_out)
    if spec.classes is not None:
        labels = [row[-n_out - 1] for row in rows]
        same = np.array(labels, object) == spec.labels(outputs).astype(object)
        if not same.all():
            outputs[~same] = np.nan  # a label that its numbers do not give
    most = MOST[spec.net.dtype.name] if spec.features is None else OF_TABLES
    return [compared(ran, outputs, spec.answers.reshape(n, n_out), "predict", most)]


def _filled(database: sqlite3.Connection, spec: ModelSpec, source: str) -> str:
    """The query, after a table of the test rows was made."""
    columns, rows = test_rows(spec)
    names = ", ".join(map(_quoted, columns))
    database.execute(f"CREATE TABLE data ({names})")
    database.executemany(f"INSERT INTO data VALUES ({', '.join('?' * len(columns))})", rows)
    return source


def test_rows(spec: ModelSpec) -> tuple[list[str], list[tuple[object, ...]]]:
    """Names of the columns that the query reads, and the test rows."""
    if spec.table is None:
        return [*spec.names], [tuple(row) for row in spec.example.astype(float).tolist()]
    columns = {name: spec.table[name] for name in spec.columns}
    cells = [
        [None if gap else value for value, gap in zip(c.values.tolist(), c.missing, strict=True)]
        for c in columns.values()
    ]
    return [*columns], [*zip(*cells, strict=True)]


def sql_query(spec: ModelSpec) -> str:
    """Source of the query."""
    if spec.features is None and spec.example.ndim != 2:
        raise SettingError(
            f"rows of shape {spec.example.shape[1:]}",
            "a model of columns",
            "export to .py, .c or .onnx",
        )
    names, taken = [*(spec.columns or spec.names)], {name.lower() for name in spec.names}
    key = "row_id"
    while key in taken | {name.lower() for name in names}:
        key += "_"
    cells = [_cell(name, spec.columns.get(name)) for name in names]
    query = Query()
    query.tables["input"] = f"SELECT ROW_NUMBER() OVER () AS {key}, data.* FROM data"
    lines = [f"{key} AS r", *(f"{cell} AS t1_{i}" for i, cell in enumerate(cells))]
    query.tables["t1"] = "SELECT\n    " + ",\n    ".join(lines) + "\n  FROM input"
    query.table_of |= {f"t1_{i}": "t1" for i in range(len(cells))}
    x = np.array([[Scalar((f"t1_{i}",)) for i in range(len(cells))]], object)
    if spec.features is not None:
        encoder = spec.features.encoder
        x = outputs_of(query, spec.encoder_graph, {}, x, encoder)[None]
    outputs = outputs_of(query, spec.graph, spec.net.state(), x, spec.net)
    chosen = _chosen(query, spec, outputs, key)
    tables = ",\n".join(
        f"{name} AS MATERIALIZED (\n  {text}\n)" for name, text in query.tables.items()
    )
    return f"{_head(spec, names)}WITH {tables}\n{chosen}"


def _chosen(query: Query, spec: ModelSpec, outputs: Array, key: str) -> str:
    """The last SELECT: the user's columns, the class, and the numbers."""
    results = []
    if spec.classes is None:
        quantiles = spec.quantiles or range(len(outputs))
        name = NAMES.get(spec.output, "output")
        names = [name] if len(outputs) == 1 else [f"{name}_{q}" for q in quantiles]
    else:
        values = plain_classes(spec.classes)
        names = [f"{NAMES.get(spec.output, spec.output)}_{value}" for value in values]
        decided = query.columns(np.asarray(spec.decided(outputs), object), "")
        labels = [_literal(value) for value in values]
        results.append(f"{largest([*decided], labels)} AS prediction")
    results += [f"{one.text} AS {_quoted(name)}" for one, name in zip(outputs, names, strict=True)]
    read = query.read(results)
    joins = "".join(f"\nJOIN {name} ON {name}.r = input.{key}" for name in read)
    columns = ",\n  ".join(["input.*", *results])
    return f"SELECT\n  {columns}\nFROM input{joins}\nORDER BY input.{key};\n"


def _cell(name: str, feature: Feature | None) -> str:
    """A column as a number, NULL if it is missing: the index of a text."""
    column = _quoted(name)
    if not isinstance(feature, TextFeature):
        return f"CAST({column} AS DOUBLE PRECISION)"
    if not feature.values:
        return "-1e0"
    whens = " ".join(f"WHEN {_literal(value)} THEN {i}e0" for i, value in enumerate(feature.values))
    return f"CASE CAST({column} AS VARCHAR) {whens} ELSE -1e0 END"


def _quoted(name: str) -> str:
    quoted = name.replace('"', '""')
    if "\0" in name or not name:
        raise SettingError(f"the column name {name!r}", "a name that SQL has", "another name")
    return f'"{quoted}"'


def _literal(value: bool | float | str) -> str:
    if isinstance(value, str):
        text = value.replace("'", "''")
        return f"'{text}'"
    return str(value).upper() if isinstance(value, bool) else repr(value)


def _head(spec: ModelSpec, names: Sequence[str]) -> str:
    """Comment of the file."""
    dates = [name for name in names if name in spec.columns and spec.columns[name].kind == "date"]
    shown = ", ".join(names[:SHOWN]) + ", …" * (len(names) > SHOWN)
    lines = [
        f"{spec.title}, written by handgrad {__version__}.",
        f"Predicts each row of the table data, with the columns {shown}. NULL is a missing value.",
        *[f"Days since 1970-01-01, as numbers: {', '.join(dates)}."] * bool(dates),
        "For SQLite 3.35, DuckDB, PostgreSQL 12 and later.",
    ]
    wrapped = [part for line in lines for part in wrap(" ".join(line.split()), WIDEST)]
    return "".join(f"-- {line}\n" for line in wrapped)
