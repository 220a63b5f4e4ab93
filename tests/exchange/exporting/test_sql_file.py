"""Models as queries: what SQLite and DuckDB say of them."""

import sqlite3
from pathlib import Path

import duckdb
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

import handgrad as hg
from handgrad.exchange.exporting.model_spec import model_spec_of
from handgrad.exchange.exporting.sql.file import test_rows as rows_of
from tests.bad_input.refused import refused
from tests.exchange.exporting.models import classes, model, table

QUICK = (
    *("net", "classifier of two", "classifier of three", "scores of two", "scores of three"),
    *("regressor", "float32", "scaled rates", "encoded", "encoded and scaled"),
)


@pytest.mark.parametrize("name", QUICK)
def test_sqlite_predicts_as_the_model(name: str, tmp_path: Path) -> None:
    (check,) = hg.export(model(name), tmp_path / "model.sql").checks
    assert check.rows == 64
    assert check.relative <= check.most


@pytest.mark.slow
def test_members_of_an_ensemble_are_averaged(tmp_path: Path) -> None:
    (check,) = hg.export(model("table of classes"), tmp_path / "model.sql").checks
    assert check.rows == 64
    assert check.relative < 1e-6


def test_duckdb_predicts_as_the_model(tmp_path: Path) -> None:
    spec = model_spec_of(model("encoded"))
    hg.export(model("encoded"), tmp_path / "model.sql")
    names, rows = rows_of(spec)
    kinds = ["VARCHAR" if spec.columns[name].kind == "text" else "DOUBLE" for name in names]
    columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(names, kinds, strict=True))
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE data ({columns})")
        database.executemany(f"INSERT INTO data VALUES ({', '.join('?' * len(names))})", rows)
        found = database.execute((tmp_path / "model.sql").read_text("utf-8")).fetchall()
    np.testing.assert_allclose([row[-2:] for row in found], spec.answers, atol=1e-6)
    assert [row[-3] for row in found] == spec.labels(spec.answers).tolist()


def test_own_columns_come_first_and_quotes_are_kept(tmp_path: Path) -> None:
    rows = {'a "b"': table()["town"], "row_id": table()["size"]}
    mlp = hg.MLPClassifier((4,), solver="lbfgs", random_state=0)
    fitted = make_pipeline(hg.tables.TableEncoder(), mlp).fit(rows, classes())
    hg.export(fitted, tmp_path / "model.sql")
    with sqlite3.connect(":memory:") as database:
        database.execute('CREATE TABLE data (other, "a ""b""", row_id)')
        cells = [("x", *pair) for pair in zip(*rows.values(), strict=True)]
        database.executemany("INSERT INTO data VALUES (?, ?, ?)", cells)
        found = database.execute((tmp_path / "model.sql").read_text("utf-8")).fetchall()
    assert [row[1:4] for row in found] == cells
    assert [row[4] for row in found] == fitted.predict(rows).tolist()


def test_what_sql_cannot_compute_names_its_layer(tmp_path: Path) -> None:
    with refused(hg.errors.SettingError, "layer 2 of 2, GELU"):
        hg.export(hg.Net(hg.Linear(3, 4, rng=0), hg.GELU()), tmp_path / "net.sql")
    with refused(hg.errors.SettingError, "rows of shape", "columns"):
        hg.export(model("embedding"), tmp_path / "net.sql")
    with refused(hg.errors.SettingError, "terms", "fewer"):
        hg.export(hg.Net(hg.Linear(400, 400, rng=0)), tmp_path / "net.sql")
    assert not list(tmp_path.iterdir())
