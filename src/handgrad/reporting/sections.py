"""The sections of the page, one after another."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from handgrad.html import Section
from handgrad.html.elements import Html, bullets, details, element, joined, paragraph, table
from handgrad.plots import plot_training_progress
from handgrad.reporting.answers import answers
from handgrad.reporting.checks import LOOKED_FOR, LOOKED_FOR_IN_CLASSES
from handgrad.reporting.columns import data
from handgrad.reporting.evidence import Evidence
from handgrad.reporting.examination import parts_of
from handgrad.reporting.pictures import Pictures
from handgrad.reporting.scores import number
from handgrad.reporting.uses import uses

PACKAGES = ("numpy", "scipy", "scikit-learn", "llvmlite", "narwhals", "pyarrow", "matplotlib")
MOST_CURVES = 4
LOOKED_FOR_IN_THE_NET = (
    "inputs that are not scaled, dead or saturated units, vanishing or exploding gradients, a "
    "learning rate that does not fit, over-fitting, rows held out that were trained on"
)
NEEDS_TRAINING = (
    "predictions that are much better for the rows of the training: training=(X, y) was not given"
)
SPOKEN = {"command", "data", "seed", "seconds", "notes", "target"}


def sections(evidence: Evidence, version_: str) -> list[Section]:
    """All sections, in the order of the page."""
    pictures = Pictures()
    return [
        Section("scores", "How good it is", scores(evidence)),
        Section("answers", "Where it is right and wrong", answers(evidence, pictures)),
        Section("columns", "What it goes by", uses(evidence, pictures)),
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
    head = ["", "held out", *(["training"] if learned else []), "guessing", ""]
    guess = "how frequent the classes are" if evidence.classes else "the mean"
    return joined(
        [
            table("Scores", head, rows, numbers=range(1, 3 + learned)),
            paragraph(
                f"Guessing predicts {guess} in {'the training' if learned else 'these rows'} for "
                "every row, whatever stands in its columns."
            ),
            *[paragraph(note) for note in evidence.notes],
        ]
    )


def training(evidence: Evidence, pictures: Pictures) -> Iterator[str]:
    """The curves, or that there are none."""
    history = evidence.history
    if history is None or not len(history):
        yield paragraph(
            "The model brings no history of its training: one that was fitted by L-BFGS has none, "
            "nor has one of several nets that was loaded from a file. report(…, history=…) takes "
            "one."
        )
        return
    drawn = []
    columns = history.columns()
    named = [m for m in history[-1].metrics if {f"train_{m}", f"validation_{m}"} & {*columns}]
    for name in ["loss", *named][:MOST_CURVES]:
        word = name.replace("_", " ")
        drawn.append(
            pictures.drawn(
                partial(plot_training_progress, history, name, best=evidence.best_epoch),
                f"{word} over {len(history)} epochs; at the end the loss of the training is "
                f"{number(float(history[-1].train_loss))}.",
                f"{word.capitalize()}, epoch by epoch",
                size=(3.9, 2.8),
            )
        )
    yield element("div", joined(drawn), class_="pictures")
    estimator = parts_of(evidence.model)[1]
    epochs = getattr(estimator, "best_epochs_", None)
    if epochs:
        yield paragraph(
            f"{len(epochs)} nets learned side by side, each from most of the rows; the curves are "
            f"their means. Each kept the weights of its own best epoch of {len(history)}: "
            f"{_from_to(min(epochs), max(epochs))}."
        )
    elif evidence.best_epoch is not None:
        yield paragraph(
            f"The weights of epoch {evidence.best_epoch} of {len(history)} are kept, the best one."
        )
    elif history.stopped_because:
        yield paragraph(f"{len(history)} epochs: {history.stopped_because.replace('_', ' ')}.")


def doctor(evidence: Evidence) -> Iterator[str]:
    """What the rows tell, then the findings of `hg.diagnose`."""
    diagnosis = evidence.diagnosis
    found = [(w.name, w.where, w.evidence, w.advice) for w in evidence.warned]
    looked_for = f"in the rows: {LOOKED_FOR}{LOOKED_FOR_IN_CLASSES if evidence.classes else ''}"
    left_out = [NEEDS_TRAINING] if evidence.training is None else []
    if isinstance(diagnosis, str):
        left_out.append(diagnosis)
    else:
        # of classes that are left out the rows have told, by their names
        found += [
            (f.sickness, f.where, f.evidence, f.advice)
            for f in diagnosis.findings
            if f.sickness != "class imbalance"
        ]
        looked_for += f"; in the net and its training: {LOOKED_FOR_IN_THE_NET}"
        left_out += diagnosis.left_out
    if not found:
        yield paragraph(element("b", "Nothing was found"), " of what was looked for.")
    yield paragraph(f"Looked for {looked_for}.")
    for name, where, shown, advice in found:
        yield element(
            "article",
            joined(
                [
                    element("h3", f"{name.capitalize()}: {where}"),
                    paragraph(f"{shown[0].upper()}{shown[1:]}."),
                    paragraph(element("b", "Try: "), advice),
                ]
            ),
            class_="finding",
        )
    if left_out:
        yield details("What could not be looked at", bullets(left_out))


def _from_to(first: int, last: int) -> str:
    return f"epoch {first}" if first == last else f"epochs {first} to {last}"


def repeat(evidence: Evidence, version_: str) -> Iterator[str]:
    """The command, the settings and the versions."""
    about = evidence.about
    if command := about.get("command"):
        shown = command if isinstance(command, str) else _as_typed(command)
        yield Html(element("pre", element("code", shown), tabindex="0", class_="code") + "\n")
    yield Html(element("pre", element("code", _settings(evidence)), tabindex="0", class_="code"))
    facts = []
    if "seed" in about:
        facts.append(("seed", str(about["seed"])))
    if isinstance(seconds := about.get("seconds"), int | float):
        facts.append(("took", f"{number(float(seconds))} s"))
    facts += [(str(key), _plain(value)) for key, value in about.items() if key not in SPOKEN]
    facts += [("handgrad", version_), ("Python", sys.version.split()[0])]
    facts += [(name, found) for name in PACKAGES if (found := _version(name))]
    facts.append(("machine", f"{platform.system()} {platform.machine()}"))
    pairs = (
        element("div", joined([element("dt", name), element("dd", value)])) for name, value in facts
    )
    yield element("dl", joined(pairs), class_="facts")


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
