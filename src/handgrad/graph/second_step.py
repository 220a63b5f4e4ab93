"""Whether a second step on the same pages runs as the first: nothing undeclared is left behind."""

from itertools import zip_longest
from typing import Any

import numpy as np

from handgrad.errors import RecordingError
from handgrad.graph.refusal import refusal
from handgrad.graph.tape import Step, Tape


def check_second_step(first: Tape, second: Tape) -> None:
    """Refuse a second step on the same pages that runs otherwise, for what the first one left.

    Its constants are to be the same too: a counter of the page's own would change them.
    """
    for step, again in zip_longest(first.steps, second.steps):
        if step is None or again is None or not _alike(_noted(step), _noted(again)):
            raise _otherwise(again or step)


def _noted(step: Step) -> tuple[Any, ...]:
    return step.operation, step.origin, step.arguments, step.options


def _otherwise(step: Step) -> RecordingError:
    return refusal(
        step.origin,
        "does not run in the second step as in the first",
        "every step alike; state that outlives a step declared",
        'state_names = ("name",), and an array in __init__',
    )


def _alike(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_alike(a[name], b[name]) for name in a)
    if isinstance(a, slice):
        return _alike((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return bool(a == b) or bool(a != a and b != b)
