"""Layers and nets refuse what they cannot be made of, or given."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused


@pytest.mark.parametrize("seed", [-1, "a", True, 1.5])
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises(hg.errors.SettingError, match=r"(?s)rng=.*expected: .*whole number.*try: "):
        hg.Linear(2, 2, rng=seed)
    with pytest.raises(hg.errors.SettingError, match=r"(?s)rng=.*expected: .*whole number.*try: "):
        hg.Net(hg.Tanh()).seed(seed)


@pytest.mark.parametrize("dtype", [np.int32, "floaty", np.float16, int])
def test_a_type_that_is_not_floating_is_refused(dtype: Any) -> None:
    for make in (lambda: hg.Linear(2, 2, dtype=dtype), lambda: hg.Net(hg.Tanh(), dtype=dtype)):
        with pytest.raises(hg.errors.SettingError, match="float32 or float64"):
            make()


@pytest.mark.parametrize("dtype", [np.float64, "float64", np.dtype("float64")])
def test_a_type_may_be_spelled_as_numpy_does(dtype: Any) -> None:
    assert hg.Linear(2, 2, dtype=dtype).W.dtype == np.float64


@pytest.mark.parametrize(
    ("make", "asked"),
    [
        (lambda draw: hg.Linear(2, 3, initializer=draw), (3, 2)),
        (lambda draw: hg.Conv2d(1, 2, 3, initializer=draw), (2, 9)),
        (lambda draw: hg.GRU(2, 3, initializer=draw), (9, 2)),
        (lambda draw: hg.MultiheadAttention(2, 1, initializer=draw), (6, 2)),
        (lambda draw: hg.Embedding(3, 2, initializer=draw), (3, 2)),
        (lambda draw: hg.tables.TabularEmbedding(3, 2, initializer=draw), (3, 2)),
        (lambda draw: hg.layers.PositionEmbedding(3, 2, initializer=draw), (3, 2)),
        (lambda draw: hg.tables.EnsembleLinear(2, 3, 4, initializer=draw), (12, 2)),
        (lambda draw: hg.tables.EnsembleEmbedding(3, 2, 4, initializer=draw), (12, 2)),
    ],
)
def test_an_initializer_that_draws_another_shape_is_refused(
    make: Any, asked: tuple[int, int]
) -> None:
    with refused(
        hg.errors.ShapeError, "returned weights of shape (5,)", f"shape {asked}", "rng.normal"
    ):
        make(lambda shape, rng: np.zeros(5))


@pytest.mark.parametrize("slope", ["x", None, float("nan"), True])
def test_a_slope_that_is_no_number_is_refused(slope: Any) -> None:
    with pytest.raises(hg.errors.SettingError, match="the slope below zero"):
        hg.layers.LeakyReLU(slope)


@pytest.mark.parametrize("a", ["x", None, float("inf"), True])
def test_an_end_that_is_no_number_is_refused(a: Any) -> None:
    with pytest.raises(hg.errors.SettingError, match="−a is the limit"):
        hg.layers.ELU(a)


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, True, "half", None, float("nan")])
def test_a_probability_that_drops_all_or_is_none_is_refused(p: Any) -> None:
    with pytest.raises(hg.errors.SettingError, match=r"(?s)p=.*at least 0 and below 1.*try: p=0.5"):
        hg.Dropout(p)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: hg.MultiheadAttention(6, 4), "6 features for 4 heads*try: n_features=8"),
        (lambda: hg.MultiheadAttention(0, 1), "n_features = 0"),
        (lambda: hg.MultiheadAttention(4, 0), "n_heads = 0"),
        (lambda: hg.layers.PositionEmbedding(0, 4), "length = 0"),
        (lambda: hg.layers.SinusoidalEncoding(4, 3), "size=3*an even number*size=4"),
    ],
)
def test_sizes_that_attention_and_positions_cannot_have_are_refused(make: Any, words: str) -> None:
    with refused(hg.errors.SettingError, *words.split("*")):
        make()


@pytest.mark.parametrize("kind", [hg.LayerNorm, hg.BatchNorm])
def test_sizes_and_eps_that_cannot_be_are_refused(kind: Any) -> None:
    for wrong in (0, -1, 1.5, "a"):
        with pytest.raises(hg.errors.SettingError, match="n_features"):
            kind(wrong)
    for wrong in (0, -1e-5, float("nan"), "a"):
        with pytest.raises(hg.errors.SettingError, match="eps"):
            kind(3, eps=wrong)


@pytest.mark.parametrize("momentum", [0, -0.1, 1.1, float("nan"), None, "a"])
def test_a_momentum_that_cannot_be_is_refused(momentum: Any) -> None:
    with pytest.raises(hg.errors.SettingError, match=r"(?s)momentum=.*above 0, up to 1.*try: "):
        hg.BatchNorm(3, momentum=momentum)


def normed() -> hg.Net:
    return hg.Net(hg.Linear(2, 3, rng=0), hg.BatchNorm(3), hg.Net(hg.Linear(3, 2, rng=1)))


def test_a_batch_of_one_row_is_refused_in_training_and_taken_in_prediction() -> None:
    net = normed()
    before = net.state()
    says = r"(?s)BatchNorm\(3\): a batch of 1 row in training.*at least 2.*try: .*training=False"
    with pytest.raises(hg.errors.ShapeError, match=says):
        net.forward(np.ones((1, 2)))
    with net.mode(training=False):
        assert net.forward(np.ones((1, 2))).shape == (1, 2)
    assert net.predict(np.ones((1, 2))).shape == (1, 2)
    net.layers[1].training = False
    net.forward(np.ones((1, 2)))
    for path, array in net.state().items():
        np.testing.assert_array_equal(array, before[path])


@pytest.mark.parametrize(
    ("rows", "batch_size", "hint"),
    [(33, 32, "batch_size=33"), (10, 3, "batch_size=4"), (5, 1, "batch_size=3"), (7, 2, "=4")],
)
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_last_batch_of_one_row_is_refused_before_training(
    rows: int, batch_size: int, hint: str, engine: Any
) -> None:
    x = np.random.default_rng(0).standard_normal((rows, 2)).astype(np.float32)
    settings: dict[str, Any] = {"loss": hg.MSELoss(), "optimizer": hg.SGD(0.1), "epochs": 1}
    settings |= {"engine": engine, "rng": 0}
    net = normed()
    with pytest.raises(
        hg.errors.ShapeError, match=rf"(?s)BatchNorm.*last of 1.*at least 2.*{hint}"
    ):
        hg.train(net, (x, x), batch_size=batch_size, **settings)
    fitting = int(hint.rpartition("=")[2])
    assert len(list(hg.train(net, (x, x), batch_size=fitting, **settings))) == 1


@pytest.mark.parametrize(
    "rows", [[["a", "b"]], [], [[1.0, float("nan")]], [1.0, 2.0], np.zeros((0, 3)), [[1, 2], [1]]]
)
def test_rows_that_cannot_be_standardized_are_refused(rows: Any) -> None:
    with pytest.raises(
        hg.errors.DataError, match=r"(?s)expected: finite numbers, \(rows, features\)"
    ):
        hg.Standardize.of(rows)


@pytest.mark.parametrize(
    ("x", "kind", "says"),
    [
        ([[1, 2], [1]], hg.errors.DataError, "rows of different lengths"),
        ((), hg.errors.ShapeError, "an empty tuple"),
        ([[1e300, 1]], hg.errors.DataError, "NaN or infinity as float32"),
        ([[np.nan, 1]], hg.errors.DataError, "NaN or infinity as float32"),
        ((np.zeros((3, 2)), np.zeros((3, 2))), hg.errors.ShapeError, "a tuple of 2 arrays"),
        ([["a", "b"]], hg.errors.DataError, "an array of type"),
    ],
)
def test_what_cannot_be_predicted_is_refused(x: Any, kind: Any, says: str) -> None:
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    with refused(kind, says, net=net):
        net.predict(x)
