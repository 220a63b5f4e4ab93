"""Fifteen tables without any fault: those of scikit-learn, and made ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

RNG = np.random.default_rng
TableAndTarget = tuple[pd.DataFrame, Any]


def _of(name: str) -> Callable[[], TableAndTarget]:
    def table() -> TableAndTarget:
        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        return bunch.data, bunch.target.to_numpy()

    return table


def _linnerud(part: str) -> Callable[[], TableAndTarget]:
    def table() -> TableAndTarget:
        bunch = datasets.load_linnerud(as_frame=True)
        return bunch.data, bunch.target[part].to_numpy()

    return table


def _customers() -> TableAndTarget:
    """Age capped at 99, a rating from 1 to 5, a zero-inflated count, gaps and a constant."""
    rng = RNG(1)
    n = 800
    age = np.minimum(rng.normal(55, 25, n).clip(18).round(), 99)
    frame = pd.DataFrame(
        {
            "age": age,
            "rating": rng.choice([1, 2, 3, 4, 5], n, p=[0.3, 0.05, 0.1, 0.15, 0.4]),
            "visits": rng.poisson(rng.choice([0, 4], n)),
            "income": np.exp(rng.normal(10, 0.8, n)).round(2),
            "country": "DE",
            "plan": rng.choice(["a", "b", "c"], n),
        }
    )
    frame.loc[rng.random(n) < 0.1, "income"] = np.nan
    return frame, (rng.random(n) < 1 / (1 + np.exp((age - 50) / 10))).astype(int)


def _prices() -> TableAndTarget:
    rng = RNG(2)
    n = 600
    area, rooms = rng.gamma(9, 9, n).round(1), rng.integers(1, 7, n)
    year = rng.integers(1900, 2024, n)
    price = area * 3000 * (1 + 0.1 * rng.normal(size=n)) + 20_000 * rooms + 200 * (year - 1900)
    return pd.DataFrame({"area": area, "rooms": rooms, "built": year}), price.round(-3)


def _sensors() -> TableAndTarget:
    """Noise of three sensors at one quantity, which none of them has exactly."""
    rng = RNG(3)
    n = 500
    true = rng.normal(20, 5, n)
    frame = pd.DataFrame({f"sensor{i}": true + rng.normal(0, 2, n) for i in range(3)})
    return frame, true


def _survey() -> TableAndTarget:
    rng = RNG(4)
    n = 700
    answers = rng.integers(1, 6, (n, 8))
    frame = pd.DataFrame(answers, columns=[f"q{i}" for i in range(8)])
    frame["comment"] = [
        " ".join(rng.choice(["good", "bad", "slow", "fast", "yes", "no", "fine"], 6))
        for _ in range(n)
    ]
    return frame, (answers[:, :3].sum(1) + rng.normal(0, 3, n) > 9).astype(int)


def _dates() -> TableAndTarget:
    rng = RNG(5)
    n = 400
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), "D")
    frame = pd.DataFrame({"since": days.astype(str), "amount": rng.gamma(2, 50, n).round(2)})
    return frame, 3.0 * days.day_of_week.to_numpy() + rng.normal(size=n)


def _temperatures() -> TableAndTarget:
    rng = RNG(6)
    n = 500
    degrees = rng.normal(2, 8, n).round().astype(int)
    frame = pd.DataFrame({"degrees": degrees, "rain": rng.gamma(0.4, 4, n).round(1)})
    return frame, np.where(degrees + rng.normal(0, 6, n) > 4, "ice", "tea")


def _claims() -> TableAndTarget:
    """Rare claims, with heavy tails: a Pareto, a Cauchy and a count with many zeros."""
    rng = RNG(7)
    n = 1000
    frame = pd.DataFrame(
        {
            "size": (1 + rng.pareto(1.5, n)).round(2),
            "balance": rng.standard_cauchy(n).round(2),
            "claims": rng.negative_binomial(0.3, 0.3, n),
            "share": rng.beta(0.4, 0.4, n),
        }
    )
    return frame, (rng.random(n) < 0.05 + 0.3 * (frame["claims"] > 2)).astype(int)


TABLES: dict[str, Callable[[], TableAndTarget]] = {
    **{name: _of(name) for name in ("iris", "wine", "breast_cancer", "diabetes", "digits")},
    **{f"linnerud, {part}": _linnerud(part) for part in ("Weight", "Pulse")},
    "customers": _customers,
    "prices": _prices,
    "sensors": _sensors,
    "survey": _survey,
    "dates": _dates,
    "temperatures": _temperatures,
    "claims": _claims,
    "noise": lambda: (
        pd.DataFrame(RNG(8).normal(size=(300, 12)), columns=[*"abcdefghijkl"]),
        RNG(9).normal(size=300),
    ),
}
