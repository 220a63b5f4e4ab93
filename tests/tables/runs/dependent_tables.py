"""Tables whose rows depend on each other, with new groups and later months to compare with."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Frames = tuple[pd.DataFrame, pd.DataFrame]


def customers(seed: int) -> Frames:
    """150 customers of 12 rows, with the class a coin for each; the last 30 are new."""
    rng = np.random.default_rng(seed)
    features = np.repeat(rng.normal(size=(150, 5)), 12, axis=0) + rng.normal(0, 0.02, (1800, 5))
    frame = pd.DataFrame(features.round(4), columns=[*"abcde"])
    frame.insert(0, "customer", np.repeat([f"C{i:03}" for i in range(150)], 12))
    frame["left"] = np.repeat(np.where(rng.random(150) < 0.5, "yes", "no"), 12)
    known = frame[:1440].sample(frac=1, random_state=seed)
    return known, frame[1440:]


def _days(n: int) -> Any:
    first = datetime.date(2021, 1, 4)
    return [(first + datetime.timedelta(i)).isoformat() for i in range(n)]


def walk(seed: int) -> Frames:
    """A random walk by day: 850 days, and the 150 after them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"day": _days(1000), "noise": rng.normal(size=1000).round(3)})
    frame["price"] = (100 + np.cumsum(rng.normal(size=1000))).round(3)
    return frame[:850], frame[850:]


def sales(seed: int) -> Frames:
    """Daily sales with trend, week, year and noise of 8: 810 days, and the 90 after them."""
    rng = np.random.default_rng(seed)
    t = np.arange(900)
    week = np.array([0, 2, 4, 6, 14, 24, -10])[t % 7]
    y = 200 + 0.05 * t + week + 25 * np.sin(t / 365.25 * 2 * np.pi) + rng.normal(0, 8, 900)
    frame = pd.DataFrame({"day": _days(900), "shop": rng.choice(["a", "b"], 900)})
    frame["sold"] = y.round(2)
    return frame[:810], frame[810:]


def written(frame: pd.DataFrame, path: Path) -> str:
    frame.to_csv(path, index=False)
    return str(path)
