"""`live_plot`: the reports pass through, drawing keeps to its share, the end is always drawn."""

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import handgrad as hg
from handgrad.plots.live_plot import LARGEST_SHARE, MOST_EPOCHS, _TrainingFigure, drawn
from handgrad.plots.screens import Screen
from tests.bad_input.refused import refused
from tests.plots.pictures import contour, legend, rows
from tests.training.by_hand import HELD, X, Y, assert_same_state, classifier, fit, train


class Studio(Screen):
    """A clock that only trains, draws and waits, by the seconds each takes; and a screen."""

    def __init__(self, training: list[float], drawing: float, *, replays: bool = False) -> None:
        self.now, self.training, self.drawing = 0.0, training, drawing
        self.replays = replays
        self.net = hg.Net(hg.Linear(1, 1))
        self.figure: Any = None
        self.epochs: list[int] = []
        self.begun: list[float] = []
        self.shares: list[float] = []
        self.weights: list[float] = []
        self.closed = 0

    def reports(self) -> Iterator[hg.training.EpochReport]:
        for epoch, seconds in enumerate(self.training, 1):
            self.now += seconds
            self.net.parameters[...] = epoch
            yield hg.training.EpochReport(epoch, 1.0)

    def draw(self, history: hg.training.History, weights: Any) -> None:
        assert len(history) == history[-1].epoch
        self.shares.append(len(self.epochs) * self.drawing / self.now)
        self.epochs.append(history[-1].epoch)
        self.begun.append(self.now)
        self.weights.append(float(weights[0]))
        self.now += self.drawing

    def show(self, epoch: int) -> None:
        raise AssertionError

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def close(self) -> None:
        self.closed += 1

    def run(
        self, reports: Iterator[hg.training.EpochReport] | None = None
    ) -> Iterator[hg.training.EpochReport]:
        reports = self.reports() if reports is None else reports
        return drawn(reports, self.draw, self, self.net, lambda: self.now)


LONG = MOST_EPOCHS + 1
MODULE = sys.modules[drawn.__module__]


def test_epochs_of_a_long_training_are_drawn_when_a_tenth_of_the_time_allows() -> None:
    studio = Studio([1.0] * LONG, drawing=0.5)
    assert [report.epoch for report in studio.run()] == [*range(1, LONG + 1)]
    # drawn at 1 s; then not before 5 s: 5.5 s is epoch 5; not before 10 s: 10 s is epoch 9; …
    assert studio.epochs[:8] == [1, 5, 9, 14, 18, 23, 27, 32]
    assert studio.epochs[-1] == LONG
    assert len(studio.epochs) < LONG // 3
    assert studio.closed == 1


@given(
    training=st.lists(st.floats(0.001, 10), min_size=LONG, max_size=2 * LONG),
    drawing=st.floats(0.001, 10),
)
def test_drawing_keeps_to_its_share_of_a_long_training(
    training: list[float], drawing: float
) -> None:
    studio = Studio(training, drawing)
    assert len([*studio.run()]) == len(training)
    assert studio.epochs[0] == 1
    assert studio.epochs[-1] == len(training)
    assert studio.epochs == sorted(set(studio.epochs))
    assert all(share <= LARGEST_SHARE + 1e-9 for share in studio.shares[:-1])


@pytest.mark.parametrize("epochs", [1, 2, 30, MOST_EPOCHS])
def test_in_a_file_each_epoch_of_a_short_training_is_there_once(epochs: int) -> None:
    studio = Studio([0.001] * epochs, drawing=0.1)
    reports = [*studio.run()]
    assert len(reports) == epochs
    assert sorted(studio.epochs) == [*range(1, epochs + 1)]
    assert studio.weights == studio.epochs  # each with the weights that it left
    assert studio.net.parameters[0] == epochs
    assert studio.closed == 1


@pytest.mark.parametrize("drawing", [0.01, 0.15, 0.3])
def test_where_somebody_watches_a_short_training_is_replayed_at_five_a_second_at_most(
    drawing: float,
) -> None:
    studio = Studio([0.001] * 30, drawing, replays=True)
    assert len([*studio.run()]) == 30
    assert studio.epochs == [1, *range(1, 31)]
    assert studio.weights == studio.epochs
    between = np.diff(studio.begun[1:])
    np.testing.assert_allclose(between, max(drawing, 0.2))


def test_what_was_seen_as_it_ran_is_not_replayed() -> None:
    studio = Studio([1.0] * 5, drawing=0.05, replays=True)
    list(studio.run())
    assert studio.epochs == [1, 2, 3, 4, 5]


def test_weights_too_large_to_keep_are_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio([0.001] * 5, drawing=0.1)
    monkeypatch.setattr(MODULE, "MOST_BYTES", 4 * studio.net.parameters.nbytes)
    list(studio.run())
    assert studio.epochs == [1, 5]


@pytest.mark.parametrize("replays", [True, False])
def test_after_a_break_the_epochs_up_to_it_are_seen(replays: bool) -> None:
    studio = Studio([1.0] * 9, drawing=2.0, replays=replays)
    for report in studio.run():
        if report.epoch == 4:
            break
    assert studio.epochs == ([1, 1, 2, 3, 4] if replays else [1, 2, 3, 4])
    assert studio.closed == 1


def test_what_changes_the_net_at_the_end_is_drawn() -> None:
    def back_to_the_first(
        reports: Iterator[hg.training.EpochReport],
    ) -> Iterator[hg.training.EpochReport]:
        try:
            yield from reports
        finally:
            studio.net.parameters[...] = 1

    studio = Studio([100.0] * 4, drawing=0.5)
    list(studio.run(back_to_the_first(studio.reports())))
    assert (studio.epochs, studio.weights) == ([1, 2, 3, 4, 4], [1, 2, 3, 4, 1])
    studio = Studio([0.01] * 4, drawing=0.5)
    list(studio.run(back_to_the_first(studio.reports())))
    assert (studio.epochs, studio.weights) == ([1, 2, 3, 4, 4], [1, 2, 3, 4, 1])
    studio = Studio([100.0] * 4, drawing=0.5)
    for report in studio.run(back_to_the_first(studio.reports())):
        if report.epoch == 2:
            break
    assert (studio.epochs, studio.weights) == ([1, 2, 2], [1, 2, 1])


def test_an_error_ends_the_picture_as_it_is() -> None:
    def failing() -> Iterator[hg.training.EpochReport]:
        yield hg.training.EpochReport(1, 1.0)
        yield hg.training.EpochReport(2, 1.0)
        raise RuntimeError("diverged")

    studio = Studio([], drawing=0.5)
    studio.now = 1.0
    with pytest.raises(RuntimeError, match="diverged"):
        list(studio.run(failing()))
    assert (studio.epochs, studio.closed) == ([1], 1)


def test_an_interrupt_ends_with_the_last_whole_epoch() -> None:
    def interrupted() -> Iterator[hg.training.EpochReport]:
        for report in studio.reports():
            if report.epoch == 4:
                raise KeyboardInterrupt
            yield report

    studio = Studio([1.0] * 9, drawing=2.0)
    with pytest.raises(KeyboardInterrupt):
        list(studio.run(interrupted()))
    assert (studio.epochs, studio.closed) == ([1, 3], 1)


def test_an_interrupt_of_the_replay_ends_it_with_the_last_epoch() -> None:
    class Impatient(Studio):
        def wait(self, seconds: float) -> None:
            if self.epochs[-1] == 3:
                raise KeyboardInterrupt

    studio = Impatient([0.001] * 9, drawing=0.1, replays=True)
    assert len([*studio.run()]) == 9
    assert (studio.epochs, studio.closed) == ([1, 1, 2, 3, 9], 1)


def test_without_epochs_nothing_is_drawn() -> None:
    studio = Studio([], drawing=1.0)
    assert list(studio.run()) == []
    assert (studio.epochs, studio.closed) == ([], 1)


class Still(Screen):
    """A screen that keeps its figure."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[int] = []
        self.replays = False

    def show(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def wait(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        pass


def weights_of(net: hg.Net) -> Any:
    return np.concatenate([net.parameters, net.running_state])


def picture(net: hg.Net, data: Any, held: Any = None, what: str = "loss") -> tuple[Any, ...]:
    """The axes of the figure of a history of two epochs."""
    screen, metrics = Still(), {"accuracy": 0.5}
    history = hg.training.History(
        [hg.training.EpochReport(i, 1.0 / i, metrics, 2.0 / i, metrics) for i in (1, 2)]
    )
    drawing = _TrainingFigure(net, data, held, what, screen)
    drawing.draw(history, weights_of(net))
    drawing.draw(history, weights_of(net))
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
    screen, net = Still(), classifier()
    drawing = _TrainingFigure(net, (X, Y), HELD, "loss", screen)
    history = hg.training.History(
        [hg.training.EpochReport(epoch, loss / epoch) for epoch in (1, 2)]
    )
    drawing.draw(history, weights_of(net))
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


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_training_is_drawn_and_not_changed(engine: Any, tmp_path: Path) -> None:
    net, twin = classifier(), classifier()
    reports = train(net, validation=HELD, epochs=20, engine=engine)
    shown = [
        report.train_loss
        for report in hg.plots.live_plot(
            reports, net, (X, Y), validation=HELD, to=tmp_path / "frames"
        )
    ]
    plain = train(twin, validation=HELD, epochs=20, engine=engine)
    assert shown == [report.train_loss for report in plain]
    assert_same_state(twin, net.state())
    names = sorted(file.name for file in (tmp_path / "frames").iterdir())
    assert names == [f"epoch-{epoch:05}.png" for epoch in range(1, 21)]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_fit_draws_each_epoch_with_its_own_weights(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    def note(self: _TrainingFigure, history: hg.training.History, weights: Any) -> None:
        found.append((len(history), self.what, weights.copy()))

    monkeypatch.setattr(_TrainingFigure, "draw", note)
    net, twin = classifier(), classifier()
    fit(net, epochs=5, engine=engine, live_plot=tmp_path / "a.gif")
    weights = [twin.parameters.copy() for _ in train(twin, epochs=5, engine=engine)]
    assert sorted(n for n, *_ in found) == [1, 2, 3, 4, 5]
    for n, what, parameters in found:
        assert what == "loss"
        np.testing.assert_array_equal(parameters, weights[n - 1])


def test_fit_draws_what_it_monitors_and_at_the_end_the_best_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    def note(self: _TrainingFigure, history: hg.training.History, weights: Any) -> None:
        found.append((self.what, weights.copy()))

    monkeypatch.setattr(_TrainingFigure, "draw", note)
    net = classifier()
    history = fit(
        net, epochs=60, validation=HELD, early_stopping=2, monitor="accuracy",
        optimizer=hg.SGD(1.0), live_plot=str(tmp_path / "a.gif"),
    )  # fmt: skip
    assert history.stopped_because.startswith("accuracy had not improved")
    what, parameters = found[-1]
    assert what == "accuracy"
    np.testing.assert_array_equal(parameters, net.parameters)


@pytest.mark.slow
def test_the_seeds_train_and_plot(tmp_path: Path) -> None:
    net = classifier()
    twin = copy.deepcopy(net)
    history = hg.train_and_plot(30, net, (X, Y), HELD, lr=0.05, to=tmp_path / "a.gif")
    expected = hg.train(
        twin, (X, Y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.05), epochs=30, batch_size=4,
        validation=HELD, shuffle=False,
    )  # fmt: skip
    for report, plotted in zip(expected, history, strict=True):
        assert report.validation_loss == plotted.validation_loss
        after = hg.evaluate(twin, (X, Y), loss=hg.CrossEntropyLoss())
        assert plotted.evaluations["training"] == after
    assert_same_state(twin, net.state())
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 30  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_training_curve_of_a_live_plot_is_that_after_each_epoch(tmp_path: Path) -> None:
    history = fit(classifier(), live_plot=tmp_path / "a.gif")
    assert "training_loss" in history.columns()
    without = fit(classifier(), live_plot=tmp_path / "a.gif", evaluate_training=False)
    assert "training_loss" not in without.columns()
    assert without["train_loss"] == history["train_loss"]


def test_sets_by_name_are_drawn_with_the_rows_of_the_first(tmp_path: Path) -> None:
    sets = {"spring": HELD, "autumn": (X[:9], Y[:9], np.ones(9))}
    for first in (sets, dict(reversed(sets.items()))):
        history = fit(classifier(), validation=first, live_plot=tmp_path / "frames")
        assert [*history[-1].evaluations] == [*first, "training"]


def test_what_cannot_be_drawn_is_refused_before_the_training() -> None:
    net = classifier()
    with refused(hg.errors.SettingError, "to = 'a.png'", "training.gif", net=net):
        fit(net, live_plot="a.png")
    with refused(hg.errors.SettingError, "to = 1", "a folder", net=net):
        fit(net, live_plot=1)
    with refused(hg.errors.DataError, "data: 3 parts", net=net):
        hg.plots.live_plot(train(net), net, (X, Y, Y), to="frames")
    other: Any = "net"
    with refused(hg.errors.SettingError, "net = 'net'"):
        hg.plots.live_plot([], other, (X, Y), to="frames")


def test_a_curve_that_is_not_reported_is_refused(tmp_path: Path) -> None:
    net = classifier()
    with refused(hg.errors.SettingError, "'acuracy' is not in this history", "did you mean"):
        list(hg.plots.live_plot(train(net), net, (X, Y), what="acuracy", to=tmp_path / "a.gif"))
    assert not (tmp_path / "a.gif").exists()
