"""Helpers of the section templates."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from handgrad.engines.environment import versions
from handgrad.files.html import visible
from handgrad.plots import plot_kernels, plot_net, plot_partial_dependence, plot_predictions
from handgrad.plots.style import shortened
from handgrad.tables.reporting.evidence import Evidence
from handgrad.tables.reporting.scores import ScoredRows, number
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.training import History
from handgrad.training.results import HasNet, PartialDependence, Predictions

PACKAGES = ("numpy", "scipy", "scikit-learn", "llvmlite", "narwhals", "pyarrow", "matplotlib")
MOST_CURVES, MOST_CLASSES, MOST_DOTS, MOST_MISTAKES = 4, 5, 800, 8
SHOWN_ELSEWHERE = {"command", "data", "seed", "seconds", "notes", "target"}


def as_drawn(held: ScoredRows) -> Predictions:
    """Predictions with short class names, or a sample of very many numbers."""
    if held.class_names:
        return replace(held, class_names=tuple(shortened(name, 16) for name in held.class_names))
    rows = np.arange(len(held))
    if len(held) > MOST_DOTS:
        rows = np.sort(np.random.default_rng(0).choice(len(held), MOST_DOTS, replace=False))
    return Predictions(held.y[rows], held.predicted[rows])


def classes_with_curves(held: ScoredRows, positive: int | None) -> list[int]:
    """Classes to draw curves of: the most frequent ones; of two classes the positive one."""
    n_classes = len(held.class_names)
    counts = np.bincount(held.y, minlength=n_classes)
    can = [k for k in range(n_classes) if 0 < counts[k] < len(held)]
    if positive is not None:
        return [positive] if positive in can else []
    return sorted(sorted(can, key=lambda k: -counts[k])[:MOST_CLASSES])


def confusion(held: ScoredRows) -> Array:
    """Confusion matrix, (n_classes, n_classes): true classes by predicted classes."""
    n_classes = len(held.class_names)
    counts = np.zeros((n_classes, n_classes), int)
    np.add.at(counts, (held.y, held.predicted), 1)
    return counts


def mistakes(counts: Array) -> list[tuple[int, int]]:
    """Most frequent pairs of a true class and a wrong predicted class."""
    wrong = counts * ~np.eye(len(counts), dtype=bool)
    most = np.argsort(-wrong, axis=None, kind="stable")[:MOST_MISTAKES]
    return [divmod(int(place), len(wrong)) for place in most if wrong.flat[place]]


def errors(held: ScoredRows) -> list[str]:
    """Median, 90th percentile and maximum of the absolute error."""
    off = np.abs(held.y - held.predicted)
    return [number(size) for size in np.quantile(off, (0.5, 0.9, 1.0))]


def draw_predictions(shown: Predictions, ax: Axes) -> None:
    """Plot predicted against true values without a legend, which is in the caption."""
    plot_predictions(shown, ax=ax)
    ax.legend().remove()


def limits(dependences: Sequence[PartialDependence]) -> tuple[float, float]:
    """Common axis limits of all plots."""
    low = min(float(one.average.min()) for one in dependences)
    high = max(float(one.average.max()) for one in dependences)
    room = 0.05 * (high - low or 1)
    return float(low - room), float(high + room)


def draw_dependence(dependence: PartialDependence, limits: tuple[float, float], ax: Axes) -> None:
    """Plot a partial dependence within these `limits`."""
    plot_partial_dependence(dependence, ax)
    (ax.set_xlim if dependence.kind == "category" else ax.set_ylim)(limits)


def extremes(dependence: PartialDependence) -> tuple[str, str, str]:
    """Output with the largest range, in words, with its minimum and maximum."""
    k = int(np.ptp(dependence.average, axis=0).argmax())
    mean, output = dependence.average[:, k], dependence.outputs[k]
    least, most = (
        f"{number(mean[i])}, at "
        + (number(float(at)) if dependence.kind == "number" else str(at).removesuffix("T00:00:00"))
        for i, at in ((i, dependence.values[i]) for i in (mean.argmin(), mean.argmax()))
    )
    return "prediction" if output == "prediction" else f"probability of {output}", least, most


def curves(history: History) -> list[str]:
    """Names of the training curves: the loss and the first metrics."""
    columns = history.columns()
    named = [m for m in history[-1].metrics if {f"train_{m}", f"validation_{m}"} & {*columns}]
    return ["loss", *named][:MOST_CURVES]


def first_row(evidence: Evidence) -> tuple[Net, Array, Sequence[str]] | None:
    """Net of the model, its input for the first held-out row, and the names of the inputs.

    None if the model has no accessible net, or one that could not be examined.
    """
    estimator, held = evidence.estimator, evidence.held
    if not isinstance(estimator, HasNet) or isinstance(evidence.diagnosis, str):
        return None
    row = held.table.take(np.arange(1))
    rows = estimator.net_rows(
        row if evidence.before is None else evidence.before.transform(row), held.y[:1]
    )
    return estimator.net_, np.asarray(rows.x), rows.feature_names


def draw_net(net: Net, x: Array, names: Sequence[str], ax: Axes) -> None:
    """Draw the net with its activations for a row."""
    with mpl.rc_context({"font.size": 10}):  # keeps its smallest numbers legible
        plot_net(net, x, feature_names=[visible(name) for name in names] or None, ax=ax)


def draw_kernels(net: Net, ax: Axes) -> None:
    """Draw the kernels of the first convolution."""
    plot_kernels(net, ax=ax)


def as_typed(command: str | Iterable[object]) -> str:
    """Format a command line."""
    return command if isinstance(command, str) else shlex.join(map(str, command))


def listed(source: object) -> str:
    """Format a list of files, with their sizes if given."""
    if isinstance(source, dict):
        return ", ".join(f"{name} ({size})" for name, size in source.items())
    return ", ".join(map(str, source)) if isinstance(source, list | tuple) else str(source)


def facts(about: Mapping[str, object], version: str) -> Iterator[tuple[str, str]]:
    """Pairs of names and values: facts of the run and versions."""
    if "seed" in about:
        yield "seed", str(about["seed"])
    if isinstance(seconds := about.get("seconds"), int | float):
        yield "took", f"{number(float(seconds))} s"
    for key, value in about.items():
        if key not in SHOWN_ELSEWHERE:
            plain = value if isinstance(value, str) else None
            yield str(key), plain or json.dumps(value, default=str, ensure_ascii=False)
    yield "handgrad", version
    yield "Python", sys.version.split()[0]
    yield from versions(PACKAGES).items()
    yield "machine", f"{platform.system()} {platform.machine()}"
