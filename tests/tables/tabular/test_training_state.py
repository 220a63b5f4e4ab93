"""Continued training: a warm start goes on to the same bits, also from a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sklearn.base import clone

import handgrad as hg
from handgrad.tables.tabular import members
from handgrad.textbook.schedules import coslog
from tests.bad_input.refused import refused

N = 1000


def table(seed: int = 0, n: int = N) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.choice(["x", "y", "z"], n), "c": 1})
    return frame, np.asarray(frame.a + (frame.b == "x") + rng.normal(size=n) / 9)


def regressor(**settings: Any) -> hg.TabularRegressor:
    usual: dict[str, Any] = {"epochs": 4, "engine": "eager", "random_state": 0, "warm_start": True}
    return hg.TabularRegressor(2, **usual | settings)


def twice(progress: Any) -> Any:
    """The learning rates of two trainings as those of one."""
    return coslog()(2 * np.asarray(progress) % 1.0)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_two_fits_have_the_bits_of_one_longer_training(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = table()
    model = regressor(engine=engine).fit(X, y)
    assert model._state is not None
    assert len(model._state.arrays["order"]) == 875  # 4 batches: rates of both are exact
    first = model._state.arrays["parameters"]
    state = model.fit(X, y)._state
    monkeypatch.setattr(members, "coslog", lambda: twice)
    longer = regressor(engine=engine, epochs=8).fit(X, y)._state
    assert state is not None
    assert longer is not None
    assert not np.array_equal(first, longer.arrays["parameters"])
    assert state.arrays.keys() == longer.arrays.keys()
    for name, array in longer.arrays.items():
        np.testing.assert_array_equal(state.arrays[name], array)
    assert state.values == longer.values


def test_a_file_has_the_state_of_the_training_on_request(tmp_path: Path) -> None:
    X, y = table()
    model = regressor().fit(X, y)
    loaded = hg.load(hg.save(model, tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    later = table(1)
    np.testing.assert_array_equal(
        loaded.fit(*later).fit(X, y).predict(X), model.fit(*later).fit(X, y).predict(X)
    )
    without = hg.save(regressor(warm_start=False).fit(X, y), tmp_path / "without")
    assert not [name for name in load_file(without) if name.startswith("arrays")]
    started = hg.load(without).set_params(epochs=20)
    started.partial_fit(X, y)  # from the best weights, by a new optimizer
    assert not np.array_equal(started.predict(X), hg.load(without).predict(X))


def test_what_no_fit_leaves_is_refused(tmp_path: Path) -> None:
    X, y = table()
    path = hg.save(regressor(epochs=1).fit(X, y), tmp_path / "model")
    with safe_open(path, "numpy") as file:
        about = json.loads(file.metadata()["handgrad"])
    arrays = load_file(path)

    def loaded(said: Any, tensors: dict[str, np.ndarray]) -> Any:
        save_file(tensors, path, {"handgrad": json.dumps(said)})
        return hg.load(path)

    loaded(about, arrays)
    with refused(hg.errors.FileError, "the state of the training"):
        loaded(about, arrays | {"arrays.parameters": np.zeros(3, np.float32)})
    with refused(hg.errors.FileError, "the state of the training"):
        loaded(about, {name: a for name, a in arrays.items() if name != "arrays.order"})
    odd = loaded(about, arrays | {"arrays.order": np.zeros(875, int)})
    with refused(hg.errors.FileError, "the order is not a permutation"):
        odd.fit(X, y)
    about["model"]["fitted"]["training"]["split"] = {"state": 7}
    with refused(hg.errors.FileError, "the state of the training"):
        loaded(about, arrays)


def test_a_member_keeps_its_weights_if_no_epoch_is_better() -> None:
    X, y = table()
    model = regressor(epochs=20).fit(X, y)
    before = model.predict(X)
    model.fit(X, np.random.default_rng(0).normal(size=N), eval_set=(X, y))
    assert model.best_epochs_ == [0, 0]
    np.testing.assert_array_equal(model.predict(X), before)
    assert max(model.fit(*table(1)).best_epochs_) > 0


def test_encoder_and_classes_are_those_of_the_first_rows() -> None:
    X, y = table()
    labels = np.where(y > 0.5, "high", "low")
    model = hg.TabularClassifier(2, epochs=3, random_state=0).fit(X, labels)
    features, score = model.features_, model.score(X, labels)
    new = table(1, 200)[0].assign(b="never seen")
    with pytest.warns(hg.errors.UnseenWarning, match="never seen"):
        model.partial_fit(new, np.where(new.a > 0, "high", "low"))
    assert model.features_ is features
    assert model.score(X, labels) > score - 0.2
    kept = model.predict_proba(X)
    with refused(hg.errors.DataError, "the class 'middle'", "'high', 'low'", "classes="):
        model.partial_fit(X, np.where(y > 0.5, "middle", "low"))
    with refused(hg.errors.DataError, "lacks 1 of the columns", "'a'"):
        model.partial_fit(X[["b", "c"]], labels)
    with refused(hg.errors.SettingError, "n_members=3", "n_members=2"):
        model.set_params(n_members=3).partial_fit(X, labels)
    np.testing.assert_array_equal(model.predict_proba(X), kept)


def test_classes_may_come_later() -> None:
    X, y = table()
    labels = np.digitize(y, [0.0, 1.0])
    few = labels < 2
    model = hg.TabularClassifier(2, epochs=8, random_state=0)
    model.partial_fit(X[few], labels[few], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (N, 3)
    assert model.score(X, labels) < 0.8
    model.partial_fit(X, labels)
    assert model.score(X, labels) > 0.8
    with refused(hg.errors.DataError, "the classes of the first call, [0, 1, 2]"):
        model.partial_fit(X, labels, classes=[0, 1])
    assert clone(model).fit(X[few], labels[few]).classes_.tolist() == [0, 1]


def test_quantiles_stay() -> None:
    X, y = table()
    model = regressor(quantiles=(0.1, 0.9)).fit(X, y)
    assert model.fit(X, y).predict_quantiles(X).shape == (N, 2)
    with refused(hg.errors.SettingError, "quantiles=None", "(0.1, 0.9)"):
        model.set_params(quantiles=None).fit(X, y)


def test_a_stream_larger_than_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = table()
    X.assign(y=y).to_csv(tmp_path / "rows.csv", index=False)
    model = regressor(epochs=1).fit(X, y)
    monkeypatch.setattr("handgrad.tables.tabular.base.fits_in_memory", lambda *_: False)
    with refused(hg.errors.SettingError, "larger than memory", "warm_start=False"):
        model.fit(hg.data.open_table(tmp_path / "rows.csv"), "y")
