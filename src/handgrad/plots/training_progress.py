"""Curves of the loss and of metrics, epoch by epoch."""

from typing import TYPE_CHECKING

import numpy as np

from handgrad.base.errors import SettingError, did_you_mean
from handgrad.metrics.choice import smaller_is_better
from handgrad.plots.style import (
    FIRST,
    GREY,
    STYLES,
    axes_for,
    colour_of,
    count_epochs,
    name_measure,
    tidy,
)
from handgrad.training import History
from handgrad.training.evaluate import TRAINING_SET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DURING = "training, during the epoch"


def plot_training_progress(
    history: History, what: str = "loss", ax: "Axes | None" = None, best: int | None = None
) -> "Axes":
    """Draw the training and validation curves of `what`, the loss or a metric by name.

    The training curve is that of the training rows after each epoch, where they were looked at
    then (`evaluate_training=True`); else that of the batches on the way, while the weights moved,
    which lags behind. Each set of validation rows has a curve of its own.
    `best` marks an epoch. Without `ax` a new figure is made, `axes.figure`. Blue and orange
    stay apart for colour-blind eyes, and the validation curves are dashed too.
    """
    curves = _curves(history, what)
    axes = axes_for(ax, (6, 4))
    for i, (label, values) in enumerate(curves.items()):
        training, set_number = label in (TRAINING_SET, DURING), max(i, 1)
        axes.plot(
            np.array(history["epoch"]),
            np.array(values, float),
            STYLES[0] if training else STYLES[1:][(set_number - 1) % 3],
            color=FIRST if training else colour_of(set_number),
            label=label,
            linewidth=1.8,
            marker="o" if len(values) == 1 else None,
            clip_on=False,
        )
    if best is not None:
        axes.axvline(best, color=GREY, linestyle=":", linewidth=1.2, label=f"best epoch, {best}")
    name = name_measure(axes, what, what == "loss" or smaller_is_better(what))
    axes.set_title(name[0].upper() + name[1:])
    if what == "accuracy":
        axes.set_ylim(top=1.0)
    count_epochs(axes)
    tidy(axes)
    axes.legend(frameon=False)
    return axes


def _curves(history: History, what: str) -> dict[str, list[float | int | None]]:
    """The curves by their labels: the training rows first, then each set."""
    columns, found = history.columns(), dict[str, list[float | int | None]]()
    evaluations = history[0].evaluations if columns else {}
    first = ["loss", *history[0].train_metrics] if columns else []
    if TRAINING_SET not in evaluations and what in first:
        found[DURING] = columns[f"train_{what}"]
    for name in sorted(evaluations, key=lambda name: name != TRAINING_SET):
        if f"{name}_{what}" in columns:
            found[name] = columns[f"{name}_{what}"]
    if not found:
        of_sets = [name for held in evaluations.values() for name in held.metrics]
        known = [*dict.fromkeys([*first, *of_sets])]
        raise SettingError(
            f"{what!r} is not in this history",
            f"one of {', '.join(known)}" if known else "a training of an epoch or more",
            did_you_mean(what, known, "hg.fit(…, metrics=[...])"),
        )
    return found
