"""Training by L-BFGS: SciPy's own steps, as a stream of reports."""

import copy
import gc
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from scipy.optimize import minimize
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

import handgrad as hg
from tests.bad_input.refused import refused
from tests.files.checkpoint_fuzz import sealed
from tests.training import by_hand
from tests.training.by_hand import HELD, X, Y, assert_same_state, classifier

each_engine = pytest.mark.parametrize("engine", ["eager", "compiled"])


def train(net: hg.Net, **options: Any) -> Any:
    return by_hand.train(net, **({"optimizer": hg.optimizers.LBFGS(), "engine": "eager"} | options))


def fit(net: hg.Net, **options: Any) -> hg.training.History:
    return by_hand.fit(net, **({"optimizer": hg.optimizers.LBFGS(), "engine": "eager"} | options))


def by_scipy(net: hg.Net, iterations: int) -> list[Any]:
    """The weights after each iteration, by a loss and a gradient of the layers themselves."""
    net, loss, seen = copy.deepcopy(net), hg.CrossEntropyLoss(), []

    def loss_and_gradient(weights: Any) -> Any:
        net.parameters[...] = weights
        value = loss.forward(net.forward(X), Y)
        net.backward(loss.backward())
        return value, net.gradients.copy()

    minimize(
        loss_and_gradient,
        net.parameters.copy(),
        jac=True,
        method="L-BFGS-B",
        callback=lambda weights: seen.append(weights.copy()),
        options={"maxcor": 100, "gtol": 1e-7, "ftol": 1e-9, "maxiter": iterations},
    )
    return seen


@each_engine
def test_each_report_is_an_iteration_of_scipys(engine: Any) -> None:
    net = classifier(np.float64)
    expected = by_scipy(net, 12)
    reports = []
    for report, weights in zip(
        train(net, engine=engine, epochs=12, validation=HELD), expected, strict=True
    ):
        np.testing.assert_allclose(net.parameters, weights, rtol=1e-7)
        trained = hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss())
        held = hg.evaluate(net, HELD, loss=hg.CrossEntropyLoss())
        assert report.train_loss == pytest.approx(trained.loss, rel=1e-9)
        assert report.train_metrics == pytest.approx(trained.metrics)
        assert report.validation_loss == pytest.approx(held.loss, rel=1e-9)
        reports.append(report)
    assert [report.epoch for report in reports] == [*range(1, 13)]
    losses = [report.train_loss for report in reports]
    assert losses == sorted(losses, reverse=True)


@each_engine
def test_the_batch_size_does_not_matter(engine: Any) -> None:
    first, second = classifier(), classifier()
    one = fit(first, engine=engine, batch_size=1)
    assert [r.train_loss for r in one] == [r.train_loss for r in fit(second, engine=engine)]
    assert_same_state(first, second.state())


def linear(n_out: int = 1) -> hg.Net:
    return hg.Net(hg.Linear(4, n_out, initializer="zeros"), dtype=np.float64)


def numbers() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4))
    return x, x @ [[2.0], [-1.0], [0.0], [0.1]] + 0.5 + 0.3 * rng.normal(size=(40, 1))


@each_engine
def test_with_an_l2_penalty_it_finds_ridge_regression(engine: Any) -> None:
    (x, y), net = numbers(), linear()
    ridge = Ridge(alpha=3.0, tol=1e-10).fit(x, y)
    history = hg.fit(net, (x, y), loss=hg.MSELoss(),
                     optimizer=hg.optimizers.LBFGS(tolerance_change=0), epochs=100, engine=engine,
                     penalty=hg.penalties.L2Penalty(2 * 3.0 / len(x)))  # fmt: skip
    assert history.stopped_because.startswith("L-BFGS converged after ")
    np.testing.assert_allclose(net.layers[0].W[0], ridge.coef_.ravel(), rtol=1e-6)
    np.testing.assert_allclose(net.layers[0].b, ridge.intercept_, rtol=1e-6)
    cost = np.square(ridge.predict(x) - y.ravel()).mean() + 3 / len(x) * (ridge.coef_**2).sum()
    assert history[-1].train_loss == pytest.approx(cost, rel=1e-9)


@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
def test_where_scikit_learns_elastic_net_ends_no_direction_goes_down(l1_ratio: float) -> None:
    x, y = numbers()
    found = ElasticNet(alpha=0.2, l1_ratio=l1_ratio, tol=1e-12, max_iter=10**5).fit(x, y)
    W = found.coef_.reshape(1, 4)
    assert (W == 0).sum() == 2
    penalty = hg.penalties.ElasticNetPenalty(2 * 0.2, l1_ratio)
    slope = 2 / len(x) * (x @ W.T + found.intercept_ - y).T @ x + penalty.gradient(W, 1)
    np.testing.assert_allclose(slope[W != 0], 0, atol=1e-7)
    assert (abs(slope[W == 0]) <= penalty.alpha * l1_ratio).all()


def test_it_finds_logistic_regression() -> None:
    x, y = hg.data.load("iris")
    x = x.astype(float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    net = hg.Net(hg.Linear(4, 3, initializer="zeros"), hg.Softmax(), dtype=np.float64)
    # scikit-learn's C: the sum of the losses, and half the sum of squares
    history = hg.fit(net, (x, y), loss=hg.CrossEntropyLoss(), epochs=200,
                     optimizer=hg.optimizers.LBFGS(tolerance_change=0),
                     penalty=hg.penalties.L2Penalty(1 / (0.7 * len(x))))  # fmt: skip
    peer = LogisticRegression(C=0.7, tol=1e-8, max_iter=1000).fit(x, y)
    assert history.stopped_because.startswith("L-BFGS converged")
    np.testing.assert_allclose(net.layers[0].W, peer.coef_, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(net.predict(x), peer.predict_proba(x), atol=1e-4)


def test_the_end_is_told() -> None:
    assert fit(classifier(), epochs=3).stopped_because == "all 3 epochs were run"
    few = fit(classifier(), optimizer=hg.optimizers.LBFGS(max_eval=4), epochs=100)
    assert few.stopped_because == "L-BFGS had evaluated the loss 5 times"
    assert len(few) < 5
    loose = fit(classifier(), optimizer=hg.optimizers.LBFGS(tolerance_grad=0.1), epochs=100)
    assert loose.stopped_because == f"L-BFGS converged after {len(loose)} iterations"
    easy = fit(classifier(), optimizer=hg.optimizers.LBFGS(tolerance_change=0.5), epochs=100)
    assert len(easy) < 5


def test_early_stopping_gives_the_best_weights() -> None:
    net = classifier()
    history = fit(net, epochs=200, validation=HELD, early_stopping=5)
    assert len(history) < 200
    assert "validation_loss had not improved for 5 epochs" in history.stopped_because
    best = hg.evaluate(net, HELD, loss=hg.CrossEntropyLoss()).loss
    assert best == pytest.approx(history.best("validation_loss").validation_loss, rel=1e-6)


def test_break_leaves_the_net_where_it_was_reported() -> None:
    net = classifier(np.float64)
    for report in train(net, epochs=50):
        if report.epoch == 3:
            break
    gc.collect()
    assert hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss()).loss == pytest.approx(
        report.train_loss, rel=1e-12
    )


def test_what_is_done_to_the_net_after_a_break_stays() -> None:
    net = classifier()
    reports = train(net, epochs=50)
    next(reports)
    net.parameters[...] = 3
    del reports
    gc.collect()
    assert (net.parameters == 3).all()


def test_frozen_layers_stay() -> None:
    net = classifier()
    net.layers[0].freeze()
    W, b = net.layers[0].W.copy(), net.layers[2].b.copy()
    fit(net)
    np.testing.assert_array_equal(net.layers[0].W, W)
    assert not np.array_equal(net.layers[2].b, b)


def test_a_net_frozen_as_a_whole_has_nothing_to_do() -> None:
    net = classifier()
    net.freeze()
    before = net.state()
    fit(net)
    assert_same_state(net, before)


class Counting(hg.Tanh):
    """Does something else in its forward at the given pass in training."""

    def __init__(self, at: int, what: Any) -> None:
        super().__init__()
        self.passes, self.at, self.what = [0], at, what

    def forward(self, x: Any) -> Any:
        if self.training:
            self.passes[0] += 1
            if self.passes[0] == self.at:
                if isinstance(self.what, BaseException):
                    raise self.what
                return super().forward(x) * self.what
        return super().forward(x)


def counting(at: int, what: Any) -> hg.Net:
    return hg.Net(hg.Linear(2, 5, rng=1), Counting(at, what), hg.Linear(5, 2, rng=2), hg.Softmax())


def test_ctrl_c_leaves_the_net_and_the_history() -> None:
    net = counting(9, KeyboardInterrupt())
    with pytest.warns(UserWarning, match="training was interrupted in epoch"):
        history = fit(net, epochs=50)
    assert 0 < len(history) < 9
    loss = hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss()).loss
    assert loss == pytest.approx(history[-1].train_loss, rel=1e-6)


def test_an_error_in_a_layer_comes_out_as_it_is() -> None:
    net = counting(9, ZeroDivisionError("of one's own"))
    with pytest.raises(ZeroDivisionError, match="of one's own"):
        fit(net, epochs=50)


@pytest.mark.parametrize("at", [1, 9])
def test_divergence_is_told_and_leaves_the_last_iteration(at: int) -> None:
    net, reports = counting(at, np.nan), []
    before = net.state()

    def collect() -> None:
        for report in train(net, epochs=50):
            reports.append((report, net.state()))

    with pytest.raises(hg.errors.DivergenceError, match="loss nan in epoch") as caught:
        collect()
    assert "learning rate" not in str(caught.value)
    assert_same_state(net, reports[-1][1] if reports else before)


def test_a_penalty_looks_at_what_is_trained() -> None:
    net = classifier(np.float64)
    net.layers[0].freeze()
    history = fit(net, penalty=hg.penalties.L2Penalty(0.1))
    loss = hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss()).loss
    costs = 0.05 * (net.layers[2].W ** 2).sum()
    assert history[-1].train_loss == pytest.approx(loss + costs, rel=1e-12)


class WrongWay(hg.Tanh):
    """Its backward has the wrong sign: what looks like down is up."""

    def backward(self, dy: Any) -> Any:
        return -super().backward(dy)


def test_a_wrong_gradient_ends_it_where_it_began() -> None:
    net = hg.Net(hg.Linear(2, 5, rng=1), WrongWay(), hg.Linear(5, 2, rng=2), hg.Softmax())
    net.layers[2].freeze()
    before = net.state()
    history = fit(net)
    assert len(history) == 0
    assert history.stopped_because == "L-BFGS found no lower loss after 0 iterations"
    assert_same_state(net, before)


def test_many_at_once() -> None:
    nets, expected = [classifier(), classifier()], classifier()
    alone = fit(expected, engine="auto")
    histories = hg.fit_many(
        [{"net": net} for net in nets],
        data=(X, Y),
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.optimizers.LBFGS(),
        epochs=4,
    )
    for net, history in zip(nets, histories, strict=True):
        assert [r.train_loss for r in history] == [r.train_loss for r in alone]
        assert_same_state(net, expected.state())


def test_weights_of_rows_count() -> None:
    weights, net = np.arange(len(Y)) % 3, classifier(np.float64)
    history = fit(net, sample_weight=weights, epochs=10)
    found = hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss(), sample_weight=weights)
    assert history[-1].train_loss == pytest.approx(found.loss, rel=1e-12)


@each_engine
def test_a_loss_that_changes_by_chance_is_refused(engine: Any) -> None:
    net = hg.Net(hg.Linear(2, 6, rng=1), hg.Dropout(0.5), hg.Linear(6, 2, rng=2), hg.Softmax())
    with refused(hg.errors.SettingError, "run again, with LBFGS", "without random layers", net=net):
        fit(net, engine=engine)


def with_running_state() -> hg.Net:
    layers = (hg.Linear(2, 5, rng=1), hg.BatchNorm(5), hg.Tanh(), hg.Linear(5, 2, rng=2))
    return hg.Net(*layers, hg.Softmax())


@each_engine
@pytest.mark.parametrize("net_of", [classifier, with_running_state])
@pytest.mark.parametrize("stop", [0, 1, 5])
def test_a_resumed_training_ends_with_the_same_bits(
    engine: Any, net_of: Any, stop: int, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"epochs": 12, "engine": engine, "validation": HELD}
    whole, resumed = net_of(), net_of()
    history = fit(whole, **settings)
    begun = hg.training.checkpoints(train(net_of(), **settings), tmp_path, seconds=0)
    assert len([*islice(begun, stop)]) == stop
    again = hg.training.checkpoints(train(resumed, **settings), tmp_path, resume=True)
    assert len([*again]) == len(history) - stop
    assert [r.train_loss for r in again.history] == [r.train_loss for r in history]
    assert [r.validation_loss for r in again.history] == [r.validation_loss for r in history]
    assert_same_state(resumed, whole.state())


def test_a_damaged_search_changes_nothing(tmp_path: Path) -> None:
    assert [*islice(hg.training.checkpoints(train(classifier(), epochs=9), tmp_path, seconds=0), 3)]
    path = max(tmp_path.glob("epoch-*"))
    arrays = load_file(path)
    with safe_open(path, "numpy") as file:
        about = file.metadata()
    path.write_bytes(sealed(arrays | {"search.steps": arrays["search.steps"][:, 1:].copy()}, about))
    net = classifier()
    with refused(hg.errors.FileError, "without steps of shape", net=net):
        hg.training.checkpoints(train(net, epochs=9), tmp_path, resume=True)


def test_what_needs_a_learning_rate_is_refused() -> None:
    net = classifier()
    cases: dict[str, dict[str, Any]] = {
        "a schedule": {"schedule": hg.schedules.cosine()},
        "reduce_on_plateau": {"reduce_on_plateau": 3},
    }
    for what, options in cases.items():
        with refused(hg.errors.SettingError, f"{what} with LBFGS()", "hg.Adam(0.001)", net=net):
            fit(net, **options)
    with refused(hg.errors.SettingError, "a search for the learning rate with LBFGS()", net=net):
        hg.training.find_learning_rate(
            net, (X, Y), loss=hg.CrossEntropyLoss(), optimizer=hg.optimizers.LBFGS()
        )
    with refused(hg.errors.SettingError, "reduce_on_plateau with LBFGS()"):
        hg.training.reduce_on_plateau([], hg.optimizers.LBFGS())
