"""How loss and metric went, epoch by epoch."""

from typing import TYPE_CHECKING, Any

from handgrad.metrics import SMALLER_IS_BETTER
from handgrad.training import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAINING, VALIDATION, BEST = "#0072B2", "#D55E00", "#666666"


def plot_training_progress(
    history: History, what: str = "loss", ax: "Axes | None" = None, best: int | None = None
) -> "Axes":
    """Draw the training and validation curve of `what`, the loss or a metric by name.

    `best` marks an epoch. Blue and orange stay apart for colour-blind eyes, and the validation
    curve is dashed too.
    """
    from matplotlib.figure import Figure

    axes: Any = ax if ax is not None else Figure(figsize=(6, 4), layout="constrained").subplots()
    columns = history.columns()
    for side, colour, style in (("train", TRAINING, "-"), ("validation", VALIDATION, "--")):
        values = columns.get(f"{side}_{what}")
        if values:
            label = {"train": "training", "validation": "validation"}[side]
            axes.plot(columns["epoch"], values, style, color=colour, label=label, linewidth=1.8)
    if best is not None:
        axes.axvline(best, color=BEST, linestyle=":", linewidth=1.2, label=f"best epoch, {best}")
    name = "R²" if what == "r2" else what.replace("_", " ")
    axes.set(xlabel="epoch", ylabel=name, title=name[0].upper() + name[1:])
    if what == "accuracy":
        axes.set_ylim(top=1.0)
    elif what == "loss" or what in SMALLER_IS_BETTER:
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return axes
