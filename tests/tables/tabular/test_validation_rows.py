"""Validation rows of the members: whole groups, blocks of time, or given rows."""

from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_val_score

import handgrad as hg
from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.tabular.members import rows_by_units
from tests.tables.tabular.test_estimators import CLASSIFIER

RNG = np.random.default_rng
G = 40
WHO = RNG(0).permutation(np.repeat(np.arange(G), 8))
X = RNG(1).normal(size=(G, 3))[WHO] + RNG(2).normal(0, 0.02, (len(WHO), 3))
Y = RNG(3).integers(0, 2, G)[WHO]
SMALL: dict[str, Any] = {"n_members": 4, "epochs": 12, "validation_fraction": 0.25}


def test_members_hold_out_whole_groups_each_once() -> None:
    pairs = rows_by_units(np.ones(len(WHO)), Y, Units(WHO), 4, 0.25, RNG(0))
    for learned, held in pairs:
        assert not np.intersect1d(WHO[learned], WHO[held]).size
        assert len(learned) + len(held) == len(WHO)
    assert sorted(np.concatenate([held for _, held in pairs]).tolist()) == [*range(len(WHO))]


def test_members_hold_out_blocks_of_time() -> None:
    day = np.arange(len(WHO)) // 2
    pairs = rows_by_units(np.ones(len(WHO)), Y, Units(day, ordered=True), 4, 0.25, RNG(0))
    assert [(day[held].min(), day[held].max()) for _, held in pairs] == [
        (0, 39), (40, 79), (80, 119), (120, 159),
    ]  # fmt: skip


def test_without_two_groups_nothing_is_held_out() -> None:
    pairs = rows_by_units(np.ones(6), np.zeros(6, int), Units(np.zeros(6, int)), 3, 0.25, RNG(0))
    assert [(len(a), len(b)) for a, b in pairs] == [(6, 0)] * 3


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
def test_where_the_class_is_a_coin_for_each_group_groups_keep_it_from_being_sure() -> None:
    new_x = RNG(7).normal(size=(400, 3))
    new_y = RNG(8).integers(0, 2, 400)
    losses = {}
    for name, groups in (("random", None), ("groups", WHO)):
        model = clone(CLASSIFIER).set_params(**SMALL | {"epochs": 32}, random_state=0)
        model.fit(X, Y, groups=groups)
        losses[name] = hg.metrics.log_loss(model.predict_proba(new_x), new_y)
    assert losses["groups"] < losses["random"] - 0.05
    assert losses["groups"] < 0.8


def test_groups_in_another_order_of_rows_and_with_other_names_give_the_same_bits() -> None:
    order = RNG(5).permutation(len(WHO))
    names = np.array([f"C{i:03}" for i in WHO], object)
    a = hg.TabularClassifier(**SMALL, random_state=0).fit(X, Y, groups=WHO)
    b = hg.TabularClassifier(**SMALL, random_state=0).fit(X[order], Y[order], groups=names[order])
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
def test_given_rows_select_the_epochs_and_the_temperature() -> None:
    far = RNG(0).normal(size=(200, 3))
    coin = RNG(1).integers(0, 2, 200)
    model = hg.TabularClassifier(**SMALL, random_state=0)
    unsure = model.fit(X, Y, eval_set=(far, coin)).predict_proba(far)
    assert hg.metrics.log_loss(unsure, coin) < 0.75
    sure = clone(model).fit(X, Y, eval_set=[(X, Y)])
    assert sure.best_epochs_ > model.best_epochs_
    y = X[:, 0] * 1e6 + 5
    numbers = hg.TabularRegressor(**SMALL, random_state=0).fit(X, y, eval_set=(X, y, Y))
    assert numbers.score(X, y) > 0.9


def test_all_rows_are_trained_on_beside_given_ones() -> None:
    x, y = np.arange(40.0)[:, None], np.arange(40.0)
    model = hg.TabularRegressor(n_members=2, epochs=3, random_state=0).fit(x, y, eval_set=(x, y))
    again = clone(model).fit(np.repeat(x, 2, axis=0), np.repeat(y, 2), eval_set=(x, y))
    np.testing.assert_array_equal(model.predict(x), again.predict(x))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"groups": WHO, "eval_set": (X, Y)}, "groups= with eval_set="),
        ({"time": WHO, "eval_set": (X, Y)}, "time= with eval_set="),
        ({"groups": WHO, "time": WHO}, "groups= and time="),
        ({"eval_set": X}, "eval_set: "),
        ({"eval_set": (X[:, :2], Y)}, "eval_set: "),
        ({"eval_set": (X, Y + 5)}, "eval_set: the class [56], which the training rows lack"),
        ({"eval_set": (X, Y[:5])}, "eval_set: "),
        ({"groups": WHO[:9]}, "one value for each of 320 rows"),
    ],
)
def test_what_does_not_fit_is_refused(how: Any, message: str) -> None:
    with pytest.raises(hg.errors.HandgradError, match=message):
        hg.TabularClassifier(**SMALL).fit(X, Y, **how)


@pytest.mark.parametrize("name", ["groups", "time", "eval_set"])
def test_a_stream_takes_none_of_them(name: str, tmp_path: Any) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    stream = hg.data.open_table(path)
    with pytest.raises(hg.errors.SettingError, match=f"{name} with a streamed table"):
        hg.TabularClassifier(**SMALL).fit(stream, "y", **{name: WHO[:40]})


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
def test_groups_are_routed_as_metadata() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        model = hg.TabularClassifier(**SMALL, random_state=0).set_fit_request(groups=True)
        scores = cross_val_score(model, X, Y, cv=GroupKFold(2), params={"groups": WHO})
    first = np.isin(WHO, [*{*WHO.tolist()}])
    assert first.all()
    expected = []
    for learned, test in GroupKFold(2).split(X, Y, WHO):
        alone = clone(model).fit(X[learned], Y[learned], groups=WHO[learned])
        expected.append(alone.score(X[test], Y[test]))
    np.testing.assert_array_equal(scores, expected)
