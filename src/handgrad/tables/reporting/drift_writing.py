"""The page of a comparison of two tables, and its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from handgrad.plots.style import shortened, show_dates
from handgrad.tables.data.out_of_range import shown
from handgrad.tables.data.table_options import option
from handgrad.tables.inspection.distributions import Distribution
from handgrad.tables.inspection.drift import ADDED, CHANGED, MISSING, ColumnDrift, percentage
from handgrad.tables.reporting.drift import TableComparison
from handgrad.tables.reporting.scores import number, rows_of
from handgrad.tables.reporting.sections import draw_bins, draw_frequencies
from handgrad.tables.reporting.writing import checked_path, write_framed
from handgrad.textbook.errors import SettingError

EXTENSIONS = (".html", ".htm")
SMALL = 0.001  # p-values below are shown as that
MOST_VALUES = 5  # unseen ones named
# Pictures, and columns from which those without a finding are folded away.
MOST_PICTURES, FOLDED_FROM = 40, 9


def drift_page_path(html: str | Path) -> Path:
    """Path of the page; refuses a folder, and other extensions."""
    path = checked_path(html, "html")
    if path.suffix.lower() not in EXTENSIONS:
        raise SettingError(
            option("html", str(path)),
            "the path of an HTML file",
            option("html", str(path.with_suffix(".html"))),
        )
    return path


def write_drift_page(comparison: TableComparison, path: Path) -> Path:
    """Write a comparison of two tables as one HTML file."""
    return write_framed(
        "drift.html",
        path,
        comparison=comparison,
        draw=draw_distributions,
        height=height,
        facts=facts,
        in_words=in_words,
        p_value=p_value,
        score=score,
        percentage=percentage,
        rows_of=rows_of,
        shortened=shortened,
        uncompared=(MISSING, ADDED, CHANGED),
        most_pictures=MOST_PICTURES,
        folded_from=FOLDED_FROM,
    )


def draw_distributions(column: ColumnDrift, drawn: Distribution, ax: Axes) -> None:
    """Plot the distributions of a column in the old and the new table."""
    sides = {"old": np.array(drawn.old), "new": np.array(drawn.new)}
    if drawn.names:
        draw_frequencies(sides, drawn.names, ax)
        return
    draw_bins(sides, np.array(drawn.edges), column.column, ax)
    if column.kind == "date":
        show_dates(ax.xaxis)


def height(drawn: Distribution) -> float:
    """Height of a picture in inches."""
    return 1.1 + 0.3 * len(drawn.names) if drawn.names else 2.3


def in_words(column: ColumnDrift) -> str:
    """Alternative text of a picture: the distance, and the medians or the shares."""
    words = [f"Distribution of {column.column} in the old and the new table"]
    if column.distance is not None:
        words += [f"distance {number(column.distance)}"]
    if column.quartiles is not None:
        old, new = _medians(column, column.quartiles)
        words += [f"the median is {new}, in the old table {old}"]
    drawn = column.distribution
    if drawn is not None and drawn.names:
        shares = [*zip(drawn.names, drawn.new, drawn.old, strict=True)]
        shares.sort(key=lambda share: -abs(share[1] - share[2]))
        words += [
            f"{name} {percentage(now)} instead of {percentage(before)}"
            for name, now, before in shares[:3]
        ]
    return "; ".join(words) + "."


def facts(column: ColumnDrift) -> list[tuple[str, str]]:
    """Names and figures of a column."""
    figures = [("missing values, old → new", " → ".join(map(percentage, column.missing[::-1])))]
    if column.distance is None:
        return [("distance", "– (no values)"), *figures]
    figures = [
        ("distance", f"{number(column.distance)}"),
        ("p-value", p_value(column.p)),
        *figures,
    ]
    if column.quartiles is not None:
        return [*figures, ("median, old → new", " → ".join(_medians(column, column.quartiles)))]
    return [
        *figures,
        ("values only in the new table", _listed(dict(column.new))),
        ("values only in the old table", _listed(dict(column.vanished))),
    ]


def p_value(p: float | None) -> str:
    """Format a probability."""
    return "–" if p is None else f"< {SMALL:g}" if p < SMALL else number(p)


def score(value: float | None) -> str:
    """Format a score; one that is undefined is a dash."""
    return "–" if value is None or np.isnan(value) else number(value)


def _medians(
    column: ColumnDrift, quartiles: tuple[tuple[float, ...], tuple[float, ...]]
) -> tuple[str, str]:
    """Medians of the old and the new table."""
    return shown(quartiles[1][1], quartiles[0][1], is_date=column.kind == "date")


def _listed(values: dict[str, int]) -> str:
    """The most frequent values with their numbers of rows."""
    named = [f"{shortened(v, 30)} ({rows_of(n)})" for v, n in [*values.items()][:MOST_VALUES]]
    more = len(values) - len(named)
    return (", ".join(named) + f" and {more:,} more" * (more > 0)) or "none"
