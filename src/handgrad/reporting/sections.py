"""The sections of the page, one after another."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from handgrad.html import Section
from handgrad.html.elements import Html, details, element, joined, paragraph, table
from handgrad.plots import (
    plot_partial_dependence,
    plot_permutation_importance,
    plot_training_progress,
)
from handgrad.plots.style import shortened
from handgrad.plots.two_columns import draw_two_columns
from handgrad.reporting.answers import answers
from handgrad.reporting.columns import data
from handgrad.reporting.evidence import Evidence
from handgrad.reporting.examination import parts_of
from handgrad.reporting.pictures import Pictures
from handgrad.reporting.plane import Plane
from handgrad.reporting.scores import number
from handgrad.training import History

PACKAGES = ("numpy", "scipy", "scikit-learn", "llvmlite", "narwhals", "pyarrow", "matplotlib")
MOST_BARS, MOST_DOTS = 12, 500
SPOKEN = {"command", "data", "seed", "seconds", "notes", "target"}


def sections(evidence: Evidence, version_: str) -> list[Section]:
    """All sections, in the order of the page."""
    pictures = Pictures()
    return [
        Section("scores", "How good it is", scores(evidence)),
        Section("answers", "Where it is right and wrong", answers(evidence, pictures)),
        Section("columns", "What it goes by", joined(explanations(evidence, pictures))),
        Section("training", "How it learned", joined(training(evidence, pictures))),
        Section("data", "The data", data(evidence, pictures)),
        Section("doctor", "What the doctor says", joined(doctor(evidence))),
        Section("repeat", "To repeat it", joined(repeat(evidence, version_))),
    ]


def scores(evidence: Evidence) -> Html:
    """The figures, beside those without a model."""
    learned = evidence.training is not None
    rows = []
    for score in evidence.scores:
        name = joined([element("b", score.name), element("span", score.explained, class_="small")])
        mark = {True: "better", False: "not better", None: ""}[score.beats_baseline]
        marked = element("span", mark, class_=mark.replace(" ", "-")) if mark else Html("")
        held = score.shown(score.held)
        rows.append(
            [
                name,
                held
                if not score.why
                else joined([held, element("span", score.why, class_="small")]),
                *([score.shown(score.training)] if learned else []),
                score.shown(score.baseline),
                marked,
            ]
        )
    head = ["", "held out", *(["training"] if learned else []), "without a model", ""]
    guess = "the shares of the classes" if evidence.classes else "the mean"
    return joined(
        [
            table("Scores", head, rows, numbers=range(1, 3 + learned)),
            paragraph(
                f"Without a model: {guess} in "
                f"{'the training' if learned else 'these rows'}, said of every row."
            ),
            *[paragraph(note) for note in evidence.notes],
        ]
    )


def explanations(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    """Importance, partial dependence, and the plane of the two strongest columns."""
    found = evidence.importance
    scoring = found.scoring.replace("_", " ")
    strongest = [
        f"{found.columns[i]} {number(found.mean[i])} ± {number(found.std[i])}"
        for i in found.order[:5]
    ]
    yield paragraph(
        f"A column matters as much as the {scoring} suffers when its values are shuffled among the "
        f"rows: the bars. They are means of {found.decreases.shape[1]} shuffles of "
        f"{found.n_rows:,} rows held out, the whiskers one standard deviation. Of two columns that "
        "say the same, each alone may seem to matter little."
    )
    n = min(MOST_BARS, len(found.columns))
    yield pictures.drawn(
        lambda axes: plot_permutation_importance(found, MOST_BARS, axes),
        f"Importance by {scoring}: {'; '.join(strongest)}.",
        f"Permutation importance{f', the {n} strongest of {len(found.columns)} columns' * (n < len(found.columns))}.",
        (5.2, 0.8 + 0.27 * n),
    )
    if len(found.columns) > MOST_BARS:
        yield details(
            "All columns",
            table(
                "Permutation importance",
                ("column", scoring, "±"),
                [
                    (found.columns[i], number(found.mean[i]), number(found.std[i]))
                    for i in found.order
                ],
                (1, 2),
            ),
        )
    yield from _dependences(evidence, pictures)
    yield from _plane(evidence, pictures)


def _dependences(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    if not evidence.dependences:
        yield paragraph("There is no column whose values change what it says.")
        return
    n = evidence.dependences[0].n_rows
    yield element("h3", "What it makes of them")
    yield paragraph(
        f"What it says on average over {n:,} rows, if a column had the same value in all of them "
        "and the others stayed as they are."
    )
    drawn = [
        pictures.drawn(
            lambda axes, found=found: plot_partial_dependence(found, axes),
            f"Partial dependence on {found.column}: the mean answer goes from "
            f"{number(float(found.average[:, -1].min()))} to "
            f"{number(float(found.average[:, -1].max()))}.",
            f"{shortened(found.column, 60)}",
            (3.5, 2.7),
        )
        for found in evidence.dependences
    ]
    yield element("div", joined(drawn), class_="pictures")


def _plane(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    """What it answers all over the plane of the two strongest columns."""
    found, held = evidence.importance, evidence.held
    order = [
        int(i)
        for i in found.order
        if found.mean[i] > 0 and len(np.unique(_ranks(evidence, int(i)))) > 1
    ][:2]
    many = len(evidence.classes) > 10
    if len(order) < 2 or many or (evidence.classes and held.p is None):
        return
    plane = Plane(held.table, evidence.columns, (order[0], order[1]))
    rows = plane.rows
    if len(rows) < 2:
        return
    if len(rows) > MOST_DOTS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_DOTS, replace=False))
    across, up = plane.on(rows)
    model = evidence.model

    def answers_at(points: Any) -> Any:
        asked = plane.at(points)
        return np.asarray(model.predict_proba(asked) if evidence.classes else model.predict(asked))

    others = len(evidence.columns) - 2
    held_at = (
        f" The other {others} column{'s' * (others != 1)} stay at their medians or most frequent values."
        if others
        else ""
    )
    some = f" {len(rows)} of {len(held):,} rows are shown." if len(rows) < len(held) else ""
    names = f"{shortened(across.name, 40)} and {shortened(up.name, 40)}"
    yield element("h3", "The two strongest columns together")
    yield pictures.drawn(
        lambda axes: draw_two_columns(axes, across, up, answers_at, held.y[rows], evidence.classes),
        f"What the model answers for values of {names}, and the rows held out.",
        f"The shading is what it answers, the marks are the true values of rows held out."
        f"{held_at}{some}",
        (5.2, 4.1),
    )


def _ranks(evidence: Evidence, i: int) -> Any:
    column = [*evidence.columns.values()][i]
    return column.values[~column.missing].astype(str)


def training(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    """The curves, or that there are none."""
    history = evidence.history
    if history is None or not len(history):
        yield paragraph(
            "The model brings no history of its training: a model that was loaded from a file has "
            "none, nor has one that was fitted by L-BFGS. report(…, history=…) takes one."
        )
        return
    what = ["loss", *history[-1].metrics]
    drawn = []
    for name in what[:4]:
        if not _drawable(history, name):
            continue
        last = history[-1]
        value = last.train_loss if name == "loss" else last.metrics[name]
        drawn.append(
            pictures.drawn(
                lambda axes, name=name: plot_training_progress(history, name, axes),
                f"{name} over {len(history)} epochs; in the last one {number(float(value))}.",
                f"{name.replace('_', ' ').capitalize()}, epoch by epoch.",
                (3.9, 2.9),
            )
        )
    yield element("div", joined(drawn), class_="pictures")
    estimator = parts_of(evidence.model)[1]
    epochs = getattr(estimator, "best_epochs_", None)
    if epochs:
        yield paragraph(
            f"{len(epochs)} nets learned side by side, each from most of the rows; the curves are "
            f"their means. Each kept the weights of its own best epoch: {min(epochs)} to "
            f"{max(epochs)}, of {len(history)}."
        )
    elif history.stopped_because:
        yield paragraph(f"{len(history)} epochs: {history.stopped_because.replace('_', ' ')}.")


def _drawable(history: History, name: str) -> bool:
    return name == "loss" or f"train_{name}" in history.columns()


def doctor(evidence: Evidence) -> Iterator[str]:
    """The findings of `hg.diagnose`."""
    diagnosis = evidence.diagnosis
    if isinstance(diagnosis, str):
        yield paragraph(diagnosis)
        return
    if not diagnosis.findings:
        yield paragraph(element("b", "All is well:"), " nothing was found.")
    for finding in diagnosis.findings:
        yield element(
            "article",
            joined(
                [
                    element("h3", f"{finding.sickness.capitalize()}: {finding.where}"),
                    paragraph(finding.evidence),
                    paragraph(element("b", "Try: "), finding.advice),
                ]
            ),
            class_="finding",
        )
    if diagnosis.left_out:
        yield details("What could not be looked at", _bullets(diagnosis.left_out))


def _bullets(lines: Any) -> Html:
    return element("ul", joined(element("li", line) for line in lines))


def repeat(evidence: Evidence, version_: str) -> Iterator[str]:
    """The command, the settings and the versions."""
    about = evidence.about
    if command := about.get("command"):
        shown = command if isinstance(command, str) else _as_typed(command)
        yield Html(element("pre", element("code", shown), tabindex="0", class_="code") + "\n")
    yield Html(element("pre", element("code", _settings(evidence)), tabindex="0", class_="code"))
    facts = [("handgrad", version_), ("Python", sys.version.split()[0])]
    facts += [(name, found) for name in PACKAGES if (found := _version(name))]
    facts.append(("machine", f"{platform.system()} {platform.machine()}"))
    if "seed" in about:
        facts.append(("seed", str(about["seed"])))
    if isinstance(seconds := about.get("seconds"), int | float):
        facts.append(("seconds", number(float(seconds))))
    facts += [(str(key), _plain(value)) for key, value in about.items() if key not in SPOKEN]
    yield table("Versions and settings", ("what", "which"), facts)


def _as_typed(command: Any) -> str:
    import shlex

    return shlex.join(map(str, command))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _settings(evidence: Evidence) -> str:
    estimator = parts_of(evidence.model)[1]
    net = getattr(estimator, "net_", None)
    return f"{evidence.model!r}" + (f"\n\n{net!r}" if net is not None else "")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
