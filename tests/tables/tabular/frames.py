"""The same table as pandas, polars and pyarrow have it."""

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from handgrad.textbook.layers import Array

N = 60


def cells(n: int = N, seed: int = 0) -> dict[str, list[Any]]:
    """Columns of all kinds, with values missing."""
    rng = np.random.default_rng(seed)
    day = datetime.datetime(2023, 1, 1)
    colours = [str(c) for c in rng.choice(["red", "green", "blue"], n)]
    return {
        "size": [None if i % 9 == 4 else float(v) for i, v in enumerate(rng.normal(50, 10, n))],
        "count": [int(v) for v in rng.integers(0, 9, n)],
        "colour": [None if i % 11 == 3 else colour for i, colour in enumerate(colours)],
        "open": [bool(v) for v in rng.integers(0, 2, n)],
        "since": [day + datetime.timedelta(hours=int(h)) for h in rng.integers(0, 20000, n)],
        "code": [str(int(v)) for v in rng.integers(0, 100, n)],
    }


FRAMES: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "pandas": pd.DataFrame,
    "polars": lambda columns: pl.DataFrame(columns, strict=False),
    "pyarrow": pa.table,
}


def target(columns: dict[str, list[Any]]) -> Any:
    """Something that follows from the columns."""
    size = np.array([50 if v is None else v for v in columns["size"]])
    return size + 10 * (np.array(columns["colour"]) == "red") + 2 * np.array(columns["count"])


GOOD = ["great", "lovely", "superb", "reliable", "wonderful", "quick", "excellent", "happy"]
BAD = ["awful", "broken", "terrible", "slow", "dreadful", "useless", "poor", "faulty"]
REST = "the a it was and with for this that product arrived box screen battery shop order"


def reviews(n: int, seed: int = 0) -> tuple[Array, Array]:
    """Texts of 6 to 20 words, one or two of which say mostly what the label is."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    texts = np.empty(n, object)
    for i, label in enumerate(y):
        words = rng.choice(REST.split(), rng.integers(6, 21)).tolist()
        for _ in range(rng.integers(1, 3)):
            kind = GOOD if label == (rng.random() < 0.9) else BAD
            words[rng.integers(len(words))] = str(rng.choice(kind))
        texts[i] = " ".join(words)
    return texts, y
