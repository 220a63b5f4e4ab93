"""The section of the data: the target, and what stands in each column."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from handgrad.data.frames import DAY, Column
from handgrad.inspection.tables import by_frequency
from handgrad.layers import Array
from handgrad.plots.style import FIRST, SECOND, as_written, shortened, tidy
from handgrad.reporting.diagnosis import parts_of
from handgrad.reporting.evidence import Evidence
from handgrad.reporting.scores import number, percent
from handgrad.results import Predictor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS, MOST_COLUMNS, BARS, WIDTH, BINS = 12, 40, 20, 80, 24


def target_of(evidence: Evidence) -> dict[str, object]:
    """The function that draws the target, and its figures."""
    sides = {"held out": evidence.held.y}
    if evidence.training is not None:
        sides = {"training": evidence.training.y, **sides}
    if not evidence.classes:
        y = evidence.learned.y
        told = [number(y.min()), number(y.max()), number(float(np.median(y)))]
        return {"draw": partial(_draw_histogram, sides=sides, name=evidence.target), "told": told}
    k = len(evidence.classes)
    counts = {side: np.bincount(y, minlength=k) for side, y in sides.items()}
    order = np.argsort(-next(iter(counts.values())), kind="stable")[:MOST_BARS]
    shown = {side: _others(n, order) for side, n in counts.items()}
    names = [evidence.classes[i] for i in order]
    names += [f"{k - len(order)} others"] * (k > len(order))
    first = next(iter(shown.values()))
    shares = [percent(n / max(first.sum(), 1)) for n in first]
    return {
        "draw": partial(_draw_shares, sides=shown, names=names),
        "told": [*zip(names, shares, strict=True)],
    }


def _others(counts: Array, order: Array) -> Array:
    """The counts of some classes, and of all others together."""
    rest = counts.sum() - counts[order].sum()
    return np.append(counts[order], rest) if len(order) < len(counts) else counts[order]


def _draw_shares(axes: Axes, sides: dict[str, Array], names: Sequence[str]) -> None:
    """Draw the share of each class, a bar for each of the `sides`: its counts, (n_classes,)."""
    height = 0.8 / len(sides)
    places = np.arange(len(names))
    for i, (side, counts) in enumerate(sides.items()):
        shares = counts / max(counts.sum(), 1)
        at = places + (i - (len(sides) - 1) / 2) * height
        axes.barh(at, shares, height * 0.9, color=(FIRST, SECOND)[i], label=side, zorder=2)
    axes.set_yticks(places, [shortened(name) for name in names])
    as_written(axes.get_yticklabels())
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel="share of rows")
    _finished(axes, len(sides))
    axes.grid(visible=False, axis="y")
    axes.tick_params("y", length=0)


def _draw_histogram(axes: Axes, sides: dict[str, Array], name: str) -> None:
    """Draw how the numbers of each of the `sides` are spread, as shares of its rows."""
    everything = np.concatenate([*sides.values()])
    edges = np.histogram_bin_edges(everything, min(BINS, max(1, len(np.unique(everything)))))
    for i, (side, values) in enumerate(sides.items()):
        shares = np.histogram(values, edges)[0] / max(len(values), 1)
        axes.stairs(
            shares,
            edges,
            fill=i == 0,
            color=(FIRST, SECOND)[i],
            label=side,
            alpha=0.75 if i == 0 else 1,
            linewidth=1.8,
        )
    axes.set_xlabel(shortened(name, 40), parse_math=False)
    axes.set_ylabel("share of rows")
    _finished(axes, len(sides))


def _finished(axes: Axes, n_sides: int) -> None:
    tidy(axes)
    if n_sides > 1:
        axes.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2
        )


def columns_of(evidence: Evidence) -> tuple[list[str], list[list[str]]]:
    """The head of the table of columns, and its rows; the fourth cell is a path of bars."""
    features = _features(evidence.model)
    head = ["column", "holds", "missing", "how it is spread", "values"]
    rows = [
        [
            name,
            _kind(column),
            percent(float(column.missing.mean())) if column.missing.any() else "–",
            _spread(column),
            _values(column),
            *([_read_as(features, name)] if features else []),
        ]
        for name, column in evidence.learned.table.columns().items()
    ]
    return head + ["the net is given"] * bool(features), rows


class Feature(Protocol):
    """The features that an estimator makes of a column."""

    def summary(self) -> str:
        """It in words."""


def _features(model: Predictor) -> dict[str, Feature]:
    """How the columns were read, if the model, or a step of it, says so."""
    before, estimator = parts_of(model)
    steps = [estimator, *([step for _, step in before.steps] if before is not None else [])]
    found = [getattr(step, "features_", None) for step in steps]
    return next((dict(f.features) for f in found if f is not None and hasattr(f, "features")), {})


def _read_as(features: dict[str, Feature], name: str) -> str:
    feature = features.get(name)
    if feature is None:
        return "nothing: it was not there in training"
    note = getattr(feature, "note", "")
    return feature.summary() + (f" ({note})" if note else "")


def _kind(column: Column) -> str:
    words = {"number": "numbers", "boolean": "true or false", "date": "dates", "text": "text"}
    kind = "categories" if column.categorical else words[column.kind]
    return f"{kind} ({column.note})" if column.note else kind


def _spread(column: Column) -> str:
    """How often which values come, as bars no larger than a word: the path of an SVG."""
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
