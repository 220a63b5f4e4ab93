"""`fit`: training with the usual adapters, in one call."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from handgrad import plots, training
from handgrad.engines.choice import EngineName
from handgrad.engines.threads import quick_handover
from handgrad.fitting.fitting import Fitting
from handgrad.losses import Loss
from handgrad.metrics.choice import Metric
from handgrad.net import Net
from handgrad.optimizers import Optimizer
from handgrad.other_names import refusing_unknown
from handgrad.penalties import Penalty
from handgrad.schedules import Schedule
from handgrad.training import History


@refusing_unknown
def fit(
    net: Net,
    data: Any,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: Any = None,
    evaluate_training: bool | None = None,
    metrics: Iterable[str | Metric] | None = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    penalty: Penalty | None = None,
    schedule: Schedule | None = None,
    early_stopping: int | None = None,
    reduce_on_plateau: int | None = None,
    monitor: str | None = None,
    progress: bool = False,
    live_plot: bool | str | Path = False,
    diagnose: bool = False,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    rng: int | np.random.Generator | None = None,
    shuffle: bool = True,
    engine: EngineName = "auto",
) -> History:
    """Train `net` in place and return the History.

    As `train`, and: `validation` may be a share of the rows to hold out, 0.2 say, stratified
    where a row has one class; rows keep their weights. Of rows that are streamed, chance alone
    decides which are held out: `rows.split`. `early_stopping=10` ends the training when
    `monitor` (the validation loss, without validation the training loss) has not improved for 10
    epochs, and gives the net the weights of its best epoch. `reduce_on_plateau=5` divides the
    learning rate by 10 whenever it has not for more than 5; the optimizer itself is left as it
    was. `progress=True` shows a bar in a terminal or a notebook.
    `live_plot=True` draws the training in the notebook or in a window, with the curves of
    `monitor`; `live_plot="training.gif"` into that file, `live_plot="frames"` into that folder.
    Where it is drawn the training rows are looked at after each epoch, as `evaluate_training=True`
    does without a picture.
    `diagnose=True` warns of what `hg.diagnose` finds on the way, of each sickness once.
    `checkpoint="runs/a"` keeps the state of the training in that folder, as `hg.checkpoints`
    does; with `resume=True` it goes on from there, if it had begun. Ctrl-C ends the training: a
    warning tells in which epoch, and the history of the epochs before is returned. Rows that are
    streamed have no live plot, no diagnosis and no checkpoints.

    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=0), hg.Softmax())
    >>> history = fit(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=40,
    ...     validation=0.2, rng=0)
    >>> len(history), history[-1].metrics["accuracy"] > 0.9
    (40, True)
    """
    if evaluate_training is None:
        evaluate_training = live_plot is not False
    fitting = Fitting(
        net=net,
        data=data,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        validation=validation,
        evaluate_training=evaluate_training,
        metrics=metrics,
        sample_weight=sample_weight,
        class_weight=class_weight,
        penalty=penalty,
        schedule=schedule,
        early_stopping=early_stopping,
        reduce_on_plateau=reduce_on_plateau,
        monitor=monitor,
        checkpoint=checkpoint,
        resume=resume,
        rng=rng,
        shuffle=shuffle,
        engine=engine,
    )
    reports = fitting.reports()
    if isinstance(data, training.RowStream):
        training.refuse_beside_a_stream(diagnose=diagnose, live_plot=live_plot)
    if diagnose:
        reports = fitting.diagnosed(reports)
    if live_plot is not False:
        reports = plots.live_plot(
            reports,
            net,
            fitting.data,
            validation=training.pair_and_weights(training.first_set(fitting.validation))[0],
            what=fitting.monitor.removeprefix("train_").removeprefix("validation_"),
            to=None if live_plot is True else live_plot,
        )
    with quick_handover():
        if progress:
            reports = training.progress(reports, epochs=epochs, training=fitting.training)
        return fitting.history(reports)
