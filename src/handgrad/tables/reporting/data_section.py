"""Helpers of the data section: the target and the columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from handgrad.files.features import DAY, Column, Features
from handgrad.plots.style import FIRST, SECOND, name_places, shortened, tidy
from handgrad.tables.inspection.tables import by_frequency
from handgrad.tables.reporting.evidence import Evidence
from handgrad.tables.reporting.scores import number, percent
from handgrad.textbook.layers import Array

MOST_BARS, BARS, WIDTH, BINS = 12, 20, 80, 24


def target_of(evidence: Evidence) -> dict[str, object]:
    """Function that plots the target, its data, and the figures for the caption."""
    sides = {"held out": evidence.held.y}
    if evidence.training is not None:
        sides = {"training": evidence.training.y, **sides}
    if not evidence.classes:
        y = evidence.learned.y
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
        ax.barh(at, frequencies, height * 0.9, color=(FIRST, SECOND)[i], label=side, zorder=2)
    name_places(ax, names)
    ax.set(ylim=(len(names) - 0.4, -0.6), xlabel="fraction of rows")
    _finished(ax, len(sides))
    ax.grid(visible=False, axis="y")
    ax.tick_params("y", length=0)


def draw_histogram(sides: dict[str, Array], name: str, ax: Axes) -> None:
    """Plot a histogram of the numbers of each of the `sides`, as fractions of its rows."""
    everything = np.concatenate([*sides.values()])
    edges = np.histogram_bin_edges(everything, min(BINS, max(1, len(np.unique(everything)))))
    for i, (side, values) in enumerate(sides.items()):
        fractions = np.histogram(values, edges)[0] / max(len(values), 1)
        ax.stairs(
            fractions,
            edges,
            fill=i == 0,
            color=(FIRST, SECOND)[i],
            label=side,
            alpha=0.75 if i == 0 else 1,
            linewidth=1.8,
        )
    ax.set_xlabel(shortened(name, 40), parse_math=False)
    ax.set_ylabel("fraction of rows")
    _finished(ax, len(sides))


def _finished(axes: Axes, n_sides: int) -> None:
    tidy(axes)
    if n_sides > 1:
        axes.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2
        )


def columns_of(evidence: Evidence) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of columns; the fourth cell is an SVG path of bars."""
    read_as = _read_as(evidence)
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


def _read_as(evidence: Evidence) -> dict[str, str]:
    """Encoding of each column, if the model or a step of it has one."""
    before = [] if evidence.before is None else [step for _, step in evidence.before.steps]
    features = (getattr(step, "features_", None) for step in (evidence.estimator, *before))
    return next((f.read_as() for f in features if isinstance(f, Features)), {})


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
