"""Models of whole tables, each exported and run by onnxruntime beside its own prediction.

    python -m tests.oracle.onnx_tables [FILE]

takes scikit-learn's tables, or those of FILE: Python that has a `REGISTRY` of (load, kind), where
load() gives X and y, and kind is "cls" or "reg".
"""

import datetime
import importlib.util
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sklearn.datasets

import handgrad as hg
from handgrad.exchange.exporting import ModelSpec, model_spec_of
from handgrad.exchange.exporting.onnx.file import by_onnxruntime, onnx_model
from handgrad.files.cells import START
from handgrad.files.features import Columns
from handgrad.tables.data.frames import text_in
from handgrad.textbook.layers import Array

Load = Callable[[], tuple[Any, Any]]

TABLES: dict[str, tuple[Load, str]] = {
    name: (partial(getattr(sklearn.datasets, f"load_{name}"), return_X_y=True, as_frame=True), kind)
    for name, kind in {
        "wine": "cls",
        "breast_cancer": "cls",
        "digits": "cls",
        "iris": "cls",
        "diabetes": "reg",
    }.items()
}


def inputs_of(spec: ModelSpec, table: Columns) -> dict[str, Array]:
    """A table as the exported model takes it."""
    found = {}
    for name, feature in spec.columns.items():
        column = table[name]
        if feature.kind == "text":
            column = column if column.kind == "text" else text_in(column)
            found[name] = np.array([text or "" for text in column.values], object)
        else:
            found[name] = column.values * (86400.0 if column.kind == "date" else 1.0)
    return {name: values[:, None] for name, values in found.items()}


def random_table(seed: int) -> dict[str, list[Any]]:
    """A table of one to six columns of any kind, gaps in half of them, named as values may be."""
    rng, n = np.random.default_rng(seed), 120
    names = ("a b", "naïve/列", "x", "label", "0.weight", "numbers")
    columns: tuple[Callable[[], Any], ...] = (
        lambda: rng.lognormal(0, 30, n).tolist(),
        lambda: rng.normal(size=n).tolist(),
        lambda: (rng.random(n) < 0.5).tolist(),
        lambda: [START + datetime.timedelta(microseconds=m) for m in drawn(10**15)],
        lambda: [datetime.date(2000, 1, 1) + datetime.timedelta(days) for days in drawn(3)],
        lambda: [f"Wört {k}" for k in drawn(4)],
        lambda: [f"c{k}" for k in drawn(60)],
        lambda: rng.choice([" a", "A", "b "], n).tolist(),
        lambda: [5.0] * n,
    )

    def drawn(most: int) -> list[int]:
        return rng.integers(0, most, n).tolist()

    table = {}
    for name in names[: rng.integers(1, len(names) + 1)]:
        values = columns[rng.integers(len(columns))]()
        gaps = rng.random(n) < 0.2 * rng.integers(2)
        table[name] = [None if gap else v for v, gap in zip(values, gaps, strict=True)]
    return table


def with_odd_values(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The table with a value that was never seen, one far off and one missing in each column."""
    odd = {str: ("unseen", "  "), float: (1e308, -1e308)}
    found = {}
    for name, values in table.items():
        some = next(value for value in values if value is not None)
        first = (None, *odd.get(type(some), ()))
        found[name] = [*first, *values[: len(first) - 1 : -1]][: len(values)]
    return found


def compared(X: Any, y: Any, kind: str, asked: Any = None) -> tuple[float, int, int]:
    """The largest difference by the largest value, how many labels differ, and of how many rows.

    `asked` are other rows than those learned from.
    """
    model: Any = hg.TabularClassifier if kind == "cls" else hg.TabularRegressor
    fitted = model(epochs=3, random_state=0).fit(X, y)
    X = X if asked is None else asked
    spec = model_spec_of(fitted)
    found = by_onnxruntime(onnx_model(spec), inputs_of(spec, fitted._table(X, reset=False)))
    if kind == "reg":
        expected, said = fitted.predict(X)[:, None], found["value"]
        return float(np.abs(said - expected).max() / np.abs(expected).max()), 0, len(expected)
    label, probabilities = found.values()
    expected, said = fitted.predict_proba(X), probabilities
    wrong = int((label != fitted.predict(X)).sum())
    return float(np.abs(said - expected).max() / expected.max()), wrong, len(expected)


def main() -> None:
    tables = TABLES
    if len(sys.argv) > 1:
        spec = importlib.util.spec_from_file_location("given", sys.argv[1])
        assert spec is not None
        given = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(given)  # type: ignore[union-attr]
        tables = {name: (load, kind) for name, (load, kind, *_) in given.REGISTRY.items()}
    warnings.simplefilter("ignore", hg.errors.UnseenWarning)
    for name, (load, kind) in tables.items():
        X, y = load()
        far, wrong, rows = compared(X, y, kind)
        print(f"{name:18} {rows:6} rows, {X.shape[1]:3} columns: {far:.1e}, {wrong} other labels")


if __name__ == "__main__":
    main()
