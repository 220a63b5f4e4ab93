"""Training as it goes on, drawn: an adapter of the reports that never takes much of the time."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.layers import Array
from handgrad.losses import CrossEntropyLoss, Loss
from handgrad.net import Net
from handgrad.optimizers import SGD
from handgrad.plots.decision_boundary import draw_near_slice, plot_decision_boundary
from handgrad.plots.predictions import draw_numbers, plot_predictions
from handgrad.plots.rows import classes_of, names_of, probabilities, table_of, targets_of
from handgrad.plots.screens import Screen, screen_for
from handgrad.plots.training_progress import plot_training_progress
from handgrad.training import History, Report, Training, check_kinds, checked_pair

LARGEST_SHARE = 0.1
# Fixed, in shares of the figure: a layout that measures everything takes longer than the drawing.
MARGINS = {"left": 0.08, "right": 0.88, "bottom": 0.13, "top": 0.84, "wspace": 0.2}


def live_plot(
    reports: Iterable[Report],
    net: Net,
    data: Any,
    *,
    validation: Any = None,
    what: str = "loss",
    to: str | Path | None = None,
) -> Iterator[Report]:
    """Pass `reports` on and draw how the training of `net` goes, beside what the net answers.

    On the left the curves of `what`, the loss or a metric by name. On the right, for the rows
    `data`, a pair (x, y), the decision boundary of a classifier, or the predictions of a net
    that gives one number a row; rows of `validation` are drawn as outlines. Where there is no
    such picture (several inputs or outputs, rows that are no table), the curves stand alone.

    It appears in the notebook or in a window, which `plt.show()` keeps at a script's end.
    `to="frames"` writes PNG files into that folder instead, `to="training.gif"` a moving
    picture. An epoch is drawn only if drawing took a tenth of the time so far, or less; the
    last one always is, with the net as it then is: of a training of less than a second hardly
    more than the first and the last are seen.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    >>> reports = hg.train(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1),
    ...     epochs=30, rng=0)
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for report in live_plot(reports, net, (x, y), what="accuracy", to=folder):
    ...         pass
    ...     print(max(file.name for file in Path(folder).iterdir()))
    epoch-00030.png
    """
    check_kinds(net=(net, Net))
    data = checked_pair(data, "data")
    if validation is not None:
        validation = checked_pair(validation, "validation data")
    picture = _Picture(net, data, validation, what, screen_for(to))
    stream = drawn(reports, picture.draw, picture.screen.close, net, time.perf_counter)
    # left by a break but still named, it would be ended when Python has half gone
    weakref.finalize(stream, _end, weakref.ref(stream))
    return stream


def train_and_plot(
    n_epoch: int,
    net: Net,
    data: Any,
    validation: Any = None,
    loss: Loss | None = None,
    batch_size: int = 4,
    lr: float = 0.1,
    *,
    what: str = "accuracy",
    to: str | Path | None = None,
) -> History:
    """Train `net` by plain gradient descent, row after row in their order, and draw it live.

    `data` and `validation` are pairs (x, y). Without `loss`, `CrossEntropyLoss()`. The picture
    is that of `live_plot`, with `what` and `to`; the history of all epochs is returned.
    """
    training = Training(
        net,
        data,
        loss=CrossEntropyLoss() if loss is None else loss,
        optimizer=SGD(lr),
        epochs=n_epoch,
        batch_size=batch_size,
        validation=validation,
        metrics=None,
        sample_weight=None,
        class_weight=None,
        rng=None,
        shuffle=False,
        engine="auto",
        ahead=True,
    )
    return History([*live_plot(training, net, data, validation=validation, what=what, to=to)])


def _end(stream: weakref.ref[Generator[Report]]) -> None:
    """End the stream, where it is still there."""
    if (alive := stream()) is not None:
        alive.close()


def drawn(
    reports: Iterable[Report],
    draw: Callable[[History], object],
    close: Callable[[], object],
    net: Net,
    clock: Callable[[], float],
) -> Generator[Report]:
    """Pass `reports` on, draw while there is time for it, and at the end what came out."""
    history, started, spent = History(), clock(), 0.0
    whole, seen = False, (0, b"")

    def state() -> tuple[int, bytes]:
        return len(history), net.parameters.tobytes() + net.running_state.tobytes()

    try:
        for report in reports:
            history.reports.append(report)
            before = clock()
            if spent <= LARGEST_SHARE * (before - started):
                draw(history)
                seen = state()
                spent += clock() - before
            yield report
        whole = True
    except (GeneratorExit, KeyboardInterrupt):  # what lies below may then change the net once more
        getattr(reports, "close", lambda: None)()
        whole = True
        raise
    finally:
        try:
            if whole and history and state() != seen:
                draw(history)
        finally:
            close()


class _Picture:
    """The figure of a training: its curves, and what the net answers."""

    def __init__(self, net: Net, data: Any, validation: Any, what: str, screen: Screen) -> None:
        self.answers = _answers(net, data, validation)
        self.what, self.screen = what, screen

    def draw(self, history: History) -> None:
        figure, epoch = self.screen.figure, history[-1].epoch
        figure.clear()
        figure.subplots_adjust(**MARGINS)
        panels: Any = figure.subplots(1, 1 if self.answers is None else 2, squeeze=False)
        curves, *others = panels[0]
        plot_training_progress(history, self.what, curves)
        if self.answers is not None:
            self.answers(others[0])
        figure.suptitle(f"epoch {epoch}")
        self.screen.show(epoch)


def _answers(net: Net, data: Any, held: Any) -> Callable[[Any], object] | None:
    """What draws the answers of `net` for these rows on axes; None where there is no picture."""
    x, y = data
    if isinstance(x, tuple) or np.ndim(x) != 2 or len(x) == 0 or net.integer_input:
        return None
    p = net.predict(x[:1])
    x, y = table_of(x), targets_of(y, x)
    if p.size == 1 and net.produces != "probabilities":
        return lambda axes: _predictions(axes, net, x, y, held)
    if y.ndim != 1 or x.shape[1] < 2 or p.ndim != 2 or (y != np.floor(y)).any():
        return None
    return lambda axes: _boundary(axes, net, x, y, held)


def _predictions(axes: Any, net: Net, x: Array, y: Array, held: Any) -> None:
    plot_predictions(net, x, y, axes)
    if held is not None:
        x_held, y_held = table_of(held[0]), np.ravel(held[1])
        alone = x.shape[1] == 1
        across, up = (x_held, y_held) if alone else (y_held, net.predict(x_held))
        draw_numbers(axes, across.ravel(), up.ravel(), "validation", hollow=True)
        axes.legend(frameon=False)


def _boundary(axes: Any, net: Net, x: Array, y: Array, held: Any) -> None:
    plot_decision_boundary(net, x, y, ax=axes)
    if held is not None:
        x_held = table_of(held[0])
        n_classes = probabilities(net, x_held[:1]).shape[1]
        draw_near_slice(
            axes,
            x_held,
            classes_of(held[1], x_held, n_classes),
            [0, 1],
            x.mean(axis=0, dtype=np.float64),
            spread=x,
            class_names=names_of(None, n_classes, "class"),
            hollow=True,
        )
