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
from handgrad.files.cells import DAY
from handgrad.files.features import Column, Features
from handgrad.files.html import visible
from handgrad.plots import plot_kernels, plot_net, plot_partial_dependence, plot_predictions
from handgrad.plots.style import FIRST, SECOND, name_places, shortened, tidy
from handgrad.tables.data.predictions import PredictsSurvival
from handgrad.tables.inspection.distributions import edges_of
from handgrad.tables.inspection.tables import by_frequency
from handgrad.tables.language import REPORT
from handgrad.tables.reporting.checklist import ReportCheck
from handgrad.tables.reporting.evidence import Evidence
from handgrad.tables.reporting.scores import ScoredRows, number, percent
from handgrad.tables.tabular.censored import survival_curve
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.training import History
from handgrad.training.results import HasNet, PartialDependence, Predictions

PACKAGES = ("numpy", "scipy", "scikit-learn", "llvmlite", "narwhals", "pyarrow", "matplotlib")
MOST_CURVES, MOST_CLASSES, MOST_DOTS, MOST_MISTAKES = 4, 5, 800, 8
# Thresholds shown for the positive class.
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
MOST_BARS, BARS, WIDTH = 12, 20, 80
MOST_INTERVALS = 120
MIDDLE = "0.45"  # grey, between the two colours
SHOWN_ELSEWHERE = {
    "command",
    "data",
    "held out",
    "seed",
    "seconds",
    "notes",
    "target",
    "positive",
    "date",
}


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


def decisions_at(held: ScoredRows, positive: int, chosen: float | None) -> list[list[str]]:
    """Rows found, false alarms and precision at some thresholds of the positive class."""
    if held.p is None:
        return []
    p, true, rows = held.p[:, positive], held.y == positive, list[list[str]]()
    for threshold in sorted({*THRESHOLDS, *([] if chosen is None else [chosen])}):
        predicted = p > threshold
        hits, alarms = int((predicted & true).sum()), int((predicted & ~true).sum())
        name = f"{number(threshold)}{' (that of the model)' if threshold == chosen else ''}"
        share = percent(hits / (hits + alarms)) if hits + alarms else "–"
        rows.append([name, f"{hits:,} of {int(true.sum()):,}", f"{alarms:,}", share])
    return rows


def errors(held: ScoredRows) -> list[str]:
    """Median, 90th percentile and maximum of the absolute error."""
    off = np.abs(held.y - held.predicted)
    return [number(size) for size in np.quantile(off, (0.5, 0.9, 1.0))]


def draw_predictions(shown: Predictions, ax: Axes) -> None:
    """Plot predicted against true values without a legend, which is in the caption."""
    plot_predictions(shown, ax=ax)
    ax.legend().remove()


def draw_survival(evidence: Evidence, ax: Axes) -> None:
    """Plot predicted and observed survival of the held-out rows, by thirds of predicted times."""
    model, held = evidence.model, evidence.held
    if not isinstance(model, PredictsSurvival):
        return
    times = np.append(0.0, model.times_)
    curves = model.predict_survival(held.table.native(), times)
    order = np.argsort(held.predicted, kind="stable")
    thirds = np.array_split(order, 3)
    colours = (SECOND, MIDDLE, FIRST)
    for rows, colour, name in zip(
        thirds,
        colours,
        ("short predicted times", "middle predicted times", "long predicted times"),
        strict=True,
    ):
        ax.plot(times, curves[rows].mean(axis=0), color=colour, label=REPORT.translated(name))
        w = None if held.w is None else held.w[rows]
        ends, survived = survival_curve(held.y[rows], w)
        last = max(times[-1], np.abs(held.y[rows]).max())
        steps = np.append(1.0, survived)
        ax.step(
            np.concatenate([[0.0], ends, [last]]),
            np.append(steps, steps[-1]),
            where="post",
            color=colour,
            alpha=0.5,
            linewidth=1,
        )
    ax.set_xlabel(shortened(evidence.target, 40), parse_math=False)
    ax.set(ylabel=REPORT.translated("without an event"), ylim=(0, 1.02), xlim=(0, None))
    ax.legend(frameon=False)
    tidy(ax)


def intervals_drawn(evidence: Evidence) -> Array:
    """Rows whose intervals are drawn, in the order of their predictions."""
    n = len(evidence.held)
    rows = np.random.default_rng(0).permutation(n)[:MOST_INTERVALS]
    return rows[np.argsort(evidence.held.predicted[rows], kind="stable")]


def draw_intervals(evidence: Evidence, rows: Array, ax: Axes) -> None:
    """Plot the intervals of some rows side by side, with the true values as dots."""
    coverage, places = evidence.coverage, np.arange(len(rows))
    if coverage is None or coverage.ends is None:
        return
    low, high = coverage.ends[rows].T
    inside, y = coverage.inside[rows], evidence.held.y[rows]
    ax.vlines(places, low, high, color=FIRST, alpha=0.35, linewidth=2)
    for chosen, colour in ((inside, FIRST), (~inside, SECOND)):
        ax.scatter(places[chosen], y[chosen], s=9, color=colour, zorder=3)
    ax.set(xlabel=REPORT.translated("row, in the order of its prediction"), xticks=[])
    ax.set_ylabel(shortened(evidence.target, 40), parse_math=False)
    tidy(ax)


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


def reasons(checks: Iterable[ReportCheck]) -> list[str]:
    """Checks that were not made, each with the reason."""
    return [f"{check.name}: {check.why}" for check in checks]


def target_of(evidence: Evidence) -> dict[str, object]:
    """Function that plots the target, its data, and the figures for the caption."""
    sides = {"held out": evidence.held.y}
    if evidence.training is not None:
        sides = {"training": evidence.training.y, **sides}
    if not evidence.classes:
        y = evidence.learned.y
        if evidence.held.censored:
            y, sides = np.abs(y), {side: np.abs(times) for side, times in sides.items()}
        ends = [number(y.min()), number(y.max()), number(float(np.median(y)))]
        return {"draw": draw_histogram, "sides": sides, "names": evidence.target, "figures": ends}
    k = len(evidence.classes)
    counts = np.array([np.bincount(y, minlength=k) for y in sides.values()])
    order = np.argsort(-counts[0], kind="stable")
    names = [evidence.classes[i] for i in order[:MOST_BARS]] + [f"{k - MOST_BARS} others"]
    several = np.add.reduceat(counts[:, order], range(min(k, MOST_BARS + 1)), axis=1)
    fractions = several / np.maximum(several.sum(axis=1, keepdims=True), 1)
    figures = [*zip(names, map(percent, fractions[0]), strict=False)]
    shown = dict(zip(sides, fractions, strict=True))
    names = names[: len(figures)]
    return {"draw": draw_frequencies, "sides": shown, "names": names, "figures": figures}


def draw_frequencies(sides: dict[str, Array], names: Sequence[str], ax: Axes) -> None:
    """Plot class frequencies, (n_classes,), as a bar for each of the `sides`."""
    height = 0.8 / len(sides)
    places = np.arange(len(names))
    for i, (side, frequencies) in enumerate(sides.items()):
        at = places + (i - (len(sides) - 1) / 2) * height
        ax.barh(
            at,
            frequencies,
            height * 0.9,
            color=(FIRST, SECOND)[i],
            label=REPORT.translated(side),
            zorder=2,
        )
    name_places(ax, names)
    ax.set(ylim=(len(names) - 0.4, -0.6), xlabel=REPORT.translated("fraction of rows"))
    _finished(ax, len(sides))
    ax.grid(visible=False, axis="y")
    ax.tick_params("y", length=0)


def draw_histogram(sides: dict[str, Array], name: str, ax: Axes) -> None:
    """Plot a histogram of the numbers of each of the `sides`, as fractions of its rows."""
    edges = edges_of(np.concatenate([*sides.values()]))
    fractions = {k: np.histogram(v, edges)[0] / max(len(v), 1) for k, v in sides.items()}
    draw_bins(fractions, edges, name, ax)


def draw_bins(sides: dict[str, Array], edges: Array, name: str, ax: Axes) -> None:
    """Plot the fractions of each of the `sides` in bins, (n_bins,)."""
    for i, (side, fractions) in enumerate(sides.items()):
        ax.stairs(
            fractions,
            edges,
            fill=i == 0,
            color=(FIRST, SECOND)[i],
            label=REPORT.translated(side),
            alpha=0.75 if i == 0 else 1,
            linewidth=1.8,
        )
    ax.set_xlabel(shortened(name, 40), parse_math=False)
    ax.set_ylabel(REPORT.translated("fraction of rows"))
    _finished(ax, len(sides))


def _finished(axes: Axes, n_sides: int) -> None:
    tidy(axes)
    if n_sides > 1:
        axes.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2
        )


def columns_of(evidence: Evidence) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of columns; the fourth cell is an SVG path of bars."""
    features = features_of(evidence)
    read_as = {} if features is None else features.read_as()
    head = ["column", "type", "missing", "distribution", "values"]
    rows = [
        [
            name,
            _kind(column),
            percent(float(column.missing.mean())) if column.missing.any() else "–",
            _spread(column),
            _values(column),
            *([read_as.get(name, "not used: not in the training table")] if read_as else []),
        ]
        for name, column in evidence.learned.columns.items()
    ]
    return head + ["encoded as"] * bool(read_as), rows


def features_of(evidence: Evidence) -> Features | None:
    """Encoders of the columns, if the model or a step of it has them."""
    before = [] if evidence.before is None else [step for _, step in evidence.before.steps]
    features = (getattr(step, "features_", None) for step in (evidence.estimator, *before))
    return next((each for each in features if isinstance(each, Features)), None)


def _kind(column: Column) -> str:
    words = {"number": "numbers", "boolean": "true or false", "date": "dates", "text": "text"}
    kind = "categories" if column.categorical else words[column.kind]
    return f"{kind} ({column.note})" if column.note else kind


def _spread(column: Column) -> str:
    """Small histogram of a column, as an SVG path."""
    there = column.values[~column.missing]
    if not len(there):
        return ""
    if column.kind in ("number", "date"):
        low, high = np.quantile(there, (0.01, 0.99))
        counts = np.histogram(np.clip(there, low, high), BARS)[0]
    else:
        counts = by_frequency(column)[1][:BARS]
    heights, width = 18 * counts / counts.max(), WIDTH / len(counts)
    return "".join(
        f"M{width * i:.1f} 18v{-height:.1f}h{width - 1:.1f}V18z"
        for i, height in enumerate(heights)
        if height > 0
    )


def _values(column: Column) -> str:
    there = column.values[~column.missing]
    if not len(there):
        return "none"
    if column.kind == "date":
        days = (np.array([there.min(), there.max()]) * DAY).round().astype("datetime64[s]")
        first, last = (str(day).removesuffix("T00:00:00").replace("T", " ") for day in days)
        return f"{first} to {last}"
    if column.kind == "number":
        middle = float(np.median(there))
        return f"{number(there.min())} to {number(there.max())}, median {number(middle)}"
    values, counts, _ = by_frequency(column)
    shown = [
        f"{shortened(str(value), 30)} {percent(count / len(there))}"
        for value, count in zip(values[:3], counts, strict=False)
    ]
    more = f" and {len(values) - 3} more" if len(values) > 3 else ""
    return ", ".join(shown) + more
