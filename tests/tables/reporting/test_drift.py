"""The page of a comparison of two tables: what it says is so, and shows both distributions."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

import handgrad as hg
from handgrad.tables.inspection.distributions import edges_of, frequencies_of, histograms_of
from handgrad.tables.reporting.scores import number
from tests.tables.reporting.pages import EVIL, Page


def frame(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "age": rng.normal(40, 10, n).round(1), "x": rng.normal(size=n),
        "town": rng.choice(["Ulm", "Bonn", "Jena"], n, p=[0.6, 0.3, 0.1]),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
        "empty": [None] * n,
    })  # fmt: skip


def page_of(folder: Path, new: pd.DataFrame, old: pd.DataFrame) -> Page:
    paths = folder / "new.parquet", folder / "old.parquet"
    for table, path in zip((new, old), paths, strict=True):
        table.to_parquet(path)
    hg.tables.compare_tables(*paths, html=folder / "drift.html")
    return Page(folder / "drift.html")


@pytest.fixture(scope="module")
def sides() -> tuple[pd.DataFrame, pd.DataFrame]:
    new, old = frame(300, 1), frame(400, 2)
    new["x"] = 2 * new["x"] + 1
    new["town"] = np.where(new["age"] > 50, "Wien", new["town"])
    new["more"] = 1
    new["since"] = [f"day {i}" for i in range(300)]
    return new, old


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, sides: Any) -> Page:
    return page_of(tmp_path_factory.mktemp("drift"), *sides)


def test_it_needs_nothing_else(page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form"})
    assert "url(http" not in page.source
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    links = {attributes["href"].removeprefix("#") for attributes in page.all("a")}
    assert links <= {*names}


def test_the_summary_names_the_columns_that_differ(page: Page) -> None:
    summary = page.sections[""]
    assert "(300 rows) is compared with" in summary
    assert "Of 4 columns compared, 2 differ: x, town." in summary
    assert "1 has another type." in summary
    assert "1 is only in the new table." in summary


def test_columns_come_by_drift_with_their_figures(page: Page, sides: Any) -> None:
    new, old = sides
    distance = ks_2samp(new["x"], old["x"]).statistic
    different = page.sections["different"]
    assert different.index("Other distribution: the median") < different.index("New values")
    rows = int((new["town"] == "Wien").sum())
    together = re.sub(r"\s+", "", different)
    assert f"distance{number(distance)}p-value<0.001" in together
    assert f"valuesonlyinthenewtableWien({rows}rows)" in together
    assert "empty" in page.sections["alike"]
    assert "age" in page.sections["alike"]


def test_every_picture_has_both_distributions(page: Page) -> None:
    pictures = page.all("svg")
    assert len(pictures) == 3  # the empty column has none
    assert [p["aria-label"].split(" in the old")[0] for p in pictures] == [
        "Distribution of x",
        "Distribution of town",
        "Distribution of age",
    ]
    texts = page.sections["different"]
    assert texts.count("old") >= 2
    assert "; Wien " in pictures[1]["aria-label"]


def test_shares_on_the_page_have_the_digits_of_the_findings(tmp_path: Path) -> None:
    new, old = frame(200, 3), frame(200, 4)
    new["age"] = [None] * 17 + [40.5] * 183
    new["town"], old["town"] = ["Wien"] * 17 + ["Ulm"] * 183, "Ulm"
    page = page_of(tmp_path, new, old)
    assert "8.5% of its cells are empty, 0% in the old table" in page.text
    assert "0% → 8.5%" in page.sections["different"]
    (told,) = [p["aria-label"] for p in page.all("svg") if "of town" in p["aria-label"]]
    assert "Ulm 91.5% instead of 100%" in told
    assert "Wien 8.5% instead of 0%" in told


def test_equal_tables_have_no_finding(tmp_path: Path) -> None:
    page = page_of(tmp_path, frame(200, 3), frame(200, 4))
    assert "No difference is both large and significant" in page.sections[""]
    assert "different" not in page.sections
    assert not page.all("details")


def test_of_many_columns_those_without_a_finding_are_folded_away(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(50)]
    new, old = (pd.DataFrame(rng.normal(size=(60, 50)), columns=names) for _ in range(2))
    new["c7"] += 5
    page = page_of(tmp_path, new, old)
    assert len(page.all("details")) == 1
    assert len(page.all("svg")) == 40
    assert "The other 10 columns, without pictures" in page.sections["alike"]
    assert [row for row in names if row not in page.text] == []


def test_names_and_values_are_shown_as_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sides = [pd.DataFrame({name: rng.choice(EVIL, 60) for name in EVIL}) for _ in range(2)]
    sides[0][EVIL[0]] = "<i>new</i>"
    page = page_of(tmp_path, *sides)
    assert not page.all("script")
    assert "<script>alert(1)</script>" in page.text
    assert "<i>new</i>" in page.text


def test_a_number_far_away_leaves_the_picture_readable() -> None:
    rng = np.random.default_rng(0)
    new, old = rng.normal(size=500), rng.normal(size=400)
    new[0] = 1e12
    drawn = histograms_of(new, old)
    assert drawn is not None
    assert drawn.beyond
    assert drawn.edges[-1] < 10
    assert sum(drawn.new) == pytest.approx(1)
    assert drawn.new[-1] >= 1 / 500


@pytest.mark.parametrize("values", [[7.0], [1e20], [0.0, 1e-320], [3, 3.0000000000000004]])
def test_bins_of_numbers_that_hardly_differ_have_a_width(values: list[float]) -> None:
    edges = edges_of(np.array(values))
    assert (np.diff(edges) > 0).all()
    assert np.histogram(values, edges)[0].sum() == len(values)


def test_numbers_without_a_finite_range_have_no_histogram() -> None:
    assert histograms_of(np.array([np.inf]), np.array([1.0])) is None
    assert histograms_of(np.array([-1e308, 1e308] * 9), np.array([0.0])) is None


def test_rare_categories_are_drawn_together() -> None:
    old = Counter({f"v{i}": 20 - i for i in range(15)})
    drawn = frequencies_of(Counter({"unseen": 8, "v0": 8}), old)
    assert drawn.names[0] == "v0"
    assert drawn.names[-2:] == ("unseen", "6 others")
    assert sum(drawn.old) == sum(drawn.new) == pytest.approx(1)
    assert drawn.old[-1] == pytest.approx(sum(20 - i for i in range(9, 15)) / old.total())
