"""`plot_training_progress`: the picture's lines are the history's columns."""

import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import handgrad as hg
from tests.bad_input.refused import refused
from tests.training.by_hand import HELD, X, Y, classifier, fit

HISTORY = hg.training.History(
    [
        hg.training.EpochReport(i, 1 / i, {"accuracy": 1 - 0.5 / i, "r2": -1.0 * i}, 2 / i,
                  {"accuracy": 1 - 0.6 / i, "r2": -2.0 * i})
        for i in range(1, 5)
    ]
)  # fmt: skip


def lines(axes: Any) -> dict[str, tuple[list[float], list[float]]]:
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines
    }


def test_the_lines_are_the_columns() -> None:
    for what in ("loss", "accuracy", "r2"):
        found = lines(hg.plot_training_progress(HISTORY, what))
        assert found == {
            "training, during the epoch": ([1, 2, 3, 4], HISTORY[f"train_{what}"]),
            "validation": ([1, 2, 3, 4], HISTORY[f"validation_{what}"]),
        }


def test_the_curves_can_be_told_apart_without_colour() -> None:
    training, validation = hg.plot_training_progress(HISTORY).lines
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert training.get_color() != validation.get_color()


def test_axes_are_named_and_the_best_epoch_is_marked() -> None:
    axes: Any = hg.plot_training_progress(HISTORY, best=3)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("epoch", "loss", "Loss")
    assert axes.get_ylim()[0] == 0
    *_, mark = axes.lines
    assert (mark.get_label(), list(mark.get_xdata())) == ("best epoch, 3", [3, 3])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["training, during the epoch", "validation", "best epoch, 3"]
    assert hg.plot_training_progress(HISTORY, "r2").get_title() == "R²"
    assert hg.plot_training_progress(HISTORY, "r2").get_ylim()[0] < -8
    assert hg.plot_training_progress(HISTORY, "accuracy").get_ylim()[1] >= 1


def test_a_loss_below_zero_is_drawn_whole() -> None:
    history = hg.training.History(
        [hg.training.EpochReport(1, -1.0), hg.training.EpochReport(2, -2.0)]
    )
    assert hg.plot_training_progress(history).get_ylim()[0] < -2


def test_without_validation_there_is_one_line() -> None:
    history = hg.training.History(
        [hg.training.EpochReport(1, 0.5), hg.training.EpochReport(2, 0.25)]
    )
    found = lines(hg.plot_training_progress(history))
    assert found == {"training, during the epoch": ([1, 2], [0.5, 0.25])}


def test_training_rows_that_were_looked_at_and_every_set_have_their_own_curves() -> None:
    net = classifier()
    sets = {"spring": (X[:9], Y[:9]), "autumn": HELD}
    history = fit(net, validation=sets, evaluate_training=True)
    for what in ("loss", "accuracy"):
        axes = hg.plot_training_progress(history, what)
        names = ["training", "spring", "autumn"]
        assert lines(axes) == {n: ([1, 2, 3, 4], history[f"{n}_{what}"]) for n in names}
        looks = [(line.get_linestyle(), line.get_color()) for line in axes.lines]
        assert [style for style, _ in looks] == ["-", "--", "-."]
        assert len({colour for _, colour in looks}) == 3


def test_it_draws_on_the_axes_it_is_given_and_on_no_others() -> None:
    left, right = Figure().subplots(1, 2)
    assert hg.plot_training_progress(HISTORY, ax=left) is left
    assert len(left.lines) == 2
    assert not right.lines


def test_epochs_are_counted_in_whole_numbers_and_a_single_one_is_seen() -> None:
    for n in (1, 2, 4):
        axes: Any = hg.plot_training_progress(hg.training.History(HISTORY.reports[:n]))
        axes.figure.canvas.draw()
        assert all(tick == int(tick) for tick in axes.get_xticks())
        assert (axes.lines[0].get_marker() == "o") is (n == 1)


@pytest.mark.parametrize("epochs", [80, 72_000, 950_000])
def test_the_numbers_of_many_epochs_do_not_run_into_each_other(epochs: int) -> None:
    history = hg.training.History([hg.training.EpochReport(epoch, 1.0) for epoch in (1, epochs)])
    axes: Any = hg.plot_training_progress(
        history, ax=Figure(figsize=(10.5, 4.4), dpi=90).subplots(1, 2)[0]
    )
    axes.figure.canvas.draw()
    left, right = axes.get_xlim()
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    boxes = [label.get_window_extent() for tick, label in ticks if left <= tick <= right]
    assert len(boxes) > 2
    for one, other in pairwise(boxes):
        assert one.x1 + 4 < other.x0


def test_infinite_and_missing_values_leave_gaps() -> None:
    history = hg.training.History(
        [hg.training.EpochReport(1, 0.5, {}, np.inf), hg.training.EpochReport(2, 0.4, {}, 0.6)]
    )
    assert np.isfinite(pixels(hg.plot_training_progress(history))).all()
    assert hg.plot_training_progress(history).get_ylim()[1] < 1


def test_the_picture_shows_both_colours() -> None:
    image = pixels(hg.plot_training_progress(HISTORY, best=2))
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        near = np.abs(image[..., :3] * 255 - colour).max(axis=-1) < 3
        assert near.sum() > 100


def pixels(axes: Any) -> Any:
    from matplotlib.image import imread

    file = io.BytesIO()
    axes.figure.savefig(file, dpi=80)
    file.seek(0)
    return imread(file)


@pytest.mark.parametrize(
    ("what", "hint"),
    [
        ("acuracy", "did you mean 'accuracy'?"),
        ("train_loss", "did you mean 'loss'?"),
        ("zzz", "metrics="),
    ],
)
def test_what_is_not_in_the_history_is_refused(what: str, hint: str) -> None:
    with refused(
        hg.errors.SettingError, f"'{what}' is not in this history", "loss, accuracy, r2", hint
    ):
        hg.plot_training_progress(HISTORY, what)


def test_an_empty_history_is_refused() -> None:
    with refused(hg.errors.SettingError, "an epoch or more"):
        hg.plot_training_progress(hg.training.History())


def test_the_call_of_the_notes_is_answered_with_that_of_here() -> None:
    figure = Figure()
    axes = figure.subplots()
    given: Any = (np.arange(3), [[1.0, 0.5, 0.2]], figure, axes)
    with refused(
        hg.errors.SettingError, "ndarray", "the result of fit", "try: hg.fit(net, x, y, …)"
    ):
        hg.plot_training_progress(*given)
