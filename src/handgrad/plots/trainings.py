"""Plots of trainings: loss curves, weights over time, capacity and learning curves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from handgrad.plots.inputs import refuse_other
from handgrad.plots.labels import label
from handgrad.plots.style import (
    FIRST,
    GREY,
    SECOND,
    STYLES,
    axes_for,
    colour_of,
    line_of,
    panels_for,
)
from handgrad.textbook.errors import SettingError, did_you_mean
from handgrad.textbook.layers import Array
from handgrad.textbook.metrics.registry import smaller_is_better
from handgrad.training import History, LearningRateSearch, WeightHistory
from handgrad.training.evaluate import TRAINING_SET
from handgrad.training.results import CapacityCurve, LearningCurve, RunsCurve

DURING = "training, during the epoch"
OWN_CURVES = (TRAINING_SET, DURING, "validation")
MOST_TICKS = 12


def plot_training_progress(
    history: History, what: str = "loss", ax: Axes | None = None, best: int | None = None
) -> Axes:
    """Plot the training and validation curves of the loss or a metric.

    The training curve is evaluated after each epoch if the reports have it
    (`evaluate_training=True`); else it is the mean over the epoch's batches, which lags behind.
    Validation curves are dashed, one for each set.

    Parameters
    ----------
    history : History
        From `hg.fit`.
    what : str, default "loss"
        The loss, or a metric by name.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.
    best : int, optional
        Epoch to mark.

    Returns
    -------
    Axes
    """
    refuse_other(history, History, "hg.fit(net, x, y, …)")
    curves = _curves_of(history, what)
    axes = axes_for(ax, (6, 4))
    for i, (name, values) in enumerate(curves.items()):
        training, set_number = name in (TRAINING_SET, DURING), max(i, 1)
        axes.plot(
            np.array(history["epoch"]),
            np.array(values, float),
            STYLES[0] if training else STYLES[1:][(set_number - 1) % 3],
            color=FIRST if training else colour_of(set_number),
            label=label(name) if name in OWN_CURVES else name,
            linewidth=1.8,
            marker="o" if len(values) == 1 else None,
            clip_on=False,
        )
    if best is not None:
        axes.axvline(
            best, color=GREY, linestyle=":", linewidth=1.2, label=label("best epoch, {}", best)
        )
    measure = _name_measure(axes, what)
    axes.set_title(measure[0].upper() + measure[1:])
    if what == "accuracy":
        axes.set_ylim(top=1.0)
    _count_epochs(axes)
    axes.legend(frameon=False)
    return axes


def _curves_of(history: History, what: str) -> dict[str, list[float | int | None]]:
    """Curves by label: the training rows first, then each set."""
    columns, curves = history.columns(), dict[str, list[float | int | None]]()
    evaluations = history[0].evaluations if columns else {}
    first = ["loss", *history[0].train_metrics] if columns else []
    if TRAINING_SET not in evaluations and what in first:
        curves[DURING] = columns[f"train_{what}"]
    for name in sorted(evaluations, key=lambda name: name != TRAINING_SET):
        if f"{name}_{what}" in columns:
            curves[name] = columns[f"{name}_{what}"]
    if not curves:
        of_sets = [name for held in evaluations.values() for name in held.metrics]
        known = [*dict.fromkeys([*first, *of_sets])]
        raise SettingError(
            f"{what!r} is not in this history",
            f"one of {', '.join(known)}" if known else "a training of an epoch or more",
            did_you_mean(what, known, "hg.fit(…, metrics=[...])"),
        )
    return curves


def plot_weights_over_time(
    weights: WeightHistory, axes: Sequence[Axes] | Array | None = None
) -> Array:
    """Plot max |W|, gradient norm and relative update of each parameter matrix over the epochs.

    The last two have logarithmic axes, without zeros. A gradient that shrinks from layer to layer
    vanishes; an update near 1 means a large learning rate.

    Parameters
    ----------
    weights : WeightHistory
        From `record_weights(reports, net)`, after iterating over it.
    axes : sequence of three Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    array of three Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    >>> weights = hg.training.record_weights(hg.train(net, (x, y), loss=hg.CrossEntropyLoss(),
    ...     optimizer=hg.SGD(0.1), epochs=3, rng=0), net)
    >>> history = hg.training.History(list(weights))
    >>> [[line.get_label() for line in panel.lines] for panel in plot_weights_over_time(weights)]
    [['0.W'], ['0.W'], ['0.W']]
    """
    if not isinstance(weights, WeightHistory) or not weights.epochs:
        raise SettingError(
            "no weights of any epoch" if isinstance(weights, WeightHistory) else f"{weights!r}",
            "the result of record_weights, after iterating over it",
            "weights = hg.training.record_weights(hg.train(net, …), net); for report in weights: …",
        )
    panels = panels_for(axes, 3, (11, 3.4))
    tables = (
        (weights.largest, "max |W|", label("Largest weight")),
        (weights.gradient_norms, label("‖dW‖, last batch"), label("Gradient")),
        (weights.update_ratios, label("‖change of W‖ / ‖W‖, per epoch"), label("Update")),
    )
    for panel, (table, name, title) in zip(panels, tables, strict=True):
        for i, (path, values) in enumerate(table.items()):
            panel.plot(weights.epochs, values, linewidth=1.8, label=path, **line_of(i))
        panel.set(ylabel=name, title=title)
        _count_epochs(panel)
    panels[0].set_ylim(bottom=0)
    for panel in panels[1:]:
        panel.set_yscale("log")
    panels[0].legend(frameon=False)
    return np.array(panels)


def plot_learning_rate_search(search: LearningRateSearch, ax: Axes | None = None) -> Axes:
    """Plot the loss over the learning rates that `find_learning_rate` tried.

    Grey dots are single steps, the line is their running mean, and the dashed line marks the
    suggested learning rate.

    Parameters
    ----------
    search : LearningRateSearch
        From `find_learning_rate`.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes
    """
    refuse_other(search, LearningRateSearch, "hg.training.find_learning_rate(net, …)")
    axes = axes_for(ax, (6, 4))
    axes.plot(
        search.learning_rates, search.losses, ".", color=GREY, alpha=0.5, label=label("each step")
    )
    axes.plot(
        search.learning_rates,
        search.smoothed,
        color=FIRST,
        linewidth=2,
        label=label("running mean"),
    )
    name = label("suggested, {}", f"{search.suggested:.2g}")
    axes.axvline(search.suggested, color=SECOND, linestyle="--", linewidth=1.5, label=name)
    axes.set_xscale("log")
    axes.set(xlabel=label("learning rate"), ylabel=label("loss"))
    axes.set_title(label("Search for a learning rate"))
    axes.legend(frameon=False)
    return axes


def plot_capacity_curve(curve: CapacityCurve, what: str = "loss", ax: Axes | None = None) -> Axes:
    """Plot training and validation loss, or a metric, against capacity.

    Lines are medians over the seeds, bands are quartiles. A dotted line marks the capacity with the
    lowest median validation loss. Diverged runs are counted in the legend; a line has a gap where
    half of the runs or more diverged. The axis is logarithmic if the capacities grow by factors.

    Parameters
    ----------
    curve : CapacityCurve
        From `capacity_curve`.
    what : str, default "loss"
        The loss, or a metric by name.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import numpy as np
    >>> import handgrad as hg
    >>> curve = hg.training.CapacityCurve(capacities=np.array([1, 2, 4]),
    ...     train={"loss": np.array([[0.5], [0.3], [0.1]])},
    ...     validation={"loss": np.array([[0.6], [0.4], [0.7]])})
    >>> axes = plot_capacity_curve(curve)
    >>> axes.get_legend().get_texts()[-1].get_text(), axes.get_xscale()
    ('lowest validation loss, at 2', 'log')
    """
    refuse_other(curve, CapacityCurve, "hg.training.capacity_curve(make_net, …)")
    return _drawn(
        curve, curve.capacities, what, ax, label("capacity"), label("Under- and over-fitting")
    )


def plot_learning_curve(curve: LearningCurve, what: str = "loss", ax: Axes | None = None) -> Axes:
    """Plot training and validation loss, or a metric, against the number of training rows.

    Lines, bands, axis and diverged runs are as in `plot_capacity_curve`.

    Parameters
    ----------
    curve : LearningCurve
        From `learning_curve`.
    what : str, default "loss"
        The loss, or a metric by name.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes
    """
    refuse_other(curve, LearningCurve, "hg.training.learning_curve(make_net, …)")
    return _drawn(curve, curve.rows, what, ax, label("training rows"), label("Learning curve"))


def _drawn(
    curve: RunsCurve, across: Array, what: str, ax: Axes | None, xlabel: str, title: str
) -> Axes:
    """Draw the two lines with bands, the best capacity, and the number of diverged runs."""
    quartiles = [curve.quartiles(side, what) for side in ("train", "validation")]
    runs = curve.train["loss"]
    axes = axes_for(ax, (6, 4))
    for (low, middle, high), name, colour, style in zip(
        quartiles,
        (label("training"), label("validation")),
        (FIRST, SECOND),
        ("o-", "s--"),
        strict=True,
    ):
        axes.fill_between(across, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(across, middle, style, color=colour, label=name, linewidth=1.8, markersize=4.5)
    band = label("quartiles of {} seeds", runs.shape[1])
    axes.fill_between([], [], [], color=GREY, alpha=0.3, linewidth=0, label=band)
    if missing := int(curve.missing.sum()):
        axes.plot([], [], " ", label=label("{} of {} runs diverged", missing, runs.size))
    if _by_factors(across):
        axes.set_xscale("log")
    if len(across) <= MOST_TICKS:
        axes.set_xticks(across, [f"{value:g}" for value in across])
        axes.minorticks_off()
    _name_measure(axes, what)
    if isinstance(curve, CapacityCurve) and not np.isnan(curve.quartiles("validation")[1]).all():
        name = label("lowest validation loss, at {}", f"{curve.best:g}")
        axes.axvline(curve.best, color=GREY, linestyle=":", linewidth=1.5, label=name)
    axes.set(xlabel=xlabel, title=title)
    axes.legend(framealpha=0.85, edgecolor="none")
    return axes


def _by_factors(numbers: Array) -> bool:
    """Check whether positive numbers grow by more regular factors than differences."""
    if len(numbers) < 3 or numbers[0] <= 0:
        return False
    steps, factors = np.diff(numbers), np.diff(np.log(numbers))
    return bool(factors.std() / factors.mean() < steps.std() / steps.mean())


def _count_epochs(axes: Axes) -> None:
    """Label the x-axis with a few whole epochs."""
    axes.set_xlabel(label("epoch"))
    locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1)
    axes.xaxis.set_major_locator(locator)


def _name_measure(axes: Axes, what: str) -> str:
    """Label the y-axis with the loss or metric, from 0 if less is better; returns the name."""
    name = "R²" if what == "r2" else label(what.replace("_", " "))
    axes.set_ylabel(name)
    if (what == "loss" or smaller_is_better(what)) and axes.dataLim.y0 >= 0:
        axes.set_ylim(bottom=0)
    return name
