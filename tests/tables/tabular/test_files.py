"""Estimators of tables in files: what comes back reads any table as before, to the bit."""

import datetime
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import handgrad as hg
from handgrad.files.values import read_value, written
from handgrad.tables.data.frames import columns_of_frame, frame_of
from handgrad.tables.tabular.features import encoded
from handgrad.tables.tabular.files import features_from
from tests.bad_input.refused import refused
from tests.tables.tabular.frames import FRAMES, cells, target

QUICK: dict[str, Any] = {"n_members": 2, "epochs": 2, "random_state": 0}
COLUMNS = cells(120)
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*'never seen'$:handgrad.textbook.errors.UnseenWarning"
)
NEW = cells(40, seed=3) | {"colour": ["never seen", None, *["red"] * 38]}


@pytest.fixture(scope="module")
def classifier() -> hg.TabularClassifier:
    y = np.where(target(COLUMNS) > 60, "high", "low")
    return hg.TabularClassifier(**QUICK).fit(pa.table(COLUMNS), y)


@pytest.fixture(scope="module")
def regressor() -> hg.TabularRegressor:
    return hg.TabularRegressor(**QUICK).fit(pa.table(COLUMNS), target(COLUMNS))


@pytest.fixture(scope="module")
def encoder() -> hg.tables.TableEncoder:
    return hg.tables.TableEncoder().fit(pa.table(COLUMNS))


@pytest.fixture(params=["classifier", "regressor", "encoder"])
def model(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def said(model: Any, table: Any) -> Any:
    """What a model makes of a table."""
    for name in ("predict_proba", "predict", "transform"):
        if hasattr(model, name):
            return getattr(model, name)(table)
    raise AssertionError


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
@parametrize_with_checks([hg.tables.TableEncoder()])  # type: ignore[untyped-decorator]
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_what_comes_back_is_what_was_saved(model: Any, tmp_path: Path) -> None:
    twin = hg.load(hg.save(model, tmp_path / "a", about={"n": 1}))
    assert type(twin) is type(model)
    assert twin.get_params() == model.get_params()
    kept = {name for name in vars(model) if name.endswith("_")}
    assert kept == {name for name in vars(twin) if name.endswith("_")}
    assert getattr(twin, "history_", None) is None
    for name in kept - {"net_", "features_", "history_"}:
        np.testing.assert_array_equal(getattr(twin, name), getattr(model, name))
    assert twin.features_.features == model.features_.features
    assert (
        hg.save(twin, tmp_path / "b", about={"n": 1}).read_bytes() == (tmp_path / "a").read_bytes()
    )


@pytest.mark.parametrize("frame", FRAMES)
def test_any_frame_in_any_order_gives_the_same_bits(frame: str, model: Any, tmp_path: Path) -> None:
    twin = hg.load(hg.save(model, tmp_path / "a"))
    turned = dict(reversed(NEW.items()))
    expected = said(model, pa.table(NEW))
    np.testing.assert_array_equal(said(twin, FRAMES[frame](turned)), expected)
    with pytest.warns(UserWarning, match="ignored: 'more'"):
        found = said(twin, FRAMES[frame](turned | {"more": [1] * 40}))
    np.testing.assert_array_equal(found, expected)


def test_a_missing_column_is_named(model: Any, tmp_path: Path) -> None:
    twin = hg.load(hg.save(model, tmp_path / "a"))
    less = {name: values for name, values in NEW.items() if name != "count"}
    with refused(hg.errors.DataError, "lacks 1 of the columns of the training: 'count'"):
        said(twin, pa.table(less))


def test_arrays_without_names_go_by_their_place(tmp_path: Path) -> None:
    x, y = hg.data.load("iris")
    model = hg.TabularClassifier(**QUICK).fit(x, y)
    twin = hg.load(hg.save(model, tmp_path / "a"))
    assert not hasattr(twin, "feature_names_in_")
    np.testing.assert_array_equal(twin.predict_proba(x), model.predict_proba(x))
    with pytest.raises(ValueError, match="3 features"):
        twin.predict(x[:, :3])


@pytest.mark.parametrize(
    "names",
    [
        ["no", "yes"],
        np.array(["no", "perhaps"], "U20"),
        np.array(["no", "yes"], object),
        [False, True],
        np.array([3, 200], np.uint8),
        np.array([-1, 10**15]),
        np.array([0.0, 2.0], np.float32),
    ],
    ids=repr,
)
def test_classes_keep_their_type(names: Any, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    y = np.asarray(names)[(x[:, 0] > 0).astype(int)]
    model = hg.TabularClassifier(**QUICK).fit(x, y)
    twin = hg.load(hg.save(model, tmp_path / "a"))
    assert twin.classes_.dtype == model.classes_.dtype
    assert [*map(type, twin.classes_)] == [*map(type, model.classes_)]
    assert twin.predict(x).dtype == model.predict(x).dtype
    np.testing.assert_array_equal(twin.predict(x), model.predict(x))


def test_weights_keep_their_names(regressor: Any, tmp_path: Path) -> None:
    arrays = load_file(hg.save(regressor, tmp_path / "a"))
    last = len(regressor.net_.layers) - 1
    np.testing.assert_array_equal(arrays[f"{last}.weight"], regressor.net_.layers[last].W)


def test_codes_and_waves_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    i, x = np.arange(300) % 30, rng.normal(size=300)
    table = pa.table({"town": [f"town {place}" for place in i], "x": x})
    model = hg.TabularRegressor(**QUICK).fit(table, x + i)
    assert [type(layer).__name__ for layer in model.net_.layers[:2]] == [
        "EnsembleEmbedding",
        "EnsemblePeriodicEmbedding",
    ]
    twin = hg.load(hg.save(model, tmp_path / "a"))
    assert twin.features_.summary() == model.features_.summary()
    np.testing.assert_array_equal(twin.predict(table), model.predict(table))


def test_a_model_that_came_back_can_be_fitted_again(regressor: Any, tmp_path: Path) -> None:
    twin = hg.load(hg.save(regressor, tmp_path / "a"))
    table, y = pa.table(COLUMNS), target(COLUMNS)
    again = clone(twin).fit(table, y)
    np.testing.assert_array_equal(again.predict(table), twin.fit(table, y).predict(table))


def test_what_cannot_be_saved_says_what_to_do(regressor: Any, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with refused(
        hg.errors.SettingError, "TabularRegressor, which is not fitted", "model.fit(X, y)"
    ):
        hg.save(hg.TabularRegressor(), path)
    drawn = hg.load(hg.save(regressor, path)).set_params(random_state=np.random.RandomState(0))
    path.unlink()
    with refused(hg.errors.SettingError, "random_state=RandomState", "set_params(random_state=0)"):
        hg.save(drawn, path)
    regressor = hg.load(hg.save(regressor, path))
    regressor.of_mine_ = 3
    with refused(hg.errors.SettingError, "has of_mine_, which the file does not store"):
        hg.save(regressor, tmp_path / "b")
    assert [*tmp_path.iterdir()] == [path]


def test_the_encoder_gives_what_the_estimators_give_their_nets(
    encoder: Any, regressor: Any
) -> None:
    table = pa.table(NEW)
    x = encoder.transform(table)
    assert x.dtype == np.float32
    given = encoded(regressor.features_, columns_of_frame(frame_of(table)))
    np.testing.assert_array_equal(x, given)
    assert encoder.summary() == regressor.features_.summary()


def test_the_numbers_have_names(encoder: Any) -> None:
    names = encoder.get_feature_names_out().tolist()
    assert names[:6] == ["size", "size_missing", "count", "code", "colour_blue",
                         "colour_green"]  # fmt: skip
    assert names[8:11] == ["since", "since_sine of the year", "since_cosine of the year"]
    assert len(names) == encoder.transform(pa.table(NEW)).shape[1]
    frame = clone(encoder).set_output(transform="pandas").fit_transform(pd.DataFrame(COLUMNS))
    assert [*frame.columns] == names
    red = np.array(COLUMNS["colour"]) == "red"
    np.testing.assert_array_equal(frame["colour_red"], red.astype(float))


def test_a_fit_that_fails_leaves_the_model_as_it_was(model: Any) -> None:
    before = said(model, pa.table(NEW))
    known = dict(vars(model))
    bad = {"colour": ["a"] * 6, "other": [1.0] * 6}
    with pytest.raises(ValueError, match=r"no usable feature|1 sample"):
        model.fit(pa.table(bad), np.array([0, 1, 2, 0, 1, 2]))
    assert vars(model) == known
    np.testing.assert_array_equal(said(model, pa.table(NEW)), before)


def test_a_fit_that_fails_while_it_trains_leaves_the_model_as_it_was(
    classifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    model, x = clone(classifier), np.arange(20.0)[:, None]
    monkeypatch.setattr("handgrad.tables.tabular.base.train_members", failing)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, np.arange(20) % 2)
    assert not hasattr(model, "classes_")
    assert not hasattr(model, "n_features_in_")


words = st.text(st.characters(codec="utf-8"), max_size=4)
dates = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1))
columns = st.one_of(
    *(
        st.lists(st.none() | kind, min_size=12, max_size=12)
        for kind in (
            st.floats(-1e9, 1e9, width=32), st.integers(-(2**40), 2**40), st.booleans(), words,
            dates, st.sampled_from(["a", "b", "c"]), st.integers(0, 99).map(str),
        )
    )
)  # fmt: skip


@settings(max_examples=60)
@given(table=st.dictionaries(words.filter(bool), columns, min_size=1, max_size=4))
def test_any_columns_are_read_as_before(table: dict[str, list[Any]]) -> None:
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in table.items()})
    try:
        encoder = hg.tables.TableEncoder().fit(frame)
    except hg.errors.DataError:
        return
    with TemporaryDirectory() as folder:
        twin = hg.load(hg.save(encoder, Path(folder) / "a"))
    np.testing.assert_array_equal(twin.transform(frame), encoder.transform(frame))
    again = features_from(json.loads(json.dumps(encoder.features_.described())))
    assert again.features == encoder.features_.features
    assert twin.summary() == encoder.summary()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers() | words, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_any_value_is_the_same_after_json(value: Any) -> None:
    found = read_value(json.loads(json.dumps(written(value), allow_nan=False)))
    assert repr(found) == repr(value)
