"""PictureClassifier: convolutions by the size of the pictures, and the ways of an estimator."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
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


def test_mirrored_pictures_are_learned_if_asked_for() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((60, 8, 8), np.float32) / 2, np.repeat([0, 1], 30)
    X[:30, 2, :4] = 1  # at the left; its mirror image is at the right
    X[30:, 5, :4] = 1
    mirrored = X[:, :, ::-1].reshape(60, -1)
    right = [
        fitted(X.reshape(60, -1), y, shift=0, flip=flip, max_iter=60).score(mirrored, y)
        for flip in (False, True)
    ]
    assert right[1] == 1 > right[0]


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


def digits(n: int) -> tuple[Any, Any, Any, Any]:
    data = hg.data.load("digits")
    rows = np.random.default_rng(0).permutation(len(data.y))
    x, y = data.x[rows] / 16, data.y[rows]
    return x[:n], y[:n], x[n:], y[n:]


def raw(model: hg.PictureClassifier, X: Any) -> Any:
    return model.net_.predict(X.astype(np.float32)).astype(float)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_the_temperature_minimizes_the_log_loss_of_the_validation_rows_of_early_stopping(
    n_classes: int,
) -> None:
    x, y, x_new, y_new = digits(240)
    y, y_new = y % n_classes, y_new % n_classes
    w = np.where(np.arange(100) < 70, 1.0, 0.0)  # the others are as if they were not there
    held_out = (x_new[:100], y_new[:100], w)
    settings: dict[str, Any] = {"early_stopping": True, "max_iter": 3}
    model = hg.PictureClassifier(random_state=0, engine="eager", **settings)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        model.fit(x, y, np.ones(240), eval_set=held_out)
    z = raw(model, x_new[:70])
    z = np.hstack([0 * z, z]) if n_classes == 2 else z
    t = np.eye(n_classes)[y_new[:70]]
    t = t + (1 / n_classes - t) / 70

    def loss(temperature: float) -> float:
        scaled = z / temperature
        return float(-(t * (scaled - np.logaddexp.reduce(scaled, axis=1)[:, None])).sum())

    tempered = model.temperature_
    assert abs(np.log(tempered)) > 0.05
    assert loss(tempered) <= min(loss(tempered * 1.05), loss(tempered / 1.05), loss(1.0))
    z = raw(model, x_new)
    z = np.hstack([0 * z, z]) if n_classes == 2 else z
    p = np.exp(z / tempered) / np.exp(z / tempered).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(x_new), p, atol=1e-6)
    np.testing.assert_array_equal(model.predict(x_new), z.argmax(axis=1))


def calibrated(**settings: Any) -> hg.PictureClassifier:
    x, y, *_ = digits(240)
    return fitted(x, y, **{"early_stopping": True, "max_iter": 4, **settings})


def test_without_validation_rows_or_logits_of_one_class_the_temperature_is_one() -> None:
    x, y, x_new, y_new = digits(240)
    assert calibrated(early_stopping=False).temperature_ == 1
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        seen = hg.PictureClassifier((8,), max_iter=2, random_state=0, engine="eager").fit(
            x, y, eval_set=(x_new, y_new)
        )
    assert seen.temperature_ == 1
    assert calibrated(loss="hinge").temperature_ == 1
    several = np.stack([y % 2, y > 4], axis=1).astype(int)
    assert fitted(x, several, early_stopping=True, max_iter=2).temperature_ == 1


def test_further_epochs_are_calibrated_anew_or_not_at_all() -> None:
    x, y, *_ = digits(240)
    model = calibrated()
    assert model.temperature_ != 1
    model.set_params(early_stopping=False).partial_fit(x, y)
    assert model.temperature_ == 1


def test_the_temperature_is_in_the_file_and_in_exported_code(tmp_path: Path) -> None:
    model, x = calibrated(), digits(240)[2]
    path = hg.save(model, tmp_path / "model.safetensors")
    again = hg.load(path)
    assert again.temperature_ == model.temperature_ != 1
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    code: dict[str, Any] = {}
    hg.export(model, tmp_path / "model.py")
    exec((tmp_path / "model.py").read_text("utf-8"), code)
    np.testing.assert_allclose(code["predict_proba"](x[:9]), model.predict_proba(x[:9]), atol=1e-6)


def test_a_file_without_a_temperature_has_one_and_a_damaged_one_is_refused() -> None:
    model = calibrated()
    fitted, net = model._to_file()
    old = {name: value for name, value in fitted.items() if name != "temperature"}
    twin = clone(model)
    twin._from_file(old, net)
    assert twin.temperature_ == 1
    for wrong in (0.0, "1", None, 1e9):
        with refused(hg.errors.FileError, "temperature is"):
            clone(model)._from_file(fitted | {"temperature": wrong}, net)


def drawing(model: hg.PictureClassifier) -> tuple[int, float]:
    """Background and size of what the training pictures show."""
    assert model.drawing_ is not None
    return model.drawing_.paper, model.drawing_.fill


def test_the_drawing_of_the_training_pictures_is_in_the_file(tmp_path: Path) -> None:
    model = calibrated()
    assert drawing(model) == (0, 1)  # the digits of scikit-learn have no margin
    assert hg.load(hg.save(model, tmp_path / "model.safetensors")).drawing_ == model.drawing_
    fitted, net = model._to_file()
    twin = clone(model)
    twin._from_file({name: fitted[name] for name in fitted if name != "drawing"}, net)
    assert twin.drawing_ is None
    hg.export(twin, tmp_path / "old.html")
    for wrong in (None, [0, 0.1, 1, 0.5], [0, 0.1, 1, 0.5, 2], [0, 0.1, 1, 0.5, "a"]):
        with refused(hg.errors.FileError, "drawing is"):
            clone(model)._from_file(fitted | {"drawing": wrong}, net)


def test_the_drawing_is_that_of_the_first_pictures() -> None:
    x = np.zeros((20, 64), np.float32).reshape(20, 8, 8)
    x[:, 2:6, 3:5] = 1
    rows, y = x.reshape(20, 64), np.arange(20) % 2
    model = fitted(1 - rows, y, max_iter=1)
    assert drawing(model) == (1, 0.5)
    model.partial_fit(rows, y)
    assert drawing(model) == (1, 0.5)
    with pytest.warns(ConvergenceWarning):
        model.fit(csr_array(rows), y)
    assert drawing(model) == (0, 0.5)


def test_the_convolutions_begin_as_those_of_another_net(tmp_path: Path) -> None:
    pictures = hg.data.read_pictures(bars(tmp_path / "bars"))
    other = fitted(pictures.x, pictures.y, shape=pictures.shape).net_
    larger = np.random.default_rng(0).random((6, 400), np.float32)
    settings: dict[str, Any] = {"initial_net": other, "max_iter": 1, "learning_rate_init": 1e-12}
    model = fitted(larger, [*"abcabc"], **settings)
    before, after = (
        [layer for layer in net.layers if isinstance(layer, hg.Conv2d)]
        for net in (other, model.net_)
    )
    assert len(before) == 2
    assert len(after) == 3  # larger images have one more
    for mine, theirs in zip(after, before, strict=False):
        np.testing.assert_allclose(mine.W, theirs.W, rtol=1e-6)
        np.testing.assert_allclose(mine.b, theirs.b, atol=1e-9)
    np.testing.assert_array_equal(clone(model).initial_net.parameters, other.parameters)
    again = hg.load(hg.save(model, tmp_path / "model.safetensors"))
    np.testing.assert_array_equal(again.initial_net.parameters, other.parameters)
    with refused(hg.errors.SettingError, "initial_net with Conv2d(1", "Conv2d(3", "channels"):
        fitted(np.zeros((6, 432)), [0, 1] * 3, shape=(3, 12, 12), initial_net=other)
    with refused(hg.errors.SettingError, "initial_net without convolutions"):
        fitted(pictures.x, pictures.y, initial_net=hg.Net(hg.Linear(144, 2)))
