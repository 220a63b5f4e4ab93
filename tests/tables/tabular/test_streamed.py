"""The estimators on tables larger than memory: what is decided is as if all rows were there."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

import handgrad as hg
from handgrad.tables.data.frames import columns_of_frame, frame_of
from handgrad.tables.tabular import base, members, streamed
from handgrad.tables.tabular.features import features_of
from tests.bad_input.refused import refused
from tests.tables.data.streams import stream_of, written

N = 3000


def table(n: int = N) -> pa.Table:
    rng = np.random.default_rng(0)
    a, c = rng.normal(size=(2, n))
    kind = rng.choice(["u", "v", "w"], n)
    score = a + (kind == "u") + 0.2 * rng.normal(size=n)
    gone = np.arange(n) == 1234
    late = ["n/a" if i == 2345 else str(i % 12) for i in range(n)]
    return pa.table(
        {
            "a": a,
            "kind": kind,
            "c": pa.array(c, mask=gone),
            "text number": [str(round(value, 2)) for value in c],
            "odd": ["7"] * (n - 2) + ["8", "n/a"],
            "late": late,
            "rare": ["x"] * 5 + ["y"] + ["z"] * (n - 6),
            "same": [1] * n,
            "last alone": [0.0] * (n - 1) + [5.0],
            "day": np.arange(n).astype("datetime64[D]"),
            "class": np.where(score > 0.5, "yes", "no"),
            "score": score,
        }
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the table were too large: few rows are looked at, few are held out."""
    monkeypatch.setattr(base, "fits_in_memory", lambda *given: False)
    monkeypatch.setattr(streamed, "MOST_LOOKED_AT", 200)
    monkeypatch.setattr(streamed, "MOST_HELD_OUT", 300)
    monkeypatch.setattr(streamed, "MOST_TEXTS", 5)


def opened(folder: Path, **given: Any) -> hg.data.TableStream:
    path = written(table(), folder / "a.parquet", 250)
    return stream_of(path, **{"piece": 20_000, "memory": 2_000_000} | given)


def classifier(**given: Any) -> hg.TabularClassifier:
    return hg.TabularClassifier(**{"n_members": 2, "epochs": 2, "random_state": 0} | given)


def test_where_memory_has_room_the_model_is_that_of_the_rows_in_memory(tmp_path: Path) -> None:
    rows = table()
    whole = rows.drop_columns(["class"])
    stream = hg.data.open_table(written(rows, tmp_path / "a.parquet"))
    found = classifier(epochs=1).fit(stream, "class")
    expected = classifier(epochs=1).fit(whole, rows["class"])
    np.testing.assert_array_equal(found.predict_proba(whole), expected.predict_proba(whole))
    assert found.features_.summary() == expected.features_.summary()


@pytest.mark.slow
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("target", ["class", "score"])
def test_decimals_and_durations_are_learned_from_as_numbers(target: str, tmp_path: Path) -> None:
    rows = table()
    cents = pc.round(rows["score"], 2)
    seconds = pc.round(pc.multiply(rows["a"], 1000.0)).cast("int64")
    spans = rows.set_column(0, "a", seconds.cast(pa.duration("s")))
    exact = spans.set_column(rows.num_columns - 1, "score", cents.cast(pa.decimal128(9, 2)))
    plain = rows.set_column(0, "a", seconds.cast("double"))
    plain = plain.set_column(rows.num_columns - 1, "score", cents)
    found = []
    for i, each in enumerate((exact, plain)):
        stream = stream_of(
            written(each, tmp_path / f"{i}.parquet", 250), piece=20_000, memory=2_000_000
        )
        kind = hg.TabularClassifier if target == "class" else hg.TabularRegressor
        model = kind(n_members=2, epochs=1, random_state=0).fit(stream, target)
        features = each.drop_columns([target])
        in_memory = kind(n_members=2, epochs=1, random_state=0).fit(features, each[target])
        assert in_memory.features_.read_as() == model.features_.read_as()
        found.append((model.features_.read_as(), getattr(model, "target_", ())))
    assert found[0][0] == found[1][0]
    assert found[0][0]["a"] == "number"
    assert found[0][1] == pytest.approx(found[1][1])


@pytest.mark.usefixtures("small")
def test_columns_are_read_as_if_all_rows_had_been_looked_at(tmp_path: Path) -> None:
    stream, rows = opened(tmp_path), table()
    model = classifier(epochs=1).fit(stream, "class")
    columns = columns_of_frame(frame_of(rows.drop_columns(["class"])))
    expected = features_of(columns, np.ones(N), members.EMBEDDED_FROM)
    assert model.features_.summary() == expected.summary()
    assert [*model.feature_names_in_] == [name for name in rows.column_names if name != "class"]
    assert model.classes_.tolist() == ["no", "yes"]


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_it_learns_the_classes(tmp_path: Path) -> None:
    stream, rows = opened(tmp_path), table()
    model = classifier(epochs=4).fit(stream, "class")
    x = rows.drop_columns(["class"])
    assert model.score(x, rows["class"].to_numpy()) > 0.93
    assert len(model.best_epochs_) == 2
    assert model.temperature_ > 0
    again = classifier(epochs=4).fit(stream, "class")
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    path = hg.data.predict_table(model, stream, to=tmp_path / "p.parquet", probabilities=True)
    found = parquet.read_table(path)
    assert found["prediction"].to_pylist() == model.predict(x).tolist()
    assert found.column_names == ["prediction", "probability_no", "probability_yes"]


@pytest.mark.slow
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_it_learns_numbers(metric: str, tmp_path: Path) -> None:
    stream, rows = opened(tmp_path), table()
    model = hg.TabularRegressor(n_members=2, epochs=4, metric=metric, random_state=0)
    model.fit(stream, "score")
    score = rows["score"].to_numpy()
    assert model.score(rows.drop_columns(["score"]), score) > 0.8
    mean, deviation, low, high = model.target_
    assert (low, high) == (score.min(), score.max())
    assert mean == pytest.approx(score.mean(), rel=1e-9)
    assert deviation == pytest.approx(score.std(), rel=1e-9)


@pytest.mark.usefixtures("small")
def test_rows_held_out_are_not_learned_from_and_the_others_all_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(pa.table({"a": np.arange(600.0), "y": np.arange(600) % 2}), tmp_path / "a.csv")
    stream = stream_of(path, piece=500, memory=50_000)
    passed: list[Any] = []
    held: list[Any] = []
    train = members.train_members

    def noted(dealt: Any, *others: Any, **given: Any) -> Any:
        held.append(dealt.x[:, 0])
        passed.append(dealt.stream.n_rows)
        pieces = [*dealt.stream.chunks(np.random.default_rng(0))]
        passed.append(np.concatenate([x for x, _ in pieces]))
        passed.append(np.concatenate([t for _, t in pieces]))
        return train(dealt, *others, **given)

    monkeypatch.setattr(base, "train_members", noted)
    classifier(validation_fraction=0.1).fit(stream, "y")
    n, x, t = passed
    assert len(held[0]) == 60
    assert (n, x.shape, t.shape) == (540, (540, 2, 1), (540, 2, 2))
    for member in (0, 1):
        assert len({*x[:, member, 0]}) == 540
        assert not {*x[:, member, 0]} & {*held[0]}
    assert (x[:, 0] != x[:, 1]).mean() > 0.9, "each member has an order of its own"
    np.testing.assert_allclose(t.sum(axis=2), 1, rtol=1e-6)
    assert np.unique(t).tolist() == pytest.approx([0.05, 0.95])


@pytest.mark.usefixtures("small")
def test_many_steps_make_one_epoch_few_as_many_as_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []

    def noted(dealt: Any, *_: Any, **__: Any) -> Any:
        epochs.append(dealt.epochs)
        raise InterruptedError

    monkeypatch.setattr(base, "train_members", noted)
    for steps in (1, 50, 10**6):
        monkeypatch.setattr(streamed, "STEPS", steps)
        with pytest.raises(InterruptedError):
            classifier(epochs=None).fit(opened(tmp_path), "class")
    assert epochs == [1, 4, 12]  # 2700 rows are 11 steps


@pytest.mark.usefixtures("small")
def test_bad_targets_are_refused_with_their_place(tmp_path: Path) -> None:
    model = classifier()
    stream = opened(tmp_path)
    with refused(hg.errors.DataError, "no column named 'klass'", "did you mean 'class'?"):
        model.fit(stream, "klass")
    with refused(hg.errors.SettingError, "y = None", "the name of the target column"):
        model.fit(stream, None)
    with refused(hg.errors.SettingError, "sample_weight with a streamed table"):
        model.fit(stream, "class", np.ones(N))
    with refused(hg.errors.DataError, "with 1 class of weight"):
        model.fit(stream, "same")
    with refused(hg.errors.DataError, "targets such as 'u'", "TabularClassifier"):
        hg.TabularRegressor().fit(stream, "kind")
    with pytest.raises(ValueError, match="Unknown label type"):
        model.fit(stream, "a")


@pytest.mark.usefixtures("small")
def test_rows_without_a_target_are_left_out_and_told(tmp_path: Path) -> None:
    model = hg.TabularRegressor(n_members=2, epochs=1, random_state=0)
    with pytest.warns(UserWarning, match="1 of 3,000 rows have no target 'c'.*first row 1235"):
        model.fit(opened(tmp_path), "c")
    there = table().filter(table()["c"].is_valid())
    assert len(there) == N - 1
    same = hg.TabularRegressor(n_members=2, epochs=1, random_state=0)
    (folder := tmp_path / "there").mkdir()
    same.fit(hg.data.open_table(written(there, folder / "a.parquet")), "c")
    assert same.target_ == pytest.approx(model.target_, rel=1e-12)


@pytest.mark.usefixtures("small")
def test_a_value_that_was_not_there_is_as_in_memory(tmp_path: Path) -> None:
    model = classifier(epochs=1).fit(opened(tmp_path), "class")
    row = table().slice(0, 1).drop_columns(["class"])
    new = row.set_column(1, "kind", pa.array(["never seen"]))
    with pytest.warns(hg.errors.UnseenWarning, match="'never seen'"):
        assert model.predict_proba(new).shape == (1, 2)


def test_whether_all_rows_fit_is_seen_by_all_rows(tmp_path: Path) -> None:
    columns = {"class": ["yes", "no"] * 1500, "text": ["x"] * 2900 + ["x" * 50_000] * 100}
    stream = opened(tmp_path, memory=20_000_000)
    assert streamed.fits_in_memory(stream, "class", 2)
    path = written(pa.table(columns), tmp_path / "b.parquet", 250)
    assert path.stat().st_size < 100_000
    large = stream_of(path, piece=20_000, memory=20_000_000)
    assert not streamed.fits_in_memory(large, "class", 2)
