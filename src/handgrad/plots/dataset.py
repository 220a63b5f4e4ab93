"""The rows of a data set, before anything is learnt from them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from handgrad.base.errors import SettingError, ShapeError
from handgrad.plots.inputs import classes_of, names_of, table_of, targets_of
from handgrad.plots.style import FIRST, axes_for, name_axes, scatter_classes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_dataset(
    x: object,
    y: object,
    labels: object = None,
    *,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw rows with two features, by class; or numbers `y` over a single feature.

    `x` is (n, 2), and `y` (n,) holds classes 0, 1, 2 …; or `x` is (n, 1), and `y` numbers.
    Each class has a colour and a marker of its own. Without `ax` a new figure is made,
    `axes.figure`. Of more features choose two, `x[:, [0, 1]]`. The title may also come first,
    `plot_dataset("Training data", x, y)`.

    >>> import handgrad as hg
    >>> axes = plot_dataset(*hg.data.make_moons(rng=0), class_names=["upper", "lower"])
    >>> [text.get_text() for text in axes.get_legend().get_texts()], axes.get_xlabel()
    (['upper', 'lower'], 'feature 1')
    """
    if isinstance(x, str):
        title, x, y = x, y, labels
    elif labels is not None:
        raise SettingError(
            "three arrays", "x and y, or a title before them", "plot_dataset(x, y, title='rows')"
        )
    x = table_of(x)
    n_features = x.shape[1]
    if n_features > 2:
        raise ShapeError(
            f"x of shape {x.shape}, {n_features} features",
            "two features, or a single one",
            "x[:, [0, 1]], for the first two",
        )
    names = names_of(feature_names, n_features, "feature")
    if n_features == 1:
        y = targets_of(y, x)
        if y.ndim != 1:
            raise ShapeError(f"y of shape {y.shape}", "one number a row", "y[:, 0], for one column")
        axes = axes_for(ax)
        axes.scatter(x[:, 0], y, s=26, color=FIRST, edgecolors="white", linewidths=0.6, zorder=3)
        name_axes(axes, names[0], "y", title)
    else:
        y = classes_of(y, x)
        class_names = names_of(class_names, int(y.max()) + 1, "class")
        axes = axes_for(ax)
        scatter_classes(axes, x, y, class_names)
        name_axes(axes, names[0], names[1], title)
    tidy(axes)
    return axes
