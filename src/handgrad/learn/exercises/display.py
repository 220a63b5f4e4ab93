"""An exercise as text, as HTML for a notebook, and as JSON for the page that grades by itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from handgrad.files.html import environment
from handgrad.learn.exercises.diagnosis import ColumnRemarks, Pattern
from handgrad.learn.exercises.i18n import words
from handgrad.learn.exercises.tasks import Task
from handgrad.textbook.layers import Array


def as_text(task: Task) -> str:
    """The task as text."""
    texts = words(task.language)
    steps = [f"  {hole.name} = …\n    {hole.ask}" for hole in task.holes]
    code = task.page or forward_lines(task)
    parts = [
        texts["title"].format(title=task.title),
        task.about,
        code,
        "\n".join(steps),
        texts["names"].format(names=", ".join(task.names)),
        how_to_check(task),
    ]
    return "\n\n".join(parts)


def forward_lines(task: Task) -> str:
    """Forward as lines of code."""
    return "\n".join(f"{name} = {formula}" for name, formula in task.forward)


def how_to_check(task: Task) -> str:
    """Instructions for checking an answer."""
    call = ", ".join(f'{hole.name}="…"' for hole in task.holes)
    key = "run_with" if task.page else "run_step"
    return words(task.language)[key].format(page=task.page_name, call=call)


def as_html(task: Task) -> str:
    """The task as HTML for a notebook, with hints that open one by one."""
    template = environment().get_template("learn/exercises/exercise.html")
    texts = words(task.language)
    return template.render(
        task=task,
        texts=texts,
        code=task.page or forward_lines(task),
        names=texts["names"].format(names=", ".join(task.names)),
        how=how_to_check(task),
    )


DIGITS = 15


def task_data(task: Task) -> dict[str, Any]:
    """JSON data of an exercise for `web/exercises/exercise.js`; it does not contain the answers."""
    known = list[ColumnRemarks]()
    holes = [
        {
            "name": hole.name,
            "ask": hole.ask,
            "hints": list(hole.hints),
            "of": hole.of,
            "equals": hole.equals,
            "patterns": [_pattern_data(pattern, known) for pattern in hole.patterns],
        }
        for hole in task.holes
    ]
    return {
        "name": task.name,
        "seed": task.seed,
        "kind": task.kind,
        "title": task.title,
        "about": task.about,
        "page": task.page,
        "forward": [list(line) for line in task.forward],
        "output": task.output,
        "upstream": task.upstream,
        "arrays": {name: array_data(np.asarray(a)) for name, a in task.arrays.items()},
        "holes": holes,
        "column_remarks": [asdict(remarks) for remarks in known],
        "words": words(task.language),
    }


def array_data(array: Array) -> dict[str, Any]:
    """Shape, kind and flat values of an array; booleans are 1 and 0."""
    kind = {"b": "bool", "i": "int", "u": "int"}.get(array.dtype.kind, "float")
    numbers = _digits(array) if kind == "float" else array.astype(int).ravel().tolist()
    return {"shape": list(array.shape), "kind": kind, "values": numbers}


def _digits(array: Array) -> list[float]:
    values = (float(f"{value:.{DIGITS}g}") for value in array.ravel().tolist())
    return [int(value) if value.is_integer() else value for value in values]


def _pattern_data(pattern: Pattern, known: list[ColumnRemarks]) -> dict[str, Any]:
    """The pattern, with remarks as indices of the `known` ones, to which new ones are added."""
    for remarks in pattern.column_remarks:
        if remarks not in known:
            known.append(remarks)
    return {
        "opening": [asdict(remark) for remark in pattern.opening],
        "column_remarks": [known.index(remarks) for remarks in pattern.column_remarks],
        "columns": [_digits(column) for column in pattern.columns],
        "inverse": [_digits(row) for row in pattern.inverse],
    }
