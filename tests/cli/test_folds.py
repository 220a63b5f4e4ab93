"""`handgrad train --folds`: the spread of the scores over folds of the rows not held out."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

import handgrad as hg
from handgrad.tables.runs import RunSettings
from handgrad.tables.runs.load_table import load_table
from tests.cli.run import QUICK, handgrad, messy_csv, record
from tests.cli.test_train import table_of


@pytest.mark.slow
def test_each_fold_is_judged_by_a_model_of_the_others(tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "messy.csv")
    words = ("train", path, "--target", "left", *QUICK, "--folds", 3, "--seed", 2)
    result = handgrad(*words, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    folds = record(tmp_path / "run")["scores"]["folds"]
    given = load_table(RunSettings(str(path), "left"))
    X, labels = given.split(0.2, 2)[0].to_evaluate()
    parts = [*StratifiedKFold(3, shuffle=True, random_state=2).split(labels, labels)]
    learned, judged = parts[1]
    model = hg.TabularClassifier(epochs=3, random_state=2)
    model.fit(X.take(learned), labels[learned])
    p = model.predict_proba(X.take(judged))
    y = np.searchsorted(["no", "yes"], labels[judged])
    assert folds[1]["log_loss"] == hg.metrics.log_loss(p, y)
    losses = [fold["log_loss"] for fold in folds]
    assert len(losses) == 3
    mean, spread = f"{np.mean(losses):.4g}", f"{np.std(losses, ddof=1):.2g}"
    assert table_of(result.output)["log loss"][0] == f"{mean} ± {spread}"


@pytest.mark.slow
def test_the_model_is_that_of_a_run_without_folds(tmp_path: Path) -> None:
    for name, folds in (("a", ()), ("b", ("--folds", 4))):
        # as many epochs may come that by itself a fit is compiled after some others, not before
        words = ("train", "digits", "--estimator", "mlp", "--epochs", 100, "--patience", 1, *folds)
        assert handgrad(*words, "--no-report", "--out", tmp_path / name).exit_code == 0
    a, b = (tmp_path / name / "model.safetensors" for name in "ab")
    assert a.read_bytes() == b.read_bytes()


@pytest.mark.slow
def test_numbers_have_folds_too(tmp_path: Path) -> None:
    result = handgrad("train", "diabetes", *QUICK, "--folds", 2, "--out", tmp_path / "run")
    assert "2 folds" in result.output, result.output
    assert [*record(tmp_path / "run")["scores"]["folds"][0]] == [
        "r2", "root_mean_squared_error", "mean_absolute_error",
    ]  # fmt: skip
