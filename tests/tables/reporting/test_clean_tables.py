"""No check of the rows has a finding in tables without any fault."""

import numpy as np
import pandas as pd
import pytest

from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.checks import check_data
from handgrad.tables.reporting.leakage.dependent_rows import Sides
from handgrad.tables.reporting.scores import ScoredRows
from tests.tables.reporting.clean_tables import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_a_clean_table_has_no_finding(name: str) -> None:
    frame, target = TABLES[name]()
    classes = tuple(map(str, np.unique(target))) if np.asarray(target).dtype.kind != "f" else ()
    y = np.unique(target, return_inverse=True)[1] if classes else np.asarray(target, float)
    order = np.random.default_rng(0).permutation(len(y))
    parts = np.sort(order[: len(y) // 5]), np.sort(order[len(y) // 5 :])
    tables = tuple(IndexedTable(frame.iloc[rows]) for rows in parts)
    rows = [
        ScoredRows(y[part], y[part], class_names=classes, table=table, of=len(part))
        for part, table in zip(parts, tables, strict=True)
    ]
    sides = Sides((tables[0], tables[1]), (y[parts[0]], y[parts[1]]))
    listed = check_data(rows[0], rows[1], [*frame.columns], sides)
    assert listed.findings == []
    assert any(check.state == "made" for check in listed.checks)


def test_there_are_fifteen_tables_of_both_tasks() -> None:
    tables = [table() for table in TABLES.values()]
    assert len(tables) == 15
    kinds = {np.asarray(target).dtype.kind == "f" for _, target in tables}
    assert kinds == {True, False}
    assert all(isinstance(frame, pd.DataFrame) for frame, _ in tables)
