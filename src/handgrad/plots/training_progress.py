"""How loss and metric went, epoch by epoch."""

from typing import TYPE_CHECKING

from handgrad.errors import SettingError, did_you_mean
from handgrad.metrics.choice import smaller_is_better
from handgrad.plots.style import FIRST, GREY, SECOND, axes_for, count_epochs, tidy
from handgrad.training import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_training_progress(
    history: History, what: str = "loss", ax: "Axes | None" = None, best: int | None = None
) -> "Axes":
    """Draw the training and validation curve of `what`, the loss or a metric by name.

    `best` marks an epoch. Without `ax` a new figure is made, `axes.figure`. Blue and orange
    stay apart for colour-blind eyes, and the validation curve is dashed too.
    """
    columns = history.columns()
    _check_drawable(columns, what)
    axes = axes_for(ax, (6, 4))
    for side, colour, style in (("train", FIRST, "-"), ("validation", SECOND, "--")):
        values = columns.get(f"{side}_{what}")
        if values:
            label = {"train": "training", "validation": "validation"}[side]
            axes.plot(
                columns["epoch"],
                values,
                style,
                color=colour,
                label=label,
                linewidth=1.8,
                marker="o" if len(values) == 1 else None,
                clip_on=False,
            )
    if best is not None:
        axes.axvline(best, color=GREY, linestyle=":", linewidth=1.2, label=f"best epoch, {best}")
    name = "R²" if what == "r2" else what.replace("_", " ")
    axes.set(ylabel=name, title=name[0].upper() + name[1:])
    if what == "accuracy":
        axes.set_ylim(top=1.0)
    elif (what == "loss" or smaller_is_better(what)) and axes.dataLim.y0 >= 0:
        axes.set_ylim(bottom=0)
    count_epochs(axes)
    tidy(axes)
    axes.legend(frameon=False)
    return axes


def _check_drawable(columns: dict[str, list[float | int | None]], what: str) -> None:
    sides = ("train_", "validation_")
    of_sides = [name.split("_", 1)[1] for name in columns if name.startswith(sides)]
    known = [*dict.fromkeys(of_sides)]
    if what not in known:
        raise SettingError(
            f"{what!r} is not in this history",
            f"one of {', '.join(known)}" if known else "a training of an epoch or more",
            did_you_mean(what, known, "hg.fit(…, metrics=[...])"),
        )
