"""Reports and explanations of what cannot be explained say why, and leave no file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

X, Y = hg.data.load("iris")
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])
QUICK: dict[str, Any] = {"n_members": 1, "epochs": 1, "random_state": 0}
MODEL = hg.TabularClassifier(**QUICK).fit(FRAME, Y)
MLP = hg.MLPClassifier((3,), solver="lbfgs", random_state=0).fit(X, Y)


@contextmanager
def refused_without_a_file(kind: Any, folder: Path, *words: str) -> Iterator[Path]:
    with refused(kind, *words):
        yield folder / "report.html"
    assert [*folder.iterdir()] == []


def test_a_model_that_has_not_learned(tmp_path: Path) -> None:
    with refused_without_a_file(hg.errors.SettingError, tmp_path, "is not fitted") as to:
        hg.tables.write_report(hg.TabularClassifier(), FRAME, Y, to=to)
    with refused(hg.errors.SettingError, "is not fitted", "model.fit"):
        hg.tables.permutation_importance(hg.MLPClassifier(), X, Y)
    with refused(hg.errors.SettingError, "is not fitted"):
        hg.tables.partial_dependence(hg.MLPClassifier(), X, 0)


@pytest.mark.parametrize("model", [None, "model.safetensors", hg.MLPClassifier, hg.Linear(2, 2)])
def test_what_is_no_model(model: Any, tmp_path: Path) -> None:
    with refused_without_a_file(hg.errors.SettingError, tmp_path, "a fitted estimator") as to:
        hg.tables.write_report(model, X, Y, to=to)


def test_a_table_without_the_columns(tmp_path: Path) -> None:
    with refused_without_a_file(hg.errors.DataError, tmp_path, "lacks 1", "'d'") as to:
        hg.tables.write_report(MODEL, FRAME[["a", "b", "c"]], Y, to=to)
    with refused_without_a_file(
        hg.errors.DataError, tmp_path, "3 features", "of the training"
    ) as to:
        hg.tables.write_report(MLP, X[:, :3], Y, to=to)


def test_targets_that_are_missing_or_too_few(tmp_path: Path) -> None:
    with refused_without_a_file(hg.errors.DataError, tmp_path, "y is None") as to:
        hg.tables.write_report(MODEL, FRAME, None, to=to)
    with refused_without_a_file(
        hg.errors.DataError, tmp_path, "150 rows of x and 149 targets"
    ) as to:
        hg.tables.write_report(MODEL, FRAME, Y[1:], to=to)
    gone = Y.astype(float)
    gone[7] = np.nan
    with refused_without_a_file(hg.errors.DataError, tmp_path, "row 7") as to:
        hg.tables.write_report(MODEL, FRAME, gone, to=to)
    with refused(hg.errors.DataError, "y is None"):
        hg.tables.permutation_importance(MODEL, FRAME, None)


def test_targets_of_another_kind(tmp_path: Path) -> None:
    with refused_without_a_file(hg.errors.DataError, tmp_path, "'setosa'", "0, 1, 2") as to:
        hg.tables.write_report(MODEL, FRAME, ["setosa"] * 150, to=to)
    numbers = hg.TabularRegressor(**QUICK).fit(FRAME, Y)
    with refused_without_a_file(hg.errors.DataError, tmp_path, "numbers") as to:
        hg.tables.write_report(numbers, FRAME, ["setosa"] * 150, to=to)
    with refused_without_a_file(hg.errors.SettingError, tmp_path, "(150, 2)") as to:
        hg.tables.write_report(MODEL, FRAME, np.stack([Y, Y], axis=1), to=to)


def test_a_model_of_several_labels(tmp_path: Path) -> None:
    labels = np.stack([Y > 0, Y > 1], axis=1).astype(int)
    model = hg.MLPClassifier((3,), solver="lbfgs", random_state=0).fit(X, labels)
    with refused_without_a_file(hg.errors.SettingError, tmp_path, "several outputs per row") as to:
        hg.tables.write_report(model, X, labels, to=to)


def test_no_rows_at_all(tmp_path: Path) -> None:
    with refused_without_a_file(hg.errors.DataError, tmp_path, "X of shape (0, ") as to:
        hg.tables.write_report(MODEL, FRAME[:0], Y[:0], to=to)
    with refused_without_a_file(hg.errors.DataError, tmp_path, "(0, 4)") as to:
        hg.tables.write_report(MLP, X[:0], Y[:0], to=to)


def test_a_training_that_is_no_pair(tmp_path: Path) -> None:
    with refused_without_a_file(hg.errors.SettingError, tmp_path, "a pair (X, y)") as to:
        hg.tables.write_report(MODEL, FRAME, Y, to=to, training=FRAME)


def test_a_history_and_an_about_of_another_kind(tmp_path: Path) -> None:
    for history in ("history.csv", 3, [0.5]):
        with refused_without_a_file(hg.errors.SettingError, tmp_path, "a History") as to:
            hg.tables.write_report(MODEL, FRAME, Y, to=to, history=history)  # type: ignore[arg-type]
    with refused_without_a_file(hg.errors.SettingError, tmp_path, "a dict") as to:
        hg.tables.write_report(MODEL, FRAME, Y, to=to, about="handgrad train")  # type: ignore[arg-type]


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    with refused(hg.errors.SettingError, f"to={str(tmp_path)!r}, a folder"):
        hg.tables.write_report(MODEL, FRAME, Y, to=tmp_path)
    for to in ("", None, 3):
        with refused(hg.errors.SettingError, "the path of a file"):
            hg.tables.write_report(MODEL, FRAME, Y, to=to)  # type: ignore[arg-type]
    (tmp_path / "file").touch()
    with refused(hg.errors.FileError, "a file is where a folder should be"):
        hg.tables.write_report(MODEL, FRAME, Y, to=tmp_path / "file" / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with refused(hg.errors.FileError, "could not be written"):
        hg.tables.write_report(MODEL, FRAME, Y, to=tmp_path / "report.html")


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = hg.tables.write_report(MODEL, FRAME, Y, to=tmp_path / "new" / "report.html")
    assert [*path.parent.iterdir()] == [path]


def test_columns_scores_and_counts_that_cannot_be() -> None:
    with refused(hg.errors.SettingError, "'e'", "'a', 'b', 'c', 'd'"):
        hg.tables.partial_dependence(MODEL, FRAME, "e")
    unnamed: tuple[Any, ...] = (0, True, None)
    for column in unnamed:
        with refused(hg.errors.SettingError, "one of"):
            hg.tables.partial_dependence(MODEL, FRAME, column)
    unknown: tuple[Any, ...] = (4, -1, "a")
    for column in unknown:
        with refused(hg.errors.SettingError, "'x0'"):
            hg.tables.partial_dependence(MLP, X, column)
    with refused(hg.errors.SettingError, "scoring = 'acuracy'", "get_scorer_names"):
        hg.tables.permutation_importance(MODEL, FRAME, Y, scoring="acuracy")
    for n in (0, -1, 2.5):
        with refused(hg.errors.SettingError, f"n_repeats = {n}"):
            hg.tables.permutation_importance(MODEL, FRAME, Y, n_repeats=n)  # type: ignore[arg-type]
        with refused(hg.errors.SettingError, f"n_values = {n}"):
            hg.tables.partial_dependence(MODEL, FRAME, "a", n_values=n)  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "'e'"):
        hg.tables.permutation_importance(MODEL, FRAME, Y, columns=["a", "e"])


def test_a_column_without_a_value() -> None:
    empty = FRAME.assign(a=np.nan)
    with refused(hg.errors.DataError, "column 'a' without a single value"):
        hg.tables.partial_dependence(MODEL, empty, "a")


def test_a_table_that_is_none() -> None:
    with refused(hg.errors.DataError, "X of shape (150,)"):
        hg.tables.permutation_importance(MLP, X[:, 0], Y)
