"""Training on batches of an iterable: the steps are its batches, and each epoch is a pass."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.training import batches
from tests.bad_input.refused import refused
from tests.training.by_hand import assert_same_state
from tests.training.test_streamed import ENGINES, a_net, figures, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(83, 2)).astype(np.float32)
Y = (X[:, 0] > X[:, 1]).astype(int)
Pair = tuple[Any, Any]


class Loader:
    """Batches of rows, shuffled in each pass on request; it counts the passes."""

    def __init__(self, x: Any = X, y: Any = Y, size: int = 8, rng: Any = None) -> None:
        self.x, self.y, self.size, self.rng, self.passes = x, y, size, rng, 0
        self.orders: list[list[int]] = []

    def __iter__(self) -> Iterator[Pair]:
        self.passes += 1
        order = np.arange(len(self.y)) if self.rng is None else self.rng.permutation(len(self.y))
        self.orders.append(order.tolist())
        for begin in range(0, len(order), self.size):
            rows = order[begin : begin + self.size]
            yield self.x[rows], self.y[rows]


def of(*pairs: object) -> Callable[[], Iterator[object]]:
    return lambda: iter(pairs)


@pytest.mark.parametrize("memory", [batches.MEMORY, 4000])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_bits_are_those_of_the_rows_in_the_order_of_the_batches(
    engine: Any, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches.BatchRows, "memory", memory)
    net, again, twin = a_net(), a_net(), a_net()
    options: dict[str, Any] = {"engine": engine, "validation": (X[:20], Y[:20])}
    options |= {"schedule": hg.schedules.cosine()}
    expected = train(twin, (X, Y), shuffle=False, **options)
    read = train(net, Loader(), **options | {"batch_size": 32})
    assert figures(read) == figures(expected)
    assert_same_state(net, twin.state())
    called = train(again, lambda: iter(Loader()), **options)
    assert figures(called) == figures(expected)
    assert_same_state(again, twin.state())


def test_each_epoch_is_a_new_pass_in_the_order_of_the_iterable() -> None:
    loader = Loader(rng=np.random.default_rng(3))
    net, twin = hg.Net(hg.Linear(2, 2, rng=0)), hg.Net(hg.Linear(2, 2, rng=0))
    usual: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "optimizer": hg.SGD(0.1)}
    train(net, loader, **usual)
    assert len({*map(tuple, loader.orders)}) == loader.passes
    for order in loader.orders[-3:]:
        train(twin, (X[order], Y[order]), shuffle=False, **usual | {"epochs": 1})
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_batches_of_different_sizes_are_regrouped_by_the_first() -> None:
    parts = [slice(0, 8), slice(8, 8), slice(8, 30), slice(30, 31), slice(31, 83)]
    net, twin = a_net(), a_net()
    train(net, of(*((X[part], Y[part]) for part in parts)))
    train(twin, (X, Y), shuffle=False)
    assert_same_state(net, twin.state())


def test_batches_are_evaluated_as_arrays_are_and_validate_a_fit() -> None:
    net, twin = a_net(), a_net()
    job: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.05)}
    job |= {"epochs": 3, "rng": 0}
    sets = {"few": Loader(X[:9], Y[:9]), "all": Loader()}
    history = hg.fit(net, Loader(), validation=sets, early_stopping=2, **job)
    arrays = {"few": (X[:9], Y[:9]), "all": (X, Y)}
    expected = hg.fit(
        twin, (X, Y), validation=arrays, early_stopping=2, shuffle=False, batch_size=8, **job
    )
    assert [r.evaluations for r in history] == [r.evaluations for r in expected]
    loss = hg.CrossEntropyLoss()
    assert hg.evaluate(net, Loader(), loss=loss) == hg.evaluate(twin, (X, Y), loss=loss)


def test_a_training_on_batches_resumes_with_the_bits_of_one_that_was_not_stopped(
    tmp_path: Path,
) -> None:
    job: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.05), "rng": 0}
    net, twin = a_net(), a_net()
    hg.fit(net, Loader(), epochs=2, checkpoint=tmp_path, **job)
    net = a_net()
    history = hg.fit(net, Loader(), epochs=4, checkpoint=tmp_path, resume=True, **job)
    expected = hg.fit(twin, Loader(), epochs=4, **job)
    assert figures([*history]) == figures([*expected])
    assert_same_state(net, twin.state())


def test_a_data_set_and_other_pairs_stay_pairs() -> None:
    net = hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())
    iris = hg.data.load("iris")
    assert train(net, iris, epochs=1)[0].rows == 150
    with refused(hg.errors.DataError, "3 parts", "a pair (x, y)", net=net):
        train(net, [(X, Y)] * 3)


REFUSED: list[tuple[Any, list[str]]] = [
    (iter(Loader()), ["a generator", "used up after one epoch", "a function that returns it"]),
    (iter([(X, Y)]), ["a list_iterator", "used up after one epoch", "a function that returns it"]),
    (of(), ["no batches", "at least one batch"]),
    (Loader(X[:0], Y[:0]), ["no batches", "drop_last=False"]),
    (lambda: 3, ["a function that returned 3, of type int", "an iterable of batches"]),
    (of((X, Y, Y)), ["batch 1: 3 parts", "a pair (x, y)", "collate_fn"]),
    (of((X, Y), {"x": X}), ["batch 2: one dict", "a pair (x, y)", "collate_fn"]),
    (of((X[0], Y[0])), ["x of shape (2,), y of shape ()", "DataLoader(dataset, batch_size=32)"]),
    (of((X, Y[:5])), ["x of shape (83, 2), y of shape (5,)", "as many rows in x as in y"]),
    (of((X, Y), (X[:, :1], Y)), ["batch 2: x with rows of shape (1,) after rows of (2,)"]),
    (of((X, Y), (X, Y[:, None])), ["batch 2: y with rows of shape (1,) after rows of ()"]),
    (
        of((X, Y), (np.where(X[40, 0] > X, X, np.nan), Y)),
        ["NaN or infinity in row", "of x of the batch that ends with row 166"],
    ),
    (of((X[:, :1], Y)), ["1 features", "shape (rows, 2)"]),
    (of(((X, X), Y)), ["a stream with 2 arrays of inputs", "one array of inputs"]),
    (of((X, Y + 0.5)), ["labels of type float64"]),
]


@pytest.mark.parametrize(("data", "words"), REFUSED, ids=[words[0] for _, words in REFUSED])
def test_other_batches_are_refused_before_the_first_step(data: Any, words: list[str]) -> None:
    net, of_shape = a_net(), any("shape" in word for word in words)
    with refused(hg.errors.ShapeError if of_shape else hg.errors.DataError, *words, net=net):
        train(net, data, batch_size=32)


@pytest.mark.parametrize("rows", [(83, 40), (83, 90)])
def test_a_pass_with_other_rows_than_the_first_is_refused(rows: tuple[int, ...]) -> None:
    lengths = iter(rows)
    x, y = np.resize(X, (90, 2)), np.resize(Y, 90)

    def of_a_pass() -> Iterator[Pair]:
        n = next(lengths)
        yield from Loader(x[:n], y[:n])

    net = a_net()
    words = "more than 83" if rows[-1] == 90 else "40 rows, where there were 83"
    with refused(hg.errors.DataError, words, "the same number of rows in each epoch", net=net):
        train(net, of_a_pass)


def test_a_function_that_returns_a_used_up_iterator_is_refused() -> None:
    used = iter(Loader())
    with refused(hg.errors.DataError, "0 rows, where there were 83", "returns a new iterator"):
        train(a_net(), lambda: used)


def test_an_error_of_the_iterable_in_the_second_epoch_leaves_the_weights_of_the_first() -> None:
    class Broken(Loader):
        def __iter__(self) -> Iterator[Pair]:
            for i, batch in enumerate(super().__iter__()):
                if self.passes >= failing and i == 5:
                    raise OSError("the disk is gone")
                yield batch

    failing = 99
    counted = Broken()
    net, twin = a_net(), a_net()
    train(twin, counted, epochs=1)
    failing = counted.passes + 1
    with pytest.raises(OSError, match=re.escape("the disk is gone")):
        train(net, Broken())
    assert_same_state(net, twin.state())


def test_settings_that_batches_decide_are_refused() -> None:
    net = a_net()
    with refused(hg.errors.SettingError, "batch_size=5 with batches of 8", "batch_size=5)"):
        train(net, Loader(), batch_size=5)
    with refused(hg.errors.SettingError, "sample_weight with rows that are streamed", net=net):
        train(net, Loader(), sample_weight=np.ones(83))
    with refused(hg.errors.SettingError, "cannot be split", net=net):
        hg.fit(net, Loader(), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=1,
               validation=0.2)  # fmt: skip
    with refused(hg.errors.SettingError, "streamed rows", net=net):
        train(net, Loader(), optimizer=hg.optimizers.LBFGS())
    with refused(hg.errors.SettingError, "diagnose with rows that are streamed"):
        hg.fit(net, Loader(), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=1,
               diagnose=True)  # fmt: skip
