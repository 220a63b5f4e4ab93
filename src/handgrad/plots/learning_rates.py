"""Learning rates: how a schedule goes, and what a search for one saw."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from handgrad.base.errors import SettingError, described
from handgrad.plots.inputs import refuse_other
from handgrad.plots.style import FIRST, GREY, SECOND, axes_for, line_of, tidy
from handgrad.schedules import Schedule
from handgrad.training import LearningRateSearch, factors_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_schedule(
    schedule: Schedule | Mapping[str, Schedule],
    learning_rate: float = 1.0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the learning rate over the share of the training that is done.

    One schedule, or several by their names, times `learning_rate`.

    >>> import handgrad as hg
    >>> schedules = {"step": hg.schedules.step(0.25), "cosine": hg.schedules.cosine()}
    >>> axes = plot_schedule(schedules, learning_rate=0.1)
    >>> [line.get_label() for line in axes.lines]
    ['step', 'cosine']
    """
    named = schedule if isinstance(schedule, Mapping) else {"": schedule}
    if not named or not all(callable(one) for one in named.values()):
        raise SettingError(
            f"schedule = {described(schedule)}",
            "a function of the share of the training done, or a dictionary of such",
            "hg.plot_schedule(hg.schedules.cosine())",
        )
    axes = axes_for(ax, (6, 3.6))
    progress = np.linspace(0, 1, 1000, endpoint=False)
    for i, (name, one) in enumerate(named.items()):
        rates = learning_rate * factors_of(one, progress)
        axes.plot(progress, rates, linewidth=2, label=name, **line_of(i))
    what = "learning rate" if learning_rate != 1 else "factor of the learning rate"
    axes.set(xlabel="share of the training done", ylabel=what, title="Learning rate")
    axes.set(xlim=(0, 1), ylim=(0, None))
    if isinstance(schedule, Mapping):
        axes.legend(frameon=False)
    tidy(axes)
    return axes


def plot_learning_rate_search(search: LearningRateSearch, ax: "Axes | None" = None) -> "Axes":
    """Draw the loss over the learning rates that `find_learning_rate` tried.

    The grey dots are the losses of single steps, the line is their running mean, and the
    dashed line marks the learning rate that is suggested.
    """
    refuse_other(search, LearningRateSearch, "find_learning_rate", "hg.find_learning_rate(net, …)")
    axes = axes_for(ax, (6, 4))
    axes.plot(search.learning_rates, search.losses, ".", color=GREY, alpha=0.5, label="each step")
    axes.plot(
        search.learning_rates, search.smoothed, color=FIRST, linewidth=2, label="running mean"
    )
    label = f"suggested, {search.suggested:.2g}"
    axes.axvline(search.suggested, color=SECOND, linestyle="--", linewidth=1.5, label=label)
    axes.set_xscale("log")
    axes.set(xlabel="learning rate", ylabel="loss", title="Search for a learning rate")
    axes.legend(frameon=False)
    tidy(axes)
    return axes
