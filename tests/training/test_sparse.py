"""Sparse rows: trained, evaluated and predicted with the bits of dense ones, in bounded memory."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import handgrad as hg
from handgrad.textbook.net.sparse_rows import SparseRows
from handgrad.training import validate_data
from tests.bad_input.refused import refused
from tests.training.by_hand import assert_same_state
from tests.training.test_streamed import ENGINES, figures

RNG = np.random.default_rng(0)
X = np.where(RNG.random((203, 12)) < 0.2, RNG.normal(size=(203, 12)), 0)
Y = (X.sum(axis=1) > 0).astype(int)
W = RNG.integers(0, 3, 203).astype(float)
FORMATS = (sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.lil_matrix)


@pytest.fixture(params=[validate_data.MOST_DENSE, 40 * 12 * 4], ids=["at once", "in parts"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows become dense at once, or 40 at a time."""
    monkeypatch.setattr(validate_data, "MOST_DENSE", request.param)


def a_net() -> hg.Net:
    net = hg.Net(hg.Linear(12, 8, rng=0), hg.Tanh(), hg.Dropout(0.2), hg.BatchNorm(8))
    return net.add(hg.Linear(8, 2, rng=1)).add(hg.Softmax())


def fit(net: hg.Net, data: Any, **options: Any) -> hg.training.History:
    usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.05)}
    usual |= {"epochs": 4, "batch_size": 8, "rng": 0, "evaluate_training": True}
    return hg.fit(net, data, **usual | options)


def scores(history: hg.training.History) -> list[Any]:
    return [(r.train_metrics, r.metrics, r.evaluations) for r in history]


SETTINGS: list[dict[str, Any]] = [
    {},
    {"shuffle": False, "schedule": hg.schedules.cosine()},
    {"sample_weight": W, "class_weight": {0: 1.0, 1: 2.5}, "metrics": ["accuracy", "roc_auc"]},
    {"validation": 0.3, "early_stopping": 2, "optimizer": hg.optimizers.EMA(hg.SGD(0.1))},
    {"penalty": hg.penalties.L2Penalty(0.01), "sample_weight": W + 1},
]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: " ".join(s) or "usual")
@pytest.mark.parametrize("engine", [*ENGINES, "portable"])
def test_a_fit_has_the_bits_of_dense_rows(engine: Any, settings: dict[str, Any]) -> None:
    net, twin = a_net(), a_net()
    history = fit(net, (sparse.csr_array(X), Y), engine=engine, **settings)
    expected = fit(twin, (X, Y), engine=engine, **settings)
    assert figures([*history]) == figures([*expected])
    assert scores(history) == scores(expected)
    assert_same_state(net, twin.state())


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.__name__)
def test_any_format_trains_validates_and_is_evaluated(form: Any) -> None:
    net, twin, x = a_net(), a_net(), form(X)
    history = fit(net, (x, Y), validation={"all": (x, Y), "weighted": (x, Y, W)})
    expected = fit(twin, (X, Y), validation={"all": (X, Y), "weighted": (X, Y, W)})
    assert scores(history) == scores(expected)
    loss = hg.CrossEntropyLoss()
    for weights in (None, W):
        assert hg.evaluate(net, (x, Y), loss=loss, sample_weight=weights) == hg.evaluate(
            twin, (X, Y), loss=loss, sample_weight=weights
        )


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("engine", [*ENGINES, "portable", "auto"])
def test_predictions_have_the_bits_of_dense_rows(engine: Any, form: Any) -> None:
    net, many = a_net(), np.tile(X, (11, 1))
    for rows in (many, X[:1], X[:0]):
        p, expected = net.predict(form(rows), engine=engine), net.predict(rows, engine=engine)
        np.testing.assert_array_equal(p, expected, strict=True)


@pytest.mark.usefixtures("few")
def test_a_training_resumes_with_the_bits_of_one_that_was_not_stopped(tmp_path: Path) -> None:
    net, twin, x = a_net(), a_net(), sparse.csr_array(X)
    fit(net, (x, Y), epochs=2, checkpoint=tmp_path)
    net = a_net()
    history = fit(net, (x, Y), checkpoint=tmp_path, resume=True)
    assert figures([*history]) == figures([*fit(twin, (x, Y))])
    assert_same_state(net, twin.state())
    with refused(hg.errors.SettingError, "training data"):
        fit(a_net(), (x * 2, Y), checkpoint=tmp_path, resume=True)


def test_memory_is_bounded_by_the_dense_rows_of_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate_data, "MOST_DENSE", 2**20)
    x = sparse.random_array((20_000, 500), density=0.002, rng=np.random.default_rng(0)).tocsr()
    y = np.arange(20_000) % 2
    net = hg.Net(hg.Linear(500, 2, rng=0))
    job: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "optimizer": hg.SGD(0.1)}
    tracemalloc.start()
    hg.fit(net, (x, y), epochs=1, validation=(x, y), engine="eager", **job)
    net.predict(x)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20e6 < 20_000 * 500 * 4  # bytes of the dense rows


def test_sparse_rows_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    net, bad = a_net(), X.copy()
    bad[5, 7] = np.nan
    for rows in (sparse.coo_array(bad), sparse.csr_matrix(np.where(X[5, 7] == X, 1e300, X))):
        words = "NaN or infinity as float32, the first at row", "feature"
        with refused(hg.errors.DataError, *words, net=net):
            fit(net, (rows, Y))
        with refused(hg.errors.DataError, *words, net=net):
            net.predict(rows)
    with refused(hg.errors.DataError, "row 5, feature 7, counted from 0", net=net):
        fit(net, (sparse.csr_array(bad), Y))
    with refused(hg.errors.ShapeError, "11 features", "12 features", net=net):
        fit(net, (sparse.csr_array(X[:, :11]), Y))
    with refused(hg.errors.ShapeError, "11 features", "12 features", net=net):
        net.predict(sparse.csr_array(X[:, :11]))
    with refused(hg.errors.DataError, "203 rows of x and 5 targets", net=net):
        fit(net, (sparse.csr_array(X), Y[:5]))
    with refused(hg.errors.DataError, "no rows", net=net):
        fit(net, (sparse.csr_array(X[:0]), Y[:0]))
    with refused(hg.errors.ShapeError, "a sparse array of shape (12,)", "rows of", net=net):
        net.predict(sparse.coo_array(X[0]))
    with refused(hg.errors.DataError, "a sparse array of type complex128", "numbers", net=net):
        net.predict(sparse.csr_array(X + 1j))
    with refused(hg.errors.DataError, "targets: a sparse array", "x.toarray()", net=net):
        fit(net, (X, sparse.csr_array(Y[:, None])))
    codes = hg.Net(hg.Embedding(5, 3, rng=0))
    with refused(hg.errors.DataError, "a net that takes indices", "x.toarray()", net=codes):
        codes.predict(sparse.csr_array(np.eye(5, dtype=int)))
    monkeypatch.setattr(validate_data, "MOST_DENSE", 1)
    with refused(hg.errors.SettingError, "streamed rows", net=net):
        fit(net, (sparse.csr_array(X), Y), optimizer=hg.optimizers.LBFGS())


def test_divergence_in_a_later_part_names_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate_data, "MOST_DENSE", 40 * 12 * 4)
    x = X.copy()
    x[100:] *= 1e30
    messages = []
    for rows in (x, sparse.csr_array(x)):
        net = hg.Net(hg.Linear(12, 1, rng=0))
        with pytest.raises(hg.errors.DivergenceError) as caught:
            fit(net, (rows, X[:, :1]), loss=hg.MSELoss(), optimizer=hg.SGD(0.1), shuffle=False)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "batch 13" in messages[0]


def test_sparse_rows_are_an_array_where_one_is_needed() -> None:
    rows = SparseRows(sparse.coo_array(X), np.float64)
    np.testing.assert_array_equal(np.asarray(rows), X)
    np.testing.assert_array_equal(rows.select(np.array([3, 1]))[:], X[[3, 1]])
