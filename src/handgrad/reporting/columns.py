"""The rows the model was made of: the target, and what stands in each column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.html.elements import Html, bullets, details, element, joined, paragraph, table
from handgrad.layers import Array
from handgrad.plots.distributions import draw_histogram, draw_shares
from handgrad.plots.style import shortened
from handgrad.reporting.evidence import Evidence
from handgrad.reporting.examination import parts_of
from handgrad.reporting.pictures import Pictures
from handgrad.reporting.scores import number, percent, rows_of
from handgrad.tabular.rows import different
from handgrad.tabular.tables import DAY, Column

MOST_BARS, MOST_COLUMNS, BARS, WIDTH = 12, 40, 20, 80


def data(evidence: Evidence, pictures: Pictures) -> Html:
    """Rows, target and columns, and how they were read."""
    return joined([*_rows(evidence), *_target(evidence, pictures), *_columns(evidence)])


def _rows(evidence: Evidence) -> Iterator[str]:
    n = evidence.held.of
    held = f"{rows_of(n)} {'were' if n != 1 else 'was'} held out"
    if evidence.training is None:
        yield paragraph(
            f"{held.capitalize()}. The rows of the training were not given, so what guessing comes "
            "to is told from the rows held out themselves."
        )
    else:
        yield paragraph(f"It learned from {rows_of(evidence.training.of)}; {held}.")
    if source := evidence.about.get("data"):
        yield paragraph("They came from ", element("code", _listed(source)), ".")


def _listed(source: Any) -> str:
    if isinstance(source, dict):
        return ", ".join(f"{name} ({size})" for name, size in source.items())
    return ", ".join(map(str, source)) if isinstance(source, list | tuple) else str(source)


def _target(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    sides = {"held out": evidence.held.y}
    if evidence.training is not None:
        sides = {"training": evidence.training.y, **sides}
    name = shortened(evidence.target, 40)
    if not evidence.classes:
        y = sides.get("training", evidence.held.y)
        yield pictures.drawn(
            lambda axes: draw_histogram(axes, sides, evidence.target),
            f"How {name} is spread: from {number(y.min())} to {number(y.max())}, "
            f"median {number(float(np.median(y)))}.",
            f"How {name} is spread",
            size=(4.6, 2.7),
        )
        return
    k = len(evidence.classes)
    counts = {side: np.bincount(y, minlength=k) for side, y in sides.items()}
    order = np.argsort(-next(iter(counts.values())), kind="stable")[:MOST_BARS]
    shown = {side: _others(n, order) for side, n in counts.items()}
    names = [evidence.classes[i] for i in order]
    names += [f"{k - len(order)} others"] * (k > len(order))
    first = next(iter(shown.values()))
    told = ", ".join(
        f"{c} {percent(n / max(first.sum(), 1))}" for c, n in zip(names, first, strict=True)
    )
    yield pictures.drawn(
        lambda axes: draw_shares(axes, shown, names),
        f"Shares of the classes of {name}: {told}.",
        f"How often each class of {name} comes",
        size=(4.6, 1.1 + 0.34 * len(names)),
    )


def _others(counts: Array, order: Array) -> Array:
    """The counts of some classes, and of all others together."""
    rest = counts.sum() - counts[order].sum()
    return np.append(counts[order], rest) if len(order) < len(counts) else counts[order]


def _columns(evidence: Evidence) -> Iterator[str]:
    source = evidence.training or evidence.held
    columns = source.table.columns()
    features = _features(evidence.model)
    head = ["column", "holds", "missing", "how it is spread", "values"]
    head += ["the net is given"] if features else []
    rows = [
        [
            name,
            _kind(column),
            percent(float(column.missing.mean())) if column.missing.any() else "–",
            _spread(column),
            _values(column),
            *([_read_as(features, name)] if features else []),
        ]
        for name, column in columns.items()
    ]
    what = "What stands in each column"
    yield element("h3", "The columns")
    yield table(what, head, rows[:MOST_COLUMNS], numbers=(2,))
    if rows[MOST_COLUMNS:]:
        more = len(rows) - MOST_COLUMNS
        yield details(
            f"{more} more columns", table(f"{what}, continued", head, rows[MOST_COLUMNS:], (2,))
        )
    if notes := evidence.about.get("notes"):
        yield element("h3", "What was decided for you")
        lines = [notes] if isinstance(notes, str) else [str(note) for note in notes]
        yield bullets(lines)


def _features(model: Any) -> dict[str, Any]:
    """What the columns were read as, if the model, or a step of it, says so."""
    before, estimator = parts_of(model)
    steps = [estimator, *([step for _, step in before.steps] if before is not None else [])]
    found: list[Any] = [getattr(step, "features_", None) for step in steps]
    return next((dict(f.features) for f in found if hasattr(f, "features")), {})


def _read_as(features: dict[str, Any], name: str) -> str:
    feature = features.get(name)
    if feature is None:
        return "nothing: it was not there in training"
    note = getattr(feature, "note", "")
    return feature.summary() + (f" ({note})" if note else "")


def _kind(column: Column) -> str:
    words = {"number": "numbers", "boolean": "true or false", "date": "dates", "text": "text"}
    kind = "categories" if column.categorical else words[column.kind]
    return f"{kind} ({column.note})" if column.note else kind


def _spread(column: Column) -> Html:
    """How often which values come, as bars no larger than a word."""
    there = column.values[~column.missing]
    if not len(there):
        return Html("")
    if column.kind in ("number", "date"):
        low, high = np.quantile(there, (0.01, 0.99))
        counts = np.histogram(np.clip(there, low, high), BARS)[0]
    else:
        counts = np.sort(np.bincount(different(there)[1]))[::-1][:BARS]
    heights, width = 18 * counts / counts.max(), WIDTH / len(counts)
    bars = "".join(
        f"M{width * i:.1f} 18v{-height:.1f}h{width - 1:.1f}V18z"
        for i, height in enumerate(heights)
        if height > 0
    )
    return Html(
        f'<svg class="spread" viewBox="0 0 {WIDTH} 18" width="{WIDTH}" height="18" '
        f'aria-hidden="true"><path d="{bars}"/></svg>'
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
    words = there if column.kind == "text" else np.where(there > 0, "true", "false")
    values, places = different(words)
    counts = np.bincount(places)
    order = np.argsort(-counts, kind="stable")
    shown = [
        f"{shortened(str(values[i]), 30)} {percent(counts[i] / len(there))}" for i in order[:3]
    ]
    more = f" and {len(values) - 3} more" if len(values) > 3 else ""
    return ", ".join(shown) + more
