"""`predict_table`: what the model says of each row, in order, in a file that is whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import handgrad as hg
from handgrad.engines import streams
from handgrad.tables.data import predictions
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written


class Sign:
    """Says whether `a` is above 0, and notes what it was handed."""

    classes_ = np.array(["no", "yes"])
    feature_names_in_ = np.array(["a"], object)

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def predict_proba(self, frame: Any) -> Any:
        a = frame["a"].to_numpy()
        return np.stack([a <= 0, a > 0], axis=1).astype(float)

    def predict(self, frame: Any) -> Any:
        self.seen.append((frame.column_names, frame.num_rows))
        return self.classes_[self.predict_proba(frame).argmax(axis=1)]


A = np.random.default_rng(0).normal(size=500)
TABLE = pa.table({"a": A, "b": ["x"] * 500})


def stream(folder: Path, suffix: str = ".parquet") -> hg.data.TableStream:
    return stream_of(written(TABLE, (folder / "table").with_suffix(suffix), 70), piece=400)


def test_classes_and_probabilities_are_written_in_the_order_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BATCH", 64)
    model = Sign()
    path = hg.data.predict_table(model, stream(tmp_path), to=tmp_path / "p.csv", probabilities=True)
    found = csv.read_csv(path)
    assert found.column_names == ["prediction", "probability_no", "probability_yes"]
    assert found["prediction"].to_pylist() == ["yes" if a > 0 else "no" for a in A]
    assert found["probability_yes"].to_pylist() == (A > 0).astype(int).tolist()
    assert len(model.seen) == 8, "7 batches and what is left, whatever the pieces"
    assert {*map(str, (names for names, _ in model.seen))} == {"['a']"}, "only what it needs"


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".PQ"])
def test_the_name_says_which_kind_of_file_it_is(suffix: str, tmp_path: Path) -> None:
    path = hg.data.predict_table(Sign(), stream(tmp_path, ".csv"), to=tmp_path / f"p{suffix}")
    found = csv.read_csv(path) if suffix == ".csv" else parquet.read_table(path)
    assert found.column_names == ["prediction"]
    assert found.num_rows == 500


def test_a_model_is_handed_few_rows_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "AT_ONCE", 30)
    model = Sign()
    whole = stream_of(written(TABLE, tmp_path / "a.csv"), piece=10**6)
    found = parquet.read_table(hg.data.predict_table(model, whole, to=tmp_path / "p.parquet"))
    assert max(n for _, n in model.seen) == 30
    assert found["prediction"].to_pylist() == ["yes" if a > 0 else "no" for a in A]


def test_a_model_without_names_gets_all_columns(tmp_path: Path) -> None:
    class Plain:
        def predict(self, frame: Any) -> Any:
            assert frame.column_names == ["a", "b"]
            return np.stack([frame["a"].to_numpy(), -frame["a"].to_numpy()], axis=1)

    found = csv.read_csv(hg.data.predict_table(Plain(), stream(tmp_path), to=tmp_path / "p.csv"))
    assert found["prediction_1"].to_numpy() == pytest.approx(-A)


def test_a_net_is_handed_numbers_and_its_classes_have_their_names(tmp_path: Path) -> None:
    path = written(pa.table({"a": A, "y": np.where(A > 0, "up", "down")}), tmp_path / "t.parquet")
    rows = stream_of(path, piece=400).rows("y")
    x, _ = rows.in_memory()
    for net in (
        hg.Net(hg.Linear(1, 2, rng=0), hg.Softmax()),
        hg.Net(hg.Linear(1, 2, rng=0)),
        hg.Net(hg.Linear(1, 1, rng=0), hg.Sigmoid()),
        hg.Net(hg.Linear(1, 1, rng=0)),
    ):
        p = net.predict(x)
        sure = isinstance(net.output_kind, hg.losses.kinds.Probabilities)
        up = p[:, 0] > (0.5 if sure else 0) if p.shape[1] == 1 else p.argmax(axis=1) == 1
        to = tmp_path / "p.parquet"
        found = parquet.read_table(hg.data.predict_table(net, rows, to=to, probabilities=sure))
        assert found["prediction"].to_pylist() == np.where(up, "up", "down").tolist()
        if sure:
            np.testing.assert_allclose(found["probability_up"].to_numpy(), p[:, -1], rtol=1e-6)
        else:
            with refused(hg.errors.SettingError, "probabilities of Net("):
                hg.data.predict_table(net, rows, to=to, probabilities=True)


def test_a_net_for_numbers_writes_numbers(tmp_path: Path) -> None:
    rows = stream(tmp_path).rows(features=["a"])
    net = hg.Net(hg.Linear(1, 1, rng=0))
    found = parquet.read_table(hg.data.predict_table(net, rows, to=tmp_path / "p.parquet"))
    np.testing.assert_array_equal(
        found["prediction"].to_numpy(), net.predict(rows.in_memory()[0])[:, 0]
    )


class Counts(hg.Linear):
    """Adds how many rows there are at a time, as the last digits of a product depend on it."""

    def forward(self, x: Any) -> Any:
        return super().forward(x) + len(x)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_net_is_handed_the_batches_of_all_rows_in_memory(suffix: str, tmp_path: Path) -> None:
    a = np.random.default_rng(0).normal(size=5000)
    path = written(pa.table({"a": a}), (tmp_path / "t").with_suffix(suffix), 300)
    rows = stream_of(path, piece=4000).rows()
    assert len([*rows.chunks()]) > 5
    x, net = rows.in_memory()[0], hg.Net(Counts(1, 1, rng=0))
    found = parquet.read_table(hg.data.predict_table(net, rows, to=tmp_path / "p.parquet"))
    np.testing.assert_array_equal(found["prediction"].to_numpy(), net.predict(x)[:, 0])
    how: dict[str, Any] = {"loss": hg.MSELoss(), "metrics": [], "engine": "eager"}
    in_memory = hg.evaluate(net, (x, np.zeros((len(x), 1))), **how)
    assert hg.evaluate(net, Zeros(rows), **how) == in_memory


class Zeros(streams.RowSource):
    """Those rows, with 0 as their target."""

    def __init__(self, rows: streams.RowSource) -> None:
        self.rows, self.n_rows, self.memory = rows, rows.n_rows, rows.memory

    def chunks(self, rng: Any = None) -> Iterator[tuple[Any, Any]]:
        for x, _ in self.rows.chunks(rng):
            yield x, np.zeros((len(x), 1), np.float32)

    def split(self, share: float, rng: Any = None) -> Any:
        raise NotImplementedError


def test_an_estimator_is_handed_whole_batches_too(tmp_path: Path) -> None:
    table = pa.table({"a": np.random.default_rng(0).normal(size=5000), "b": ["x"] * 5000})
    model = Sign()
    pieces = stream_of(written(table, tmp_path / "t.parquet", 300), piece=4000)
    hg.data.predict_table(model, pieces, to=tmp_path / "p.csv")
    seen = [n for _, n in model.seen]
    assert {n % 1024 for n in seen[:-1]} == {0}
    assert sum(seen) == 5000


def test_missing_columns_are_predicted_as_missing_values_if_that_is_allowed(
    tmp_path: Path,
) -> None:
    whole = pa.table({"a": A, "town": ["Ulm", "Bonn"] * 250})
    model = hg.TabularRegressor(n_members=2, epochs=1, random_state=0).fit(whole, A)
    lost = stream_of(
        written(whole.drop_columns(["town"]), tmp_path / "lost.parquet", 70), piece=400
    )
    with refused(hg.errors.DataError, "lacks 1 of the columns", "'town'"):
        hg.data.predict_table(model, lost, to=tmp_path / "p.csv")
    assert not (tmp_path / "p.csv").exists()
    with pytest.warns(hg.errors.UnseenWarning, match="are predicted as missing: 'town'"):
        path = hg.data.predict_table(
            model, lost, to=tmp_path / "p.parquet", allow_missing_columns=True
        )
    expected = model.predict({"a": A, "town": [None] * 500})
    np.testing.assert_array_equal(parquet.read_table(path)["prediction"], expected)
    none = stream_of(written(TABLE.select(["b"]), tmp_path / "none.parquet", 70), piece=400)
    with refused(hg.errors.DataError, "lacks 2 of the columns"):
        hg.data.predict_table(model, none, to=tmp_path / "p.csv", allow_missing_columns=True)


def test_a_failure_leaves_the_file_that_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Sign):
        def predict(self, frame: Any) -> Any:
            if len(self.seen) > 1:
                raise RuntimeError("broken")
            return super().predict(frame)

    monkeypatch.setattr(streams, "BATCH", 64)
    table = stream(tmp_path)
    (out := tmp_path / "out").mkdir()
    (to := out / "p.csv").write_text("before")
    with pytest.raises(RuntimeError, match="broken"):
        hg.data.predict_table(Broken(), table, to=to)
    assert to.read_text() == "before"
    assert [*out.iterdir()] == [to]


def test_what_cannot_be_written_or_read_is_refused(tmp_path: Path) -> None:
    table = stream(tmp_path)
    with refused(hg.errors.SettingError, "p.xlsx", "a name that ends in .csv or .parquet"):
        hg.data.predict_table(Sign(), table, to="p.xlsx")
    with refused(hg.errors.SettingError, "which is an input"):
        hg.data.predict_table(Sign(), table, to=tmp_path / "x" / ".." / "table.parquet")
    with refused(hg.errors.SettingError, "a table opened by hg.data.open_table"):
        hg.data.predict_table(Sign(), TABLE, to="p.csv")
    model = type("Plain", (), {"predict": Sign.predict})()
    with refused(hg.errors.SettingError, "probabilities of", "predict_proba"):
        hg.data.predict_table(model, table, to=tmp_path / "p.csv", probabilities=True)
    assert not (tmp_path / "p.csv").exists()


def test_a_bar_is_shown_in_a_terminal_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hg.data.predict_table(Sign(), stream(tmp_path), to=tmp_path / "p.csv", progress=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"ab"] * 499 + [b"\xff\xfe"], pa.binary(2)),
        pa.array([[1, 2]] * 500),
        pa.array([{"a": 1}] * 500),
    ],
    ids=["bytes", "lists", "structs"],
)
def test_what_a_csv_file_cannot_hold_is_kept_in_parquet_alone(
    column: pa.Array, tmp_path: Path
) -> None:
    path = written(TABLE.append_column("odd", column), tmp_path / "a.parquet")
    stream = stream_of(path, piece=4000)
    words = ("column 'odd', of type ", ", in a CSV file", "p.parquet")
    with refused(hg.errors.DataError, *words):
        hg.data.predict_table(Sign(), stream, to=tmp_path / "p.csv", keep=["odd"])
    assert not (tmp_path / "p.csv").exists()
    hg.data.predict_table(Sign(), stream, to=tmp_path / "p.parquet", keep=["odd"])
    assert parquet.read_table(tmp_path / "p.parquet")["odd"].to_pylist() == column.to_pylist()


@pytest.mark.slow
def test_rows_of_which_a_batch_takes_too_much_are_refused(tmp_path: Path) -> None:
    long = pa.array([0] * 500, pa.int32())
    text = pa.DictionaryArray.from_arrays(long, pa.array(["x" * 50_000])).cast(pa.string())
    table = TABLE.append_column("text", text)
    path = written(table, tmp_path / "a.parquet")
    assert path.stat().st_size < 80_000
    keep, to = ["text"], tmp_path / "p.parquet"
    with refused(
        hg.errors.DataError, "most of it in column 'text'", "a batch of", "a larger memory"
    ):
        hg.data.predict_table(Sign(), stream_of(path, piece=4000, memory=10**7), to=to, keep=keep)
    assert not to.exists()
    hg.data.predict_table(Sign(), stream_of(path, piece=4000, memory=10**9), to=to, keep=keep)
