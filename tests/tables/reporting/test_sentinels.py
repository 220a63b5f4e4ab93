"""Values that stand for missing ones are named, and extreme values of other kinds are not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handgrad.tables.reporting.sentinels import sentinels_of
from tests.cli.run import handgrad

RNG = np.random.default_rng
N = 1000


def with_value(x: Any, value: float, times: int, rng: np.random.Generator) -> Any:
    x = np.array(x, float)
    x[rng.choice(len(x), times, replace=False)] = value
    return x


def ages(rng: np.random.Generator) -> Any:
    return rng.normal(50, 15, N).clip(18, 90).round()


SENTINELS: dict[str, tuple[Callable[[Any], Any], float, int]] = {
    "-999 among ages": (ages, -999, 20),
    "-999 once": (ages, -999, 1),
    "-1 among ages": (ages, -1, 20),
    "-1 for never": (lambda rng: rng.gamma(1, 60, N).round(), -1, 300),
    "9999 among amounts": (lambda rng: rng.gamma(2, 200, N).round(), 9999, 15),
    "99 among ages to 60": (lambda rng: rng.integers(18, 61, N), 99, 80),
    "999 in nearly all rows": (lambda rng: rng.integers(0, 28, N), 999, 960),
    "0 for a body-mass index": (lambda rng: rng.normal(32, 7, N).clip(18, 67).round(1), 0, 11),
    "0 for a blood pressure": (lambda rng: rng.normal(72, 12, N).clip(24, 122).round(), 0, 35),
    "99 beside answers from 1 to 5": (lambda rng: rng.integers(1, 6, N), 99, 30),
    "-9 beside a score": (lambda rng: rng.integers(0, 31, N), -9, 10),
    "-200 of an instrument": (lambda rng: rng.normal(1000, 200, N).clip(400, 2000), -200, 30),
    "1e30 among normal numbers": (lambda rng: rng.normal(0, 3, N), 1e30, 10),
    "a limit of integers": (lambda rng: rng.normal(0, 3, N).round(), -32768, 4),
}


@pytest.mark.parametrize("case", SENTINELS)
@pytest.mark.parametrize("seed", range(4))
def test_a_sentinel_is_named_with_its_rows(case: str, seed: int) -> None:
    values, value, times = SENTINELS[case]
    rng = RNG(seed)
    (one,) = sentinels_of(with_value(values(rng), value, times, rng))
    assert (one.value, one.times, one.of) == (value, times, N)


def test_two_of_them_are_both_named() -> None:
    rng = RNG(0)
    values = with_value(with_value(ages(rng), -99, 30, rng), 9999, 20, rng)
    assert {one.value for one in sentinels_of(values)} == {-99, 9999}


CLEAN: dict[str, Callable[[Any], Any]] = {
    "a normal distribution": lambda rng: rng.normal(size=N),
    "ages capped at 99": lambda rng: np.minimum(rng.normal(60, 25, N).clip(18).round(), 99),
    "ratings": lambda rng: rng.choice([1, 2, 3, 4, 5], N, p=[0.05, 0.05, 0.1, 0.1, 0.7]),
    "a zero-inflated count": lambda rng: rng.poisson(rng.choice([0, 6], N)),
    "amounts, many of them 0": lambda rng: np.where(
        rng.random(N) < 0.3, 0, np.exp(rng.normal(4, 0.7, N))
    ).round(2),
    "amounts, few of them 0": lambda rng: np.where(
        rng.random(N) < 0.05, 0, np.exp(rng.normal(4, 0.7, N))
    ).round(2),
    "a capital gain": lambda rng: np.where(
        rng.random(N) < 0.92, 0, np.exp(rng.normal(8.5, 1, N)).round()
    ),
    "a constant": lambda rng: np.full(N, 7.0),
    "a rare flag": lambda rng: 1.0 * (rng.random(N) < 0.01),
    "signs": lambda rng: rng.integers(-1, 2, N),
    "heavy tails": lambda rng: (1 + rng.pareto(1.2, N)).round(2),
    "heavy tails on both sides": lambda rng: (10 * rng.standard_cauchy(N)).round(),
    "prices that end in .99": lambda rng: np.floor(np.exp(rng.normal(3, 1.3, N))) + 0.99,
    "clipped to -1 to 1": lambda rng: np.clip(rng.normal(size=N), -1, 1),
    "a sensor at its limit": lambda rng: np.minimum(rng.gamma(2, 200, N).round(), 1023),
    "prices up to a cap": lambda rng: np.minimum(rng.gamma(4, 50_000, N), 500_001),
    "hours from 1 to 99": lambda rng: rng.normal(40, 12, N).round().clip(1, 99),
    "differences of goals": lambda rng: rng.poisson(2, N) - 1,
    "departments": lambda rng: rng.choice([10, 20, 30, 40, 99], N),
    "years": lambda rng: rng.integers(1900, 2024, N),
    "numbers of rows": lambda rng: np.arange(N),
}


@pytest.mark.parametrize("case", CLEAN)
def test_other_extreme_values_are_no_sentinels(case: str) -> None:
    for seed in range(10):
        assert sentinels_of(np.asarray(CLEAN[case](RNG(seed)), float)) == []


def test_numbers_of_any_size_are_looked_at() -> None:
    for large in (1e9, 1e160, 1.7e308):
        values = large * RNG(0).uniform(-1, 1, N)
        assert sentinels_of(values) == []
    assert sentinels_of(np.full(N, np.nan)) == sentinels_of(np.array([])) == []


def customers(path: Path) -> Path:
    rng, n = RNG(0), 400
    frame = pd.DataFrame(
        {
            "age": with_value(ages(rng)[:n], -999, 12, rng).astype(int),
            "income": with_value(rng.gamma(4, 900, n).round(), -999, 9, rng).astype(int),
            "bmi": with_value(rng.normal(32, 5, n).clip(18).round(1), 0, 8, rng),
            "until": ["31.12.9999" if i % 9 == 0 else f"{1 + i % 28:02}.03.2024" for i in range(n)],
        }
    )
    frame["left"] = np.where(frame.bmi + 4 * rng.normal(size=n) > 32, "yes", "no")
    frame.to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_the_option_to_copy_reads_them_as_missing(tmp_path: Path) -> None:
    table = customers(tmp_path / "customers.csv")
    words = ("train", table, "--target", "left", "--epochs", 1, "--json", "--out")
    first = json.loads(handgrad(*words, tmp_path / "a").stdout)
    findings = {
        finding["where"]: (finding["evidence"], finding["advice"])
        for finding in first["findings"]
        if finding["problem"] == "sentinel values"
    }
    assert findings["columns “age”, “income”"] == (
        "column “age” has -999 in 12 of 400 rows, the others 18 to 90: does it stand for a missing "
        "value?",
        "--missing -999, if it does",
    )
    assert findings["column “bmi”"][1] == "--missing bmi=0, if it does"
    assert findings["column “until”"] == (
        "9999-12-31 in 45 of 400 rows, the others 2024-03-01 to 2024-03-28: does it stand for a "
        "missing value?",
        "--missing until=9999-12-31, if it does",
    )
    page = (tmp_path / "a" / "report.html").read_text("utf-8")
    assert "Sentinel values: columns “age”, “income”" in page
    options = [word for _, advice in findings.values() for word in advice.split(",")[0].split()]
    second = json.loads(handgrad(*words, tmp_path / "b", *options).stdout)
    assert not [one for one in second["findings"] if one["problem"] == "sentinel values"]
    assert {note for note in second["notes"] if "as missing" in note} == {
        "column 'age': 12 cells with -999 count as missing",
        "column 'income': 9 cells with -999 count as missing",
        "column 'bmi': 8 cells with 0 count as missing",
        "column 'until': 45 cells with 9999-12-31 count as missing",
    }


def test_a_sentinel_in_the_target_is_named_too(tmp_path: Path) -> None:
    rng, n = RNG(0), 300
    frame = pd.DataFrame({"x": rng.normal(size=n)})
    frame["y"] = with_value((10 + frame.x).round(2), -999, 7, rng)
    frame.to_csv(tmp_path / "t.csv", index=False)
    words = ("train", tmp_path / "t.csv", "--target", "y", "--epochs", 1, "--no-report", "--out")
    told = handgrad(*words, tmp_path / "a").stdout
    assert "note: sentinel values, column “y”: -999 in 7 of 300 rows" in told
    assert "  try: --missing y=-999, if it does" in told
    told = handgrad(*words, tmp_path / "b", "--missing", "y=-999").stdout
    assert "sentinel values" not in told
