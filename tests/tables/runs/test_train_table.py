"""What the command line does can be had from Python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.tables.runs import Run, RunSettings
from tests.bad_input.refused import refused
from tests.cli.run import handgrad, messy_csv, record


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return messy_csv(Path("messy.csv"), 60)


@pytest.mark.filterwarnings("ignore:column 'row' numbers the rows", "ignore:column 'age' is")
def test_train_table_leaves_what_the_command_leaves(table: Path) -> None:
    words = ("train", table, "--target", "left", "--epochs", 2, "--no-report", "--seed", 3)
    assert handgrad(*words, "--out", "a").exit_code == 0
    run = hg.tables.train_table(str(table), "left", epochs=2, report=False, seed=3, out=Path("b"))
    assert repr(run).startswith("<Run b: messy, accuracy 0.")
    assert run.record == Run.of("b").record
    a, b = (record(Path(name)) for name in "ab")
    assert a.pop("seconds") >= 0 <= b.pop("seconds")
    for key in ("command", "notes"):
        assert a.pop(key) != b.pop(key)
    assert a == b
    for name in ("model.safetensors", "held_out.csv"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()
    assert len(run.history) == 2
    X = {"customer": "C1", "row": 1, "age": "30", "income": 2.0, "city": "Ulm",
         "since": "2020-01-31", "plan": "pro", "news": True, "empty": None}  # fmt: skip
    assert run.model.predict(X) in (["yes"], ["no"])


def test_what_is_odd_is_a_warning_in_the_words_of_python(table: Path) -> None:
    with pytest.warns(UserWarning, match="and so is read as text|numbers the rows") as told:
        hg.tables.train_table(str(table), "left", epochs=1, report=False)
    texts = [str(warning.message) for warning in told]
    assert any("ignore='row'" in text for text in texts)
    assert any("number='age'" in text for text in texts)
    assert not any("--" in text for text in texts)


def test_settings_are_refused_in_the_words_of_python(table: Path) -> None:
    with refused(hg.errors.SettingError, "folds=1", "at least 2 folds", "folds=5"):
        hg.tables.train_table("iris", folds=1)
    with refused(hg.errors.SettingError, "patience=3 for estimator='tabular'", "without patience="):
        hg.tables.train_table("iris", patience=3)
    with refused(hg.errors.DataError, "target= is missing", "target='left'"):
        hg.tables.train_table(str(table))
    with refused(hg.errors.SettingError, "separator = 'ab'"):
        hg.tables.train_table(str(table), "left", separator="ab")
    with pytest.raises(TypeError, match="taget"):
        hg.tables.train_table("iris", taget="x")  # type: ignore[call-arg]
    assert not Path("runs").exists()


def test_settings_read_no_files() -> None:
    code = (
        "import sys\n"
        "from handgrad.tables.runs import RunSettings\n"
        "print(RunSettings('no/such/file', memory='2 GB').estimator, 'pyarrow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "tabular False\n"


def test_evaluate_table_says_what_the_command_says(table: Path) -> None:
    words = ("train", table, "--target", "left", "--epochs", 2, "--no-report", "--out", "a")
    assert handgrad(*words).exit_code == 0
    said = json.loads(handgrad("evaluate", "a/model.safetensors", table, "--json").stdout)
    found = hg.tables.evaluate_table("a/model.safetensors", table)
    assert said == {**vars(found), "notes": []}
    assert found.rows == 60


def test_the_command_of_settings_says_all_that_is_not_as_usual() -> None:
    settings = RunSettings("a b.csv", ignore=("x", "y"), folds=3, report=False, category="z")
    assert settings.command() == [
        "handgrad", "train", "a b.csv", "--ignore", "x", "--ignore", "y", "--folds", "3",
        "--no-report", "--category", "z",
    ]  # fmt: skip
    assert settings.how_to_resume() == "the same call with resume=True"
