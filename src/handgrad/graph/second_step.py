"""Whether a second step on the same pages runs as the first: nothing undeclared is left behind."""

from typing import Any

import numpy as np

from handgrad.errors import RecordingError
from handgrad.graph.refusal import refusal
from handgrad.graph.tape import Step, Tape


def check_second_step(first: Tape, second: Tape) -> None:
    """Refuse a second step on the same pages that runs otherwise, for what the first one left."""
    steps = [(step.operation, step.origin) for step in first.steps]
    for i, step in enumerate(second.steps):
        if i >= len(steps) or (step.operation, step.origin) != steps[i]:
            raise _otherwise(step)
    if len(second.steps) < len(steps):
        raise _otherwise(first.steps[len(second.steps)])


def check_constants(first: Tape, second: Tape) -> None:
    """Refuse a second step whose constants are others: a counter of the page's own, for example."""
    for step, again in zip(first.steps, second.steps, strict=True):
        if not _alike((step.arguments, step.options), (again.arguments, again.options)):
            raise _otherwise(again)


def _otherwise(step: Step) -> RecordingError:
    return refusal(
        step.origin,
        "does not run in the second step as in the first",
        "every step alike; state that outlives a step declared",
        'state_names = ("name",), and an array in __init__',
    )


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, dict):
        return all(_alike(a[name], b[name]) for name in a)
    if isinstance(a, slice):
        return _alike((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    return a is b or bool(np.array_equal(a, b, equal_nan=isinstance(a, float | np.floating)))
