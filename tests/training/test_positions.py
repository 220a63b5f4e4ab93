"""Rows of sequences, (n, t, k): losses, weights and masks of places, in both engines."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg

N, T, K = 12, 5, 3
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, T, 2))
Y = (X[..., 0] > 0).astype(int) + (X[..., 1] > 0.5)
MASK = np.arange(T) < RNG.integers(1, T + 1, N)[:, None]

engines = pytest.mark.parametrize("engine", ["eager", "compiled"])


def net() -> hg.Net:
    return hg.Net(
        hg.Linear(2, 4, rng=0), hg.LayerNorm(4), hg.Tanh(), hg.Linear(4, K, rng=1), dtype=np.float64
    )


def fitted(engine: Any, x: Any, y: Any, **given: Any) -> tuple[hg.Net, hg.training.History]:
    model = net()
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 5, "metrics": ["accuracy", "roc_auc"]}
    history = hg.fit(
        model,
        (x, y),
        loss=hg.SoftmaxCrossEntropyLoss(),
        optimizer=hg.SGD(0.5),
        rng=0,
        engine=engine,
        **(settings | given),
    )
    return model, history


@engines
def test_a_place_is_as_good_as_a_row(engine: Any) -> None:
    """In one batch, every place of every row: what it learns and says is that of single rows."""
    model, history = fitted(engine, X, Y, batch_size=N)
    rows, of_rows = fitted(engine, X.reshape(-1, 2), Y.ravel(), batch_size=N * T)
    np.testing.assert_allclose(model.parameters, rows.parameters, rtol=1e-10)
    assert history[-1].train_loss == pytest.approx(of_rows[-1].train_loss, rel=1e-12)
    assert history[-1].train_metrics == pytest.approx(of_rows[-1].train_metrics, rel=1e-9)
    assert model.predict(X).shape == (N, T, K)


def test_engines_agree_with_a_mask() -> None:
    found = [fitted(engine, X, Y, sample_weight=MASK) for engine in ("eager", "compiled")]
    np.testing.assert_allclose(found[0][0].parameters, found[1][0].parameters, rtol=1e-10)
    for a, b in zip(*(history.reports for _, history in found), strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-12)


@engines
def test_what_stands_at_masked_places_changes_nothing(engine: Any) -> None:
    x = np.where(MASK[..., None], X, 100.0)
    y = np.where(MASK, Y, 0)
    model, history = fitted(engine, X, Y, sample_weight=MASK)
    twin, of_twin = fitted(engine, x, y, sample_weight=MASK)
    np.testing.assert_allclose(model.parameters, twin.parameters, rtol=1e-12)
    assert history[-1].train_loss == pytest.approx(of_twin[-1].train_loss, rel=1e-12)
    assert history[-1].train_metrics == pytest.approx(of_twin[-1].train_metrics)


@engines
def test_masked_places_in_one_batch_are_places_left_out(engine: Any) -> None:
    model, history = fitted(engine, X, Y, sample_weight=MASK, batch_size=N)
    rows, of_rows = fitted(engine, X[MASK], Y[MASK], batch_size=int(MASK.sum()))
    np.testing.assert_allclose(model.parameters, rows.parameters, rtol=1e-10)
    assert history[-1].train_loss == pytest.approx(of_rows[-1].train_loss, rel=1e-12)
    assert history[-1].train_metrics == pytest.approx(of_rows[-1].train_metrics)


@engines
def test_weights_of_rows_and_of_classes_reach_each_place(engine: Any) -> None:
    w = np.random.default_rng(2).uniform(0.5, 2, N)
    of_class = np.array([1.0, 2.0, 3.0])
    model, _ = fitted(engine, X, Y, sample_weight=w, class_weight={1: 2.0, 2: 3.0})
    both, _ = fitted(engine, X, Y, sample_weight=w[:, None] * of_class[Y])
    np.testing.assert_allclose(model.parameters, both.parameters, rtol=1e-12)


def test_a_row_without_any_place_is_left_out() -> None:
    mask = MASK.copy()
    mask[3] = False
    kept = np.arange(N) != 3
    model, _ = fitted("eager", X, Y, sample_weight=mask, shuffle=False)
    rows, _ = fitted("eager", X[kept], Y[kept], sample_weight=mask[kept], shuffle=False)
    np.testing.assert_allclose(model.parameters, rows.parameters, rtol=1e-12)


@engines
def test_evaluation_and_a_share_held_out_know_masks(engine: Any) -> None:
    model, history = fitted(engine, X, Y, sample_weight=MASK, validation=0.25, metrics=())
    assert np.isfinite(history[-1].validation_loss or np.nan)
    found = hg.evaluate(
        model, (X, Y), loss=hg.SoftmaxCrossEntropyLoss(), sample_weight=MASK, metrics=["accuracy"]
    )
    right = (model.predict(X).argmax(axis=-1) == Y)[MASK]
    assert found.metrics["accuracy"] == pytest.approx(right.mean())


@engines
def test_numbers_at_places(engine: Any) -> None:
    y = np.stack([X[..., 0], X.sum(axis=-1), X[..., 1] ** 2], axis=-1)
    for mask in (None, MASK):
        model = net()
        hg.fit(
            model,
            (X, y),
            loss=hg.MSELoss(),
            optimizer=hg.Adam(0.01),
            epochs=2,
            sample_weight=mask,
            rng=0,
            engine=engine,
        )
        e = (model.predict(X) - y)[slice(None) if mask is None else mask]
        found = hg.evaluate(model, (X, y), loss=hg.MSELoss(), sample_weight=mask)
        assert found.loss == pytest.approx((e**2).mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("y", "w", "words"),
    [
        (Y[:, :-1], None, ["shape (12, 4)", "one for each of 5 positions", "('rows', 5)"]),
        (Y.ravel()[:N], None, ["shape (12,)", "array of shape (rows, 5)"]),
        (np.eye(K)[Y], None, ["shape (12, 5, 3)", "y.argmax(axis=-1)"]),
        (Y, MASK.T, ["shape (5, 12), for 12 rows", "for each step of it, shape (12, 5)"]),
        (Y, -1.0 * MASK, ["-1 in row 0"]),
    ],
    ids=["too few places", "a row each", "one-hot", "a mask turned round", "negative"],
)
def test_targets_and_weights_that_do_not_fit_are_refused(y: Any, w: Any, words: list[str]) -> None:
    with pytest.raises(hg.HandgradError) as error:
        fitted("eager", X, y, sample_weight=w)
    for word in words:
        assert word.replace("'", "") in str(error.value)
