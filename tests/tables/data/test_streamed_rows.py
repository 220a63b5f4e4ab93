"""Rows of a stream as numbers: those of `read_table`, split and drawn by their place alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import handgrad as hg
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written
from tests.tables.data.test_tables import TARGETS
from tests.tables.data.test_tables import table as table_with_targets

HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def rows_of(n: int, folder: Path, piece: int = 500) -> hg.data.StreamedRows:
    path = written(pa.table({"a": np.arange(n), "y": np.arange(n) / 2}), folder / "a.parquet", 50)
    return stream_of(path, piece=piece).rows("y")


@pytest.mark.parametrize("case", TARGETS)
@pytest.mark.parametrize("piece", [1, 4096])
def test_rows_are_those_of_read_table(case: str, piece: int, tmp_path: Path) -> None:
    path = table_with_targets(tmp_path, TARGETS[case][0])
    whole, rows = hg.data.read_table(path, "kind"), stream_of(path, piece=piece).rows("kind")
    x, y = rows.in_memory()
    np.testing.assert_array_equal(x, whole.x)
    np.testing.assert_array_equal(y, whole.y)
    assert (x.dtype, y.dtype) == (whole.x.dtype, whole.y.dtype)
    assert rows.class_names == whole.class_names
    assert (rows.feature_names, rows.target_name) == (whole.feature_names, "kind")
    assert rows.n_rows == len(whole.y)


@pytest.mark.slow
@HERE
@given(
    n=st.integers(2, 300),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**32),
    piece=st.integers(1, 2000),
)
def test_a_split_deals_out_each_row_once_however_the_pieces_are(
    n: int, share: float, seed: int, piece: int, tmp_path: Path
) -> None:
    try:
        both = rows_of(n, tmp_path, piece).split(share, seed)
    except hg.errors.DataError:  # chance left one side empty
        assume(False)
    numbers = [rows.in_memory()[0][:, 0].astype(int).tolist() for rows in both]
    assert [rows.n_rows for rows in both] == [len(part) for part in numbers]
    assert sorted(numbers[0] + numbers[1]) == [*range(n)]
    again = rows_of(n, tmp_path, 10**6).split(share, seed)[1].in_memory()[0][:, 0]
    assert again.astype(int).tolist() == numbers[1]


def test_a_split_takes_about_the_share_from_everywhere(tmp_path: Path) -> None:
    others, drawn = rows_of(20_000, tmp_path, 10**6).split(0.2, 0)
    x = drawn.in_memory()[0][:, 0]
    assert 3_800 < len(x) < 4_200
    assert (np.abs(np.histogram(x, 10)[0] - 400) < 100).all()
    assert np.corrcoef(np.isin(np.arange(20_000), x)[:-1], np.isin(np.arange(1, 20_001), x)[:-1])[
        0, 1
    ] == pytest.approx(0, abs=0.03)
    first, second = others.split(0.5, 1)
    assert first.n_rows + second.n_rows == others.n_rows
    assert not np.isin(first.in_memory()[0], x).any()


@HERE
@given(n=st.integers(1, 200), size=st.integers(1, 250), seed=st.integers(0, 2**32))
def test_a_sample_has_so_many_rows_each_once(n: int, size: int, seed: int, tmp_path: Path) -> None:
    x, y = rows_of(n, tmp_path).sample(size, seed)
    assert len(x) == len({*x[:, 0].tolist()}) == min(n, size)
    np.testing.assert_array_equal(x[:, 0] / 2, y)


def test_a_sample_of_a_split_has_rows_of_it_alone(tmp_path: Path) -> None:
    others, drawn = rows_of(500, tmp_path).split(0.5, 0)
    assert not np.isin(others.sample(100, 0)[0], drawn.in_memory()[0]).any()


def test_samples_are_even(tmp_path: Path) -> None:
    rows = rows_of(10, tmp_path)
    drawn = [rows.sample(3, seed)[0][:, 0].astype(int) for seed in range(400)]
    assert (np.abs(np.bincount(np.concatenate(drawn), minlength=10) - 120) < 40).all()


def test_features_can_be_chosen_and_the_target_be_left_out(tmp_path: Path) -> None:
    path = written(pa.table({"a": [1, 2], "b": ["x", "y"], "c": [3, 4]}), tmp_path / "a.csv")
    stream = hg.data.open_table(path)
    rows = stream.rows(features=["c", "a"])
    assert rows.in_memory()[0].tolist() == [[3, 1], [4, 2]]
    assert rows.target_name is None
    assert stream.rows("b", features=["a"]).in_memory()[1].tolist() == [0, 1]
    net = hg.Net(hg.Linear(2, 2))
    with refused(hg.errors.DataError, "without a target", net=net):
        hg.train(net, rows, loss=hg.SoftmaxCrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=1)


def test_another_table_has_the_classes_of_the_first(tmp_path: Path) -> None:
    first = hg.data.open_table(
        written(pa.table({"a": [1, 2, 3], "y": list("uvw")}), tmp_path / "a.csv")
    )
    other = hg.data.open_table(
        written(pa.table({"a": [1, 2], "y": list("wu")}), tmp_path / "b.csv")
    )
    classes = first.rows("y").class_names
    assert other.rows("y", classes=classes).in_memory()[1].tolist() == [2, 0]
    with refused(
        hg.errors.DataError, "the target 'y' is 'w' in row 1 below", "one of the classes u, v"
    ):
        other.rows("y", classes=["u", "v"]).in_memory()


@pytest.mark.parametrize("given", [{"target": "z"}, {"target": "y", "features": ["a", "z"]}])
def test_columns_that_are_not_there_are_refused(given: dict[str, Any], tmp_path: Path) -> None:
    stream = rows_of(3, tmp_path).table
    assert isinstance(stream, hg.data.TableStream)
    with refused(hg.errors.DataError, "no column named 'z'", "one of a, y"):
        stream.rows(**given)


@pytest.mark.parametrize("share", [0, 1, -0.1, "half", True])
def test_shares_that_are_none_are_refused(share: Any, tmp_path: Path) -> None:
    with refused(hg.errors.SettingError, "a number between 0 and 1"):
        rows_of(9, tmp_path).split(share)
