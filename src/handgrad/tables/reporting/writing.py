"""`write_report`: a model, and rows it has not seen, to a page one can send."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from handgrad import plots
from handgrad.files.html import page
from handgrad.files.paths import write_whole
from handgrad.plots.style import keep_apart, shortened
from handgrad.plots.svg import inline
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.reporting import data_section, sections
from handgrad.tables.reporting.checks import FEW_ROWS
from handgrad.tables.reporting.evidence import Evidence
from handgrad.tables.reporting.scores import interval, number, percent, rows_of
from handgrad.tables.reporting.surface import surface_of
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.version import __version__
from handgrad.training import EpochReport
from handgrad.training.results import Predictor

# What Matplotlib draws in, and what the page has in its place, on light and on dark.
COLOURS = {
    "#22252a": "var(--ink)",
    "#666666": "var(--soft)",
    "#bbbbbb": "var(--line)",
    "#0072b2": "var(--first)",
    "#d55e00": "var(--second)",
    "#009e73": "var(--third)",
    "#000000": "var(--ink)",
    "#fbfaf7": "var(--paper)",
    "stroke: #ffffff": "stroke: var(--paper)",
}
INK = "#22252a"
SETTINGS: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10.5,
    "legend.fontsize": 9,
    "legend.facecolor": "#fbfaf7",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#666666",
    "axes.titlecolor": INK,
    "xtick.color": "#666666",
    "ytick.color": "#666666",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": "#bbbbbb",
    "axes.grid": False,
    "path.simplify_threshold": 0.5,
    "svg.hashsalt": "handgrad",
}


def write_report(
    model: Predictor,
    X: object,
    y: object,
    *,
    to: str | Path = "report.html",
    training: tuple[object, object] | None = None,
    history: Iterable[EpochReport] | None = None,
    about: Mapping[str, object] | None = None,
) -> Path:
    """Write what there is to know of a fitted `model` as one HTML file, and return its path.

    `model` is one of the four estimators, or a Pipeline that ends in one; `X`, `y` are rows it did
    not learn from, a frame or an array and the true classes or numbers; `training` is the pair of
    those it did. `history` is a History, for a model that brings none; `about` says what was run:
    `command`, `data`, `seed`, `seconds`, `target`, `notes` on what was decided, all optional.

    The file loads nothing from anywhere. Where there are many rows or columns, fewer are drawn or
    shuffled, and the page says so.

    >>> import tempfile
    >>> import handgrad as hg
    >>> x, x_test, y, y_test = hg.data.train_test_split(*hg.data.load("iris"), rng=0)
    >>> model = hg.MLPClassifier(solver="lbfgs", random_state=0).fit(x, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to = f"{folder}/iris.html"
    ...     path = hg.tables.write_report(model, x_test, y_test, to=to, training=(x, y))
    ...     path.name, path.read_text("utf-8")[:15]
    ('iris.html', '<!DOCTYPE html>')
    """
    path = checked_path(to)
    with no_unseen_warnings():
        evidence = Evidence(model, X, y, training, history, about)
    return write_page(evidence, path)


def write_page(evidence: Evidence, path: Path) -> Path:
    """Write the page of what was found of a model."""
    with no_unseen_warnings():
        html = page(
            "tables/reporting/report.html",
            evidence=evidence,
            version=__version__,
            day=datetime.date.today().isoformat(),
            picture=partial(picture, count(1)),
            few_rows=FEW_ROWS,
            plots=plots,
            helpers=sections,
            data=data_section,
            surface_of=surface_of,
            interval=interval,
            number=number,
            percent=percent,
            rows_of=partial(rows_of, what="picture" if evidence.pictures else "row"),
            shortened=shortened,
        )
    return write_whole(path, lambda file: file.write(html))


def checked_path(to: object) -> Path:
    """The path of a file to write; refused where it is none."""
    if not isinstance(to, str | Path) or not str(to):
        raise SettingError(f"to = {described(to)}", "the path of a file", "to='report.html'")
    path = Path(to)
    if path.is_dir():
        raise SettingError(
            f"to = '{path}', a folder", "the path of a file", f"to='{path}/report.html'"
        )
    return path


def picture(
    numbers: Iterator[int],
    draw: Callable[..., object],
    alt: str,
    size: tuple[float, float],
    *shown: object,
    **how: object,
) -> Markup:
    """What `draw(*shown, ax=…)` draws, as SVG; `alt` is for those who do not see it.

    The next of the `numbers` gives the picture names that no other of the page has.
    """
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=size, layout="constrained", dpi=100)
        axes = drawing.add_subplot()
        draw(*shown, ax=axes, **how)
        axes.set_title("")  # the caption says it
        keep_apart(axes)
        plain = alt.unescape() if isinstance(alt, Markup) else alt
        return inline(drawing, f"picture-{next(numbers)}", plain, COLOURS)
