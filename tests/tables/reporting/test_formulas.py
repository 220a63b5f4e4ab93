"""Targets that are a formula of a few columns, or stand in a text, are named; others are not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.checklist import NotApplicableError, SkippedCheckError
from handgrad.tables.reporting.leakage.formulas import formula_leaks, formula_of
from handgrad.tables.reporting.leakage.target_in_text import targets_in_text
from handgrad.tables.reporting.leakage.target_sample import TargetSample
from handgrad.tables.reporting.scores import ScoredRows
from tests.cli.run import handgrad

RNG = np.random.default_rng
N = 800
Columns = dict[str, Any]


def columns(seed: int, d: int = 6) -> Columns:
    rng = RNG(seed)
    return {f"c{i}": rng.gamma(3, 10, N).round(2) + 1 for i in range(d)}


FORMULAS: dict[str, tuple[Callable[[Columns, Any], Any], str]] = {
    "a sum": (lambda c, _: c["c0"] + c["c1"], "“c0” + “c1”"),
    "a difference": (lambda c, _: c["c0"] - c["c1"], "“c0” − “c1”"),
    "a sum of three": (lambda c, _: c["c0"] + c["c1"] - c["c4"], "“c0” + “c1” − “c4”"),
    "a product": (lambda c, _: c["c0"] * c["c1"], "“c0” × “c1”"),
    "a ratio": (lambda c, _: c["c3"] / c["c1"], "“c3” / “c1”"),
    "a product and a ratio": (lambda c, _: c["c0"] * c["c1"] / c["c2"], "“c0” × “c1” / “c2”"),
    "a body-mass index": (lambda c, _: 703 * c["c0"] / c["c1"] ** 2, "703 × “c0” / “c1”²"),
    "a margin": (lambda c, _: (c["c0"] - c["c1"]) / c["c0"], "(“c0” − “c1”) / “c0”"),
    "a sum, scaled": (lambda c, _: (c["c0"] + c["c1"]) * c["c2"], "(“c0” + “c1”) × “c2”"),
    "a linear combination": (
        lambda c, _: 0.3 * c["c0"] + 0.2 * c["c1"] + 1.5 * c["c3"] - c["c4"] + 7,
        "0.3 × “c0” + 0.2 × “c1” + 1.5 × “c3” − “c4” + 7",
    ),
    "rounded": (lambda c, _: (c["c0"] * c["c1"]).round(), "“c0” × “c1”"),
    "with a noise of .2 %": (
        lambda c, rng: (c["c0"] + c["c1"]) * (1 + 0.002 * rng.normal(size=N)), "“c0” + “c1”",
    ),
    "with exceptions": (
        lambda c, rng: np.where(rng.random(N) < 0.01, 999, c["c0"] + c["c1"]), "“c0” + “c1”",
    ),
    "one column, with exceptions": (
        lambda c, rng: np.where(rng.random(N) < 0.015, rng.gamma(3, 10, N), c["c0"]), "“c0”",
    ),
    "0 in most rows": (
        lambda c, rng: np.where(rng.random(N) < 0.7, 0, c["c0"] + c["c1"]), "“c0” + “c1”",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FORMULAS)
@pytest.mark.parametrize("seed", range(3))
def test_a_formula_of_a_few_columns_is_written_out(case: str, seed: int) -> None:
    target, words = FORMULAS[case]
    table = columns(seed)
    formula = formula_of(table, target(table, RNG(seed + 10)))
    assert formula is not None
    assert formula.words == words
    assert formula.columns == tuple(name for name in sorted(table) if name in words) or (
        {*formula.columns} == {name for name in table if name in words}
    )
    assert formula.holds >= 0.98


def test_gaps_and_other_columns_do_not_hide_it() -> None:
    table = columns(0, 40)
    for i, name in enumerate(table):
        table[name] = np.where(RNG(i).random(N) < 0.05 * (i > 1), np.nan, table[name])
    formula = formula_of(table, table["c0"] + table["c1"])
    assert formula is not None
    assert formula.columns == ("c0", "c1")


OTHERS: dict[str, Callable[[Columns, Any], Any]] = {
    "noise": lambda _, rng: rng.normal(size=N),
    "a sum with a noise of 10 %": lambda c, rng: c["c0"] + c["c1"] + rng.normal(0, 2.5, N),
    "a sum of eight": lambda c, _: sum(c.values()),
    "zeros and others": lambda _, rng: np.where(rng.random(N) < 0.7, 0, rng.gamma(1, 1, N)),
    "a random walk": lambda _, rng: np.cumsum(rng.normal(size=N)),
    "a rare count": lambda _, rng: rng.poisson(0.1, N).astype(float),
    "heavy tails": lambda _, rng: np.exp(3 * rng.normal(size=N)),
    "prices with a noise of 10 %": lambda c, rng: c["c0"] * 3000 * (1 + 0.1 * rng.normal(size=N)),
    "not linear": lambda c, _: np.sin(c["c0"] / 5) * c["c1"],
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_targets_are_no_formula(case: str) -> None:
    for seed in range(5):
        table = columns(seed, 8)
        assert formula_of(table, OTHERS[case](table, RNG(seed + 10))) is None


@pytest.mark.parametrize("large", [1e-300, 1e160, 1.7e308])
def test_numbers_of_any_size_are_compared(large: float) -> None:
    rng = RNG(0)
    table = {"a": large * rng.uniform(-1, 1, N), "b": rng.normal(size=N), "c": np.full(N, np.nan)}
    for y in (rng.normal(size=N), large * rng.uniform(-1, 1, N)):
        assert formula_of(table, y) is None


def sample(frame: pd.DataFrame, y: Any, classes: tuple[str, ...] = ()) -> TargetSample:
    y = np.asarray(y)
    held = np.arange(len(y)) % 5 == 0
    return TargetSample.of(
        [
            ScoredRows(y[side], y[side], class_names=classes, table=IndexedTable(frame[side]),
                       of=int(side.sum()))
            for side in (held, ~held)
        ]
    )  # fmt: skip


def test_what_cannot_be_compared_has_a_reason() -> None:
    frame = pd.DataFrame({f"c{i}": RNG(i).normal(size=60) for i in range(101)})
    with pytest.raises(SkippedCheckError, match="over 100 columns of numbers"):
        list(formula_leaks(sample(frame, frame["c0"]), [*frame]))
    with pytest.raises(NotApplicableError, match="the target is a class"):
        list(formula_leaks(sample(frame, np.arange(60) % 2, ("a", "b")), [*frame]))
    with pytest.raises(NotApplicableError, match="no column of text"):
        list(targets_in_text(sample(frame, frame["c0"]), [*frame]))


WORDS = ["the", "of", "and", "to", "in", "is", "it", "was", "for", "on", "with", "as", "not"]


def _noted(own: Callable[[int], str], every: int = 1) -> pd.DataFrame:
    rng = RNG(0)
    texts = [" ".join(rng.choice(WORDS, 6)) + (own(i) if i % every == 0 else "") for i in range(N)]
    return pd.DataFrame({"note": texts, "x": rng.normal(size=N)})


Y = np.arange(N) % 3
NAMES = ("churned", "active", "not active")


def test_a_text_with_the_name_of_its_class_is_named() -> None:
    for every, share in ((1, "100%"), (2, "50%")):
        frame = _noted(lambda i: f"; Status: {NAMES[Y[i]].upper()}!", every)
        (found,) = targets_in_text(sample(frame, Y, NAMES), [*frame])
        assert found.where == "column “note”"
        assert found.evidence.startswith(
            f"its text has the name of its class in {share} of 800 rows: is it known"
        )


def test_a_text_with_the_number_to_predict_is_named() -> None:
    y = RNG(1).gamma(2, 900, N).round(2)
    for form in (lambda i: f" {y[i]:,.2f} EUR", lambda i: f" ({y[i]:.2f}".replace(".", ",") + ")"):
        frame = _noted(form)
        (found,) = targets_in_text(sample(frame, y), [*frame])
        assert "its text has the number to predict in 100% of 800 rows" in found.evidence


def test_words_that_are_names_of_classes_by_chance_are_none() -> None:
    frame = _noted(lambda i: f" {RNG(i).integers(1, 6)} stars")
    ratings = np.arange(N) % 5
    for y, classes in (
        (Y, ("is", "it", "was")),
        (Y, NAMES),
        (ratings, ("1", "2", "3", "4", "5")),
        ((np.arange(N) % 50 == 0).astype(int), ("not", "never")),
    ):
        assert not [*targets_in_text(sample(frame, y, classes), [*frame])]
    assert not [*targets_in_text(sample(frame, 1.0 + ratings), [*frame])]
    assert not [*targets_in_text(sample(frame, Y, ("", " ", "it")), [*frame])]
    many = tuple(f"class {i}" for i in range(201))
    with pytest.raises(SkippedCheckError, match="over 200 classes"):
        list(targets_in_text(sample(frame, np.arange(N) % 201, many), [*frame]))


@pytest.mark.slow
def test_a_run_names_the_formula_in_all_outputs(tmp_path: Path) -> None:
    table = pd.DataFrame({name: x[:200] for name, x in columns(0, 3).items()})
    table["total"] = table["c0"] * table["c1"]
    table.to_csv(tmp_path / "t.csv", index=False)
    words = ("train", tmp_path / "t.csv", "--target", "total", "--epochs", 1, "--out")
    told = handgrad(*words, tmp_path / "a").stdout
    evidence = "the target is “c0” × “c1” in 100% of 200 rows: are they known at the time of"
    assert f"note: target leakage, columns “c0”, “c1”: {evidence}" in told
    page = (tmp_path / "a" / "report.html").read_text("utf-8")
    assert evidence[1:] in page
    assert evidence in (tmp_path / "a" / "run.json").read_text("utf-8")
