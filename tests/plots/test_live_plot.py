"""`live_plot`: the reports pass through, drawing keeps to its share, the end is always drawn."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import handgrad as hg
from handgrad.plots.live_plot import LARGEST_SHARE, _Picture, drawn
from handgrad.plots.screens import _figure
from tests.bad_input.refused import refused
from tests.plots.pictures import contour, legend, rows
from tests.training.by_hand import HELD, X, Y, assert_same_state, classifier, fit, train


class Studio:
    """A clock that only trains and draws, by the seconds each takes."""

    def __init__(self, training: list[float], drawing: float) -> None:
        self.now, self.training, self.drawing = 0.0, training, drawing
        self.net = hg.Net(hg.Linear(1, 1))
        self.epochs: list[int] = []
        self.shares: list[float] = []
        self.weights: list[float] = []
        self.closed = 0

    def reports(self) -> Iterator[hg.Report]:
        for epoch, seconds in enumerate(self.training, 1):
            self.now += seconds
            self.net.parameters[...] = epoch
            yield hg.Report(epoch, 1.0)

    def draw(self, history: hg.History) -> None:
        assert len(history) == history[-1].epoch
        self.shares.append(len(self.epochs) * self.drawing / self.now)
        self.epochs.append(history[-1].epoch)
        self.weights.append(float(self.net.parameters[0]))
        self.now += self.drawing

    def close(self) -> None:
        self.closed += 1

    def run(self, reports: Iterator[hg.Report] | None = None) -> Iterator[hg.Report]:
        reports = self.reports() if reports is None else reports
        return drawn(reports, self.draw, self.close, self.net, lambda: self.now)


def test_epochs_are_drawn_when_a_tenth_of_the_time_allows() -> None:
    studio = Studio([1.0] * 30, drawing=0.5)
    assert [report.epoch for report in studio.run()] == [*range(1, 31)]
    # drawn at 1 s; then not before 5 s: 5.5 s is epoch 5; not before 10 s: 10 s is epoch 9; …
    assert studio.epochs == [1, 5, 9, 14, 18, 23, 27, 30]
    assert studio.closed == 1


@given(
    training=st.lists(st.floats(0.001, 10), min_size=1, max_size=60),
    drawing=st.floats(0.001, 10),
)
def test_drawing_keeps_to_its_share(training: list[float], drawing: float) -> None:
    studio = Studio(training, drawing)
    assert len([*studio.run()]) == len(training)
    assert studio.epochs[0] == 1
    assert studio.epochs[-1] == len(training)
    assert studio.epochs == sorted(set(studio.epochs))
    in_time = studio.shares if studio.epochs[-1] == 1 else studio.shares[:-1]
    assert all(share <= LARGEST_SHARE + 1e-9 for share in in_time)


def test_a_quick_drawing_is_done_at_every_epoch() -> None:
    studio = Studio([1.0] * 5, drawing=0.05)
    list(studio.run())
    assert studio.epochs == [1, 2, 3, 4, 5]


def test_after_a_break_the_last_epoch_is_drawn() -> None:
    studio = Studio([1.0] * 9, drawing=2.0)
    for report in studio.run():
        if report.epoch == 4:
            break
    assert (studio.epochs, studio.closed) == ([1, 4], 1)


def test_what_changes_the_net_at_the_end_is_drawn() -> None:
    def back_to_the_first(reports: Iterator[hg.Report]) -> Iterator[hg.Report]:
        try:
            yield from reports
        finally:
            studio.net.parameters[...] = 1

    studio = Studio([100.0] * 4, drawing=0.5)
    list(studio.run(back_to_the_first(studio.reports())))
    assert (studio.epochs, studio.weights) == ([1, 2, 3, 4, 4], [1, 2, 3, 4, 1])
    studio = Studio([100.0] * 4, drawing=0.5)
    for report in studio.run(back_to_the_first(studio.reports())):
        if report.epoch == 2:
            break
    assert (studio.epochs, studio.weights) == ([1, 2, 2], [1, 2, 1])


def test_an_error_ends_the_picture_as_it_is() -> None:
    def failing() -> Iterator[hg.Report]:
        yield hg.Report(1, 1.0)
        raise RuntimeError("diverged")

    studio = Studio([], drawing=0.5)
    studio.now = 1.0
    with pytest.raises(RuntimeError, match="diverged"):
        list(studio.run(failing()))
    assert (studio.epochs, studio.closed) == ([1], 1)


def test_without_epochs_nothing_is_drawn() -> None:
    studio = Studio([], drawing=1.0)
    assert list(studio.run()) == []
    assert (studio.epochs, studio.closed) == ([], 1)


class Still:
    """A screen that keeps its figure."""

    def __init__(self) -> None:
        self.figure = _figure()
        self.epochs: list[int] = []

    def show(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def close(self) -> None:
        pass


def picture(net: hg.Net, data: Any, held: Any = None, what: str = "loss") -> tuple[Any, ...]:
    """The axes of the figure of a history of two epochs."""
    screen, metrics = Still(), {"accuracy": 0.5}
    history = hg.History([hg.Report(i, 1.0 / i, metrics, 2.0 / i, metrics) for i in (1, 2)])
    drawing = _Picture(net, data, held, what, screen)
    drawing.draw(history)
    drawing.draw(history)
    assert screen.epochs == [2, 2]
    return tuple(screen.figure.axes)


def test_a_classifier_is_drawn_with_its_boundary_and_the_rows_held_out() -> None:
    curves, plane, _bar = picture(classifier(), (X, Y), HELD, "accuracy")
    assert curves.get_ylabel() == "accuracy"
    assert legend(plane) == ["class 0", "class 1", "validation"]
    outlines = [c for c in plane.collections if hasattr(c, "get_sizes")][2:]
    for k, dots in enumerate(outlines):
        np.testing.assert_allclose(dots.get_offsets(), HELD[0][HELD[1] == k])
        assert not len(dots.get_facecolor())
    assert len(contour(plane, 0.5))


@pytest.mark.parametrize("loss", [0.19, 0.001_75, 19_000.0])
def test_all_that_is_written_is_in_the_picture(loss: float) -> None:
    screen = Still()
    drawing = _Picture(classifier(), (X, Y), HELD, "loss", screen)
    drawing.draw(hg.History([hg.Report(epoch, loss / epoch) for epoch in (1, 2)]))
    screen.figure.draw_without_rendering()
    whole = screen.figure.bbox
    for axes in screen.figure.axes:
        box = axes.get_tightbbox()
        assert box is not None
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1


def test_a_net_for_numbers_is_drawn_with_its_predictions() -> None:
    x, y = hg.data.make_sine(20, rng=0)
    held = hg.data.make_sine(5, rng=1)
    _, curve = picture(hg.Net(hg.Linear(1, 1, rng=0)), (x, y), held)
    assert legend(curve) == ["net", "data", "validation"]
    expected = np.column_stack([held[0][:, 0], held[1]])
    np.testing.assert_allclose(rows(curve)["validation"], expected)
    net = hg.Net(hg.Linear(2, 1, rng=0))
    _, diagonal = picture(net, (X, Y * 1.5), (X[:5], Y[:5] * 1.5))
    expected = np.column_stack([Y[:5] * 1.5, net.predict(X[:5])[:, 0]])
    np.testing.assert_allclose(rows(diagonal)["validation"], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("net", "data"),
    [
        (hg.Net(hg.Linear(2, 2)), (X, np.column_stack([Y, Y]))),
        (hg.Net(hg.Linear(2, 2)), (X, Y + 0.5)),
        (hg.Net(hg.Linear(1, 2), hg.Softmax()), (X[:, :1], Y)),
        (hg.Net(hg.Tanh()), (np.zeros((4, 2, 2)), Y[:4])),
        (hg.Net(hg.Tanh()), ((X, X), Y)),
    ],
    ids=["two numbers", "no classes", "one feature", "no table", "two inputs"],
)
def test_where_there_is_no_picture_the_curves_stand_alone(net: hg.Net, data: Any) -> None:
    (curves,) = picture(net, data)
    assert curves.get_ylabel() == "loss"


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_training_is_drawn_and_not_changed(engine: Any, tmp_path: Path) -> None:
    net, twin = classifier(), classifier()
    reports = train(net, validation=HELD, epochs=20, engine=engine)
    shown = [
        report.train_loss
        for report in hg.live_plot(reports, net, (X, Y), validation=HELD, to=tmp_path / "frames")
    ]
    plain = train(twin, validation=HELD, epochs=20, engine=engine)
    assert shown == [report.train_loss for report in plain]
    assert_same_state(twin, net.state())
    names = sorted(file.name for file in (tmp_path / "frames").iterdir())
    assert names[0] == "epoch-00001.png"
    assert names[-1] == "epoch-00020.png"


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_fit_draws_each_epoch_with_its_own_weights(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    def note(self: _Picture, history: hg.History) -> None:
        found.append((len(history), self.what, net.parameters.copy()))

    monkeypatch.setattr(_Picture, "draw", note)
    net, twin = classifier(), classifier()
    fit(net, epochs=5, engine=engine, live_plot=tmp_path / "a.gif")
    weights = [twin.parameters.copy() for _ in train(twin, epochs=5, engine=engine)]
    assert [n for n, *_ in found][-1] == 5
    for n, what, parameters in found:
        assert what == "loss"
        np.testing.assert_array_equal(parameters, weights[n - 1])


def test_fit_draws_what_it_monitors_and_at_the_end_the_best_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    def note(self: _Picture, history: hg.History) -> None:
        found.append((self.what, net.parameters.copy()))

    monkeypatch.setattr(_Picture, "draw", note)
    net = classifier()
    history = fit(
        net, epochs=60, validation=HELD, early_stopping=2, monitor="accuracy",
        optimizer=hg.SGD(1.0), live_plot=str(tmp_path / "a.gif"),
    )  # fmt: skip
    assert history.stopped_because.startswith("accuracy had not improved")
    what, parameters = found[-1]
    assert what == "accuracy"
    np.testing.assert_array_equal(parameters, net.parameters)


def test_the_seeds_train_and_plot(tmp_path: Path) -> None:
    net = classifier()
    twin = copy.deepcopy(net)
    history = hg.train_and_plot(3, net, (X, Y), HELD, lr=0.05, to=tmp_path / "a.gif")
    expected = hg.train(
        twin, (X, Y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.05), epochs=3, batch_size=4,
        validation=HELD, shuffle=False,
    )  # fmt: skip
    assert [report.validation_loss for report in expected] == history["validation_loss"]
    assert_same_state(twin, net.state())
    assert (tmp_path / "a.gif").exists()


def test_what_cannot_be_drawn_is_refused_before_the_training() -> None:
    net = classifier()
    with refused(hg.SettingError, "to = 'a.png'", "training.gif", net=net):
        fit(net, live_plot="a.png")
    with refused(hg.SettingError, "to = 1", "a folder", net=net):
        fit(net, live_plot=1)
    with refused(hg.DataError, "data: 3 parts", net=net):
        hg.live_plot(train(net), net, (X, Y, Y), to="frames")
    other: Any = "net"
    with refused(hg.SettingError, "net = 'net'"):
        hg.live_plot([], other, (X, Y), to="frames")


def test_a_curve_that_is_not_reported_is_refused(tmp_path: Path) -> None:
    net = classifier()
    with refused(hg.SettingError, "'acuracy' is not in this history", "did you mean"):
        list(hg.live_plot(train(net), net, (X, Y), what="acuracy", to=tmp_path / "a.gif"))
    assert not (tmp_path / "a.gif").exists()
