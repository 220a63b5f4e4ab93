"""Metrics to the last digit, worked out by hand and beside scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peers

import handgrad as hg
from handgrad.metrics.choice import METRICS, metrics_of, smaller_is_better
from tests.bad_input.refused import refused

m = hg.metrics


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


@settings(max_examples=40, deadline=None, derandomize=True)
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


@settings(max_examples=40, deadline=None, derandomize=True)
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
        with refused(hg.ShapeError, "targets of shape (3,), beside predictions of shape (3, 2)"):
            METRICS[name](np.zeros((3, 2)), np.zeros(3))
    for name in ("accuracy", "zero_one_loss"):
        with refused(hg.DataError, "the target 2"):
            METRICS[name](np.zeros((3, 1)), np.array([0, 1, 2]))
        with refused(hg.ShapeError, "targets of shape (2,)"):
            METRICS[name](np.zeros((3, 1)), np.array([0, 1]))
