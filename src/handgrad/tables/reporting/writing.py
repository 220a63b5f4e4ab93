"""`write_report`: writes the report of a model on held-out rows."""

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
from handgrad.files.html.translate import translate_page
from handgrad.files.paths import write_whole
from handgrad.plots.style import keep_apart, shortened
from handgrad.plots.svg import inline
from handgrad.tables.data.table_options import option
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.language import REPORT
from handgrad.tables.reporting import comparison, rows, sections, tuning
from handgrad.tables.reporting.card import card_of
from handgrad.tables.reporting.checklist import in_state
from handgrad.tables.reporting.checks import FEW_ROWS
from handgrad.tables.reporting.evidence import Evidence
from handgrad.tables.reporting.scores import interval, number, percent, rows_of
from handgrad.tables.reporting.surface import surface_of
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.language import language
from handgrad.textbook.version import __version__
from handgrad.training import EpochReport
from handgrad.training.results import Predictor

# Colours of Matplotlib and the CSS variables that replace them, for light and dark mode.
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
    """Write the report of a fitted model as one HTML file.

    The file needs no network. Of many rows or columns only some are drawn or shuffled, and the
    report says so.

    Parameters
    ----------
    model : estimator or Pipeline
        One of the four estimators, or a Pipeline that ends in one.
    X : data frame or array, shape (n, n_columns)
        Held-out rows.
    y : array, shape (n,)
        Their true classes or numbers.
    to : str or Path, default "report.html"
        File to write.
    training : pair (X, y), optional
        The training rows.
    history : History, optional
        Training history, for a model that has none.
    about : mapping, optional
        Facts of the run: `command`, `data`, `date`, `seed`, `seconds`, `target` and
        `notes`.

    Returns
    -------
    Path
        The file.

    Examples
    --------
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
    """Write the report of the evidence on a model."""
    with no_unseen_warnings():
        return write_framed(
            "report.html",
            path,
            evidence=evidence,
            few_rows=FEW_ROWS,
            plots=plots,
            helpers=sections,
            in_state=in_state,
            card_of=card_of,
            comparison=comparison,
            tuning=tuning,
            single=rows,
            surface_of=surface_of,
            interval=interval,
            percent=percent,
            rows_of=partial(rows_of, what="picture" if evidence.pictures else "row"),
            shortened=shortened,
        )


def write_framed(
    template: str, path: Path, *, numbers: Iterator[int] | None = None, **content: object
) -> Path:
    """Write a page in the frame of the reports.

    Parameters
    ----------
    template : str
        Name of the template in this folder.
    path : Path
        File to write.
    numbers : iterator of int, optional
        Numbers of the pictures, which make their names unique; from 1 by default.
    **content
        Names that the template uses.

    Returns
    -------
    Path
        The file.
    """
    html = page(
        f"tables/reporting/{template}",
        version=__version__,
        day=datetime.date.today().isoformat(),
        picture=partial(picture, numbers or count(1)),
        number=number,
        **content,
    )
    if language() == "zh":
        html = translate_page(html, REPORT.in_chinese, "zh-Hans")
    return write_whole(path, lambda file: file.write(html))


def checked_path(to: object, name: str = "to") -> Path:
    """Return the path of a file to write; raise an error, with the option's `name`, otherwise."""
    if not isinstance(to, str | Path) or not str(to):
        raise SettingError(
            f"{option(name)}{described(to)}", "the path of a file", option(name, "report.html")
        )
    path = Path(to)
    if path.is_dir():
        raise SettingError(
            f"{option(name, str(path))}, a folder",
            "the path of a file",
            option(name, f"{path}/report.html"),
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
    """Plot of `draw(*shown, ax=…)` as SVG, with the alternative text `alt`.

    The next of the `numbers` makes the ids of the SVG unique on the page.
    """
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=size, layout="constrained", dpi=100)
        axes = drawing.add_subplot()
        draw(*shown, ax=axes, **how)
        axes.set_title("")  # the caption has it
        keep_apart(axes)
        plain = alt.unescape() if isinstance(alt, Markup) else alt
        return inline(drawing, f"picture-{next(numbers)}", plain, COLOURS)
