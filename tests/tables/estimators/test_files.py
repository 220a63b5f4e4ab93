"""Perceptrons in files, alone and behind a TableEncoder: the same bits, and where they go on."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from safetensors.numpy import load_file
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from tests.bad_input.refused import refused
from tests.tables.tabular.frames import FRAMES, cells, target

X, Y = hg.data.load("iris")
TWO = np.where(Y == 1, "one", "other")
LABELS = np.stack([Y == 0, Y > 0], axis=1).astype(int)
NUMBERS = X[:, :2] @ [1.0, 2.0]
QUICK: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}


class Times(hg.Layer):
    """y = s x; a layer with a weight of its own."""

    param_names = ("s",)

    def __init__(self) -> None:
        super().__init__()
        self.s = np.full(1, 0.5)

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.s * x

    def backward(self, dy: Any) -> Any:
        self.ds = np.atleast_1d((self.x * dy).sum())
        return self.s * dy


CASES: dict[str, tuple[Any, Any, Any]] = {
    "classes": (hg.MLPClassifier(**QUICK), X, Y),
    "two classes of text": (hg.MLPClassifier(**QUICK), X, TWO),
    "labels": (hg.MLPClassifier(**QUICK), X, LABELS),
    "sgd": (hg.MLPClassifier(**QUICK, solver="sgd", learning_rate="adaptive"), X, Y),
    "lbfgs": (hg.MLPClassifier(**QUICK, solver="lbfgs"), X, Y),
    "float32": (hg.MLPClassifier(**QUICK), X.astype(np.float32), Y),
    "early stopping": (hg.MLPClassifier(**QUICK, early_stopping=True), X, Y),
    "layers": (
        hg.MLPClassifier((4, 3), [hg.GELU(), "tanh"], max_iter=2, random_state=0, dropout=0.1), X, Y
    ),
    "weighted": (hg.MLPClassifier(**QUICK, class_weight={0: 1.0, 1: 5, 2: 2.5}), X, Y),
    "infinite patience": (hg.MLPClassifier(**QUICK, n_iter_no_change=np.inf), X, Y),
    "named columns": (hg.MLPClassifier(**QUICK), pd.DataFrame(X, columns=[*"abcd"]), Y),
    "sparse": (hg.MLPClassifier(**QUICK), csr_array(X), Y),
    "focal": (hg.MLPClassifier(**QUICK, loss="focal"), X, TWO),
    "two columns for two classes": (hg.MLPClassifier(**QUICK, loss="label_smoothing"), X, TWO),
    "scores": (hg.MLPClassifier(**QUICK, loss="hinge", normalization="batch"), X, Y),
    "probabilities": (hg.MLPClassifier(**QUICK, loss=hg.CrossEntropyLoss()), X, Y),
    "an optimizer": (
        hg.MLPClassifier(**QUICK, solver=hg.AdamW(0.1, clip_norm=1.0), learning_rate="cosine"), X, Y
    ),
    "a scoring": (
        hg.MLPClassifier(**QUICK, early_stopping=True, scoring="log_loss"), X, Y
    ),
    "quantiles": (hg.MLPRegressor(hg.losses.QuantileLoss(0.9), **QUICK), X, NUMBERS),
    "numbers": (hg.MLPRegressor(**QUICK), X, NUMBERS),
    "several numbers": (hg.MLPRegressor(**QUICK), X, X[:, :2]),
    "counts": (hg.MLPRegressor("poisson", **QUICK), X, Y),
}  # fmt: skip


def fitted(case: str) -> tuple[Any, Any, Any]:
    model, x, y = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return clone(model).fit(x, y), x, y


def said(model: Any, x: Any) -> Any:
    return (model.predict_proba if hasattr(model, "predict_proba") else model.predict)(x)


@pytest.mark.parametrize("case", CASES)
def test_what_comes_back_is_what_was_saved(case: str, tmp_path: Path) -> None:
    model, x, _ = fitted(case)
    twin = hg.load(hg.save(model, tmp_path / "a"))
    assert type(twin) is type(model)
    assert repr(twin.get_params()) == repr(model.get_params())
    np.testing.assert_array_equal(said(twin, x), said(model, x))
    np.testing.assert_array_equal(twin.predict(x), model.predict(x))
    kept = {name for name in vars(model) if name.endswith("_")}
    assert kept == {name for name in vars(twin) if name.endswith("_")}
    for name in kept - {"net_", "coefs_", "intercepts_"}:
        old, new = getattr(model, name), getattr(twin, name)
        assert str(new) == str(old), name
        assert getattr(new, "dtype", None) == getattr(old, "dtype", None) or np.isscalar(new)
    for old, new in zip(model.coefs_, twin.coefs_, strict=True):
        np.testing.assert_array_equal(new, old)
        assert np.shares_memory(new, twin.net_.parameters)
    assert hg.save(twin, tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


@pytest.mark.parametrize(
    "case", ["classes", "sgd", "lbfgs", "early stopping", "numbers", "infinite patience"]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_goes_on_from_a_file_as_from_the_model(case: str, tmp_path: Path) -> None:
    model, x, y = fitted(case)
    model.set_params(warm_start=True)
    twin = hg.load(hg.save(model, tmp_path / "a"))
    np.testing.assert_array_equal(said(twin.fit(x, y), x), said(model.fit(x, y), x))
    assert getattr(twin, "loss_curve_", []) == getattr(model, "loss_curve_", [])


def test_partial_fit_says_that_it_cannot_go_on(tmp_path: Path) -> None:
    model = hg.MLPClassifier((5,), random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    twin = hg.load(hg.save(model, tmp_path / "a"))
    np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
    before = twin.predict_proba(X)
    with refused(
        hg.errors.SettingError, "partial_fit of a model that came from a file", "warm_start"
    ):
        twin.partial_fit(X, Y)
    np.testing.assert_array_equal(twin.predict_proba(X), before)
    with pytest.warns(ConvergenceWarning):
        twin.set_params(max_iter=1).fit(X, Y).partial_fit(X, Y)


def test_weights_keep_their_names_and_those_put_in_their_place_are_saved(tmp_path: Path) -> None:
    model, *_ = fitted("classes")
    model.coefs_[0] = np.ones((4, 5))
    arrays = load_file(hg.save(model, tmp_path / "a"))
    assert sorted(arrays) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    np.testing.assert_array_equal(arrays["0.weight"], np.ones((5, 4)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_layer_of_ones_own_comes_back_by_its_class(tmp_path: Path) -> None:
    own = Times()
    own.s[...] = 0.25
    model = hg.MLPRegressor(hidden_layer_sizes=(3,), activation=own, max_iter=3).fit(X, NUMBERS)
    path = hg.save(model, tmp_path / "a")
    assert sorted(load_file(path)) == [
        "0.bias", "0.weight", "1.s", "2.bias", "2.weight", "activation.s",
    ]  # fmt: skip
    with refused(hg.errors.FileError, "is Times, a custom layer", 'layers={"Times": Times}'):
        hg.load(path)
    twin = hg.load(path, layers={"Times": Times})
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    assert (twin.activation.s == 0.25).all()
    assert (twin.net_.layers[1].s != 0.25).all()


def test_what_is_no_words_is_refused_with_what_to_do(tmp_path: Path) -> None:
    model, *_ = fitted("classes")
    model.learning_rate = lambda share: 1 - share
    with refused(hg.errors.SettingError, "learning_rate=", "set_params(learning_rate='constant')"):
        hg.save(model, tmp_path / "a")
    model.set_params(learning_rate="constant", loss="hinge")  # not what it was fitted by
    with refused(hg.errors.SettingError, "would not be restored", "a fit with LogLoss"):
        hg.save(model, tmp_path / "a")


COLUMNS = cells(120)
LABEL = np.where(target(COLUMNS) > 60, "high", "low")
NEW = cells(40, seed=3) | {"colour": ["never seen", None, *["red"] * 38]}


@pytest.fixture(scope="module")
def pipeline() -> Any:
    model = make_pipeline(hg.tables.TableEncoder(), hg.MLPClassifier(**QUICK, solver="lbfgs"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(pa.table(COLUMNS), LABEL)


@pytest.mark.parametrize("frame", FRAMES)
def test_a_pipeline_reads_any_frame_as_before(frame: str, pipeline: Any, tmp_path: Path) -> None:
    twin = hg.load(hg.save(pipeline, tmp_path / "a"))
    assert type(twin) is Pipeline
    assert [*twin.named_steps] == ["tableencoder", "mlpclassifier"]
    assert twin.classes_.tolist() == ["high", "low"]
    turned = dict(reversed(NEW.items()))
    with pytest.warns(hg.errors.UnseenWarning, match="'never seen'"):
        np.testing.assert_array_equal(
            twin.predict_proba(FRAMES[frame](turned)), pipeline.predict_proba(pa.table(NEW))
        )
    with refused(hg.errors.DataError, "lacks 1 of the columns of the training: 'size'"):
        twin.predict(FRAMES[frame]({k: v for k, v in NEW.items() if k != "size"}))


@pytest.mark.parametrize("frame", FRAMES)
def test_a_pipeline_on_frames_gives_the_same_numbers_again(
    frame: str, pipeline: Any, tmp_path: Path
) -> None:
    model = clone(pipeline).set_params(mlpclassifier__max_iter=500)
    table = FRAMES[frame](COLUMNS)
    first = model.fit(table, LABEL).predict_proba(table)
    twin = hg.load(hg.save(model, tmp_path / "a"))
    np.testing.assert_array_equal(twin.fit(table, LABEL).predict_proba(table), first)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_pipelines_of_other_parts_are_refused(pipeline: Any, tmp_path: Path) -> None:
    path = tmp_path / "a"
    scaled = make_pipeline(StandardScaler(), hg.MLPClassifier(**QUICK, solver="lbfgs"))
    scaled.fit(X, Y)
    with refused(
        hg.errors.SettingError, "StandardScaler", "hg.tables.TableEncoder() instead of scalers"
    ):
        hg.save(scaled, path)
    with refused(hg.errors.SettingError, "MLPClassifier, which is not fitted"):
        hg.save(make_pipeline(pipeline[0], hg.MLPClassifier()), path)
    with refused(hg.errors.SettingError, "memory=cache", "set_params(memory=None)"):
        hg.save(Pipeline(pipeline.steps, memory="cache"), path)
    with refused(hg.errors.SettingError, "'passthrough'"):
        hg.save(Pipeline([("a", "passthrough"), *pipeline.steps]), path)
    framed = clone(pipeline).set_output(transform="pandas").fit(pd.DataFrame(COLUMNS), LABEL)
    with refused(hg.errors.SettingError, "TableEncoder, which outputs data frames", "another fit"):
        hg.save(framed, path)
    assert not path.exists()
