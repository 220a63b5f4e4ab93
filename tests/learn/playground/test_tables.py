"""Tables become rows for a page, as Python reads them; what was read as what is told."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from handgrad.learn.playground.models import numbers_in
from handgrad.learn.playground.tables import MOST_ROWS, table_in, table_sent
from handgrad.textbook.errors import DataError, HandgradError

CSV = b"age,town,price\n" + b"".join(
    b"%d,%s,%d.5\n" % (i, b"ab"[i % 2 :][:1], i) for i in range(40)
)


def test_csv_and_parquet_come_to_the_same_rows(tmp_path: Path) -> None:
    columns = {"age": [*range(40)], "town": ["a", "b"] * 20, "price": [i + 0.5 for i in range(40)]}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    one, other = table_sent(CSV, "t.CSV"), table_sent(content, "t.parquet")
    assert one.rows() == other.rows()
    assert one.names == ["age", "town"]
    assert one.classes is None
    assert one.summary()["read_as"] == [
        ["age", "number"],
        ["town", "binary, 'a' or 'b'"],
        ["price", "number, shown as (value − 20) / 11.5434"],
    ]
    assert abs(float(one.y.mean())) < 1e-6
    assert numbers_in(one.rows()["x"], "x", 80).reshape(40, 2)[:2, 1].tolist() == [-1.0, 1.0]


def test_another_column_may_be_the_target() -> None:
    found = table_sent(CSV, "t.csv", "town")
    assert (found.names, found.classes, [*found.y[:3]]) == (["age", "price"], ["a", "b"], [0, 1, 0])
    assert found.state()["data"]["problem"] == "classification"


def test_of_many_rows_some_are_drawn_and_that_is_told() -> None:
    n = MOST_ROWS + 1
    content = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i % 3) for i in range(n))
    found = table_sent(content, "t.csv")
    assert len(found.y) == MOST_ROWS
    assert found.summary()["sampled"] == {"of": n, "kept": MOST_ROWS}
    assert found.rows() == table_sent(content, "t.csv").rows()
    assert found.whole is not None
    assert len(found.whole.rows.y) == n
    np.testing.assert_array_equal(found.whole.rows.y[found.whole.kept], found.y)


def test_a_bundled_set_has_its_classes() -> None:
    found = table_in("iris")
    assert found.classes == ["setosa", "versicolor", "virginica"]
    np.testing.assert_allclose(found.x.std(axis=0), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "name", "target"),
    [
        (b"", "t.csv", None),
        (b"\x00\xff\x00", "t.csv", None),
        (b"a,b\n1,2\n1,2,3\n", "t.csv", None),
        (b"a\n1\n2\n", "t.csv", None),
        (CSV, "t.csv", "prize"),
        (CSV, "t.parquet", None),
        (CSV, "../t.exe", None),
        (CSV, "", None),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, name: str, target: str | None) -> None:
    with pytest.raises(HandgradError) as refused:
        table_sent(content, name, target)
    assert refused.value.hint
    assert "/tmp" not in str(refused.value)


def test_the_column_that_was_meant_is_proposed() -> None:
    with pytest.raises(DataError, match="did you mean 'price'"):
        table_sent(CSV, "t.csv", "prize")
