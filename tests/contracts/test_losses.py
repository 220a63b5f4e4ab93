"""What every loss must keep to."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import interpret
from handgrad.textbook.net.minibatches import example_targets
from tests.contracts.table import LOSSES

each_loss = pytest.mark.parametrize("name", LOSSES)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


ROWS, PLACES = (3,), (4, 3)  # the shape of one row
each_shape = pytest.mark.parametrize("shape", [ROWS, PLACES], ids=["rows", "places"])


def prepared(
    name: str, dtype: Any = np.float64, n: int = 5, shape: tuple[int, ...] = ROWS
) -> tuple[Any, Any, Any]:
    loss = LOSSES[name]()
    p = np.random.default_rng(0).uniform(0.1, 0.9, (n, *shape)).astype(dtype)
    return loss, p, example_targets(loss, p)


def test_the_table_lists_every_loss() -> None:
    public = {
        name
        for name, kind in vars(hg.losses).items()
        if isinstance(kind, type) and issubclass(kind, hg.losses.Loss)
    }
    assert public - {"Loss"} == set(LOSSES)


@each_loss
@each_shape
@each_dtype
def test_shapes_and_dtypes_are_kept(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    loss, p, y = prepared(name, dtype, shape=shape)
    value = loss.forward(p, y)
    dp = loss.backward()
    assert (value.shape, value.dtype) == ((), dtype)
    assert (dp.shape, dp.dtype) == (p.shape, dtype)


@each_loss
@each_shape
def test_inputs_are_left_alone(name: str, shape: tuple[int, ...]) -> None:
    loss, p, y = prepared(name, shape=shape)
    p_before, y_before = p.copy(), y.copy()
    loss.forward(p, y)
    loss.backward()
    np.testing.assert_array_equal(p, p_before)
    np.testing.assert_array_equal(y, y_before)


@each_loss
@each_shape
def test_backward_can_be_repeated_and_takes_the_seeds_argument(
    name: str, shape: tuple[int, ...]
) -> None:
    loss, p, y = prepared(name, shape=shape)
    value = loss.forward(p, y)
    first = loss.backward().copy()
    np.testing.assert_array_equal(loss.backward(), first)
    np.testing.assert_array_equal(loss.backward(value), first)


@each_loss
def test_backward_before_forward_is_refused(name: str) -> None:
    with pytest.raises(hg.errors.NotYetComputedError, match=r"(?s)expected: .*forward"):
        LOSSES[name]().backward()


@each_loss
@each_shape
@pytest.mark.parametrize("rng", range(3))
def test_gradients_are_right(name: str, rng: int, shape: tuple[int, ...]) -> None:
    p = None if shape == ROWS else prepared(name, n=5, shape=shape)[1]
    report = hg.check_gradients(LOSSES[name](), x=p, rng=rng)
    assert report.ok, str(report)
    assert [c.setting for c in report.comparisons].count("rows weighted") == 1
    assert len(report.comparisons) == 4


@each_loss
@each_shape
@each_dtype
def test_the_recording_says_what_the_page_says(
    name: str, dtype: Any, shape: tuple[int, ...]
) -> None:
    loss, p, y = prepared(name, dtype, shape=shape)
    graph = hg.trace(loss, x=p)
    for n in (1, 2, 5, 16):
        loss, p, y = prepared(name, dtype, n, shape)
        found = interpret(graph, {"p": p, "y": y}, n).named()
        value = loss.forward(p, y)
        assert found["loss"].dtype == dtype
        np.testing.assert_allclose(found["loss"], value, rtol=4 * np.finfo(dtype).eps)
        np.testing.assert_allclose(found["dp"], loss.backward(), rtol=4 * np.finfo(dtype).eps)


@each_loss
@each_shape
@each_dtype
def test_weights_keep_shapes_and_dtypes_and_are_left_alone(
    name: str, dtype: Any, shape: tuple[int, ...]
) -> None:
    loss, p, y = prepared(name, dtype, shape=shape)
    w = np.array([1, 2, 3, 4, 0.5], dtype)
    before = w.copy()
    value, dp = loss.forward(p, y, w), loss.backward()
    assert (value.shape, value.dtype) == ((), dtype)
    assert (dp.shape, dp.dtype) == (p.shape, dtype)
    np.testing.assert_array_equal(w, before)


@each_loss
@each_shape
def test_whole_weights_are_rows_that_come_again(name: str, shape: tuple[int, ...]) -> None:
    loss, p, y = prepared(name, shape=shape)
    w = np.array([1, 3, 0, 2, 1])
    value, dp = loss.forward(p, y, w.astype(float)), loss.backward()
    rows = np.repeat(np.arange(5), w)
    assert value == pytest.approx(loss.forward(p[rows], y[rows]), rel=1e-14)
    again = loss.backward()
    np.testing.assert_allclose(dp, [again[rows == i].sum(axis=0) for i in range(5)], rtol=1e-13)


@each_loss
@each_shape
def test_only_the_proportions_of_weights_matter(name: str, shape: tuple[int, ...]) -> None:
    loss, p, y = prepared(name, shape=shape)
    w = np.random.default_rng(1).uniform(0.1, 9, 5)
    value, dp = loss.forward(p, y, w), loss.backward()
    assert loss.forward(p, y, 1e3 * w) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(loss.backward(), dp, rtol=1e-13)
    alike, slope = loss.forward(p, y, np.full(5, 7.0)), loss.backward()
    assert alike == pytest.approx(loss.forward(p, y), rel=1e-14)
    np.testing.assert_allclose(slope, loss.backward(), rtol=1e-13)


@each_loss
@each_shape
@each_dtype
def test_the_recording_with_weights_says_what_the_page_says(
    name: str, dtype: Any, shape: tuple[int, ...]
) -> None:
    loss, p, y = prepared(name, dtype, shape=shape)
    graph = hg.trace(loss, x=p, sample_weight=np.ones(5))
    for n in (1, 2, 5, 16):
        loss, p, y = prepared(name, dtype, n, shape)
        w = np.random.default_rng(n).uniform(0.1, 3, n).astype(dtype)
        found = interpret(graph, {"p": p, "y": y, "sample_weight": w}, n).named()
        value = loss.forward(p, y, w)
        assert found["loss"].dtype == dtype
        np.testing.assert_allclose(found["loss"], value, rtol=8 * np.finfo(dtype).eps)
        np.testing.assert_allclose(found["dp"], loss.backward(), rtol=8 * np.finfo(dtype).eps)


@each_loss
def test_each_place_counts_as_if_it_were_a_row(name: str) -> None:
    loss, p, y = prepared(name, shape=PLACES)
    w = np.random.default_rng(1).uniform(0.1, 3, (5, 4))
    rows, targets = p.reshape(20, 3), y.reshape(20, *y.shape[2:])
    for weights in ((), (w,)):
        value, dp = loss.forward(p, y, *weights), loss.backward()
        of_rows = loss.forward(rows, targets, *(w.ravel() for w in weights))
        assert value == pytest.approx(of_rows, rel=1e-14)
        np.testing.assert_allclose(dp.reshape(20, 3), loss.backward(), rtol=1e-13)


@each_loss
def test_places_of_weight_0_are_masked(name: str) -> None:
    loss, p, y = prepared(name, shape=PLACES)
    mask = np.arange(4) < np.array([4, 2, 1, 3, 4])[:, None]  # sequences of these lengths
    value, dp = loss.forward(p, y, mask.astype(float)), loss.backward()
    assert value == pytest.approx(loss.forward(p[mask], y[mask]), rel=1e-14)
    np.testing.assert_allclose(dp[mask], loss.backward(), rtol=1e-13)
    assert not dp[~mask].any()


@each_loss
@each_dtype
def test_the_recording_with_weights_of_places_says_what_the_page_says(
    name: str, dtype: Any
) -> None:
    loss, p, y = prepared(name, dtype, shape=PLACES)
    graph = hg.trace(loss, x=p, sample_weight=np.ones((5, 4)))
    for n in (1, 2, 16):
        loss, p, y = prepared(name, dtype, n, PLACES)
        w = np.random.default_rng(n).uniform(0.1, 3, (n, 4)).astype(dtype)
        found = interpret(graph, {"p": p, "y": y, "sample_weight": w}, n).named()
        np.testing.assert_allclose(
            found["loss"], loss.forward(p, y, w), rtol=8 * np.finfo(dtype).eps
        )
        np.testing.assert_allclose(found["dp"], loss.backward(), rtol=8 * np.finfo(dtype).eps)
