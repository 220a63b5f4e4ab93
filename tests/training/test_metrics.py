"""Metrics to the last digit, worked out by hand and beside scikit-learn."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peers

import handgrad as hg
from handgrad.textbook.metrics.registry import METRICS, metrics_of, smaller_is_better
from tests.bad_input.refused import refused

m = hg.metrics
quickly = settings(max_examples=40, derandomize=True)


def close(found: float, expected: Any) -> None:
    assert found == pytest.approx(float(expected), rel=1e-9, abs=1e-12)


def test_accuracy_counts_right_rows() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.5, 0.5]])
    assert m.accuracy(p, np.array([0, 1, 1, 0])) == 0.75
    assert m.accuracy(p, np.array([[0], [1], [1], [0]])) == 0.75


@pytest.mark.parametrize("n", range(1, 12))
def test_one_wrong_row_of_n_is_exactly_one_in_n(n: int) -> None:
    p = np.tile([[0.9, 0.1]], (n, 1))
    y = np.eye(1, n, dtype=int)[0]
    assert m.zero_one_loss(p, y) == 1 / n
    assert m.accuracy(p, y) == (n - 1) / n


def test_one_column_is_the_probability_of_class_1() -> None:
    y = np.array([1, 1, 0, 0])
    for p in (np.array([0.5, 0.4, 0.6, 0.1]), np.array([[0.5], [0.4], [0.6], [0.1]])):
        assert m.accuracy(p, y) == 0.5
        assert m.accuracy(p, y[:, None].astype(float)) == 0.5


def test_several_answers_a_row_count_one_by_one() -> None:
    p = np.array([[0.9, 0.2], [0.4, 0.8]])
    assert m.accuracy(p, np.array([[1, 0], [1, 1]])) == 0.75


def test_errors_worked_out_by_hand() -> None:
    p, y = np.array([[1.0], [2.0], [6.0]]), np.array([2.0, 2.0, 2.0])
    assert m.mean_squared_error(p, y) == 17 / 3  # (1 + 0 + 16)/3
    assert m.root_mean_squared_error(p, y) == np.sqrt(17 / 3)
    assert m.mean_absolute_error(p, y) == 5 / 3  # (1 + 0 + 4)/3
    assert m.r2(np.array([1.0, 2.0, 6.0]), np.array([1.0, 3.0, 5.0])) == 0.75  # 1 − 2/8
    assert np.isnan(m.r2(p, y))


@quickly
@given(st.integers(2, 60), st.integers(1, 3), st.integers(0, 10**6))
def test_numbers_agree_with_scikit_learn(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.normal(size=(n, k)), rng.normal(size=(n, k))
    for ours, theirs in (
        (m.mean_squared_error, peers.mean_squared_error),
        (m.mean_absolute_error, peers.mean_absolute_error),
        (m.r2, peers.r2_score),
    ):
        assert ours(p, y) == pytest.approx(theirs(y, p), rel=1e-9)


@quickly
@given(st.integers(1, 60), st.integers(2, 5), st.integers(0, 10**6))
def test_classes_agree_with_scikit_learn(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.random((n, k)), rng.integers(0, k, n)
    assert m.accuracy(p, y) == peers.accuracy_score(y, p.argmax(axis=1))
    assert m.accuracy(p, y) + m.zero_one_loss(p, y) == pytest.approx(1, abs=1e-15)


def test_names_functions_and_mixtures_are_taken() -> None:
    assert metrics_of("r2") == {"r2": m.r2}
    assert metrics_of(m.r2) == {"r2": m.r2}
    assert list(metrics_of(["accuracy", m.r2, "accuracy"])) == ["accuracy", "r2"]
    assert metrics_of(()) == {}
    smaller = [name for name in METRICS if "error" in name or "loss" in name]
    assert [name for name in METRICS if smaller_is_better(name)] == smaller


def test_targets_of_another_shape_are_refused() -> None:
    for name in ("mean_squared_error", "mean_absolute_error", "r2", "root_mean_squared_error"):
        with refused(hg.errors.ShapeError, "targets of shape (3,) for predictions of shape (3, 2)"):
            METRICS[name](np.zeros((3, 2)), np.zeros(3))
    for name in ("accuracy", "zero_one_loss"):
        with refused(hg.errors.DataError, "the target 2"):
            METRICS[name](np.zeros((3, 1)), np.array([0, 1, 2]))
        with refused(hg.errors.ShapeError, "targets of shape (2,)"):
            METRICS[name](np.zeros((3, 1)), np.array([0, 1]))


def weights(n: int, rng: Any) -> list[Any]:
    return [None, rng.uniform(0.1, 3, n)]


@pytest.mark.slow
@quickly
@given(st.integers(4, 40), st.integers(2, 4), st.integers(0, 10**6))
def test_metrics_of_classes_are_scikit_learns_with_weights_too(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.dirichlet(np.ones(k), n), np.r_[np.arange(k), rng.integers(0, k, n - k)]
    found = p.argmax(axis=1)
    for w in weights(n, rng):
        of: dict[str, Any] = {"sample_weight": w}
        close(m.accuracy(p, y, w), peers.accuracy_score(y, found, **of))
        close(m.zero_one_loss(p, y, w), peers.zero_one_loss(y, found, **of))
        close(m.balanced_accuracy(p, y, w), peers.balanced_accuracy_score(y, found, **of))
        close(m.log_loss(p, y, w), peers.log_loss(y, p, **of))
        close(m.brier_score_loss(p, y, w), peers.brier_score_loss(y, p, **of))
        score = p[:, 1] if k == 2 else p
        close(m.roc_auc(p, y, w), peers.roc_auc_score(y, score, multi_class="ovr", **of))
        if k > 2:
            close(m.top_k_accuracy(p, y, w), peers.top_k_accuracy_score(y, p, **of))
        averages: list[Any] = ["macro", "weighted", *(["binary"] if k == 2 else [])]
        for average in averages:
            of |= {"average": average, "zero_division": 0}
            close(m.precision(p, y, w, average), peers.precision_score(y, found, **of))
            close(m.recall(p, y, w, average), peers.recall_score(y, found, **of))
            close(m.f1(p, y, w, average), peers.f1_score(y, found, **of))


@quickly
@given(st.integers(4, 40), st.sampled_from([(), (1,), (3,)]), st.integers(0, 10**6))
def test_metrics_of_answers_are_scikit_learns_with_weights_too(
    n: int, columns: tuple[int, ...], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.random((n, *columns)), rng.integers(0, 2, (n, *columns))
    y[0], y[1] = 0, 1
    several = columns == (3,)
    true, q = (y, p) if several else (y.ravel(), p.ravel())
    found = q >= 0.5
    for w in weights(n, rng):
        of: dict[str, Any] = {"sample_weight": w}
        close(m.accuracy(p, y, w), np.average((found == true).reshape(n, -1).mean(1), weights=w))
        close(m.roc_auc(p, y, w), peers.roc_auc_score(true, q, **of))
        pairs = zip(true.reshape(n, -1).T, q.reshape(n, -1).T, strict=True)
        losses = [
            (peers.log_loss(t, r, **of), peers.brier_score_loss(t, r, **of)) for t, r in pairs
        ]
        close(m.log_loss(p, y, w), np.mean([a for a, _ in losses]))
        close(m.brier_score_loss(p, y, w), np.mean([b for _, b in losses]))
        if not several:
            close(m.balanced_accuracy(p, y, w), peers.balanced_accuracy_score(true, found, **of))
        for average in ("macro", "weighted") if several else ("binary", "macro"):
            of |= {"average": average, "zero_division": 0}
            close(m.f1(p, y, w, average), peers.f1_score(true, found, **of))


@quickly
@given(st.integers(3, 40), st.integers(1, 3), st.integers(0, 10**6))
def test_metrics_of_numbers_are_scikit_learns_with_weights_too(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y, w = rng.normal(size=(n, k)), rng.normal(size=(n, k)), rng.uniform(0.1, 3, n)
    close(m.mean_squared_error(p, y, w), peers.mean_squared_error(y, p, sample_weight=w))
    close(m.mean_absolute_error(p, y, w), peers.mean_absolute_error(y, p, sample_weight=w))
    squared = peers.mean_squared_error(y, p, sample_weight=w)
    close(m.root_mean_squared_error(p, y, w), squared**0.5)
    close(m.r2(p, y, w), peers.r2_score(y, p, sample_weight=w))


@pytest.mark.parametrize("name", METRICS)
def test_whole_weights_are_rows_that_come_again(name: str) -> None:
    rng = np.random.default_rng(0)
    w, rows = np.array([1, 2, 0, 3, 1, 1]), np.repeat(np.arange(6), [1, 2, 0, 3, 1, 1])
    p, y = rng.random((6, 3)), np.array([0, 1, 2, 1, 2, 0])
    p /= p.sum(axis=1, keepdims=True)
    if name == "concordance_index":
        p, y = p[:, :1], np.array([2, -3, 1, 3, -2, 4])
    elif name in ("precision", "recall", "f1"):
        p, y = p[:, :1], y % 2
    elif "error" in name or name == "r2":
        y = rng.normal(size=(6, 3))
    close(METRICS[name](p, y, w.astype(float)), METRICS[name](p[rows], y[rows]))


def harrell(p: Any, y: Any, w: Any) -> float:
    """The definition, pair by pair."""
    right = total = 0.0
    for i, j in itertools.permutations(range(len(p)), 2):
        later = abs(y[j]) > abs(y[i]) or (abs(y[j]) == abs(y[i]) and y[j] < 0)
        if y[i] > 0 and later:
            total += w[i] * w[j]
            right += w[i] * w[j] * (1.0 if p[j] > p[i] else 0.5 if p[j] == p[i] else 0.0)
    return right / total if total else float("nan")


@quickly
@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 10**6))
def test_the_concordance_index_is_that_of_all_pairs(n: int, times: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(1, times + 1, n) * rng.choice([-1, 1], n)
    p, w = rng.integers(0, 8, n) / 8, rng.uniform(0, 2, n)
    for weights, of_rows in ((None, np.ones(n)), (w, w)):
        found = m.concordance_index(p, y, weights)
        assert found == pytest.approx(harrell(p, y, of_rows), rel=1e-9, nan_ok=True)


def test_a_concordance_index_worked_out_by_hand() -> None:
    y = np.array([1.0, 2.0, -2.0, 2.0, -3.0])  # known: 1 before all; both 2 before −2 and −3
    assert m.concordance_index(np.array([1.0, 2.0, 3.0, 2.0, 4.0]), y) == 1
    assert m.concordance_index(np.ones((5, 1)), y) == 0.5
    assert m.concordance_index(np.array([9.0, 2.0, 3.0, 2.0, 2.0]), y) == 3 / 8  # 1 + ½ + 1 + ½
    assert np.isnan(m.concordance_index(np.ones(2), np.array([-1.0, 2.0])))
    assert np.isnan(m.concordance_index(np.array([np.nan, 1.0]), np.array([1.0, 2.0])))


def test_the_concordance_index_of_many_rows_is_quick() -> None:
    y = np.arange(1.0, 30_001.0)
    p = np.where(y % 3 == 0, 0, y)  # a third has the shortest prediction, and equal ones
    first = y[y % 3 == 0] - 1
    wrong = (first - np.arange(len(first))).sum() + len(first) * (len(first) - 1) / 4
    assert m.concordance_index(p, y) == pytest.approx(1 - wrong / (3e4 * (3e4 - 1) / 2), rel=1e-9)


def test_where_nothing_was_said_to_be_of_the_class_precision_is_0() -> None:
    p, y = np.array([0.1, 0.2, 0.3]), np.array([0, 1, 1])
    assert m.precision(p, y) == m.recall(p, y) == m.f1(p, y) == 0


def test_a_class_that_is_missing_is_named() -> None:
    with refused(hg.errors.DataError, "roc_auc of 3 rows, none of them of class 0", "every class"):
        m.roc_auc(np.array([0.1, 0.2, 0.3]), np.array([1, 1, 1]))
    with refused(hg.errors.DataError, "none of them of class 2"):
        m.roc_auc(np.full((3, 3), 1 / 3), np.array([0, 1, 1]))


def test_what_is_no_probability_is_refused() -> None:
    for metric in (m.log_loss, m.brier_score_loss):
        with refused(hg.errors.DataError, "numbers from -1 to 2", "between 0 and 1"):
            metric(np.array([[-1.0], [2.0]]), np.array([0, 1]))
    assert m.log_loss(np.array([[0.0, 1.0]]), np.array([0])) > 30


def test_what_is_for_two_classes_or_for_one_a_row_says_so() -> None:
    p, y = np.full((3, 3), 1 / 3), np.array([0, 1, 2])
    answers = np.eye(3, dtype=int)
    for metric, name in ((m.precision, "precision"), (m.recall, "recall"), (m.f1, "f1")):
        for targets in (y, answers):
            with refused(hg.errors.ShapeError, f"{name} of 3 classes", f"'{name}_macro'"):
                metric(p, targets)
        with refused(hg.errors.SettingError, "average = 'micro'", "macro"):
            metric(p, y, None, "micro")  # type: ignore[arg-type]
    with refused(hg.errors.ShapeError, "balanced_accuracy of 3 answers for each row"):
        m.balanced_accuracy(p, answers)
    for bad in (p[:, :2], p[:, 0]):
        with refused(hg.errors.ShapeError, "for the best 2", "at least 3 classes"):
            m.top_k_accuracy(bad, np.array([0, 1, 1]))
    with refused(hg.errors.ShapeError, "for the best 5", "at least 6 classes"):
        m.top_k_accuracy(p, y, k=5)
    with refused(hg.errors.SettingError, "k = 0"):
        m.top_k_accuracy(p, y, k=0)


OF_NUMBERS = ("r2", "concordance_index")
ALL_OF_CLASSES = [name for name in METRICS if "error" not in name and name not in OF_NUMBERS]


def test_every_metric_of_classes_goes_by_its_name() -> None:
    x, y = hg.data.load("iris")
    net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=0), hg.Softmax())
    names = [name for name in ALL_OF_CLASSES if name not in ("precision", "recall", "f1")]
    history = hg.fit(
        net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=20, metrics=names,
        validation=0.2, rng=0,
    )  # fmt: skip
    assert list(history[-1].metrics) == names
    assert history[-1].metrics["f1_macro"] > 0.8
    assert history[-1].metrics["log_loss"] == pytest.approx(history[-1].validation_loss, rel=1e-5)


@pytest.mark.parametrize("batch_size", [7, 1000])
def test_an_epochs_metrics_are_of_all_its_rows_however_they_are_cut(batch_size: int) -> None:
    x, y = hg.make_classification(50, rng=0)
    net = hg.Net(hg.Linear(2, 2, rng=1, dtype=np.float64), hg.Softmax())
    net.layers[0].freeze()
    names = [name for name in ALL_OF_CLASSES if name != "top_k_accuracy"]
    (report,) = hg.train(
        net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=1, metrics=names,
        batch_size=batch_size, rng=0,
    )  # fmt: skip
    p = net.predict(x)
    for name in names:
        close(report.metrics[name], METRICS[name](p, y))


PAIRS: dict[str, tuple[list[hg.Layer], hg.Loss]] = {
    "classes": ([hg.Softmax()], hg.SoftmaxCrossEntropyLoss()),
    "smoothed": ([hg.Softmax()], hg.losses.LabelSmoothingCrossEntropyLoss()),
    "answers": ([hg.Sigmoid()], hg.SigmoidBinaryCrossEntropyLoss()),
    "focal": ([hg.Sigmoid()], hg.losses.FocalLoss()),
}


@pytest.mark.parametrize("case", PAIRS)
def test_beside_a_loss_on_logits_metrics_are_of_probabilities(case: str) -> None:
    last, loss = PAIRS[case]
    x, y = hg.make_classification(60, n_clusters_per_class=1, rng=0)
    width = 2 if loss.target_kind.indices else 1
    logits = hg.Net(hg.Linear(2, width, rng=0, dtype=np.float64))
    whole = hg.Net(copy.deepcopy(logits), *copy.deepcopy(last))
    names = [name for name in ALL_OF_CLASSES if name != "top_k_accuracy"]
    found = hg.evaluate(logits, (x, y), loss=loss, metrics=names).metrics
    for name in names:
        close(found[name], METRICS[name](whole.predict(x), y))


def test_beside_a_hinge_loss_yes_begins_at_a_score_of_0() -> None:
    x, y = hg.make_classification(60, rng=0)
    net = hg.Net(hg.Linear(2, 1, rng=0))
    score = net.predict(x).ravel()
    found = hg.evaluate(
        net, (x, y), loss=hg.losses.HingeLoss(), metrics=["accuracy", "f1", "roc_auc"]
    ).metrics
    close(found["accuracy"], ((score >= 0) == y).mean())
    close(found["f1"], peers.f1_score(y, score >= 0))
    close(found["roc_auc"], peers.roc_auc_score(y, score))


def test_beside_a_loss_on_log_rates_metrics_are_of_rates() -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    y, net = np.random.default_rng(1).poisson(2.0, 40), hg.Net(hg.Linear(2, 1, rng=0))
    found = hg.evaluate(
        net, (x, y), loss=hg.losses.PoissonNLLLoss(), metrics=["mean_absolute_error"]
    )
    expected = np.abs(np.exp(net.predict(x)[:, 0]) - y).mean()
    assert found.metrics["mean_absolute_error"] == pytest.approx(expected, rel=1e-6)


def test_a_metric_of_ones_own_is_handed_what_the_net_puts_out() -> None:
    x, y = hg.make_classification(60, rng=0)
    net, seen = hg.Net(hg.Linear(2, 2, rng=0)), []

    def noted(p: Any, y: Any) -> float:
        seen.append(p)
        return 0.0

    hg.evaluate(net, (x, y), loss=hg.SoftmaxCrossEntropyLoss(), metrics=[noted])
    np.testing.assert_array_equal(seen[-1], net.predict(x))


def test_a_rare_class_does_not_stop_roc_auc_from_being_tried() -> None:
    y = np.zeros(3000, int)
    y[1501] = 1
    x = np.random.default_rng(0).normal(size=(3000, 2))
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    found = hg.evaluate(net, (x, y), loss=hg.CrossEntropyLoss(), metrics=["roc_auc"])
    assert 0 <= found.metrics["roc_auc"] <= 1
    with refused(hg.errors.DataError, "metric 'roc_auc'", "none of them of class 1"):
        hg.evaluate(net, (x, 0 * y), loss=hg.CrossEntropyLoss(), metrics=["roc_auc"])


@pytest.mark.parametrize("monitor", ["roc_auc", "log_loss", "f1_macro", "brier_score_loss"])
def test_early_stopping_knows_which_way_each_metric_is_better(monitor: str) -> None:
    x, y = hg.make_classification(60, rng=0)
    net = hg.Net(hg.Linear(2, 4, rng=1), hg.Tanh(), hg.Linear(4, 2, rng=2), hg.Softmax())
    history = hg.fit(
        net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(1.0), epochs=40, rng=0,
        metrics=[monitor], validation=0.3, early_stopping=3, monitor=monitor,
    )  # fmt: skip
    values = [float(v or 0) for v in history[f"validation_{monitor}"]]
    best = min(values) if monitor.endswith("_loss") else max(values)
    assert history.best(monitor).metrics[monitor] == best
    assert values.index(best) >= len(values) - 4
