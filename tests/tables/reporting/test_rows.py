"""Groups of rows, the rows with the largest errors, and the error over time."""

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import handgrad as hg
from handgrad.tables.data.dependent_rows import RowRoles, Units
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.evidence import Evidence
from handgrad.tables.reporting.groups import RowGroups, groups_in
from handgrad.tables.reporting.rows import draw_error, draw_means, timeline_of, worst_rows
from handgrad.tables.reporting.scores import NO_ROLES, ScoredRows
from handgrad.textbook.layers import Array
from tests.tables.reporting.pages import Page

CLASSES = ("no", "yes")


def scored(
    frame: pd.DataFrame, wrong: Array, *, classes: bool = True, roles: RowRoles = NO_ROLES
) -> ScoredRows:
    """Rows of which the classes are `wrong`, or the numbers off by so much."""
    y = np.arange(len(frame)) % 2 if classes else np.linspace(0, 9, len(frame))
    predicted = np.where(wrong, 1 - y, y) if classes else y + wrong
    names = CLASSES if classes else ()
    return ScoredRows(
        y, predicted, class_names=names, table=IndexedTable(frame), of=len(frame), roles=roles
    )


def table(rng: np.random.Generator, n: int = 400) -> pd.DataFrame:
    return pd.DataFrame({
        "age": rng.integers(18, 90, n), "plan": rng.choice(["basic", "plus", "pro"], n),
        "flag": rng.integers(0, 2, n), "price": rng.lognormal(size=n),
        "town": rng.choice([f"t{i}" for i in range(40)], n),
    })  # fmt: skip


def groups(held: ScoredRows) -> RowGroups:
    return RowGroups(groups_in(held))


@pytest.mark.parametrize("classes", [True, False])
def test_noise_is_hardly_ever_a_difference(classes: bool) -> None:
    different = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        wrong = rng.random(400) < 0.2 if classes else rng.standard_cauchy(400)
        different += bool(groups(scored(table(rng), wrong, classes=classes)).different)
    assert different <= 7  # 5 % of 60 are 3; 8 have a probability of 1 %


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("column", ["age", "plan", "flag", "price"])
def test_a_worse_group_is_the_one_that_is_marked(column: str, classes: bool) -> None:
    rng = np.random.default_rng(1)
    frame = table(rng)
    worse = {
        "age": frame["age"] > 71, "plan": frame["plan"] == "pro", "flag": frame["flag"] == 1,
        "price": frame["price"] <= frame["price"].quantile(0.25),
    }[column].to_numpy()  # fmt: skip
    wrong = rng.random(400) < np.where(worse, 0.5, 0.05)
    size = rng.normal(size=400) * np.where(worse, 5, 1)
    found = groups(scored(frame, wrong if classes else size, classes=classes))
    assert [*found.different] == [column]
    marked = [g for g in found.different[column] if found.differs(g) and g.is_worse]
    (group,) = marked
    errors = wrong if classes else np.abs(size)
    names = {"age": "90", "plan": "pro", "flag": "1", "price": " to "}
    assert names[column] in group.name or column == "age"
    of_group = errors[worse].mean()
    assert group.score == pytest.approx(1 - of_group if classes else of_group, abs=0.06)
    assert group.between is not None
    assert group.between[0] < group.score < group.between[1]


def test_groups_are_values_intervals_and_missing_cells() -> None:
    rng = np.random.default_rng(0)
    frame = table(rng)
    frame.loc[:49, "plan"] = None
    frame.loc[:9, "price"] = np.nan
    held = scored(frame, rng.random(400) < 0.2)
    names = {name: [part.name for part in parts] for name, parts in groups_in(held).items()}
    assert sorted(names["plan"]) == ["basic", "missing", "plus", "pro"]
    assert names["flag"] == ["0", "1"]
    assert len(names["price"]) == len(names["age"]) == 4  # ten missing cells are no group
    assert names["age"][0].startswith("18 to ")
    assert "town" not in names  # too many values
    for parts in groups_in(held).values():
        assert all(part.n >= 20 for part in parts)


def test_rows_of_the_same_customer_are_one_observation() -> None:
    """Errors are a coin for each of 30 customers, and so is the plan: nothing differs."""
    apart = [0, 0]
    for seed in range(40):
        rng = np.random.default_rng(seed)
        codes = np.repeat(np.arange(30), 12)
        frame = pd.DataFrame({"plan": rng.choice(["a", "b"], 30)[codes], "x": rng.random(360)})
        wrong = (rng.random(30) < 0.4)[codes]
        for i, roles in enumerate((NO_ROLES, RowRoles("customer", None, Units(codes)))):
            apart[i] += bool(groups(scored(frame, wrong, roles=roles)).different)
    assert apart[0] > 15
    assert apart[1] <= 5


def test_scores_of_groups_have_the_weights_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    frame, w = table(rng), rng.integers(1, 9, 400).astype(float)
    wrong = rng.random(400) < 0.3
    found = groups_in(scored(frame, wrong, roles=RowRoles(weights=w)))
    (pro,) = [group for group in found["plan"] if group.name == "pro"]
    rows = (frame["plan"] == "pro").to_numpy()
    assert pro.score == pytest.approx(np.average(~wrong[rows], weights=w[rows]))
    assert pro.n == rows.sum()


def linear(n: int = 240) -> tuple[pd.DataFrame, Array]:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=[*"abc"])
    frame["day"] = pd.Timestamp("2021-01-01") + pd.to_timedelta(np.arange(n), "D")
    return frame, 5 * frame["a"].to_numpy() + rng.normal(size=n) / 10


def evidence(frame: pd.DataFrame, y: Any, model: Any) -> Evidence:
    model.fit(frame, y)
    return Evidence(model, frame, y, None, None, {"target": "y"})


def test_the_largest_errors_come_first_with_what_moves_them() -> None:
    frame, y = linear()
    y[17] += 60
    frame.loc[17, "a"] = 3.0
    y[101] -= 30
    facts = evidence(frame, y, hg.TabularRegressor(1, epochs=4, random_state=0))
    rows = worst_rows(facts)
    assert [row.place for row in rows[:2]] == ["row 17, counted from 0", "row 101, counted from 0"]
    assert float(rows[0].true) == pytest.approx(y[17], rel=0.01)
    assert float(rows[0].predicted.replace("−", "-")) == pytest.approx(
        facts.held.predicted[17], rel=0.01
    )
    assert rows[0].reasons[0].startswith("a = 3 +")
    assert len(rows) == 5
    places = [int(row.place.split()[1].strip(",")) for row in rows]
    losses = np.abs(y - facts.held.predicted)[places].tolist()
    assert losses == sorted(losses, reverse=True)


def test_of_classes_only_mistakes_are_listed() -> None:
    frame, y = linear()
    names = np.where(y > 0, "up", "down")
    names[5] = "down" if names[5] == "up" else "up"
    facts = evidence(frame, names, hg.TabularClassifier(1, epochs=12, random_state=0))
    rows = worst_rows(facts)
    assert rows[0].place == "row 5, counted from 0"
    assert all(row.true.split()[0] != row.predicted.split()[0] for row in rows)
    assert "points" in rows[0].reasons[0]


@pytest.mark.slow
def test_the_page_names_the_row_in_its_file(tmp_path: Path) -> None:
    frame, y = linear(200)
    frame["y"] = y
    frame["b"] = frame["b"].round(3)
    for part in (0, 1):
        half = frame.iloc[100 * part : 100 * part + 100].copy()
        half.loc[half.index[::7], "y"] += 90
        half.to_csv(tmp_path / f"part-{part}.csv", index=False)
    run = hg.tables.train_table(
        str(tmp_path / "part-*.csv"), "y", epochs=2, ignore=("day",), out=tmp_path / "r"
    )
    text = Page(run.folder / "report.html").sections["rows"]
    held = pd.read_csv(run.folder / "held_out.csv")
    places = re.findall(r"row (\d+) of (part-\d\.csv)", text)
    assert len(places) == 5
    for row, name in places:
        file = pd.read_csv(tmp_path / name)
        assert ((held["row"] == int(row)) & held["file"].str.endswith(name)).any()
        assert file["y"][int(row) - 1] > 60  # one of those that were moved
    assert "The error over time" not in text


@pytest.mark.parametrize("classes", [True, False])
def test_the_error_over_time_is_the_mean_of_each_block(classes: bool) -> None:
    frame, y = linear()
    model: Any = hg.TabularRegressor(1, epochs=2, random_state=0)
    if classes:
        model = hg.TabularClassifier(1, epochs=2, random_state=0)
    facts = evidence(frame, np.where(y > 0, "up", "down") if classes else y, model)
    timeline = timeline_of(facts)
    assert timeline is not None
    assert timeline.column == "day"
    assert timeline.n.tolist() == [20] * 12
    held = facts.held
    errors = held.predicted != held.y if classes else np.abs(held.predicted - held.y)
    np.testing.assert_allclose(timeline.error, errors.reshape(12, 20).mean(axis=1))
    np.testing.assert_allclose(timeline.true, held.y.reshape(12, 20).mean(axis=1))
    half = 1.96 * errors.reshape(12, 20).std(axis=1) / np.sqrt(20)
    np.testing.assert_allclose(timeline.half, half, rtol=1e-3)
    assert timeline.at(0) == "2021-01-10"
    _, axes = plt.subplots(1, 2)
    draw_error(timeline, "error", axes[0])
    draw_means(timeline, "y", axes[1])
    assert axes[0].get_ylim()[0] == 0
    np.testing.assert_allclose(axes[1].lines[0].get_ydata(), timeline.true)
    plt.close()


def test_without_a_date_or_with_few_rows_there_is_no_line_over_time() -> None:
    frame, y = linear(60)
    model = hg.TabularRegressor(1, epochs=1, random_state=0)
    assert timeline_of(evidence(frame.drop(columns="day"), y, model)) is None
    assert timeline_of(evidence(frame, y, model)) is None
