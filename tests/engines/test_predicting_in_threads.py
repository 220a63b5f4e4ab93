"""Predictions asked for at the same time: each of its own rows, in a mode of its own."""

import threading
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.dispatch import DispatchingPredictor
from tests.waiting import HANG


class Doubles(hg.Layer):
    """y = 2 x, kept in the layer; handed out once as many threads have come as are to meet."""

    meet: ClassVar[Callable[[], Any]]

    def forward(self, x: Any) -> Any:
        self.y = 2 * x
        Doubles.meet()
        return self.y

    def backward(self, dy: Any) -> Any:
        return 2 * dy


class Lists(Doubles):
    """The same, but what it has computed is in a list, and in a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []
        self.inner, self.keep = hg.Tanh(), self.keep_twice

    def keep_twice(self, x: Any) -> None:
        self.kept.append(2 * x)

    def forward(self, x: Any) -> Any:
        self.keep(x)
        self.inner.forward(x)
        Doubles.meet()
        return np.arctanh(self.inner.y) + self.kept.pop(0) / 2


class Named(hg.Net):
    """A net that calls its layers by names of its own."""

    def __init__(self) -> None:
        self.first = Doubles()
        super().__init__(self.first)
        self.branches = {"all": (self.first,)}

    def forward(self, x: Any, mask: Any = None, /) -> Any:
        (first,) = self.branches["all"]
        assert first is self.first
        return first.forward(x)


NETS: dict[str, Callable[[], hg.Layer]] = {
    "a layer": Doubles,
    "a layer with a list and a layer": Lists,
    "a net with names": Named,
    "a net": lambda: hg.Net(hg.Net(Doubles())),
    "a residual": lambda: hg.Net(hg.Residual(Doubles()), Thirds()),
    "branches": lambda: hg.Parallel(Doubles(), hg.Net(Zeros())),
}


class Thirds(hg.Layer):
    """y = 2 x/3."""

    def forward(self, x: Any) -> Any:
        return 2 * x / 3


class Zeros(hg.Layer):
    """y = 0."""

    def forward(self, x: Any) -> Any:
        return 0 * x


def all_at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls give, each in a thread of its own; an error of one is raised here."""
    results: list[Any] = [None] * len(calls)

    def work(i: int) -> None:
        try:
            results[i] = calls[i]()
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


@pytest.fixture
def four_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = threading.Barrier(4, timeout=HANG)
    monkeypatch.setattr(Doubles, "meet", barrier.wait, raising=False)


@pytest.fixture
def nobody_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Doubles, "meet", lambda: None, raising=False)


ROWS = [np.full((1 + i, 2), i / 7) for i in range(4)]


@pytest.mark.usefixtures("four_meet")
@pytest.mark.parametrize("name", NETS)
def test_each_thread_is_given_the_predictions_of_its_own_rows(name: str) -> None:
    net = hg.Net(NETS[name](), dtype=np.float64)
    asked = [lambda x=x: net.predict(x, engine="eager") for x in ROWS]
    for x, p in zip(ROWS, all_at_once(*asked), strict=True):
        np.testing.assert_allclose(p, 2 * x, rtol=1e-12)


@pytest.mark.usefixtures("four_meet")
def test_a_whole_set_is_evaluated_in_each_thread() -> None:
    net = hg.Net(Doubles(), dtype=np.float64)
    loss, y = hg.MSELoss(), [np.zeros_like(x) for x in ROWS]

    def loss_of(i: int) -> float:
        return hg.evaluate(net, (ROWS[i], y[i]), loss=loss, engine="eager", metrics=[]).loss

    found = all_at_once(*(lambda i=i: loss_of(i) for i in range(4)))
    np.testing.assert_allclose(found, [(2 * i / 7) ** 2 for i in range(4)], rtol=1e-12)


class MetLoss(hg.Loss):
    """l = mean p², of what the loss has kept; told once four threads have come so far."""

    def forward(self, p: Any, y: Any) -> Any:
        self.p = p
        Doubles.meet()
        return (self.p**2).mean()

    def backward(self, loss: Any = None) -> Any:
        return 2 * self.p / self.p.size


def test_one_loss_judges_in_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    net, loss = hg.Net(Thirds(), dtype=np.float64), MetLoss()
    barrier = threading.Barrier(4, timeout=HANG)
    monkeypatch.setattr(Doubles, "meet", barrier.wait, raising=False)
    found = all_at_once(
        *(lambda x=x: hg.evaluate(net, (x, x), loss=loss, metrics=[]).loss for x in ROWS)
    )
    np.testing.assert_allclose(found, [(2 / 3 * i / 7) ** 2 for i in range(4)], rtol=1e-12)


def test_an_estimator_answers_each_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    monkeypatch.setattr(Doubles, "meet", lambda: None, raising=False)
    model = hg.MLPClassifier((4,), activation=Doubles(), max_iter=2, engine="eager")
    with pytest.warns(match="hasn't converged"):
        model.fit(x, x[:, 0] > 0)
    monkeypatch.setenv("HANDGRAD_ENGINE", "eager")
    expected = [model.predict_proba(x[i : i + 1]) for i in range(4)]
    barrier = threading.Barrier(4, timeout=HANG)
    monkeypatch.setattr(Doubles, "meet", barrier.wait)
    found = all_at_once(*(lambda i=i: model.predict_proba(x[i : i + 1]) for i in range(4)))
    np.testing.assert_array_equal(found, expected)


class Overlapping(hg.Layer):
    """y = x; who comes with 0 waits for another to come, and that one until the first has gone."""

    second_came, first_left = threading.Event(), threading.Event()

    def forward(self, x: Any) -> Any:
        if x[0, 0] == 0:
            assert self.second_came.wait(HANG)
        else:
            self.second_came.set()
            assert self.first_left.wait(HANG)
        return x

    def shape_out(self, shape_in: Any) -> Any:
        """As it came: nobody else is there while a net is built and its layers are tried."""
        return shape_in


def test_calls_that_overlap_are_all_in_prediction_mode() -> None:
    net = hg.Net(Overlapping(), hg.BatchNorm(1, eps=1e-20), hg.Dropout(0.5), dtype=np.float64)
    before = net.state()

    def first() -> Any:
        p = net.predict(np.zeros((1, 1)), engine="eager")
        Overlapping.first_left.set()
        return p

    x = np.array([[1.0], [2.0], [3.0]])
    _, p = all_at_once(first, lambda: net.predict(x, engine="eager"))
    np.testing.assert_allclose(p, x, rtol=1e-12)
    for path, array in net.state().items():
        np.testing.assert_array_equal(array, before[path])
    assert all(layer.training for _, layer in net.walk())


def test_a_mode_that_ends_elsewhere_does_not_matter() -> None:
    net = hg.Net(Overlapping(), hg.Dropout(0.5), dtype=np.float64)
    Overlapping.second_came.set()
    with net.mode(training=True):
        np.testing.assert_array_equal(net.predict(np.zeros((1, 1)), engine="eager"), [[0.0]])
        assert net.training


class Interrupted(hg.Layer):
    """y = x²/2; while it learns, between forward and backward, something else may happen."""

    meanwhile: ClassVar[Callable[[], Any]]

    def forward(self, x: Any) -> Any:
        self.x = x
        if self.training:
            Interrupted.meanwhile()
        return x**2 / 2

    def backward(self, dy: Any) -> Any:
        return self.x * dy


@pytest.mark.parametrize("engine", ["eager", "compiled", "auto"])
def test_a_training_is_the_same_whoever_predicts_meanwhile(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = np.random.default_rng(0).normal(size=(8, 2)), np.arange(8) % 2

    def trained(predicting: Callable[[hg.Net], Any]) -> tuple[hg.Net, Any]:
        layers = (hg.Linear(2, 3, rng=0), Interrupted(), hg.BatchNorm(3), hg.Linear(3, 2, rng=1))
        net = hg.Net(*layers, hg.Dropout(0.5), hg.Softmax(), dtype=np.float64)
        loss = hg.CrossEntropyLoss()
        monkeypatch.setattr(Interrupted, "meanwhile", lambda: None, raising=False)
        for report in hg.train(
            net,
            (x, y),
            loss=loss,
            optimizer=hg.SGD(0.1),
            epochs=2,
            batch_size=3,
            rng=0,
            engine="eager",
        ):
            call = staticmethod(lambda: all_at_once(lambda: predicting(net)))
            monkeypatch.setattr(Interrupted, "meanwhile", call)
            last = report
        return net, last

    def ask(net: hg.Net) -> None:
        net.predict(x[:5], engine=engine)
        hg.evaluate(net, (x, y), loss=hg.CrossEntropyLoss(), engine=engine)

    alone, report = trained(lambda net: None)
    disturbed, other = trained(ask)
    np.testing.assert_array_equal(disturbed.parameters, alone.parameters)
    np.testing.assert_array_equal(disturbed.running_state, alone.running_state)
    assert other.train_loss == report.train_loss


def test_a_prediction_leaves_the_layers_as_they_were() -> None:
    net, x = hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh()), ROWS[1]
    for engine in ("eager", "compiled"):
        net.predict(x, engine=engine)
        with pytest.raises(hg.errors.NotYetComputedError):
            net.layers[1].y  # noqa: B018
    y = net.forward(x)
    net.predict(ROWS[2], engine="eager")
    assert net.layers[1].y is y


class Watched(hg.Tanh):
    """Notes which of its kind are put into another mode."""

    changed: ClassVar[list[Any]] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "training":
            self.changed.append(self)
        super().__setattr__(name, value)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_no_prediction_changes_the_mode_of_the_net(engine: Any) -> None:
    net = hg.Net(Watched())
    net.predict(ROWS[1], engine=engine)
    assert all(layer is not net.layers[0] for layer in Watched.changed)


def test_no_rows_are_predicted_in_prediction_mode() -> None:
    net = hg.Net(hg.BatchNorm(2))
    for engine in ("eager", "auto", "compiled"):
        p = net.predict(np.zeros((0, 2)), engine=engine)
        assert p.shape == (0, 2)


class Vanishing(DispatchingPredictor):
    """Its machine code is given up by another thread as soon as it was seen."""

    @property
    def made(self) -> Any:
        return self.__dict__.pop("seen_once", {})

    @made.setter
    def made(self, value: Any) -> None:
        self.__dict__["seen_once"] = value


def test_machine_code_that_is_given_up_meanwhile_still_answers() -> None:
    predictor = Vanishing(hg.Net(hg.Linear(2, 2, rng=0)))
    predictor.made = {"compiled": lambda x: x}
    assert predictor.quickly(ROWS[1], "compiled") is ROWS[1]
