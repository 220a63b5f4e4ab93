"""`report`: a model, and rows it has not seen, to a page one can send."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from handgrad.data.unseen import untold
from handgrad.errors import SettingError, described
from handgrad.files import write_whole
from handgrad.html import document
from handgrad.html.elements import element, joined
from handgrad.reporting.evidence import Evidence, gather
from handgrad.reporting.sections import sections
from handgrad.reporting.summary import summary, tiles, verdict


def report(
    model: Any,
    X: Any,
    y: Any,
    *,
    to: str | Path = "report.html",
    training: Any = None,
    history: Any = None,
    about: Mapping[str, Any] | None = None,
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
    >>> x, x_test, y, y_test = hg.train_test_split(*hg.data.load("iris"), rng=0)
    >>> model = hg.MLPClassifier(solver="lbfgs", random_state=0).fit(x, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = hg.report(model, x_test, y_test, to=f"{folder}/iris.html", training=(x, y))
    ...     path.name, path.read_text("utf-8")[:15]
    ('iris.html', '<!DOCTYPE html>')
    """
    path = _checked_path(to)
    with untold():
        page = _page(gather(model, X, y, training, history, about))
    return write_whole(path, lambda file: file.write(page))


def _checked_path(to: Any) -> Path:
    if not isinstance(to, str | Path) or not str(to):
        raise SettingError(f"to = {described(to)}", "the path of a file", "to='report.html'")
    path = Path(to)
    if path.is_dir():
        raise SettingError(
            f"to = '{path}', a folder", "the path of a file", f"to='{path}/report.html'"
        )
    return path


def _page(evidence: Evidence) -> str:
    from handgrad._version import __version__

    style = (files("handgrad.reporting") / "report.css").read_text("utf-8")
    day = datetime.date.today().isoformat()
    title = f"Predicting {evidence.target}"
    made = f"{type(evidence.model).__name__} · {day}"
    header = joined(
        [
            element("p", made, class_="made"),
            element("h1", title),
            element("div", summary(evidence), class_="summary"),
            verdict(evidence),
            tiles(evidence),
        ],
        "\n",
    )
    return document(
        title=title,
        language="en",
        header=header,
        contents="Contents",
        sections=sections(evidence, __version__),
        footer=f"Made by handgrad {__version__} on {day}.",
        styles=[style],
    )
