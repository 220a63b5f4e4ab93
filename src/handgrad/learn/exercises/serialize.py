"""An exercise as JSON, in its language, for the page that grades without Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.learn.exercises.diagnosis import Hint, Known
from handgrad.learn.exercises.i18n import words
from handgrad.learn.exercises.tasks import Task
from handgrad.textbook.layers import Array

DIGITS = 15


def task_data(task: Task) -> dict[str, Any]:
    """All that `page/exercise.js` needs. No right formula is in it; how it is measured is."""
    holes = [
        {
            "name": hole.name,
            "ask": hole.ask,
            "hints": list(hole.hints),
            "of": hole.of,
            "equals": hole.equals,
            "known": _known_data(hole.known),
        }
        for hole in task.holes
    ]
    return {
        "name": task.name,
        "kind": task.kind,
        "title": task.title,
        "about": task.about,
        "page": task.page,
        "forward": [list(line) for line in task.forward],
        "output": task.output,
        "upstream": task.upstream,
        "arrays": {name: array_data(np.asarray(a)) for name, a in task.arrays.items()},
        "holes": holes,
        "words": words(task.language),
    }


def array_data(array: Array) -> dict[str, Any]:
    """An array as its shape, its kind and its numbers one after another; truths are 1 and 0."""
    kind = {"b": "bool", "i": "int", "u": "int"}.get(array.dtype.kind, "float")
    values = (array.astype(int) if kind == "bool" else array).ravel().tolist()
    if kind == "float":
        values = [float(f"{value:.{DIGITS}g}") for value in values]
    return {"shape": list(array.shape), "kind": kind, "values": values}


def _known_data(known: Known) -> dict[str, Any]:
    def hints(found: tuple[Hint, ...]) -> list[dict[str, Any]]:
        return [{"note": hint.note, **array_data(hint.values)} for hint in found]

    return {
        "terms": hints(known.terms),
        "factors": hints(known.factors),
        "regions": hints(known.regions),
        "mistakes": hints(known.mistakes),
    }
