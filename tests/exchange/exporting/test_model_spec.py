"""A model as it is exported: one net whose prediction is the whole answer, and rows to prove it."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import handgrad as hg
from handgrad.exchange.exporting import model_spec_of
from handgrad.graph.graph import interpret
from tests.exchange.exporting.models import (
    NAMES,
    OF_TABLES,
    classes,
    matrix,
    model,
    pictures,
    table,
)


@pytest.mark.parametrize("name", NAMES)
def test_its_net_says_all_that_the_model_does(name: str) -> None:
    spec = model_spec_of(model(name))
    p = spec.by_layers(spec.example)
    assert p.shape == spec.answers.shape
    np.testing.assert_allclose(p, spec.answers, rtol=1e-12 if p.dtype == float else 1e-5)
    weights = spec.net.state()
    recorded = interpret(spec.graph, {"x": spec.example}, len(p), weights)
    assert np.array_equal(np.asarray(recorded.prediction), p, equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_the_model(name: str) -> None:
    spec, fitted = model_spec_of(model(name)), model(name)
    if spec.kind == "net":
        expected = fitted.predict(spec.example)
    elif spec.table is not None:
        return  # its rows are made of the table within
    elif spec.kind == "regressor":
        expected = fitted.predict(spec.example).reshape(len(spec.example), -1)
    else:
        labels = np.asarray(spec.classes)[spec.answers.argmax(axis=1)]
        assert labels.tolist() == fitted.predict(spec.example).tolist()
        return
    assert np.array_equal(spec.answers, expected)


@pytest.mark.parametrize("name", OF_TABLES)
def test_the_recorded_encoder_makes_the_rows_of_the_table(name: str) -> None:
    spec = model_spec_of(model(name))
    n, width = spec.example.shape
    with np.errstate(over="ignore"):
        x = interpret(spec.encoder_graph, {"x": spec.parsed}, n, {}).prediction
    assert np.array_equal(np.float32(x), spec.example.astype(np.float32))
    assert len(spec.names) == width
    assert [*spec.columns] == [name for name in table() if name != "same"]


def test_the_table_has_edges_gaps_and_unseen_values() -> None:
    spec = model_spec_of(model("table of classes"))
    assert spec.table is not None
    for column in spec.table.values():
        assert column.missing[0]
        assert column.missing[2:].any()
    for name in ("town", "zip", "sex"):
        known = {*table()[name]}
        values = {*spec.table[name].values.tolist()}
        assert known <= values
        assert len(values - known) == 2  # None and one that is unseen
    age = spec.table["age"].values
    assert (np.nanmin(age), np.nanmax(age)) == (-1e300, 1e300)


def test_an_answer_of_two_classes_has_both() -> None:
    spec = model_spec_of(model("classifier of two"))
    assert spec.answers.shape == (64, 2)
    assert model_spec_of(model("scores of two")).output == "scores"


def test_a_model_of_named_columns_is_asked_without_a_warning() -> None:
    frame = pd.DataFrame(pictures(), columns=[f"pixel_{i}" for i in range(16)])
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        fitted = hg.PictureClassifier((4,), max_iter=1, random_state=0).fit(frame, ["a", "b"] * 60)
    assert model_spec_of(fitted).names == tuple(frame)


class Noisy(hg.Layer):
    """Draws when it predicts."""

    def forward(self, x: Any) -> Any:
        return x + self.rng.random(x.shape, dtype=x.dtype)

    def backward(self, dy: Any) -> Any:
        return dy


class Branches(hg.Layer):
    """Looks at the data."""

    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x

    def backward(self, dy: Any) -> Any:
        return dy


class Own(hg.MLPClassifier):
    """An estimator that may predict otherwise than the one it is derived from."""

    net_ = hg.Net(hg.Linear(2, 1))


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (lambda: noisy(), "layer 2 of 2, Noisy(): a prediction that draws random numbers"),
        (lambda: hg.Net(hg.Linear(2, 3), Branches(), hg.Tanh()), "layer 2 of 3, Branches()"),
        (lambda: hg.Linear(2, 3), "hg.export(hg.Net(layer), path)"),
        (lambda: LogisticRegression(), "LogisticRegression()"),
        (lambda: hg.MLPClassifier(), "not fitted"),
        (lambda: Own(), "hg.export(model.net_, path), for its net only"),
        (lambda: several_labels(), "several labels a row"),
        (lambda: with_steps(MinMaxScaler()), "the step 'minmaxscaler'"),
        (lambda: with_steps(StandardScaler(), hg.tables.TableEncoder()), "the step 'tableencoder'"),
        (lambda: last_step(), "the last step 'logisticregression'"),
    ],
)
def test_what_cannot_be_exported_is_refused(refused: Any, words: str) -> None:
    with pytest.raises(hg.HandgradError) as error:
        model_spec_of(refused())
    assert words in str(error.value)


def test_a_net_of_several_inputs_is_refused() -> None:
    x = np.zeros((4, 2)), np.zeros((4, 2), int)
    with pytest.raises(hg.errors.SettingError, match="takes 2 arrays per batch"):
        model_spec_of(hg.Net(Branches()), x)


def noisy() -> hg.Net:
    """A net whose prediction is random."""
    net = hg.Net(hg.Linear(2, 3), Noisy())
    net.seed(0)
    return net


def several_labels() -> hg.MLPClassifier:
    """A classifier of several labels a row."""
    labels = np.random.default_rng(0).integers(0, 2, (len(matrix()), 3))
    return hg.MLPClassifier((4,), solver="lbfgs", max_iter=3, tol=1e9).fit(matrix() / 100, labels)


def with_steps(*steps: Any) -> Any:
    """A Pipeline with such steps before its last."""
    mlp = hg.MLPClassifier((4,), solver="lbfgs", max_iter=3, tol=1e9)
    return make_pipeline(*steps, mlp).fit(matrix(), classes())


def last_step() -> Any:
    """A Pipeline whose last step is another library's."""
    return make_pipeline(hg.tables.TableEncoder(), LogisticRegression()).fit(table(), classes())


def test_rows_are_those_given() -> None:
    rows = np.arange(6.0).reshape(2, 3)
    spec = model_spec_of(model("net"), rows)
    assert spec.example.tolist() == rows.tolist()
    assert spec.example.dtype == np.float32
    with pytest.raises(hg.errors.SettingError, match="a few rows of numbers"):
        model_spec_of(model("net"), [1.0, 2.0])
    with pytest.raises(hg.errors.SettingError, match="for a model of tables"):
        model_spec_of(model("table of classes"), rows)
