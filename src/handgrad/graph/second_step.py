"""Whether a second step on the same pages runs as the first: nothing undeclared is left behind."""

from itertools import zip_longest

from handgrad.base.errors import RecordingError
from handgrad.graph.encoding import key
from handgrad.graph.refusal import refusal
from handgrad.graph.tape import Step, Tape


def check_second_step(first: Tape, second: Tape) -> None:
    """Refuse a second step on the same pages that runs otherwise, for what the first one left.

    Its constants are to be the same too: a counter of the page's own would change them.
    """
    for step, again in zip_longest(first.steps, second.steps):
        if (
            step is None
            or again is None
            or step.origin != again.origin
            or _noted(step) != _noted(again)
        ):
            raise _otherwise(again or step)


def _noted(step: Step) -> str:
    return key(step.operation, step.arguments, *step.options.items())


def _otherwise(step: Step) -> RecordingError:
    return refusal(
        step.origin,
        "does not run in the second step as in the first",
        "every step alike; state that outlives a step declared",
        'state_names = ("name",), and an array in __init__',
    )
