"""Losses at the ends of the numbers, and what is said on their pages beside the formulas."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg


@pytest.mark.parametrize("name", ["SigmoidBinaryCrossEntropyLoss", "FocalLoss", "HingeLoss"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_on_logits_of_any_size_are_finite(name: str, dtype: Any) -> None:
    loss = getattr(hg.losses, name)()
    z = np.array([[1e4, -1e4, 0, 1e4, -1e4, 0]], dtype)
    with np.errstate(under="ignore"):
        assert np.isfinite(loss.forward(z, np.array([[1, 1, 1, 0, 0, 0]])))
        assert np.isfinite(loss.backward()).all()


def test_hinge_losses_leave_what_is_right_by_a_margin_alone() -> None:
    hinge = hg.losses.HingeLoss()
    assert hinge.forward(np.array([[1.5], [-2.0]]), np.array([1, 0])) == 0
    assert not hinge.backward().any()
    margin = hg.losses.MultiMarginLoss()
    assert margin.forward(np.array([[3.0, 1.5, 2.0]]), np.array([0])) == 0
    assert not margin.backward().any()


def test_hubers_loss_is_straight_on_both_sides() -> None:
    loss = hg.losses.HuberLoss(delta=2.0)
    p, y = np.array([[-3.0], [1.0], [5.0]]), np.zeros(3)
    assert loss.forward(p, y) == pytest.approx((4 + 0.5 + 8) / 3)  # 2·(3 − 1), ½, 2·(5 − 1)
    np.testing.assert_allclose(loss.backward(), [[-2 / 3], [1 / 3], [2 / 3]])


def test_a_focal_loss_without_focus_is_half_the_binary_cross_entropy() -> None:
    focal, whole = hg.losses.FocalLoss(gamma=0, alpha=0.5), hg.SigmoidBinaryCrossEntropyLoss()
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(6, 2)), rng.integers(0, 2, (6, 2))
    assert focal.forward(z, y) == pytest.approx(whole.forward(z, y) / 2, rel=1e-14)
    np.testing.assert_allclose(focal.backward(), whole.backward() / 2, rtol=1e-13)


def test_the_median_costs_half_the_absolute_error() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.normal(size=(2, 6, 1))
    assert hg.losses.QuantileLoss(0.5).forward(p, y) == hg.losses.MAELoss().forward(p, y) / 2


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_a_share_q_of_the_targets_ends_up_below_the_quantile(q: float) -> None:
    y = np.random.default_rng(0).exponential(size=401)
    net = hg.Net(hg.Linear(1, 1, initializer="zeros"), dtype=np.float64)
    hg.fit(
        net, (np.ones((401, 1)), y), loss=hg.losses.QuantileLoss(q), optimizer=hg.SGD(0.05),
        epochs=400, batch_size=401, rng=0,
    )  # fmt: skip
    assert (y < net.predict([[1.0]])[0, 0]).mean() == pytest.approx(q, abs=0.03)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_several_quantiles_have_a_column_each(engine: Any, dtype: Any) -> None:
    levels = (0.1, 0.5, 0.9)
    rng = np.random.default_rng(0)
    p, y = rng.normal(size=(2, 6, 3))
    w = rng.uniform(0.5, 2, 6)
    alone = [hg.losses.QuantileLoss(q) for q in levels]
    together = hg.losses.QuantileLoss(levels)
    of_each = [loss.forward(p[:, [i]], y[:, i], w) for i, loss in enumerate(alone)]
    assert together.forward(p, y, w) == pytest.approx(np.mean(of_each), rel=1e-14)
    gradients = [loss.backward() / 3 for loss in alone]
    np.testing.assert_allclose(together.backward(), np.hstack(gradients), rtol=1e-13)
    y = np.random.default_rng(0).exponential(size=401)
    net = hg.Net(hg.Linear(1, 3, initializer="zeros"), dtype=dtype)
    hg.fit(
        net, (np.ones((401, 1)), np.repeat(y[:, None], 3, axis=1)), loss=together, rng=0,
        optimizer=hg.SGD(0.15), epochs=400, batch_size=401, engine=engine,
    )  # fmt: skip
    below = (y[:, None] < net.predict(np.ones((1, 1), dtype))).mean(axis=0)
    np.testing.assert_allclose(below, levels, atol=0.03)


def test_the_best_constants_of_several_quantiles_are_theirs() -> None:
    y = np.random.default_rng(0).exponential(size=(400, 1)).repeat(2, axis=1)
    loss = hg.losses.QuantileLoss([0.25, 0.75])
    best = loss.input_kind.constant_outputs(loss.target_kind, y, 2, np.ones(400))
    np.testing.assert_allclose(best[0], np.quantile(y[:, 0], [0.25, 0.75]))


DEVIANCES = [
    hg.losses.PoissonNLLLoss(),
    hg.losses.GammaDevianceLoss(),
    hg.losses.TweedieDevianceLoss(1.7),
]


@pytest.mark.parametrize("loss", DEVIANCES, ids=repr)
def test_the_best_constant_of_a_deviance_is_the_logarithm_of_the_mean(loss: hg.Loss) -> None:
    y = np.random.default_rng(0).gamma(2.0, size=(60, 1))
    best = np.full((60, 1), np.log(y.mean()))
    least = loss.forward(best, y)
    assert abs(loss.backward().sum()) < 1e-12
    assert least < min(loss.forward(best + step, y) for step in (-0.1, 0.1))


def test_an_exposure_as_weight_of_rates_is_an_offset_of_counts() -> None:
    rng, loss = np.random.default_rng(0), hg.losses.PoissonNLLLoss()
    z, y, e = rng.normal(size=(6, 1)), rng.poisson(2.0, 6), rng.uniform(0.1, 1, 6)
    of_rates, slope = loss.forward(z, y / e, e) * e.sum(), loss.backward() * e.sum()
    of_counts = loss.forward(z + np.log(e)[:, None], y) * 6
    assert of_rates == pytest.approx(of_counts + (y * np.log(e)).sum(), rel=1e-12)
    np.testing.assert_allclose(slope, loss.backward() * 6, rtol=1e-12)


def test_a_gamma_deviance_does_not_depend_on_the_unit() -> None:
    rng, loss = np.random.default_rng(0), hg.losses.GammaDevianceLoss()
    z, y = rng.normal(size=(6, 1)), rng.gamma(2.0, size=6)
    in_cents = loss.forward(z + np.log(100), 100 * y)
    assert in_cents == pytest.approx(loss.forward(z, y), rel=1e-12)


def test_the_tweedie_deviance_is_between_those_of_poisson_and_gamma() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(6, 1)), rng.gamma(2.0, size=(6, 1))
    poisson = 2 * (hg.losses.PoissonNLLLoss().forward(z, y) + (y * np.log(y) - y).mean())
    gamma = hg.losses.GammaDevianceLoss().forward(z, y)
    for power, end in ((1 + 1e-6, poisson), (2 - 1e-6, gamma)):
        assert hg.losses.TweedieDevianceLoss(power).forward(z, y) == pytest.approx(end, rel=1e-4)


def test_far_off_a_deviance_is_large_and_no_nan() -> None:
    z, y = np.array([[-1e3], [1e3]]), np.array([1.0, 1.0])
    with np.errstate(over="ignore"):
        for loss in DEVIANCES:
            assert loss.forward(z, y) == np.inf or loss.forward(z, y) > 100
            assert not np.isnan(loss.backward()).any()


def test_a_logistic_hazard_is_the_likelihood_of_what_was_seen() -> None:
    z, loss = np.random.default_rng(0).normal(size=(4, 3)), hg.losses.LogisticHazardLoss()
    h = 1 / (1 + np.exp(-z))
    y = np.array([[0, 0, 1], [1, -1, -1], [0, -1, -1], [0, 0, 0]])
    seen = [(1 - h[0, 0]) * (1 - h[0, 1]) * h[0, 2], h[1, 0], 1 - h[2, 0], np.prod(1 - h[3])]
    assert loss.forward(z, y) == pytest.approx(-np.log(seen).mean(), rel=1e-12)
    w = np.array([1.0, 2.0, 0.5, 3.0])
    expected = -np.average(np.log(seen), weights=w)
    assert loss.forward(z, y, w) == pytest.approx(expected, rel=1e-12)


def test_a_logistic_hazard_does_not_depend_on_logits_that_were_not_at_risk() -> None:
    z, loss = np.array([[0.5, 2.0], [0.5, -3.0]]), hg.losses.LogisticHazardLoss()
    y = np.array([[1, -1], [0, -1]])
    value = loss.forward(z, y)
    assert not loss.backward()[:, 1].any()
    assert loss.forward(z + np.array([0.0, 100.0]), y) == value


def test_what_the_output_says_is_told_in_the_terms_of_the_targets() -> None:
    z = np.array([[0.0, np.log(3.0)]])
    np.testing.assert_allclose(
        hg.SoftmaxCrossEntropyLoss().input_kind.inverse_link(z), [[0.25, 0.75]]
    )
    np.testing.assert_allclose(
        hg.losses.LabelSmoothingCrossEntropyLoss().input_kind.inverse_link(z), [[0.25, 0.75]]
    )
    np.testing.assert_allclose(
        hg.SigmoidBinaryCrossEntropyLoss().input_kind.inverse_link(z), [[0.5, 0.75]]
    )
    np.testing.assert_allclose(hg.losses.FocalLoss().input_kind.inverse_link(z), [[0.5, 0.75]])
    scores = np.array([[-1.0, 0.0, 1.0]])
    np.testing.assert_array_equal(
        hg.losses.HingeLoss().input_kind.inverse_link(scores), [[0.0, 0.5, 1.0]]
    )
    for loss in DEVIANCES:
        np.testing.assert_allclose(loss.input_kind.inverse_link(z), [[1.0, 3.0]])
    for loss in (hg.MSELoss(), hg.CrossEntropyLoss(), hg.losses.MultiMarginLoss()):
        assert loss.input_kind.inverse_link(z) is z


def test_members_side_by_side_are_nets_of_their_own() -> None:
    rng = np.random.default_rng(0)
    x, dz = rng.normal(size=(5, 2, 4)), rng.normal(size=(5, 2, 3))
    t = rng.dirichlet(np.ones(3), (5, 2))
    both = hg.tables.EnsembleLinear(4, 3, 2, rng=0, dtype=np.float64)
    both.b = rng.normal(size=(2, 3))
    z, dx = both.forward(x), both.backward(dz)
    loss = hg.losses.SoftTargetCrossEntropyLoss()
    value, slope = loss.forward(z, t), loss.backward()
    alone = []
    for m in range(2):
        one = hg.Linear(4, 3, dtype=np.float64)
        one.W, one.b = both.W[m], both.b[m]
        np.testing.assert_allclose(z[:, m], one.forward(x[:, m]))
        np.testing.assert_allclose(dx[:, m], one.backward(dz[:, m]))
        np.testing.assert_allclose(both.dW[m], one.dW)
        np.testing.assert_allclose(both.db[m], one.db)
        p = np.exp(z[:, m]) / np.exp(z[:, m]).sum(axis=1, keepdims=True)
        alone.append(-(t[:, m] * np.log(p)).sum(axis=1).mean())
        np.testing.assert_allclose(slope[:, m], (p - t[:, m]) / 5 / 2)
    assert value == pytest.approx(np.mean(alone))
