"""Scores that hold for new groups and later months; nothing is told of independent rows."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import handgrad as hg
from handgrad.tables.runs import Run
from tests.tables.runs.dependent_tables import Frames, customers, sales, walk, written

RNG = np.random.default_rng
DEPENDENT = {"repeated groups", "near-duplicate rows", "dates within the training period"}


def trained(frame: pd.DataFrame, folder: Path, target: str, **how: Any) -> Run:
    path = written(frame, folder / "a.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hg.tables.train_table(path, target, report=False, out=folder / "run", **how)


def told(run: Run) -> list[dict[str, str]]:
    return [finding for finding in run.record["findings"] if finding["problem"] in DEPENDENT]


@pytest.mark.slow
@pytest.mark.parametrize("column", ["given", "ignored", "absent"])
def test_of_known_customers_and_of_new_ones_both_figures_are_told(
    column: str, tmp_path: Path
) -> None:
    inside = 0
    for seed in range(3):
        known, new = customers(seed)
        if column == "absent":
            known = known.drop(columns=["customer"])
        folder = tmp_path / str(seed)
        folder.mkdir()
        run = trained(known, folder, "left", ignore="customer" if column == "ignored" else ())
        (finding,) = told(run)
        (measured,) = run.record["two_splits"].values()
        assert measured["random"] > 0.9
        assert measured["fitting"] < 0.7
        assert "of rows of known values, for " in finding["evidence"]
        if column != "absent":
            assert finding["advice"] == "hold out whole groups: group='customer'"
        X = new.drop(columns=["left", "customer"])
        model = hg.TabularClassifier(2, random_state=seed).fit(known[[*"abcde"]], known["left"])
        low, high = measured["between"]
        inside += low <= np.mean(model.predict(X) == new["left"]) <= high
    assert inside >= 2  # of 3 intervals with 95 % confidence, of 24 coins each


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whole_customers_held_out_have_a_score_that_holds_for_new_ones(
    seed: int, tmp_path: Path
) -> None:
    known, new = customers(seed)
    run = trained(known, tmp_path, "left", group="customer", epochs=8)
    assert not told(run)
    low, high = run.record["intervals"]["scores"]["accuracy"]
    assert run.record["intervals"]["of"] == "24 values of customer"
    score = np.mean(run.model.predict(new.drop(columns=["left", "customer"])) == new["left"])
    assert low <= score <= high
    assert high - low > 0.25  # 24 coins, not 288 rows


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [(walk, 0), (walk, 2), (sales, 1), (sales, 2)])
def test_the_end_held_out_has_a_score_that_the_following_months_have(
    kind: Callable[[int], Frames], seed: int, tmp_path: Path
) -> None:
    known, new = kind(seed)
    target = known.columns[-1]
    for name in ("end", "later", "random"):
        (tmp_path / name).mkdir()
    at_end = trained(known, tmp_path / "end", target, time="day")
    assert not told(at_end)
    test = written(new, tmp_path / "new.csv")
    later = trained(known, tmp_path / "later", target, time="day", test=test)
    low, high = later.record["intervals"]["scores"]["mean_absolute_error"]
    assert low <= at_end.scores["held_out"]["mean_absolute_error"] <= high
    assert "blocks of day" in later.record["intervals"]["of"]
    at_random = trained(known, tmp_path / "random", target)
    (finding,) = told(at_random)
    assert finding["advice"] == "hold out the end: time='day'"
    measured = at_random.record["two_splits"]["day"]
    if kind is walk:
        assert measured["random"] < measured["fitting"]


def _frame(seed: int, n: int = 300, **columns: Any) -> pd.DataFrame:
    rng = RNG(seed)
    frame = pd.DataFrame({**columns, "x": rng.normal(size=n), "z": rng.normal(size=n)})
    frame["y"] = np.where(frame.x + rng.normal(size=n) > 0, "yes", "no")
    return frame


def _twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame[:30]], ignore_index=True)


DAYS = pd.date_range("2021-01-01", periods=300).astype(str)
INDEPENDENT: dict[str, Callable[[], pd.DataFrame]] = {
    "numbers": lambda: _frame(0),
    "a tenth of the rows twice": lambda: _twice(_frame(1)),
    "integers of few values": lambda: _frame(2, age=RNG(0).integers(18, 60, 300)),
    "integers only": lambda: pd.DataFrame(
        RNG(3).integers(0, 6, (300, 4)), columns=[*"abcd"]
    ).assign(y=lambda f: np.where(f.a > 2, "yes", "no")),
    "dates in any order": lambda: _frame(4, day=RNG(0).permutation(DAYS)),
    "dates of birth": lambda: _frame(5, born=RNG(0).choice(DAYS, 300)),
    "towns and their codes": lambda: _frame(
        6, town=[f"town {i % 30}" for i in range(300)], code=10_000 + np.arange(300) % 30
    ),
    "a number of each row": lambda: _frame(7, id=[f"K{i:05}" for i in range(300)]),
    "a code that decides": lambda: _frame(8, plan=[["a", "b", "c"][i % 3] for i in range(300)]),
    "shops that differ": lambda: _frame(9, shop=np.repeat(np.arange(20), 15)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", INDEPENDENT)
def test_nothing_is_told_of_independent_rows(case: str, tmp_path: Path) -> None:
    run = trained(INDEPENDENT[case](), tmp_path, "y", epochs=2)
    assert told(run) == []
    assert run.record["two_splits"] == {}
    assert run.record["intervals"]["of"] == "rows"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_nothing_is_told_of_bundled_tables(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = hg.tables.train_table(name, epochs=2, report=False, out=tmp_path / "run")
    assert told(run) == []
