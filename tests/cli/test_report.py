"""The report of a run: written by `train`, and anew by `report`."""

import json
import re
from pathlib import Path

import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import WRITTEN, handgrad, messy_csv


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    messy_csv(Path("messy.csv"), 120)
    words = ("train", "messy.csv", "--target", "left", "--epochs", 2, "--out", "run")
    assert handgrad(*words).exit_code == 0
    return tmp_path / "run"


def without_times(page: str) -> str:
    """The page, but for how long things took."""
    return re.sub(r"[\d.]+ (?:seconds|s)\b", "", page)


@pytest.mark.slow
def test_train_writes_it_and_report_writes_it_anew(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert sorted(path.name for path in run.iterdir()) == sorted([*WRITTEN, "report.html"])
    first = (run / "report.html").read_text("utf-8")
    for words in ("handgrad train messy.csv --target left", "it holds text", "numbers the rows"):
        assert words in first.replace("&#x27;", "'"), words
    (run / "report.html").unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    result = handgrad("report", run)
    assert result.exit_code == 0, result.output
    assert f"written: {run / 'report.html'}" in result.stdout.replace("\n", "")
    assert without_times((run / "report.html").read_text("utf-8")) == without_times(first)
    assert json.loads(handgrad("report", run, "--json").stdout) == {
        "report": str(run / "report.html")
    }


def test_characters_that_no_page_may_hold_stop_neither_train_nor_the_report(
    tmp_path: Path,
) -> None:
    path, words = tmp_path / "a.csv", "\x07\x1b\ufffe\u202e"
    path.write_text(f"a{words},y{words}\n" + "".join(f"{i},{words}{i % 2}\n" for i in range(30)))
    folder = tmp_path / "run"
    result = handgrad("train", path, "--target", f"y{words}", "--epochs", 2, "--out", folder)
    assert result.exit_code == 0, result.output
    page = (folder / "report.html").read_text("utf-8")
    assert page.count(r"a\x07\x1b\ufffe\u202e") > 3
    assert not {*words} & {*page}


def test_rows_that_changed_are_refused_and_the_page_stays(run: Path) -> None:
    before = (run / "report.html").read_bytes()
    path = run.parent / "messy.csv"
    content = path.read_text("utf-8")
    for changed, words in (
        (content.replace("Ulm", "Bonn"), "has changed since the run: "),
        (content.replace("Ulm", "Aue"), "bytes, but different content"),
    ):
        path.write_text(changed, "utf-8")
        result = handgrad("report", run)
        assert isinstance(result.exception, hg.errors.DataError)
        with refused(hg.errors.DataError, "messy.csv", words, "restore the file"):
            raise result.exception
    path.unlink()
    result = handgrad("report", run)
    assert isinstance(result.exception, hg.errors.FileError)
    assert "no such file" in str(result.exception)
    assert (run / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "no such file"),
        ("[]", "not the record of a run"),
        ('{"format_version": 1, "scores": {}}', "format version 1\n  expected: format version 3"),
    ],
    ids=["none", "other", "of an older version"],
)
def test_a_folder_that_is_no_run_of_today_is_refused(
    tmp_path: Path, record: str | None, words: str
) -> None:
    if record is not None:
        (tmp_path / "run.json").write_text(record)
    result = handgrad("report", tmp_path)
    assert isinstance(result.exception, hg.errors.FileError)
    with refused(hg.errors.FileError, words):
        raise result.exception
