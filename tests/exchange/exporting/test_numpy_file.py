"""One file of Python that needs NumPy alone has the bits of the pages of its model."""

import ast
import datetime
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import handgrad as hg
from handgrad.exchange.exporting import model_spec_of
from handgrad.exchange.exporting.python.numpy_file import numpy_source
from handgrad.exchange.exporting.python.text import stored
from handgrad.textbook.layers import Array
from tests.exchange.exporting.models import (
    NAMES,
    OF_TABLES,
    classes,
    matrix,
    model,
    pictures,
    random_table,
    table,
)
from tests.exchange.exporting.nets import random_net
from tests.graph.one_liners import ONE_LINERS, Page

NETS, TABLES = 160, 20


def functions(source: str) -> dict[str, Any]:
    """What a file defines."""
    space: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, "exported.py", "exec"), space)
    return space


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of every model."""
    folder = tmp_path_factory.mktemp("exported")
    paths = {name: folder / f"{name.replace(' ', '_')}.py" for name in NAMES}
    for name, path in paths.items():
        hg.export(model(name), path)
    return paths


@pytest.mark.parametrize("name", NAMES)
def test_it_needs_numpy_alone_and_has_the_bits_of_the_pages(
    name: str, written: dict[str, Path]
) -> None:
    tree = ast.parse(written[name].read_text("utf-8"))
    imported = {
        *(
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        ),
        *(str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)),
    }
    standard = {"base64", "collections.abc", "datetime", "decimal", "numbers", "sys"}
    assert imported <= {"numpy"} | standard
    done = subprocess.run(
        [sys.executable, "-I", written[name]], capture_output=True, text=True, check=True
    )
    assert done.stdout == "64 rows: same bits\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_proof_says_so(name: str, tmp_path: Path) -> None:
    proof = hg.export(model(name), tmp_path / "model.py")
    pages, predict = proof.checks
    assert pages.same_bits
    assert (pages.rows, predict.rows) == (64, 64)
    # a scaler of scikit-learn divides numbers of float32 in one precision or the other
    single = model_spec_of(model(name)).net.dtype == np.float32
    assert predict.relative <= (3e-7 if single else 1e-14)
    assert str(proof).startswith(f"{tmp_path / 'model.py'}, {proof.size:,} bytes\n  NumPy ")
    assert [*tmp_path.iterdir()] == [proof.path]


@pytest.mark.parametrize(
    "name", [name for name in NAMES if model_spec_of(model(name)).classes is not None]
)
def test_classes_are_those_of_the_model(name: str, written: dict[str, Path]) -> None:
    space = functions(written[name].read_text("utf-8"))
    rows = table() if name in OF_TABLES else pictures() if name == "pictures" else matrix() / 100
    expected = model(name).predict(rows)
    found = space["predict"](rows)
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("name", ["table of classes", "encoded"])
def test_a_table_may_come_as_the_model_takes_it(name: str, written: dict[str, Path]) -> None:
    predict = functions(written[name].read_text("utf-8"))["predict_proba"]
    expected = predict(table())
    assert np.array_equal(expected, model(name).predict_proba(table()))
    frame = pa.table(table())
    columns = {column: frame[column].to_pylist() for column in frame.column_names}
    columns["when"] = [str(moment) for moment in table()["when"]]
    assert np.array_equal(predict(columns | {"more": [1] * 120}), expected)
    arrays = {column: np.array(values) for column, values in table().items()}
    arrays["when"] = arrays["when"].astype("datetime64[ns]")
    arrays["age"] = arrays["age"].astype(float)
    assert np.array_equal(predict(arrays), expected)
    midnight = {**table(), "when": [datetime.date(2021, 5, 4)] * 120}
    assert np.array_equal(predict(midnight), model(name).predict_proba(midnight))


@pytest.mark.parametrize("first", range(0, TABLES, 10))
def test_random_tables_have_the_bits_of_the_model(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 10):
        columns, rng = random_table(seed), np.random.default_rng(seed)
        fitted = hg.TabularRegressor(1, epochs=1, random_state=0)
        fitted.fit(columns, rng.normal(size=len(next(iter(columns.values())))))
        path = tmp_path / f"table_{seed}.py"
        assert hg.export(fitted, path).checks[0].same_bits, columns.keys()
        predict = functions(path.read_text("utf-8"))["predict"]
        assert np.array_equal(predict(columns), fitted.predict(columns)), columns.keys()


@pytest.mark.parametrize("name", ["table of classes", "encoded"])
def test_frames_of_every_library_and_a_single_row(name: str, written: dict[str, Path]) -> None:
    predict = functions(written[name].read_text("utf-8"))["predict_proba"]
    expected = model(name).predict_proba(table())
    frame = pd.DataFrame(table())
    frame["town"] = frame["town"].astype("string")
    frame["when"] = frame["when"].dt.tz_localize("Asia/Tokyo")
    for given in (frame, frame.convert_dtypes(), pl.DataFrame(table()), pa.table(table())):
        assert np.array_equal(predict(given), expected)
    frame.loc[0, :] = None
    gaps = model(name).predict_proba(frame)
    assert np.array_equal(predict(frame.convert_dtypes()), gaps)
    row = {column: values[3] for column, values in table().items()}
    # alone, rows may be multiplied in another order
    np.testing.assert_allclose(predict(row), expected[3:4], rtol=1e-6)
    assert np.array_equal(predict(row), model(name).predict_proba(row))
    none: dict[str, list[object]] = {column: [] for column in table()}
    assert predict(none).shape == (0, 2)


def test_times_and_names_of_months_are_read_as_the_model_reads_them(tmp_path: Path) -> None:
    minutes = np.random.default_rng(0).integers(0, 1440, 120).tolist()
    columns: dict[str, list[Any]] = {
        "at": [f"{m // 60:02}:{m % 60:02}:07.25" for m in minutes],
        "in": ["January", "Feb", "März", "Dez.", "May"] * 24,
        "day": ["Mo", "Dienstag", "wed", None, "Fri", "Sun"] * 20,
    }
    fitted = hg.TabularRegressor(1, epochs=1, random_state=0).fit(columns, np.arange(120.0))
    path = tmp_path / "model.py"
    assert hg.export(fitted, path).checks[0].same_bits
    predict = functions(path.read_text("utf-8"))["predict"]
    expected = fitted.predict(columns)
    assert np.array_equal(predict(columns), expected)
    times = [datetime.time.fromisoformat(text) for text in columns["at"]]
    assert np.array_equal(predict(columns | {"at": times}), expected)
    for name, cell in (("at", "noon"), ("in", "Mars"), ("day", "12:00")):
        with pytest.raises(ValueError, match=cell):
            predict(columns | {name: [cell] * 120})
    c = tmp_path / "model.c"
    hg.export(fitted, c)
    assert re.search("double at; // 'at', hour of the day", c.read_text("utf-8"))


def test_numbers_among_categories_are_text() -> None:
    rng = np.random.default_rng(0)
    columns = {
        "rooms": pa.array([str(k) for k in rng.integers(1, 5, 90)]).dictionary_encode(),
        "lift": pa.array(rng.random(90) < 0.5),
    }
    frame = pa.table(columns)
    fitted = hg.TabularRegressor(1, epochs=2, random_state=0).fit(frame, rng.normal(size=90))
    predict = functions(numpy_source(model_spec_of(fitted)))["predict"]
    expected = fitted.predict(frame)
    for rooms in (frame["rooms"].to_pylist(), [int(r) for r in frame["rooms"].to_pylist()]):
        found = predict({"rooms": rooms, "lift": frame["lift"].to_pylist()})
        assert np.array_equal(found, expected)
    floats = np.array([float(r) for r in frame["rooms"].to_pylist()])
    truths = np.array(frame["lift"].to_pylist())
    assert np.array_equal(predict({"rooms": floats, "lift": truths}), expected)


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        ("net", [[0.0, np.nan, 1.0]], "NaN or infinity in x"),
        ("net", [[0.0, 1.0]], r"x of shape \(1, 2\); expected rows of 3 numbers"),
        ("regressor", [0.0, 1.0, 2.0], r"x of shape \(3,\)"),
        ("embedding", [0.5], "codes of type float64; expected whole numbers from 0 on"),
        ("embedding", [1, -1], "codes of type int64"),
    ],
)
def test_rows_that_the_model_refuses(name: str, rows: list[Any], words: str) -> None:
    predict = functions(numpy_source(model_spec_of(model(name))))["predict"]
    with pytest.raises(ValueError, match=words):
        predict(rows)
    with pytest.raises(ValueError):  # noqa: PT011
        model(name).predict(np.array(rows))


def test_infinity_in_a_column_is_refused_as_the_model_refuses_it() -> None:
    predict = functions(numpy_source(model_spec_of(model("table of classes"))))["predict_proba"]
    with pytest.raises(ValueError, match="infinity in a column of numbers"):
        predict({**table(), "size": [np.inf] * 120})


def test_a_file_that_was_changed_says_so(written: dict[str, Path], tmp_path: Path) -> None:
    changed = tmp_path / "changed.py"
    text = written["classifier of two"].read_text("utf-8")
    changed.write_text(text.replace("np.maximum(z_0, 0)", "np.maximum(z_0, 0.1)"), "utf-8")
    done = subprocess.run(
        [sys.executable, "-I", changed], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert re.fullmatch(r"64 rows: largest relative error 0\.\d+\n", done.stdout)


@pytest.mark.parametrize("first", range(0, NETS, 20))
def test_random_nets_have_the_bits_of_their_pages(first: int) -> None:
    for seed in range(first, first + 20):
        net, x = random_net(seed)
        assert same_bits(net, x), (seed, net)


def test_codes_stand_among_numbers_that_are_no_whole_ones() -> None:
    net = hg.Net(hg.tables.TabularEmbedding(3, 2, n_numbers=1, rng=0), hg.Linear(3, 2, rng=1))
    x = np.array([[0.5, 2], [-1.25, 0]])
    for rows in (None, x, [[3, 1]]):
        predict = functions(numpy_source(model_spec_of(net, rows)))["predict"]
        assert np.array_equal(predict(x), net.predict(x, engine="eager"))


@pytest.mark.parametrize("name", ONE_LINERS)
def test_every_operation_has_the_bits_of_its_page(name: str) -> None:
    rng = np.random.default_rng(3)
    net = hg.Net(Page(ONE_LINERS[name]), dtype=np.float64)
    assert same_bits(net, rng.standard_normal((7, 4)))


def same_bits(net: hg.Net, x: Array) -> bool:
    """Whether a net's file says of rows `x`, and of five of them, what its pages say."""
    spec = model_spec_of(net, x)
    predict = functions(numpy_source(spec))["predict"]
    with np.errstate(all="ignore"):
        found = [(predict(rows), spec.by_layers(rows)) for rows in (x, x[:5])]
    return all(
        p.dtype == q.dtype and p.shape == q.shape and p.tobytes() == q.tobytes() for p, q in found
    )


@pytest.mark.parametrize(
    "labels",
    [[True, False], [3.0, -1.0], [10**12, -3], ["b", "a"], np.array(["b", "a"], object)],
    ids=str,
)
def test_classes_are_of_their_own_type(labels: Any) -> None:
    y = np.asarray(labels)[np.arange(len(matrix())) % 2]
    fitted = hg.MLPClassifier((4,), solver="lbfgs", max_iter=3, tol=1e9).fit(matrix() / 100, y)
    found = functions(numpy_source(model_spec_of(fitted)))["predict"](matrix() / 100)
    expected = fitted.predict(matrix() / 100)
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype


def test_classes_of_other_types_are_refused() -> None:
    days = np.array(classes()) == "yes"
    labels = np.where(days, np.datetime64("2024-01-01"), np.datetime64("2024-01-02"))
    fitted = hg.MLPClassifier((4,), solver="lbfgs", max_iter=3, tol=1e9)
    fitted.fit(matrix() / 100, labels)
    with pytest.raises(hg.errors.SettingError, match="classes of type datetime64"):
        numpy_source(model_spec_of(fitted))


def test_many_weights_are_written_in_a_time_that_grows_with_them() -> None:
    weights, began = np.zeros(1_000_000), time.process_time()
    text = stored(weights)
    assert time.process_time() - began < 5
    assert max(map(len, text.splitlines())) == 100
