"""Rows and targets that cannot be used are refused before the first step."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.arange(12) % 2


def classifier() -> hg.Net:
    return hg.Net(hg.Linear(3, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())


def train(net: hg.Net, data: Any, **options: Any) -> Any:
    usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "epochs": 3}
    options = usual | options
    return hg.train(net, data, **options)


def fit(net: hg.Net, data: Any, **options: Any) -> Any:
    usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "epochs": 3}
    options = usual | options
    return hg.fit(net, data, validation=0.25, **options)


def evaluate(net: hg.Net, data: Any, **options: Any) -> Any:
    return hg.evaluate(net, data, **({"loss": hg.CrossEntropyLoss()} | options))


each_entrance = pytest.mark.parametrize("entrance", [train, fit, evaluate])


def with_value(value: float, dtype: Any = np.float32) -> Any:
    x = X.astype(dtype)
    x[7, 1] = value
    return x


WRONG_ROWS: dict[str, tuple[Any, type[hg.HandgradError], tuple[str, ...]]] = {
    "too few features": (
        X[:, :2],
        hg.errors.ShapeError,
        ("layer 1 of 4, Linear(3, 4", "2 features"),
    ),
    "too many features": (np.ones((12, 30)), hg.errors.ShapeError, ("layer 1 of 4", "30 features")),
    "one axis": (X[:, 0], hg.errors.ShapeError, ("layer 1 of 4", "(12,)")),
    "a single number": (3.0, hg.errors.DataError, ("single number 3.0",)),
    "nothing": (None, hg.errors.DataError, ("numbers",)),
    "NaN": (with_value(np.nan), hg.errors.DataError, ("1 number is", "row 7, feature 1", "nan")),
    "infinity": (with_value(-np.inf), hg.errors.DataError, ("row 7, feature 1", "-inf")),
    "too large for float32": (
        with_value(1e300, np.float64),
        hg.errors.DataError,
        ("row 7, feature 1", "1e+300 (too large for float32)", "float64"),
    ),
    "ragged": ([[1.0, 2.0, 3.0]] * 11 + [[1.0]], hg.errors.DataError, ("different lengths",)),
    "text": ([["a", "b", "c"]] * 12, hg.errors.DataError, ("numbers", "encode text")),
    "text of numbers": ([["1", "2", "3"]] * 12, hg.errors.DataError, ("numbers",)),
    "complex": (X * 1j, hg.errors.DataError, ("complex",)),
    "too few rows": (X[:11], hg.errors.DataError, ("11 rows of x and 12 targets",)),
    "no inputs": ((), hg.errors.DataError, ("no rows of x",)),
    "inputs of two lengths": ((X, X[:5]), hg.errors.DataError, ("5 and 12 rows",)),
    "NaN in the second input": ((X, with_value(np.nan)), hg.errors.DataError, ("input 2", "row 7")),
}


@each_entrance
@pytest.mark.parametrize("case", WRONG_ROWS)
def test_wrong_rows_are_refused(case: str, entrance: Callable[..., Any]) -> None:
    x, kind, words = WRONG_ROWS[case]
    net = classifier()
    with refused(kind, *words, net=net):
        entrance(net, (x, Y))


WRONG_LABELS: dict[str, tuple[Any, type[hg.HandgradError], tuple[str, ...]]] = {
    "too large": (np.where(np.arange(12) == 5, 2, Y), hg.errors.DataError, ("label 2 in row 5",)),
    "negative": (np.where(np.arange(12) == 5, -1, Y), hg.errors.DataError, ("label -1 in row 5",)),
    "floats": (Y + 0.5, hg.errors.DataError, ("float64", "0.5", "MSELoss")),
    "whole floats": (Y * 1.0, hg.errors.DataError, ("float64", "y.astype(int)")),
    "text": (np.array(["no", "yes"])[Y], hg.errors.DataError, ("'no'", "return_inverse")),
    "objects": (np.array(["no", "yes"], object)[Y], hg.errors.DataError, ("object", "'no'")),
    "NaN": (np.where(np.arange(12) == 5, np.nan, Y), hg.errors.DataError, ("NaN", "row 5")),
    "one-hot": (np.eye(2, dtype=int)[Y], hg.errors.ShapeError, ("(12, 2)", "argmax")),
    "a column": (Y[:, None], hg.errors.ShapeError, ("(12, 1)", "y.ravel()")),
    "three axes": (np.zeros((12, 2, 2), int), hg.errors.ShapeError, ("(12, 2, 2)", "(rows,)")),
    "too few": (Y[:10], hg.errors.DataError, ("12 rows of x and 10 targets",)),
    "a single number": (1, hg.errors.DataError, ("no targets",)),
    "ragged": ([[1], *([[1, 0]] * 11)], hg.errors.DataError, ("targets", "different lengths")),
}


@each_entrance
@pytest.mark.parametrize("case", WRONG_LABELS)
def test_wrong_labels_are_refused(case: str, entrance: Callable[..., Any]) -> None:
    y, kind, words = WRONG_LABELS[case]
    net = classifier()
    with refused(kind, *words, net=net):
        entrance(net, (X, y))


@pytest.mark.parametrize("case", WRONG_LABELS)
def test_wrong_validation_labels_are_refused_before_training(case: str) -> None:
    y, kind, words = WRONG_LABELS[case]
    net = classifier()
    with refused(kind, "validation data", *words, net=net):
        train(net, (X, Y), validation=(X, y))


@pytest.mark.parametrize("entrance", [train, fit])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_cannot_be_learnt(label: int, entrance: Callable[..., Any]) -> None:
    net = classifier()
    with refused(hg.errors.DataError, f"all 12 rows have the label {label}", net=net):
        entrance(net, (X, np.full(12, label)))


def test_one_class_alone_can_be_evaluated() -> None:
    net = classifier()
    result = evaluate(net, (X, np.ones(12, int)))
    assert result.metrics["accuracy"] == (net.predict(X).argmax(axis=1) == 1).mean()


@each_entrance
def test_an_empty_set_is_refused(entrance: Callable[..., Any]) -> None:
    net = classifier()
    with refused(hg.errors.DataError, "no rows", net=net):
        entrance(net, (X[:0], Y[:0]))


@each_entrance
@pytest.mark.parametrize(
    ("data", "came"),
    [
        (X, "one ndarray"),
        (None, "one NoneType"),
        ((X,), "1 parts"),
        ((X, Y, Y), "3 parts"),
        ("breast_cancer", "one str"),
        (0.2, "one float"),
    ],
)
def test_data_that_is_no_pair_is_refused(
    data: Any, came: str, entrance: Callable[..., Any]
) -> None:
    net = classifier()
    with refused(hg.errors.DataError, came, "a pair (x, y)", net=net):
        entrance(net, data)


@pytest.mark.parametrize("validation", [0.2, (), (X,), X, True, "0.2"])
def test_validation_that_is_no_pair_is_refused_by_train(validation: Any) -> None:
    net = classifier()
    with refused(hg.errors.DataError, "validation data", "a pair (x, y)", net=net):
        train(net, (X, Y), validation=validation)


@each_entrance
@pytest.mark.parametrize(
    ("y", "kind", "words"),
    [
        (Y + 1, hg.errors.DataError, ("a target of 2", "0 or 1")),
        (Y * 2 - 1, hg.errors.DataError, ("a target of -1", "0 or 1")),
        (np.eye(2)[Y], hg.errors.ShapeError, ("(12, 2)", "(12, 1)", "Linear(…, 2)")),
    ],
)
def test_answers_that_are_not_0_or_1_are_refused(
    y: Any, kind: type[hg.HandgradError], words: tuple[str, ...], entrance: Callable[..., Any]
) -> None:
    net = hg.Net(hg.Linear(3, 1, rng=0), hg.Sigmoid())
    with refused(kind, *words, net=net):
        entrance(net, (X, y), loss=hg.BinaryCrossEntropyLoss())


@each_entrance
@pytest.mark.parametrize(
    ("y", "kind", "words"),
    [
        (np.where(np.arange(12) == 3, np.inf, 1.0), hg.errors.DataError, ("infinity", "row 3")),
        (np.full((12, 2), 1e39), hg.errors.DataError, ("1e+39 is too large",)),
        (np.zeros((12, 3)), hg.errors.ShapeError, ("(12, 3)", "Linear(…, 3)")),
        (np.zeros((12, 1, 2)), hg.errors.ShapeError, ("(12, 1, 2)", "y.reshape(12, 2)")),
        (np.zeros(12), hg.errors.ShapeError, ("(12,)", "Linear(…, 1)")),
    ],
)
def test_numbers_that_do_not_fit_are_refused(
    y: Any, kind: type[hg.HandgradError], words: tuple[str, ...], entrance: Callable[..., Any]
) -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0))
    with refused(kind, *words, net=net):
        entrance(net, (X, y), loss=hg.MSELoss())


@each_entrance
def test_counts_below_zero_are_refused(entrance: Callable[..., Any]) -> None:
    net = hg.Net(hg.Linear(3, 1, rng=0))
    with refused(hg.errors.DataError, "a target of -1", "counts, at least 0", net=net):
        entrance(net, (X, Y - 1.0), loss=hg.losses.PoissonNLLLoss())


@each_entrance
def test_amounts_of_zero_or_below_are_refused(entrance: Callable[..., Any]) -> None:
    net, gamma = hg.Net(hg.Linear(3, 1, rng=0)), hg.losses.GammaDevianceLoss()
    words = "a target of 0", "positive amounts, above 0", "TweedieDevianceLoss()"
    with refused(hg.errors.DataError, *words, net=net):
        entrance(net, (X, np.arange(12.0)), loss=gamma)
    words = "a target of -1", "amounts, at least 0", "MSELoss()"
    with refused(hg.errors.DataError, *words, net=net):
        entrance(net, (X, np.arange(12.0) - 1), loss=hg.losses.TweedieDevianceLoss())


@each_entrance
def test_risk_labels_are_minus_1_0_or_1(entrance: Callable[..., Any]) -> None:
    net, words = (
        hg.Net(hg.Linear(3, 1, rng=0)),
        ("a target of 2", "-1 for a row", "TabularSurvival"),
    )
    with refused(hg.errors.DataError, *words, net=net):
        entrance(net, (X, np.arange(12.0)), loss=hg.losses.LogisticHazardLoss())


@each_entrance
def test_several_answers_a_row_are_taken_as_they_are(entrance: Callable[..., Any]) -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0))
    answers = np.stack([Y, 1 - Y // 2], axis=1)
    if entrance is fit:
        hg.fit(net, (X, answers), loss=hg.SigmoidBinaryCrossEntropyLoss(), optimizer=hg.SGD(0.1),
               epochs=2)  # fmt: skip
    else:
        result = entrance(net, (X, answers), loss=hg.SigmoidBinaryCrossEntropyLoss())
        assert list(result) if entrance is train else np.isfinite(result.loss)


def test_wrong_features_are_refused_by_forward_and_predict() -> None:
    net = classifier()
    for use in (net.forward, net.predict):
        with refused(hg.errors.ShapeError, "layer 1 of 4, Linear(3, 4", "2 features", net=net):
            use(X[:, :2])
        with refused(hg.errors.DataError, "numbers", net=net):
            use([["a", "b", "c"]])


@pytest.mark.parametrize("engine", ["eager", "compiled", "auto"])
@pytest.mark.parametrize("code", [-1, 5])
@pytest.mark.parametrize(
    "layer", [hg.tables.TabularEmbedding(5, 3), hg.tables.EnsembleEmbedding(5, 3, 1)]
)
def test_a_code_that_no_row_of_the_table_has_is_refused(layer: Any, code: int, engine: Any) -> None:
    net = hg.Net(copy.deepcopy(layer), hg.Linear(3, 2, rng=0))
    right, wrong = np.array([[0], [4], [1], [3]]), np.array([[0], [code], [1], [3]])
    y = np.array([0, 1, 0, 1])
    if layer.ndim == 3:
        right, wrong, y = right[:, None], wrong[:, None], y[:, None]
    net.predict(right, engine=engine)
    for x in (wrong, wrong.astype(float)):
        with refused(hg.errors.DataError, str(code), "whole numbers from 0 to 4", net=net):
            net.predict(x, engine=engine)
        loss, optimizer = hg.SoftmaxCrossEntropyLoss(), hg.SGD(0.1)
        with refused(hg.errors.DataError, str(code), "whole numbers from 0 to 4", net=net):
            hg.fit(net, (x, y), loss=loss, optimizer=optimizer, epochs=1, engine=engine)


@pytest.mark.parametrize("around", [hg.Net, hg.Parallel])
def test_a_code_that_no_row_of_the_table_has_is_refused_wherever_it_stands(around: Any) -> None:
    net = hg.Net(around(hg.tables.TabularEmbedding(5, 3, rng=0)), hg.Linear(3, 2, rng=0))
    x, y = np.zeros((5000, 1), int), np.arange(5000) % 2
    x[3777] = 5
    loss, optimizer = hg.SoftmaxCrossEntropyLoss(), hg.SGD(0.1)
    with refused(hg.errors.DataError, "codes from 0 to 5", net=net):
        hg.fit(net, (x, y), loss=loss, optimizer=optimizer, epochs=1, engine="eager")


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_sparse_array_is_named_where_rows_must_be_dense(engine: Any) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x, y = sparse.csr_array(np.eye(4)), np.array([0, 1, 0, 1])
    net = hg.Net(hg.Linear(4, 2, rng=0), hg.Softmax())
    loss, optimizer = hg.CrossEntropyLoss(), hg.SGD(0.1)
    with refused(hg.errors.DataError, "a sparse array", "x.toarray()", net=net):
        hg.training.find_learning_rate(net, (x, y), loss=loss, optimizer=optimizer)
    with refused(hg.errors.DataError, "a sparse array", "x.toarray()", net=net):
        hg.compile(net, loss, optimizer, engine=engine).gradients(x, y)
    with refused(hg.errors.DataError, "a sparse array", "x.toarray()", net=net):
        net.forward(x)


def test_labels_that_are_all_alike_name_the_loop_for_a_generator() -> None:
    net = hg.Net(hg.Linear(4, 1, rng=0), hg.Sigmoid())
    with refused(hg.errors.DataError, "all 20 rows have the label 1", "hg.compile", net=net):
        hg.fit(net, (np.ones((20, 4)), np.ones((20, 1))), loss=hg.BinaryCrossEntropyLoss(),
               optimizer=hg.SGD(0.1), epochs=1)  # fmt: skip
