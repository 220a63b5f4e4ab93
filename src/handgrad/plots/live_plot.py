"""Live plots of a training: an adapter of the reports that takes little of the time."""

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
from handgrad.plots.slices import Slice
from handgrad.plots.trainings import plot_training_progress
from handgrad.textbook.kinds import Probabilities
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import CrossEntropyLoss, Loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import SGD
from handgrad.training import EpochReport, History, checked_pair, first_set, pair_and_weights, train

LARGEST_SHARE = 0.1
# Limits of a short training: epochs, and bytes of the weights of all of them.
MOST_EPOCHS, MOST_BYTES = 60, 2**28
SECONDS_A_PICTURE = 0.2
# Fixed, in fractions of the figure: an automatic layout takes longer than the drawing.
MARGINS = {"left": 0.08, "right": 0.88, "bottom": 0.13, "top": 0.84, "wspace": 0.2}

Pair = tuple[npt.ArrayLike, npt.ArrayLike]
# Draws a net's predictions for rows (x, y), and for held-out rows, on axes.
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
    """Pass `reports` on and plot the training curves and predictions of `net` live.

    On the left are the curves of `what`; on the right the decision boundary of a classifier, or the
    predictions of a net with one output. Held-out rows are outlines. For several inputs or outputs,
    or rows that are not a table, only the curves are drawn.

    The plot appears in the notebook or in a window, which `plt.show()` keeps open at the end of a
    script. Drawing takes at most about a tenth of the time, so epochs may be skipped. A training of
    60 epochs or less is replayed at its end, five epochs a second; in files every epoch is drawn.
    Of a longer training the last epoch is always drawn.

    Parameters
    ----------
    reports : iterable of EpochReport
        From `hg.train`, or an adapter of it.
    net : Net
        The net in training.
    data : pair of arrays
        Training rows x and targets y.
    validation : pair or triple of arrays, or dict of these, optional
        Held-out rows; of several sets the first is drawn.
    what : str, default "loss"
        The loss, or a metric by name.
    to : path, optional
        A folder for PNG files, or a GIF; by default the notebook or a window.

    Returns
    -------
    iterator of EpochReport

    Examples
    --------
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
    picture = _TrainingFigure(net, data, validation, what, screen_for(to))
    stream = drawn(reports, picture.draw, picture.screen, net, time.perf_counter)
    # after a break, a generator that is still referenced would end too late at Python's exit
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
    """Train `net` by SGD without shuffling, and plot the training live.

    Parameters
    ----------
    n_epoch : int
        Passes over all rows.
    net : Net
        Trained in place.
    data : pair of arrays
        Training rows x and targets y.
    validation : pair of arrays, optional
        Held-out rows.
    loss : Loss, optional
        By default `CrossEntropyLoss()`.
    batch_size : int, default 4
        Rows of each step.
    lr : float, default 0.1
        Learning rate.
    what : str, default "accuracy"
        The loss, or a metric by name.
    to : path, optional
        As in `live_plot`.

    Returns
    -------
    History
        With the training rows after each epoch as `history["training_accuracy"]`.
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
    """Pass `reports` on and draw while there is time; at the end replay a short training."""
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
        # adapters below may change the net once more
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
    """Epochs of a training, with the weights of each while it is a short one."""

    def __init__(self, draw: Callable[[History, Array], object]) -> None:
        self.draw, self.history = draw, History()
        self.kept: list[Array] = []
        self.shown: set[int] = set()
        self.last = (0, b"")

    def note(self, report: EpochReport, net: Net) -> None:
        """Store an epoch with the net's current weights; drop all weights of a long training."""
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
        """Draw all stored epochs if any was skipped; into files only the skipped ones.

        An interrupt ends only the replay: the training is over.
        """
        missing = {*range(1, len(self.kept) + 1)} - self.shown
        with suppress(KeyboardInterrupt):
            for epoch, weights in enumerate(self.kept, 1):
                if epoch in missing or (missing and screen.replays):
                    begun = clock()
                    self.show(epoch, weights)
                    screen.wait(max(0.0, SECONDS_A_PICTURE - (clock() - begun)))

    def end(self, net: Net) -> None:
        """Draw the last epoch with the net's final weights, if it was not drawn yet."""
        weights, epoch = _weights_of(net), len(self.history)
        if epoch and self.last != (epoch, weights.tobytes()):
            self.show(epoch, weights)


def _weights_of(net: Net) -> Array:
    """Copy of the parameters and the running state."""
    return np.concatenate([net.parameters, net.running_state])


class _TrainingFigure:
    """Figure of a training: its curves and, if possible, the net's predictions."""

    def __init__(
        self, net: Net, data: Pair, validation: Pair | None, what: str, screen: Screen
    ) -> None:
        self.twin = copy.deepcopy(net)  # gets the weights of the epoch that is drawn
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
    """Function that draws the predictions of `net` for such rows, or None."""
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
        predictions = number_predictions(net, *held)
        alone = np.shape(held[0])[1] == 1
        across, up = (
            (np.ravel(held[0]), predictions.y) if alone else (predictions.y, predictions.predicted)
        )
        draw_numbers(axes, across, up, label("validation"), hollow=True)
        axes.legend(frameon=False)


def _draw_boundary(axes: Axes, net: Net, data: Pair, held: Pair | None) -> None:
    plot_decision_boundary(net, *data, ax=axes)
    if held is not None:
        x, x_held = table_of(data[0]), table_of(held[0])
        predictions, at = class_predictions(net, *held, None), x.mean(axis=0, dtype=np.float64)
        names = predictions.class_names
        plane = Slice.of_features([0, 1], at)
        draw_near_slice(
            axes, x_held, predictions.y, plane, spread=x, class_names=names, hollow=True
        )
