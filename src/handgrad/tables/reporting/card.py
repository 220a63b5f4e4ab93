"""The model card: what a model is made from, what it is good for, and what it is not for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.files.features import Features, TextFeature
from handgrad.plots.style import shortened
from handgrad.tables.data.files import listed
from handgrad.tables.data.out_of_range import shown
from handgrad.tables.reporting.checklist import in_state
from handgrad.tables.reporting.comparison import NAMES
from handgrad.tables.reporting.evidence import Evidence
from handgrad.tables.reporting.groups import FEWEST
from handgrad.tables.reporting.scores import Score, interval, percent, rows_of
from handgrad.tables.reporting.sections import features_of, reasons
from handgrad.tables.reporting.sections import listed as files_listed

MOST_LINES = 12  # of a topic
OF_EFFECTS = (
    "importances, partial dependences and contributions are associations in the data: they do not "
    "tell what happens if an input is changed"
)


@dataclass(frozen=True)
class ModelCard:
    """A model card: facts, a use with its scores, and limits with their lines, by topic."""

    made_from: dict[str, str]
    good_for: str
    head: list[str]
    scores: list[list[str]]
    not_for: dict[str, list[str]]


def card_of(evidence: Evidence, version: str, day: str) -> ModelCard:
    """Model card of the evidence, written by a `version` of handgrad on a `day`."""
    limits = {topic: _at_most(lines) for topic, lines in _limits(evidence) if lines}
    return ModelCard(_facts(evidence, version, day), _use(evidence), *_scores(evidence), limits)


def _facts(evidence: Evidence, version: str, day: str) -> dict[str, str]:
    about, record, held, training = (
        evidence.about,
        evidence.record,
        evidence.held,
        evidence.training,
    )
    facts = {}
    if about.get("data"):
        facts["data"] = files_listed(about["data"])
        files = record["data"]["files"] if record else []
        if len(files) == 1:
            facts["SHA-256"] = files[0]["sha256"]
    facts["date"] = str(about.get("date", day))
    learned = "" if training is None else f"{training.of:,} for training, "
    facts["rows"] = f"{learned}{held.of:,} held out"
    if evidence.pictures:
        facts["pictures"] = evidence.pictures.in_words
    else:
        features = features_of(evidence)
        names = held.table.names if features is None else [*features.used]
        facts["columns"] = f"{len(names):,}: {_names(names)}"
    classes = evidence.classes
    facts["target"] = f"{evidence.target}, " + (
        f"{len(classes)} classes: {_names(classes)}" if classes else evidence.kind
    )
    if about.get("held out"):
        facts["split"] = str(about["held out"])
    if "seed" in about:
        facts["seed"] = str(about["seed"])
    facts["model"] = type(evidence.estimator).__name__
    return facts | {"handgrad": record["versions"]["handgrad"] if record else version}


def _use(evidence: Evidence) -> str:
    """The task, for rows like the held-out ones; what contradicts it if it is not learned."""
    for finding in evidence.warned:
        if finding.problem == "no better than guessing":
            return f"No use is shown: on the held-out rows, {finding.evidence}."
    classes = evidence.classes
    what = f"one of {len(classes)} classes" if classes else evidence.kind
    rows = evidence.about.get("held out") or rows_of(evidence.held.of)
    return f"Predicting {evidence.target}, {what}, for rows like the held-out ones: {rows}."


def _scores(evidence: Evidence) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the scores, beside those of guessing and of reference models."""
    references = evidence.record.get("references") or {}
    has_intervals = evidence.independent and any(score.between for score in evidence.scores)
    head = ["", "held out", *["95% interval"] * has_intervals, "guessing"]
    rows = []
    for score in evidence.scores:
        others = [score.baseline, *(each["scores"].get(score.key) for each in references.values())]
        between = [_between(score)] * has_intervals
        held = score.shown(score.held)
        rows.append([_with_unit(score, evidence), held, *between, *map(score.shown, others)])
    return head + [NAMES[name].removeprefix("the ") for name in references], rows


def _between(score: Score) -> str:
    return " to ".join(map(score.shown, score.between)) if score.between else "–"


def _with_unit(score: Score, evidence: Evidence) -> str:
    """Name of a score; of an error of numbers with its unit, that of the target."""
    in_units = score.of == "numbers" and score.name.endswith("error")
    unit = f", in units of {shortened(evidence.target, 40)}" if in_units else ""
    return score.name + unit


def _limits(evidence: Evidence) -> Iterator[tuple[str, list[str]]]:
    """Limits of the model: topics, each with its lines."""
    warned = evidence.warned
    yield "problems found", [f"{each.problem}, {each.where}: {each.evidence}" for each in warned]
    measure = evidence.held.measure.lower()
    yield f"groups with a worse {measure}", [*_worse_groups(evidence)]
    yield f"classes with fewer than {FEWEST} held-out rows", [*_small_classes(evidence)]
    yield "values outside these ranges", [*_ranges(evidence)]
    features = features_of(evidence)
    yield "other values than these", [] if features is None else [*_known_values(features)]
    skipped = reasons(in_state(evidence.checks, "skipped"))
    if not evidence.pictures and not evidence.groups.n and not evidence.independent:
        skipped += ["groups of rows: rows depend on each other"]
    yield "problems not looked for", skipped
    yield "effects of a change", [OF_EFFECTS]


def _worse_groups(evidence: Evidence) -> Iterator[str]:
    groups = evidence.groups
    for column, parts in groups.different.items():
        for part in parts:
            if part.is_worse and groups.differs(part):
                ends = " to ".join(map(part.shown, part.between)) if part.between else ""
                score = part.shown(part.score) + (f" ({ends})" if ends else "")
                of = f"{score} of {rows_of(part.n)}, {part.shown(part.other)} of the others"
                yield f"{column}, {part.name}: {of}"


def _small_classes(evidence: Evidence) -> Iterator[str]:
    """Recall of each class with few held-out rows."""
    held, rows_are_units = evidence.held, evidence.independent and not evidence.by_units
    for k, name in enumerate(evidence.classes):
        of_class = held.y == k
        n = int(of_class.sum())
        if not n:
            yield f"{name}: none held out"
        elif n < FEWEST:
            right = (held.predicted[of_class] == k).mean()
            ends = map(percent, interval(right, n)) if rows_are_units else ()
            between = " to ".join(ends)
            yield f"{name}: {percent(right)} of {rows_of(n)} are predicted correctly" + (
                f" (between {between})" if between else ""
            )


def _ranges(evidence: Evidence) -> Iterator[str]:
    """Range of the target, and of each column of numbers or dates, in the training rows."""
    if not evidence.classes:
        ends = float(evidence.learned.shown.min()), float(evidence.learned.shown.max())
        yield f"{evidence.target}, to predict: {' to '.join(shown(*ends, is_date=False))}"
    if evidence.pictures:
        return
    features = features_of(evidence)
    if features is None:
        for name, column in evidence.learned.columns.items():
            there = column.values[~column.missing]
            if column.kind in ("number", "date") and len(there):
                ends = float(np.min(there)), float(np.max(there))
                yield f"{name}: {' to '.join(shown(*ends, is_date=column.kind == 'date'))}"
        return
    for name, feature in features.used.items():
        part = feature.number
        if part is not None and part.lowest is not None and part.highest is not None:
            is_date = feature.kind == "date"
            yield f"{name}: {' to '.join(shown(part.lowest, part.highest, is_date=is_date))}"


def _known_values(features: Features) -> Iterator[str]:
    """Values of each column of categories that the model knows."""
    for name, feature in features.used.items():
        if isinstance(feature, TextFeature):
            yield f"{name}: {_names(feature.values)}"


def _names(names: Sequence[str]) -> str:
    return listed([shortened(str(name), 40) for name in names])


def _at_most(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:MOST_LINES], f"… and {more} more"]
