"""Rows and cells are taken by number from tables of any kind, which stay of that kind."""

from typing import Any

import numpy as np
import pytest

from handgrad.tables.inspection.tables import IndexedTable
from tests.tables.tabular.frames import FRAMES, cells


@pytest.mark.parametrize("kind", FRAMES)
def test_a_column_has_the_cells_of_other_rows_or_numbers_before_those(kind: str) -> None:
    columns = cells(12)
    frame = FRAMES[kind](columns)
    table = IndexedTable(frame)
    rows, others = np.array([3, 5, 3]), np.array([7, 0, 1])
    size, colour = table.place("size"), table.place("colour")
    taken: Any = table.take(
        rows, {size: others, colour: others}, {size: np.array([0.25, 0.5, 0.75])}
    )
    assert type(taken) is type(frame)
    found = IndexedTable(taken).columns()
    before = table.columns()
    assert found["size"].values.tolist() == [0.25, 0.5, 0.75]
    assert found["colour"].values.tolist() == before["colour"].values[others].tolist()
    np.testing.assert_array_equal(found["count"].values, before["count"].values[rows])


def test_an_array_is_copied_and_becomes_numbers_where_some_are_put_in() -> None:
    x = np.arange(8).reshape(4, 2)
    taken: Any = IndexedTable(x).take(
        np.array([2, 0]), {1: np.array([3, 3])}, {0: np.array([0.5, 1])}
    )
    assert taken.tolist() == [[0.5, 7.0], [1.0, 7.0]]
    assert x.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
