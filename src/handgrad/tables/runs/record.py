"""Files of a run, and what its record tells of a model file; without the packages for tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from handgrad.files import inspect
from handgrad.files.paths import kind_of
from handgrad.tables.tabular.censored import CENSORED_ERROR
from handgrad.tables.tabular.deviances import OF_METRIC
from handgrad.textbook.errors import FileError
from handgrad.textbook.metrics.registry import METRICS

MODEL, RECORD = "model.safetensors", "run.json"
TARGETS = "targets.json"  # folder of the run of each of several targets
FORMAT_VERSION = 3  # of the record; every change of its keys gets a new number


def facts_of(model: Path) -> dict[str, object]:
    """Target, data and score of a model, from its file and the record beside it, for its page."""
    about = inspect(model).about
    facts: dict[str, object] = {
        name: about[name]
        for name in ("target", "data")
        if isinstance(about, Mapping) and isinstance(about.get(name), str)
    }
    if "target" in facts and isinstance(about, Mapping):
        facts["target"] = predicted_name(facts["target"], about.get("exposure"))
    try:
        record = json.loads(model.with_name(RECORD).read_text("utf-8"))
        if model.name != MODEL or record["format_version"] != FORMAT_VERSION:
            return facts
        metric, score = next(iter(record["scores"]["held_out"].items()))
        between = (record.get("intervals") or {}).get("scores", {}).get(metric)
        rows = int(record["rows"]["held_out"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return facts  # of a file elsewhere, or beside a record of another kind
    if metric not in (*METRICS, *OF_METRIC, CENSORED_ERROR):
        return facts
    return facts | {"metric": metric, "score": score, "between": between, "rows": rows}


def predicted_name(target: object, exposure: object) -> str:
    """Name of what a model predicts: the target, or its rate if there is an exposure."""
    return str(target) if exposure is None else f"{target} / {exposure}"


def models_in(folder: Path) -> dict[str, Path]:
    """Model file of each of several targets; empty if it is no folder of several targets."""
    if kind_of(folder / TARGETS) != "file":
        return {}
    try:
        names = json.loads((folder / TARGETS).read_text("utf-8"))["targets"]
        return {target: folder / Path(name).name / MODEL for target, name in names.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise FileError(
            f"{folder / TARGETS} cannot be read",
            "the names of the folders of several targets, written by handgrad train",
            "train again",
        ) from error
