"""`hg.defaults`: a source of random numbers and a type, said once for the layers made after."""

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.language import DEFAULTS
from tests.bad_input.refused import refused
from tests.training.by_hand import X, Y


@pytest.fixture(autouse=True)
def nothing_said_after() -> Iterator[None]:
    yield
    DEFAULTS.clear()


def test_layers_draw_in_turn_from_what_was_said_and_hold_its_type() -> None:
    with hg.defaults(rng=np.random.RandomState(3), dtype=np.float64):
        first, second = hg.Linear(2, 3), hg.Linear(3, 2)
        norm = hg.BatchNorm(3)
    rng = np.random.RandomState(3)
    for made, sizes in ((first, (2, 3)), (second, (3, 2))):
        expected = hg.Linear(*sizes, rng=rng, dtype=np.float64)
        np.testing.assert_array_equal(made.W, expected.W)
        assert made.dtype == np.float64
    assert norm.dtype == np.float64


def test_a_seed_is_one_source_for_all_layers() -> None:
    with hg.defaults(rng=0):
        first, second = hg.Linear(2, 2), hg.Linear(2, 2)
    assert not np.array_equal(first.W, second.W)
    with hg.defaults(rng=0):
        np.testing.assert_array_equal(hg.Linear(2, 2).W, first.W)


def test_what_a_layer_is_told_comes_first() -> None:
    with hg.defaults(rng=np.random.RandomState(0), dtype=np.float64):
        told = hg.Linear(2, 2, rng=5, dtype=np.float32)
        asked = hg.Net(hg.Linear(2, 2), dtype=np.float32)
        unasked = hg.Net(hg.Linear(2, 2))
    np.testing.assert_array_equal(told.W, hg.Linear(2, 2, rng=5).W)
    assert [told.dtype, asked.dtype, unasked.dtype] == [np.float32, np.float32, np.float64]


def test_it_holds_until_it_is_called_again_or_the_block_ends() -> None:
    hg.defaults(dtype="float64")
    assert hg.Linear(2, 2).dtype == np.float64
    with hg.defaults(rng=0):
        assert hg.Linear(2, 2).dtype == np.float32
    assert hg.Linear(2, 2).dtype == np.float64
    hg.defaults()
    assert hg.Linear(2, 2).dtype == np.float32
    with pytest.raises(RuntimeError), hg.defaults(dtype=np.float64):
        raise RuntimeError
    assert hg.Linear(2, 2).dtype == np.float32


def test_layers_of_ones_own_take_it_and_those_without_the_arguments_do_not() -> None:
    class Own(hg.Layer):
        param_names = ("W",)

        def __init__(self, n: int, *, rng: Any = None, dtype: Any = np.float32) -> None:
            super().__init__()
            self.W = rng.normal(size=n).astype(dtype)

    with hg.defaults(rng=np.random.RandomState(0), dtype=np.float64):
        own, tanh, net = Own(3), hg.Tanh(), hg.Net(hg.Tanh())
    np.testing.assert_array_equal(own.W, np.random.RandomState(0).normal(size=3))
    assert tanh.dtype is None
    assert net.dtype == np.float32


def test_a_net_made_with_it_copies_and_is_saved_and_loaded_anywhere(tmp_path: Path) -> None:
    with hg.defaults(rng=0, dtype=np.float64):
        net = hg.Net(hg.Linear(2, 3), hg.BatchNorm(3), hg.Linear(3, 2), hg.Softmax())
    plain = hg.Net(hg.Linear(2, 3, rng=0), hg.BatchNorm(3), hg.Linear(3, 2, rng=1), hg.Softmax())
    for made, before in ((net, np.float64), (plain, np.float32)):
        path = hg.save(made, tmp_path / f"{made.dtype}.safetensors")
        for said in ({}, {"dtype": np.float64}, {"dtype": np.float32, "rng": 1}):
            with hg.defaults(**said):
                again = [hg.load(path), copy.deepcopy(made), pickle.loads(pickle.dumps(made))]
            for other in again:
                assert other.dtype == before
                np.testing.assert_array_equal(other.parameters, made.parameters)


def test_estimators_keep_to_their_own() -> None:
    def fitted() -> Any:
        model = hg.MLPClassifier(max_iter=3, normalization="layer", random_state=0)
        with pytest.warns(match="optimization"):
            return model.fit(X, Y)

    expected = fitted()
    with hg.defaults(rng=1, dtype=np.float64):
        found = fitted()
    np.testing.assert_array_equal(found.net_.parameters, expected.net_.parameters)
    assert repr(found.net_) == repr(expected.net_)


def test_what_is_no_source_and_no_type_is_refused_at_once() -> None:
    with refused(hg.errors.SettingError, "rng='zero'", "a numpy Generator"):
        hg.defaults(rng="zero")  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "dtype='int8'", "float32 or float64"):
        hg.defaults(dtype="int8")
    assert DEFAULTS == {}
