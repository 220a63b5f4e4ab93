"""Comparison of tables: planted differences are named, equal distributions have none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.csv import read_csv, write_csv

import handgrad as hg
from handgrad.files.features import Columns
from handgrad.tables.data.frames import columns_of_frame, frame_of, read
from handgrad.tables.inspection.drift import Drift, drift_between
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, raised


def columns(n: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return {
        "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 10, n).round(1)),
        "town": rng.choice(["Ulm", "Bonn", "Jena", "Kiel"], n, p=[0.5, 0.3, 0.19, 0.01]),
        "rooms": rng.integers(1, 7, n),
        "x": x,
        "since": np.datetime64("2020-01-01") + rng.integers(0, 900, n),
        "name": [f"name {k}" for k in rng.integers(0, 10**9, n)],
        "left": np.where(x + rng.normal(0, 0.5, n) > 0.5, "yes", "no"),
    }


def written(path: Path, n: int, seed: int, **other: Any) -> Path:
    table = pa.table(
        {k: pa.array(v, from_pandas=True) for k, v in (columns(n, seed) | other).items()}
    )
    write_csv(table, path)
    return path


def parsed(values: dict[str, Any]) -> Columns:
    return {k: read(c) for k, c in columns_of_frame(frame_of(pa.table(values))).items()}


def drift_of(n_new: int, n_old: int, seed: int, **other: Any) -> Drift:
    new = {
        name: values
        for name, values in (columns(n_new, seed) | other).items()
        if values is not None
    }
    return drift_between(parsed(new), parsed(columns(n_old, 1000 + seed)))


def found(drift: Drift) -> list[tuple[str, str]]:
    return [(finding.problem, finding.where.split("“")[1][:-1]) for finding in drift.findings]


@pytest.mark.slow
def test_equal_distributions_have_a_finding_in_one_of_a_hundred_comparisons() -> None:
    sizes = [(60, 60), (40, 2000), (2000, 40), (5000, 5000)]
    findings = [found(drift_of(*pair, seed)) for pair in sizes for seed in range(8)]
    assert sum(map(bool, findings)) <= 2, findings


def test_small_differences_of_large_tables_have_no_finding() -> None:
    shifted = columns(20_000, 1)["x"] + 0.1
    assert found(drift_of(20_000, 20_000, 1, x=shifted)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: {"x": 2 * c["x"] + 1}, [("other distribution", "x")]),
        (lambda c: {"age": np.where(c["x"] > 0, np.nan, 40)}, "missing values"),
        (lambda c: {"town": np.where(c["x"] > 1, "Wien", c["town"])}, "new values"),
        (lambda c: {"town": np.where(c["town"] == "Jena", "Ulm", c["town"])}, "vanished values"),
        (lambda c: {"rooms": [f"{k} rooms" for k in c["rooms"]]}, [("type changed", "rooms")]),
        (lambda c: {"rooms": None}, [("missing column", "rooms")]),
        (lambda c: {"more": c["x"]}, [("new column", "more")]),
        (lambda c: {"since": c["since"] + 500}, [("other distribution", "since")]),
    ],
)
def test_planted_differences_are_named(change: Any, expected: Any) -> None:
    for seed in range(3):
        drift = found(drift_of(400, 500, seed, **change(columns(400, seed))))
        if isinstance(expected, list):
            assert drift == expected
        else:
            assert expected in [problem for problem, _ in drift]
            assert len({where for _, where in drift}) == 1


@pytest.mark.slow
def test_two_tables_on_the_command_line(tmp_path: Path) -> None:
    old, new = written(tmp_path / "old.csv", 500, 1), written(tmp_path / "new.csv", 300, 2)
    result = handgrad("compare", new, old)
    assert "no difference is both large and significant" in result.stdout
    shifted = written(tmp_path / "b.csv", 300, 2, x=columns(300, 2)["x"] + 3)
    assert (
        "note: other distribution, column “x”: the median is"
        in handgrad("compare", shifted, old).stdout
    )
    record = json.loads(handgrad("compare", shifted, old, "--json").stdout)
    assert [finding["problem"] for finding in record["findings"]] == [
        "other distribution",
        "rows told apart",
    ]
    assert record["rows"] == {"new": 300, "old": 500}
    assert record["auc"] > 0.9
    comparison = hg.tables.compare_tables(shifted, old)
    assert [finding.problem for finding in comparison.drift.findings] == [
        finding["problem"] for finding in record["findings"]
    ]


@pytest.mark.slow
def test_a_table_and_a_run(tmp_path: Path) -> None:
    data = written(tmp_path / "data.csv", 500, 1)
    run = tmp_path / "run"
    assert handgrad("train", data, "--target", "left", *QUICK, "--out", run).exit_code == 0
    new = written(tmp_path / "new.csv", 300, 2)
    record = json.loads(handgrad("compare", new, run / "model.safetensors", "--json").stdout)
    assert record["findings"] == []
    assert [*record["scores"]] == ["new", "held_out"]
    assert record["columns"][-1]["column"] == "prediction of left"
    for lost, found in ((["left"], []), (["left", "town"], ["missing column"])):
        write_csv(read_csv(new).drop_columns(lost), tmp_path / "lost.csv")
        record = json.loads(handgrad("compare", tmp_path / "lost.csv", run, "--json").stdout)
        assert [finding["problem"] for finding in record["findings"]] == found
        assert record["scores"] == {}
    other = columns(300, 2)
    turned = np.where(other["left"] == "yes", "no", "yes")
    worse = written(tmp_path / "worse.csv", 300, 2, left=turned)
    problems = [
        f["problem"]
        for f in json.loads(handgrad("compare", worse, run, "--json").stdout)["findings"]
    ]
    assert "worse scores" in problems
    data.write_text(data.read_text() + "1,Ulm,1,1,2020-01-01,a,yes\n")
    with refused(hg.errors.DataError, "has changed since the run"):
        raised("compare", new, run)


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    new = written(tmp_path / "new.csv", 60, 2)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with refused(hg.errors.SettingError, "a model file without the run that wrote it"):
        raised("compare", new, tmp_path / "model.safetensors")
    (tmp_path / "empty.csv").write_text("a,b\n")
    with refused(hg.errors.DataError, "0 rows"):
        raised("compare", tmp_path / "empty.csv", new)


def test_a_page_of_the_comparison(tmp_path: Path) -> None:
    old = written(tmp_path / "old.csv", 300, 1)
    new = written(tmp_path / "new.csv", 300, 2, x=columns(300, 2)["x"] + 3)
    page = tmp_path / "drift.html"
    assert f"written: {page}" in handgrad("compare", new, old, "--html", page).stdout
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    page.unlink()
    record = json.loads(handgrad("compare", new, old, "--html", page, "--json").stdout)
    assert record["page"] == str(page)
    assert page.exists()
    x = next(column for column in record["columns"] if column["column"] == "x")
    assert x["p"] < 1e-6
    assert sum(x["distribution"]["new"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("to", "came"),
    [("drift.csv", "--html {}\n"), ("drift", "--html {}\n"), ("", "--html {}, a folder")],
)
def test_what_is_no_page_is_refused_before_the_tables_are_read(
    tmp_path: Path, to: str, came: str
) -> None:
    page = tmp_path / to
    with refused(hg.errors.SettingError, came.format(page)):
        raised("compare", tmp_path / "none.csv", tmp_path / "none.csv", "--html", page)
    with refused(hg.errors.SettingError, f"html={str(page)!r}"):
        hg.tables.compare_tables(tmp_path / "none.csv", tmp_path / "none.csv", html=page)
    (tmp_path / "file").write_text("")
    old = written(tmp_path / "old.csv", 40, 1)
    with refused(hg.errors.FileError, "a file is where a folder should be"):
        raised("compare", old, old, "--html", tmp_path / "file" / "drift.html")
