"""Tables that cannot be learned from, or predicted, say why."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import handgrad as hg
from tests.tables.tabular.frames import cells, target

QUICK: dict[str, Any] = {"n_members": 1, "epochs": 1, "random_state": 0}
X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2


def refused(match: str, X: Any = X, y: Any = Y, kind: Any = None, **settings: Any) -> None:
    """Fitting fails with a message in three parts."""
    model = (kind or hg.TabularClassifier)(**QUICK | settings)
    with pytest.raises(hg.HandgradError, match=f"(?s){match}.*expected: .*try: "):
        model.fit(X, y)
    assert not hasattr(model, "net_")


def test_a_target_that_is_missing() -> None:
    refused("y is None", y=None)
    refused(
        "1 targets are missing, the first in row 3", y=[None if i == 3 else "a" for i in range(20)]
    )


def test_a_target_of_one_class() -> None:
    refused("1 class", y=np.zeros(20, int))


def test_targets_that_are_no_numbers() -> None:
    refused("targets such as 'a'", y=["a"] * 20, kind=hg.TabularRegressor)
    refused("infinity", y=np.where(Y, np.inf, 0), kind=hg.TabularRegressor)


def test_columns_with_nothing_to_learn_from() -> None:
    refused("no usable feature in the 2 columns", X=np.ones((20, 2)))
    refused("no usable feature", X=np.full((20, 1), np.nan))


def test_infinity_is_named_with_its_column_and_row() -> None:
    refused("'x1' contains infinity, first in row 7", X=np.where(X == 15, np.inf, X))


def test_a_hundred_thousand_different_texts_alone() -> None:
    texts = pa.table({"id": [f"id {i}" for i in range(100_000)]})
    refused("100,000 distinct values in 100,000 rows", X=texts, y=np.arange(100_000) % 2)


def test_columns_of_the_same_name() -> None:
    twice = pa.Table.from_arrays([pa.array(range(20))] * 2, names=["a", "a"])
    refused("two columns named 'a'", X=twice)


def test_columns_of_lists() -> None:
    refused("column 'a' is of type List", X=pa.table({"a": [[1]] * 20}))


def test_no_rows_and_no_columns() -> None:
    refused("0 rows", X=pa.table({"a": []}), y=[])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_members", 0),
        ("epochs", 0),
        ("time_limit", 0),
        ("validation_fraction", 1.0),
        ("metric", "log_los"),
        ("engine", "fast"),
    ],
)
def test_settings_that_cannot_be(name: str, value: Any) -> None:
    refused(name, **{name: value})


def fitted() -> Any:
    columns = cells(30)
    return hg.TabularRegressor(**QUICK).fit(pa.table(columns), target(columns))


def test_a_table_that_lacks_a_column() -> None:
    columns = cells(30)
    del columns["colour"]
    with pytest.raises(hg.errors.DataError, match=r"(?s)lacks 1 .*'colour'.*expected: .*try: "):
        fitted().predict(pa.table(columns))


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("size", "large", r"column 'size' has 'large' in row 2.*expected: numbers"),
        ("since", "some day", r"column 'since' has 'some day' in row 2.*expected: dates"),
        ("since", 3, r"column 'since' has .*expected: dates"),
        ("colour", 7, r"column 'colour' has .*expected: text, such as 'blue'"),
    ],
)
def test_a_column_of_another_type(name: str, value: Any, match: str) -> None:
    columns = cells(30)
    text = isinstance(value, str)
    columns[name] = [value if i == 2 or not text else None for i in range(30)]
    with pytest.raises(hg.errors.DataError, match=f"(?s){match}.*try: "):
        fitted().predict(pa.table(columns))
