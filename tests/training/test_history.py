"""`History`: the reports as a table, and the table in files."""

import csv
import json
import math
from pathlib import Path

import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.training.by_hand import HELD, classifier, fit

HISTORY = hg.training.History(
    [
        hg.training.EpochReport(1, 0.7, {"accuracy": 0.5}, 0.8, {"accuracy": 0.4}, 0.1, 50, 0.25),
        hg.training.EpochReport(
            2, 0.1 + 0.2, {"accuracy": 0.9}, math.inf, {"accuracy": math.nan}, 0.1, 50, 0.5
        ),
        hg.training.EpochReport(
            3, 1 / 3, {"accuracy": 0.8}, 0.6, {"accuracy": 0.7}, 0.1, 50, 0.125
        ),
    ],
    "all 3 epochs were run",
)
COLUMNS = [
    "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy",
    "learning_rate", "seconds",
]  # fmt: skip


def test_columns_and_rows_are_the_reports() -> None:
    assert list(HISTORY.columns()) == COLUMNS
    assert HISTORY["epoch"] == [1, 2, 3]
    assert HISTORY["train_loss"] == [0.7, 0.1 + 0.2, 1 / 3]
    assert HISTORY["validation_accuracy"][::2] == [0.4, 0.7]
    assert HISTORY[-1] is HISTORY.reports[2]
    assert HISTORY[1:] == HISTORY.reports[1:]
    assert [*HISTORY] == HISTORY.reports
    assert len(HISTORY) == 3


def test_without_validation_there_are_no_columns_for_it() -> None:
    history = fit(classifier())
    assert list(history.columns()) == [
        "epoch", "train_loss", "train_accuracy", "learning_rate", "seconds",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("monitor", "epoch"), [("train_loss", 2), ("validation_loss", 3), ("accuracy", 3)]
)
def test_the_best_report_is_the_best_and_never_nan(monitor: str, epoch: int) -> None:
    assert HISTORY.best(monitor).epoch == epoch


def test_of_equals_the_first_is_the_best() -> None:
    history = hg.training.History(
        [
            hg.training.EpochReport(1, 2.0),
            hg.training.EpochReport(2, 1.0),
            hg.training.EpochReport(3, 1.0),
        ]
    )
    assert history.best("train_loss").epoch == 2


def test_csv_holds_every_number_to_the_last_digit(tmp_path: Path) -> None:
    path = HISTORY.to_csv(tmp_path / "new" / "history.csv")
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == COLUMNS
    for name, *column in zip(header, *rows, strict=True):
        found = [float(cell) for cell in column]
        assert found == pytest.approx(HISTORY[name], rel=0, abs=0, nan_ok=True)
    assert path.read_bytes().count(b"\r") == 0


def test_json_holds_every_finite_number_and_is_json(tmp_path: Path) -> None:
    path = HISTORY.to_json(tmp_path / "history.json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    content = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    assert content["stopped_because"] == "all 3 epochs were run"
    assert list(content["columns"]) == COLUMNS
    assert content["columns"]["train_loss"] == HISTORY["train_loss"]
    assert content["columns"]["validation_loss"] == [0.8, None, 0.6]
    assert content["columns"]["validation_accuracy"] == [0.4, None, 0.7]


def test_files_of_a_real_training_hold_what_was_reported(tmp_path: Path) -> None:
    history = fit(classifier(), validation=HELD)
    content = json.loads(history.to_json(tmp_path / "a.json").read_text("utf-8"))
    assert content == {
        "stopped_because": "all 4 epochs were run",
        "validation": "validation",
        "others": [],
        "columns": history.columns(),
    }
    rows = [*csv.DictReader(history.to_csv(tmp_path / "a.csv").read_text().splitlines())]
    assert [float(row["validation_loss"]) for row in rows] == history["validation_loss"]


def test_a_column_that_is_not_there_is_refused() -> None:
    with refused(hg.errors.SettingError, "no column 'train_los'", "did you mean 'train_loss'?"):
        HISTORY["train_los"]
    with refused(hg.errors.SettingError, "no column 'epoch'", "an epoch or more"):
        hg.training.History()["epoch"]


def test_what_was_not_reported_has_no_best() -> None:
    with refused(
        hg.errors.SettingError, "'r2' is not reported", "train_loss, validation_loss, accuracy"
    ):
        HISTORY.best("r2")
    with refused(hg.errors.SettingError, "a history without reports"):
        hg.training.History().best("train_loss")


def test_it_shows_itself_in_one_line() -> None:
    reports = [hg.training.EpochReport(1, 0.7, {"accuracy": 0.5}, 0.8, {"accuracy": 0.25})]
    assert repr(hg.training.History()) == "<History: no epochs>"
    assert repr(hg.training.History(reports, "all 1 epochs were run")) == (
        "<History: 1 epochs (all 1 epochs were run), "
        "the last with train_loss 0.7, validation_loss 0.8, accuracy 0.25>"
    )


def test_it_comes_back_from_json_with_nan_for_what_was_not_finite(tmp_path: Path) -> None:
    again = hg.training.History.from_json(HISTORY.to_json(tmp_path / "history.json"))
    assert again.stopped_because == HISTORY.stopped_because
    assert again.columns().keys() == HISTORY.columns().keys()
    for name, column in HISTORY.columns().items():
        finite = [v if v is not None and math.isfinite(v) else math.nan for v in column]
        assert repr(again[name]) == repr(finite)
    assert [type(report.epoch) for report in again] == [int] * 3


def test_without_validation_it_comes_back_without(tmp_path: Path) -> None:
    history = hg.training.History([hg.training.EpochReport(1, 0.5, {"accuracy": 0.5})])
    again = hg.training.History.from_json(history.to_json(tmp_path / "history.json"))
    assert (again[0].validation_loss, again[0].validation_metrics) == (None, {})
    assert again[0].train_metrics == {"accuracy": 0.5}
    empty = hg.training.History.from_json(hg.training.History().to_json(tmp_path / "empty.json"))
    assert len(empty) == 0


@pytest.mark.parametrize(
    "content", ["", "[]", '{"stopped_because": ""}', '{"stopped_because": "", "columns": [1]}',
                '{"stopped_because": "", "columns": {"epoch": [1]}}',
                '{"stopped_because": "", "columns": {"epoch": [1, 2], "train_loss": [1]}}'],
)  # fmt: skip
def test_a_file_that_is_no_history_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text(content)
    with refused(hg.errors.FileError, f"{path}: no history", "history.to_json wrote"):
        hg.training.History.from_json(path)
    with refused(hg.errors.FileError, "No such file"):
        hg.training.History.from_json(tmp_path / "none.json")
