"""`handgrad train` of a table that does not fit in memory: as of one that does, in pieces."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import handgrad as hg
from handgrad.tables.data import tables
from handgrad.tables.data.table_options import Task
from handgrad.tables.runs import RunSettings, load_table, models, train, training_table
from handgrad.tables.runs.load_table import load_table as loaded
from handgrad.tables.tabular import base, streamed
from tests.bad_input.refused import refused
from tests.bad_input.test_bad_tables import TABLES
from tests.cli.run import QUICK, handgrad, record
from tests.cli.test_resume import begun, contents
from tests.tables.data.streams import written

N = 2000
MEMORY = ("--memory", "1 MB")  # of which these rows would take more than half


def table(n: int = N) -> pa.Table:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, n)).round(4)
    kind = np.where(a + 0.2 * rng.normal(size=n) > 0.5, "yes ", "no")
    return pa.table(
        {
            "a": a,
            "town": rng.choice(["Ulm", "Bonn", "Jena"], n),
            "b": b,
            "kind": kind,
            "score": a + b,
            "half": rng.integers(0, 3, n) / 2,
            "whole": rng.integers(0, 3, n).astype(float),
            "number": rng.permutation(n),
            "true": rng.random(n) < 0.5,
        }
    )


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(table(), Path("rows.parquet"), 250)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no table fitted; pieces are of a few rows."""
    monkeypatch.setattr(load_table, "_is_small", lambda *_: False)
    monkeypatch.setattr(tables, "CHUNK", 0)
    monkeypatch.setattr(tables, "SMALLEST_BLOCK", 500)
    for module in (streamed, base):
        monkeypatch.setattr(module, "fits_in_memory", lambda *_: False)


def opened(data: Any, target: str, task: Task | None = None, memory: str = "1 MB") -> Any:
    return loaded(RunSettings(str(data), target, task=task, memory=memory))


def labels(values: Any) -> list[str]:
    return [str(value) for value in values]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_what_is_larger_than_memory_is_read_in_pieces_what_is_not_is_not(
    suffix: str, tmp_path: Path
) -> None:
    data = written(table(), tmp_path / f"rows{suffix}", 250)
    assert opened(data, "kind").streamed
    assert not opened(data, "kind", memory="1 GB").streamed
    assert not opened("digits", "target").streamed


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize(
    ("target", "task"),
    [
        ("kind", None), ("score", None), ("whole", "classification"), ("half", "classification"),
        ("number", None), ("number", "regression"), ("true", None), ("whole", None),
        ("true", "regression"), ("a", "regression"),
    ],
)  # fmt: skip
def test_the_target_is_taken_as_it_is_in_memory(
    target: str, task: Task | None, suffix: str, tmp_path: Path
) -> None:
    rows = table()
    if suffix == ".csv":  # of which some pieces have whole numbers only
        rows = rows.take(np.argsort(rows["half"].to_numpy(), kind="stable"))
    data = written(rows, tmp_path / f"rows{suffix}", 250)
    found, whole = (opened(data, target, task, memory) for memory in ("1 MB", "1 GB"))
    assert (found.streamed, whole.streamed) == (True, False)
    for name in ("name", "task", "why"):
        assert getattr(found.target, name) == getattr(whole.target, name), name
    assert (found.classes, found.n_rows) == (whole.classes, whole.n_rows)
    assert {*found.feature_names} == {*whole.feature_names}
    pieces = [piece.columns for piece in found.table.chunks(found.table.names)]
    assert len(pieces) > 2
    everything = pa.concat_tables(pieces)
    assert everything[target].to_pylist() == whole.target.values.tolist()
    assert everything.select(whole.feature_names).equals(whole.features)
    if not found.classes:
        ends = [found.target.values.min(), found.target.values.max()]
        assert ends == [whole.target.values.min(), whole.target.values.max()]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["kind", "score"])
def test_the_scores_are_those_of_the_model_in_the_file_on_rows_it_did_not_learn_from(
    target: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", path, "--target", target, "--ignore", "number", *MEMORY, "--epochs", 2)
    fitted, learned = models.fitted, list[Any]()

    def noted(settings: Any, rows: Any, *more: Any, **given: Any) -> Any:
        learned.append(rows.table.to_table())
        return fitted(settings, rows, *more, **given)

    monkeypatch.setattr(train, "fitted", noted)
    result = handgrad(*words, "--seed", 3, "--out", "run")
    assert result.exit_code == 0, result.output
    assert "rows: 2,000 rows, 7 feature columns, read in chunks" in result.output
    run = record(Path("run"))
    assert (run["data"]["streamed"], run["data"]["rows"], run["settings"]["memory"]) == (
        True, N, "1 MB",
    )  # fmt: skip
    assert "number" not in run["columns"]
    assert run["command"][-6:] == ["--seed", "3", "--memory", "1 MB", "--out", "run"]

    asked = RunSettings("rows.parquet", target, ignore=("number",), memory="1 MB")
    others, held_out = loaded(asked).split(0.2, 3)
    X, y = held_out.to_evaluate()
    assert run["rows"] == {"training": others.n_rows, "held_out": len(y)}
    assert N / 8 < len(y) < N / 4
    both = [{*zip(*part.select(["a", "b"]).to_pydict().values(), strict=True)} for part in (
        learned[0], X
    )]  # fmt: skip
    assert len(both[0]) == others.n_rows
    assert not both[0] & both[1]

    model = hg.load("run/model.safetensors")
    if target == "kind":
        assert model.classes_.tolist() == ["no", "yes"]
        assert run["scores"]["held_out"]["accuracy"] == (model.predict(X) == y).mean()
        assert run["scores"]["held_out"]["accuracy"] > 0.8
    else:
        assert run["scores"]["held_out"]["r2"] == hg.metrics.r2(model.predict(X), y)
        assert run["scores"]["held_out"]["r2"] > 0.8
    page = Path("run/report.html").read_bytes()
    assert handgrad("report", "run").exit_code == 0
    assert len(Path("run/report.html").read_bytes()) == pytest.approx(len(page), abs=50)


def test_what_is_judged_fits_in_memory_and_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_table, "MOST_HELD_OUT", 100)
    result = handgrad("train", path, "--target", "kind", *MEMORY, *QUICK, "--out", "run")
    assert result.exit_code == 0, result.output
    run = record(Path("run"))
    assert 70 < run["rows"]["held_out"] < 140
    assert run["judged"] == {"training": 100, "held_out": run["rows"]["held_out"]}
    assert "training scores are of 100 of these rows" in result.output
    assert run["rows"]["training"] + run["rows"]["held_out"] == N


def told(folder: Path) -> dict[str, Any]:
    """What is in the files of a run, but for how long it took and where it is."""
    found = contents(folder)
    found["run.json"]["command"].remove(str(folder))
    return found


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("train", path, "--target", "kind", *MEMORY, *QUICK, "--out")
    assert handgrad(*words, "whole").exit_code == 0

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train.TableJob, "scored", stopped)
        assert handgrad(*words, "half").exit_code != 0
    assert "model.safetensors" in begun(Path("half"))
    monkeypatch.setattr(train, "fitted", stopped)
    result = handgrad(*words, "half", "--resume")
    assert result.exit_code == 0, result.output
    assert told(Path("half")) == told(Path("whole"))


@pytest.mark.parametrize(
    "words", [("--folds", 3), ("--estimator", "mlp"), ("--class-weight", "balanced")]
)
def test_what_needs_all_rows_is_refused(words: tuple[Any, ...], path: Path) -> None:
    result = handgrad("train", path, "--target", "kind", *words, *MEMORY)
    assert isinstance(result.exception, hg.errors.SettingError)
    flag = " ".join(map(str, words))
    with refused(
        hg.errors.SettingError, flag, "does not fit in --memory '1 MB'", "a larger --memory"
    ):
        raise result.exception
    assert [*Path().iterdir()] == [path]


def test_a_memory_that_is_none_is_refused() -> None:
    result = handgrad("train", "iris", "--memory", "much")
    assert isinstance(result.exception, hg.errors.SettingError)
    with refused(hg.errors.SettingError, "memory='much'", "a size of 1 MB or more"):
        raise result.exception


# What is found before anything else there, or is told otherwise of ten thousand different values.
OTHERWISE = {
    "distinct strings to predict": ("the target 'y' has more than 10,000 classes", "other --targ"),
    "a header alone": ("t.csv: 0 rows, 3 columns",),
    "a table of two rows": ("no usable feature",),
}


@pytest.mark.slow
@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("case", TABLES)
def test_what_cannot_be_learned_from_is_refused_as_in_memory(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content, words = TABLES[case]
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    if name.endswith(".parquet"):
        parquet.write_table(pa.table({"a": [*range(1000)], "y": [0.5] * 1000}), name)
        Path(name).write_bytes(Path(name).read_bytes()[:-50])
    source = "t.parquet" if name.endswith(".parquet") else "t.csv"
    result = handgrad("train", source, "--target", "y", "--no-report")
    assert isinstance(result.exception, hg.HandgradError), result.output
    with refused(type(result.exception), *OTHERWISE.get(case, words)):
        raise result.exception
    assert [path.name for path in tmp_path.rglob("*")] == [name]


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([*["u", "v"] * 999, "w", "v"], "'w' in row 1999"),
        ([*np.arange(1999.0), np.inf], "is inf in row 2000"),
        ([*map(str, range(1999)), "n/a"], "'n/a' in row 2000, among 1999 numbers"),
    ],
)
def test_mistakes_in_a_late_piece_are_told_with_their_place(
    column: list[Any], words: str, tmp_path: Path
) -> None:
    data = written(pa.table({"a": np.arange(N), "y": column}), tmp_path / "a.parquet", 100)
    with refused(hg.errors.DataError, words):
        opened(data, "y")


@pytest.mark.usefixtures("always")
def test_rows_without_a_target_are_left_out_of_all_pieces(tmp_path: Path) -> None:
    column = [*["u", "v"] * 900, None, *["u"] * 99, " ", *["v"] * 99]
    data = written(pa.table({"a": np.arange(N), "y": column}), tmp_path / "a.parquet", 100)
    found = opened(data, "y")
    told = "2 of 2,000 rows have no target 'y' and are left out, first row 1801"
    assert found.notes == (told, "column 'a' numbers the rows: use ignore='a' if it is "
                           "unrelated to the target")  # fmt: skip
    assert (found.n_rows, found.feature_names) == (N - 2, ["a"])
    numbers = found.table.to_table()["a"].to_pylist()
    assert numbers == [i for i in range(N) if i not in (1800, 1900)]
    others, held_out = found.split(0.2, 3)
    assert others.n_rows + held_out.n_rows == N - 2


@pytest.mark.usefixtures("always")
def test_more_values_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_table, "MOST_CLASSES", 50)
    numbers = np.r_[np.arange(100), -7, np.arange(100, 199), 10**6, np.arange(20)]
    rows = pa.table({"a": np.arange(len(numbers)), "y": numbers, "t": [*map(str, numbers)]})
    data = written(rows, tmp_path / "a.parquet", 30)
    found = opened(data, "y")
    assert found.target.task == "regression"
    assert (found.target.values.min(), found.target.values.max()) == (-7, 10**6)
    found = opened(data, "t", "regression")
    assert (found.target.values.min(), found.target.values.max()) == (-7, 10**6)
    assert found.target.why == "asked for, though it holds text"
    with refused(hg.errors.DataError, "the target 't' has more than 50 classes", "another target="):
        opened(data, "t")


@pytest.mark.slow
def test_for_machines_it_says_so_too(path: Path) -> None:
    words = ("train", path, "--target", "kind", *MEMORY, *QUICK, "--json")
    found = json.loads(handgrad(*words).stdout)
    assert found["data"]["streamed"] is True
    assert found["judged"]["held_out"] == found["rows"]["held_out"]


def test_a_packed_file_is_as_large_as_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"a,b,left\n" + b"1,2,no\n2,1,yes\n" * 20_000))
    assert path.stat().st_size < 2000
    assert opened(path, "left", memory="1 MB").streamed
    assert not opened(path, "left", memory="100 MB").streamed
