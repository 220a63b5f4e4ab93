"""Training as it goes on, drawn: an adapter of the reports that never takes much of the time."""

import copy
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from handgrad.engines.config import check_kinds
from handgrad.plots.inputs import class_predictions, number_predictions, table_of, targets_of
from handgrad.plots.labels import label
from handgrad.plots.predictions import draw_numbers, plot_predictions
from handgrad.plots.rows import draw_near_slice, plot_decision_boundary
from handgrad.plots.screens import Screen, screen_for
from handgrad.plots.trainings import plot_training_progress
from handgrad.textbook.kinds import Probabilities
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import CrossEntropyLoss, Loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import SGD
from handgrad.training import EpochReport, History, checked_pair, first_set, pair_and_weights, train

LARGEST_SHARE = 0.1
# A short training has no more epochs, nor weights in all of them together, in bytes.
MOST_EPOCHS, MOST_BYTES = 60, 2**28
SECONDS_A_PICTURE = 0.2
# Fixed, in shares of the figure: a layout that measures everything takes longer than the drawing.
MARGINS = {"left": 0.08, "right": 0.88, "bottom": 0.13, "top": 0.84, "wspace": 0.2}

Pair = tuple[npt.ArrayLike, npt.ArrayLike]
# Draws on axes what a net answers for rows (x, y), beside what it does for rows held out.
Answers = Callable[[Axes, Net, Pair, Pair | None], None]


def live_plot(
    reports: Iterable[EpochReport],
    net: Net,
    data: object,
    *,
    validation: object = None,
    what: str = "loss",
    to: str | Path | None = None,
) -> Iterator[EpochReport]:
    """Pass `reports` on and draw how the training of `net` goes, beside what the net answers.

    On the left the curves of `what`, the loss or a metric by name. On the right, for the rows
    `data`, a pair (x, y), the decision boundary of a classifier, or the predictions of a net
    that gives one number a row; rows of `validation` are drawn as outlines. Where there is no
    such picture (several inputs or outputs, rows that are no table), the curves stand alone.

    It appears in the notebook or in a window, which `plt.show()` keeps at a script's end.
    `to="frames"` writes PNG files into that folder instead, `to="training.gif"` a moving
    picture. While the training runs an epoch is drawn only if drawing took a tenth of the time so
    far, or less. A short training, of 60 epochs or less, is recorded too: at its end each epoch
    is there to be seen, replayed from the first at five a second in a notebook or a window, and
    as a picture of its own in a file. Of a longer one the last epoch always is, with the net as
    it then is.

    The training curve is that of the training rows after each epoch where the reports have it
    (`evaluate_training=True`), else that of the batches on the way. Of several sets of
    `validation` rows by name, the rows of the first are drawn.

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
    validation = first_set(validation)
    if validation is not None:
        validation = checked_pair(pair_and_weights(validation)[0], "validation data")
    picture = _Picture(net, data, validation, what, screen_for(to))
    stream = drawn(reports, picture.draw, picture.screen, net, time.perf_counter)
    # left by a break but still named, it would be ended when Python has half gone
    alive = weakref.ref(stream)

    def end() -> None:
        if (left := alive()) is not None:
            left.close()

    weakref.finalize(stream, end)
    return stream


def train_and_plot(
    n_epoch: int,
    net: Net,
    data: object,
    validation: object = None,
    loss: Loss | None = None,
    batch_size: int = 4,
    lr: float = 0.1,
    *,
    what: str = "accuracy",
    to: str | Path | None = None,
) -> History:
    """Train `net` by plain gradient descent, row after row in their order, and draw it live.

    `data` and `validation` are pairs (x, y). Without `loss`, `CrossEntropyLoss()`. The picture
    is that of `live_plot`, with `what` and `to`; the history of all epochs is returned. Its
    training curve, `history["training_accuracy"]`, is that of the training rows after each epoch.
    """
    reports = train(
        net,
        data,
        loss=CrossEntropyLoss() if loss is None else loss,
        optimizer=SGD(lr),
        epochs=n_epoch,
        batch_size=batch_size,
        validation=validation,
        evaluate_training=True,
        shuffle=False,
    )
    return History([*live_plot(reports, net, data, validation=validation, what=what, to=to)])


def drawn(
    reports: Iterable[EpochReport],
    draw: Callable[[History, Array], object],
    screen: Screen,
    net: Net,
    clock: Callable[[], float],
) -> Generator[EpochReport]:
    """Pass `reports` on, draw while there is time for it; at the end all of a short training,
    and what came out.
    """
    film, started, spent = Film(draw), clock(), 0.0
    whole = short = False
    try:
        for report in reports:
            film.note(report, net)
            before = clock()
            if spent <= LARGEST_SHARE * (before - started):
                film.show(len(film.history), _weights_of(net))
                spent += clock() - before
            yield report
        whole = short = True
    except (GeneratorExit, KeyboardInterrupt) as end:
        # what lies below may then change the net once more
        getattr(reports, "close", lambda: None)()
        whole, short = True, isinstance(end, GeneratorExit)
        raise
    finally:
        try:
            if short:
                film.replay(screen, clock)
            if whole:
                film.end(net)
        finally:
            screen.close()


class Film:
    """The epochs of a training, with the weights that each left as long as it is a short one."""

    def __init__(self, draw: Callable[[History, Array], object]) -> None:
        self.draw, self.history = draw, History()
        self.kept: list[Array] = []
        self.shown: set[int] = set()
        self.last = (0, b"")

    def note(self, report: EpochReport, net: Net) -> None:
        """Keep an epoch whose weights the net has now; of a long training, none any more."""
        self.history.reports.append(report)
        n, weights = len(self.history), _weights_of(net)
        if n > MOST_EPOCHS or n * weights.nbytes > MOST_BYTES:
            self.kept.clear()
        elif len(self.kept) == n - 1:
            self.kept.append(weights)

    def show(self, epoch: int, weights: Array) -> None:
        """Draw an epoch, counted from 1, with these weights."""
        self.draw(History(self.history.reports[:epoch]), weights)
        self.shown.add(epoch)
        self.last = epoch, weights.tobytes()

    def replay(self, screen: Screen, clock: Callable[[], float]) -> None:
        """Draw all that is kept, if any epoch of it was left out; what a file has, only once.

        An interrupt ends that, and nothing else: the training is over.
        """
        missing = {*range(1, len(self.kept) + 1)} - self.shown
        with suppress(KeyboardInterrupt):
            for epoch, weights in enumerate(self.kept, 1):
                if epoch in missing or (missing and screen.replays):
                    begun = clock()
                    self.show(epoch, weights)
                    screen.wait(max(0.0, SECONDS_A_PICTURE - (clock() - begun)))

    def end(self, net: Net) -> None:
        """Draw the last epoch with the net as it is now, if that was not seen."""
        weights, epoch = _weights_of(net), len(self.history)
        if epoch and self.last != (epoch, weights.tobytes()):
            self.show(epoch, weights)


def _weights_of(net: Net) -> Array:
    """A copy of all weights, parameters and then the running state."""
    return np.concatenate([net.parameters, net.running_state])


class _Picture:
    """The figure of a training: its curves, and what the net answers where that can be drawn."""

    def __init__(
        self, net: Net, data: Pair, validation: Pair | None, what: str, screen: Screen
    ) -> None:
        self.twin = copy.deepcopy(net)  # which may have the weights of an earlier epoch
        self.data, self.held, self.what, self.screen = data, validation, what, screen
        self.answers = _answers(self.twin, *data)

    def draw(self, history: History, weights: Array) -> None:
        n = self.twin.parameters.size
        self.twin.parameters[...], self.twin.running_state[...] = weights[:n], weights[n:]
        figure, epoch = self.screen.figure, history[-1].epoch
        figure.clear()
        figure.subplots_adjust(**MARGINS)
        panels = figure.subplots(1, 1 if self.answers is None else 2, squeeze=False)[0]
        plot_training_progress(history, self.what, panels[0])
        if self.answers is not None:
            self.answers(panels[1], self.twin, self.data, self.held)
        figure.suptitle(label("epoch {}", epoch))
        self.screen.show(epoch)


def _answers(net: Net, x: npt.ArrayLike, y: object) -> Answers | None:
    """What draws the predictions of `net` for such rows, if there is a picture."""
    if isinstance(x, tuple) or np.ndim(x) != 2 or np.size(x) == 0 or net.integer_input:
        return None
    x = table_of(x)
    p, targets = net.predict(x[:1]), targets_of(y, x)
    if p.size == 1 and not isinstance(net.output_kind, Probabilities):
        return _draw_predictions
    whole = targets.ndim == 1 and (targets == np.floor(targets)).all()
    return _draw_boundary if whole and x.shape[1] >= 2 and p.ndim == 2 else None


def _draw_predictions(axes: Axes, net: Net, data: Pair, held: Pair | None) -> None:
    plot_predictions(net, *data, axes)
    if held is not None:
        found = number_predictions(net, *held)
        alone = np.shape(held[0])[1] == 1
        across, up = (np.ravel(held[0]), found.y) if alone else (found.y, found.predicted)
        draw_numbers(axes, across, up, label("validation"), hollow=True)
        axes.legend(frameon=False)


def _draw_boundary(axes: Axes, net: Net, data: Pair, held: Pair | None) -> None:
    plot_decision_boundary(net, *data, ax=axes)
    if held is not None:
        x, x_held = table_of(data[0]), table_of(held[0])
        found, at = class_predictions(net, *held, None), x.mean(axis=0, dtype=np.float64)
        names = found.class_names
        draw_near_slice(axes, x_held, found.y, [0, 1], at, spread=x, class_names=names, hollow=True)
