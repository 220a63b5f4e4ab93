"""PictureClassifier: convolutions by the size of the pictures, and the ways of an estimator."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import handgrad as hg
from tests.bad_input.refused import refused
from tests.tables.data.picture_folders import bars


def fitted(X: Any, y: Any, **settings: Any) -> hg.PictureClassifier:
    quick: dict[str, Any] = {
        "hidden_layer_sizes": (8,),
        "max_iter": 30,
        "random_state": 0,
        "engine": "eager",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return hg.PictureClassifier(**quick | settings).fit(X, y)


@pytest.mark.parametrize(
    ("shape", "channels", "n_flat"),
    [
        ((3, 2, 9), [], 54),
        ((1, 4, 5), [16], 64),  # 2 by 2
        ((1, 12, 12), [16, 32], 288),  # 6 by 6, 3 by 3
        ((3, 32, 40), [16, 32, 64], 1280),  # 16 by 20, 8 by 10, 4 by 5
    ],
)
def test_there_are_as_many_convolutions_as_the_sides_can_be_halved(
    shape: tuple[int, int, int], channels: list[int], n_flat: int
) -> None:
    X = np.random.default_rng(0).random((6, int(np.prod(shape))), np.float32)
    model = fitted(X, [0, 1, 2] * 2, shape=shape, max_iter=1)
    layers = model.net_.layers
    assert [layer.n_out for layer in layers if isinstance(layer, hg.Conv2d)] == channels
    assert [coef.shape for coef in model.coefs_] == [(n_flat, 8), (8, 3)]
    assert model.net_.dtype == np.float32


def test_bars_are_told_apart_and_the_file_tells_the_same(tmp_path: Path) -> None:
    pictures = hg.data.read_pictures(bars(tmp_path / "bars"))
    new = hg.data.read_pictures(bars(tmp_path / "new", seed=1))
    names = np.array(pictures.class_names)
    model = fitted(pictures.x, names[pictures.y], shape=pictures.shape, batch_size=8)
    assert (model.predict(new.x) == names[new.y]).mean() > 0.9
    path = hg.save(model, tmp_path / "model.safetensors")
    again = hg.load(path)
    assert type(again) is hg.PictureClassifier
    assert again.shape == pictures.shape
    np.testing.assert_array_equal(again.predict_proba(new.x), model.predict_proba(new.x))


def test_the_seed_decides_the_filters_and_a_clone_is_fitted_alike() -> None:
    X, y = np.random.default_rng(0).random((8, 36)), [0, 1] * 4
    one, other = fitted(X, y, max_iter=2), fitted(X, y, max_iter=2, random_state=1)
    assert (one.net_.layers[1].W != other.net_.layers[1].W).all()
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        np.testing.assert_array_equal(clone(one).fit(X, y).predict_proba(X), one.predict_proba(X))


def test_the_net_is_the_same_compiled() -> None:
    X, y = np.random.default_rng(0).random((8, 16)), [0, 1] * 4
    eager, compiled = (
        fitted(X, y, max_iter=3, engine=engine, dropout=0.2) for engine in ("eager", "compiled")
    )
    np.testing.assert_allclose(eager.predict_proba(X), compiled.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 5, 7), (6, 6), (0, 6, 6), (1, 6.0, 6)])
def test_a_shape_that_the_rows_have_not_is_refused(shape: Any) -> None:
    X = np.zeros((4, 36))
    with refused(hg.errors.SettingError, "for rows of 36 numbers", "shape=(1, 6, 6)"):
        hg.PictureClassifier(shape=shape).fit(X, [0, 1] * 2)


def test_rows_of_no_square_want_a_shape() -> None:
    with refused(hg.errors.SettingError, "shape=None, for rows of 30 numbers", "pictures.shape"):
        hg.PictureClassifier().fit(np.zeros((4, 30)), [0, 1] * 2)
    with refused(hg.errors.SettingError, "shape=None, for rows of 192 numbers", "shape=(3, 8, 8)"):
        hg.PictureClassifier().fit(np.zeros((4, 192)), [0, 1] * 2)


@pytest.mark.parametrize(
    ("side", "shift", "pixels"),
    [(8, None, 0), (12, None, 1), (28, None, 2), (12, 0, 0), (8, 3, 3)],
)
def test_pictures_are_moved_by_a_twelfth_unless_said_otherwise(
    side: int, shift: int | None, pixels: int
) -> None:
    X, y = np.random.default_rng(0).random((6, side * side), np.float32), [0, 1, 2] * 2
    layers = fitted(X, y, shift=shift, max_iter=1).net_.layers
    moved = [layer.pixels for layer in layers if isinstance(layer, hg.layers.RandomShift)]
    assert moved == [pixels] * (pixels > 0)


def test_a_shift_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'shift' parameter .* must be an int in the range"):
        hg.PictureClassifier(shift=-1).fit(np.zeros((4, 36)), [0, 1] * 2)


def test_pictures_that_are_no_rows_are_refused_with_the_shape_to_say() -> None:
    x, y = np.zeros((4, 3, 8, 6), np.float32), np.array([0, 1, 0, 1])
    came = "X of shape (4, 3, 8, 6)"
    with refused(
        hg.errors.DataError, came, "one picture in each row", "X.reshape(4, -1)", "shape=(3, 8, 6)"
    ):
        fitted(x, y)
    with refused(hg.errors.DataError, "X.transpose(0, 3, 1, 2).reshape(4, -1)", "shape=(3, 8, 6)"):
        fitted(x.transpose(0, 2, 3, 1), y)
    with refused(hg.errors.DataError, "X of shape (4, 8, 6)", "shape=(1, 8, 6)"):
        fitted(x[:, 0], y)
    model = fitted(x.reshape(4, -1), y, shape=(3, 8, 6), max_iter=1)
    with refused(hg.errors.DataError, came, "X.reshape(4, -1)"):
        model.predict(x)
    with refused(hg.errors.DataError, "X of shape (3, 8, 6)", "X.reshape(1, -1), for one picture"):
        model.predict_proba(x[0])
