"""Rows held out that are not new: each case has a table that shows it, and one that does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import handgrad as hg
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.leakage.dates import sorted_by_date
from handgrad.tables.reporting.leakage.dependent_rows import Sides
from handgrad.tables.reporting.leakage.groups import repeated_groups
from handgrad.tables.reporting.scores import ScoredRows

RNG = np.random.default_rng
N, G = 1440, 120
HELD = RNG(5).random(N) < 0.2


def sides(frame: pd.DataFrame, y: Any, held: Any = HELD, beside: tuple[str, ...] = ()) -> Sides:
    parts = (frame[held], frame[~held])
    tables = tuple(IndexedTable(part.drop(columns=[*beside])) for part in parts)
    others = tuple(IndexedTable(part[[*beside]]) for part in parts) if beside else None
    y = np.asarray(y)
    return Sides(tables, (y[held], y[~held]), others)  # type: ignore[arg-type]


def customers(noise: float = 0.02, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """120 customers of 12 rows each, in any order: a coin for each says the class."""
    rng = RNG(seed)
    who = rng.permutation(np.repeat(np.arange(G), N // G))
    features = rng.normal(size=(G, 4))[who] + rng.normal(0, noise, (N, 4))
    frame = pd.DataFrame(features, columns=[*"abcd"])
    frame.insert(0, "customer", [f"C{i:04}" for i in who])
    return frame, rng.integers(0, 2, G)[who]


def groups(frame: pd.DataFrame, y: Any, **how: Any) -> tuple[hg.check.Finding, str] | None:
    of_classes = np.asarray(y).dtype.kind == "i"
    return repeated_groups(sides(frame, y, **how), of_classes=of_classes)


def test_rows_of_one_customer_on_both_sides_are_told() -> None:
    frame, y = customers()
    found = groups(frame, y)
    assert found is not None
    assert (found[0].where, found[1]) == ("column “customer”", "customer")
    assert found[0].evidence == (
        "120 values occur 12 times each, and rows of the same “customer” are in both training and "
        "held-out rows: the scores, with their intervals and comparisons, are valid for known "
        "values only, not for new ones"
    )


def test_a_column_that_is_left_out_tells_the_groups_too() -> None:
    frame, y = customers()
    found = groups(frame, y, beside=("customer",))
    assert found is not None
    assert found[1] == "customer"


FORMS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "numbers": lambda f: f.assign(customer=f.customer.str[1:].astype(int) + 70_000),
    "numbers, some missing": lambda f: f.assign(
        customer=f.customer.str[1:].astype(float).where(np.arange(N) % 9 > 0)
    ),
    "categories": lambda f: f.astype({"customer": "category"}),
    "with a column of towns beside": lambda f: f.assign(
        town=[["Ulm", "Bonn", "Köln"][i % 3] for i in range(N)]
    ),
    "with a column that varies": lambda f: f.assign(visit=RNG(1).normal(size=N)),
}


@pytest.mark.parametrize("form", FORMS)
def test_groups_are_found_however_they_are_written(form: str) -> None:
    frame, y = customers()
    found = groups(FORMS[form](frame), y)
    assert found is not None
    assert found[1] == "customer"


def test_groups_of_many_rows_are_found_by_some_of_them() -> None:
    rng = RNG(0)
    who = rng.permutation(np.repeat(np.arange(9000), 5))
    frame = pd.DataFrame({"id": [f"K{i}" for i in who]})
    for name in "ab":
        frame[name] = rng.normal(size=9000)[who]
    found = groups(frame, rng.integers(0, 2, len(who)), held=rng.random(len(who)) < 0.2)
    assert found is not None
    assert "9,000 values occur" in found[0].evidence


def test_groups_that_only_the_target_tells_are_found_and_explain_no_column() -> None:
    frame, y = customers(noise=3.0)
    found = groups(frame, y)
    assert found is not None
    assert found[1] == ""


def test_customers_held_out_whole_are_new() -> None:
    frame, y = customers()
    held = frame.customer.isin([f"C{i:04}" for i in range(30)]).to_numpy()
    assert groups(frame, y, held=held) is None


def _noise(**columns: Any) -> pd.DataFrame:
    rng = RNG(0)
    return pd.DataFrame({**columns, "x": rng.normal(size=N), "z": rng.normal(size=N)})


TOWNS = [f"town {i}" for i in range(60)]
NO_GROUPS: dict[str, Callable[[], tuple[pd.DataFrame, Any]]] = {
    "a town": lambda: (_noise(town=RNG(1).choice(TOWNS, N)), RNG(2).integers(0, 2, N)),
    "a few contracts that decide": lambda: (
        _noise(plan=[["a", "b", "c"][i % 3] for i in range(N)]), np.arange(N) % 3 // 2,
    ),
    "a town and its postcode": lambda: (
        _noise(town=np.array(TOWNS)[np.arange(N) % 60], code=10_000 + np.arange(N) % 60),
        RNG(2).integers(0, 2, N),
    ),
    "an age": lambda: (_noise(age=RNG(1).integers(18, 90, N)), RNG(2).integers(0, 2, N)),
    "a day of the year": lambda: (
        _noise(day=np.arange(N) % 360),
        np.sin(np.arange(N) % 360 / 57.3) + RNG(3).normal(0, 0.1, N),
    ),
    "a number of each row": lambda: (
        _noise(id=[f"K{i}" for i in range(N)]), RNG(2).integers(0, 2, N),
    ),
    "an hour": lambda: (_noise(hour=np.arange(N) % 24), 1.0 * (np.arange(N) % 24)),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_GROUPS)
def test_a_category_or_a_measure_names_no_groups(case: str) -> None:
    assert groups(*NO_GROUPS[case]()) is None


@pytest.mark.parametrize("name", ["iris", "breast_cancer", "diabetes", "wine"])
def test_the_bundled_tables_have_neither_groups_nor_an_order(name: str) -> None:
    x, y = hg.data.load(name)
    held = np.arange(len(y)) % 5 == 0
    both = sides(pd.DataFrame(x, columns=[f"c{i}" for i in range(x.shape[1])]), y, held)
    assert repeated_groups(both, of_classes=y.dtype.kind == "i") is None


DAYS = pd.date_range("2021-01-01", periods=N)
WALK = np.cumsum(RNG(7).normal(size=N))


def in_time(frame: pd.DataFrame, y: Any, **how: Any) -> hg.check.Finding | None:
    both = sides(frame, y, **how)
    t = both.targets[0]
    classes = ("no", "yes") if t.dtype.kind == "i" else ()
    held = ScoredRows(t, np.full(len(t), t.mean().astype(t.dtype)), class_names=classes,
                      table=both.tables[0], of=len(t))  # fmt: skip
    found = sorted_by_date(both, held)
    return None if found is None else found[0]


def test_rows_held_out_between_dates_are_told_with_what_the_row_before_says() -> None:
    found = in_time(_noise(day=DAYS), WALK)
    assert found is not None
    assert found.where == "column “day”"
    assert (
        "held-out rows lie between training rows; the value of the previous row" in found.evidence
    )
    assert found.evidence.endswith("valid for dates within the training period, not for later ones")


def test_of_classes_it_is_told_how_often_the_row_before_is_right() -> None:
    found = in_time(_noise(day=DAYS), np.arange(N) // 90 % 2)
    assert found is not None
    assert "; the class of the previous row is correct for 9" in found.evidence


FORMS_OF_DATES: dict[str, Any] = {
    "text": DAYS.strftime("%Y-%m-%d"),
    "German text": DAYS.strftime("%d.%m.%Y"),
    "newest first": DAYS[::-1],
    "several rows a day": DAYS[np.arange(N) // 3],
    "some missing": DAYS.to_series(index=range(N)).where(np.arange(N) % 7 > 0),
}


@pytest.mark.parametrize("form", FORMS_OF_DATES)
def test_an_order_in_time_is_found_however_dates_are_written(form: str) -> None:
    y = WALK[::-1].copy() if form == "newest first" else WALK
    assert in_time(_noise(day=FORMS_OF_DATES[form]), y) is not None


def test_a_date_that_is_left_out_counts_where_neighbours_are_alike() -> None:
    assert in_time(_noise(day=DAYS), WALK, beside=("day",)) is not None
    assert in_time(_noise(day=DAYS), RNG(0).normal(size=N), beside=("day",)) is None


def test_dates_in_any_order_and_a_last_part_held_out_are_no_order_in_time() -> None:
    assert in_time(_noise(day=RNG(0).permutation(DAYS)), WALK) is None
    assert in_time(_noise(day=np.tile(DAYS[:72], 20)), WALK) is None
    assert in_time(_noise(day=DAYS), WALK, held=np.arange(N) > 1200) is None
    assert in_time(_noise(day=DAYS[np.arange(N) // 100]), WALK) is None


@pytest.mark.slow
def test_a_report_gives_no_interval_for_rows_that_are_not_new(tmp_path: Any) -> None:
    frame, y = customers()
    model = hg.TabularClassifier(n_members=2, epochs=2, random_state=0).fit(frame[~HELD], y[~HELD])
    how: Any = {"training": (frame[~HELD], y[~HELD]), "to": tmp_path / "a.html"}
    page = hg.tables.write_report(model, frame[HELD], y[HELD], **how).read_text("utf-8")
    assert "with 95% confidence" not in page
    assert "Column “customer”: 120 values occur 12 times each" in page
    assert "Target leakage" not in page
    assert "No problems were found" not in page
    alone = hg.tables.write_report(model, frame[HELD], y[HELD], to=tmp_path / "b.html")
    assert "repeated groups: training rows were not given" in alone.read_text("utf-8")
