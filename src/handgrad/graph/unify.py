"""Merges the tapes of several batch sizes into the nodes of one graph.

A constant that is the same on all tapes stays, one that follows the batch size becomes a `Symbolic`
value, anything else is refused with its line.
"""

from collections.abc import Hashable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.graph.nodes import Node, encode, key
from handgrad.graph.symbolic import SIZES, NoRuleError, Ref, solve
from handgrad.textbook.errors import ROW_NUMBERS, RecordingError


def merged(tapes: Sequence[Sequence[Node]]) -> tuple[Node, ...]:
    """The nodes that all tapes have, one tape for each of `SIZES`."""
    nodes: list[Node] = []
    for steps in zip(*tapes, strict=False):
        first = steps[0]
        if any((s.operation, s.origin) != (first.operation, first.origin) for s in steps):
            raise _differing(steps)
        nodes.append(
            Node(
                first.operation,
                _unify([step.arguments for step in steps], first),
                _unify([step.options for step in steps], first),
                _unify([step.shape for step in steps], first),
                first.dtype,
                first.origin,
            )
        )
    if len({*map(len, tapes)}) > 1:
        longest = max(tapes, key=len)
        raise _differing([longest[len(nodes)]])
    return tuple(nodes)


def check_second_step(first: Sequence[Node], second: Sequence[Node]) -> None:
    """Refuse a second step on the same pages that runs otherwise, for what the first one left.

    Its constants are to be the same too: a counter of the page's own would change them.
    """
    for step, again in zip_longest(first, second):
        if None in (step, again) or step.origin != again.origin or _noted(step) != _noted(again):
            raise (again or step).refusal(
                "does not run in the second step as in the first",
                "every step alike; state that outlives a step declared",
                'state_names = ("name",), and an array in __init__',
            )


def _noted(step: Node) -> Hashable:
    return key(step.operation, step.arguments, *step.options.items())


def _differing(steps: Sequence[Node]) -> RecordingError:
    return steps[-1].refusal(
        "does not run alike for every batch size: a loop over rows, or a branch on len(x)",
        "the same steps whatever the batch size",
        "work on all rows at once: x.sum(axis=1) instead of [row.sum() for row in x]",
    )


def _is_of_rows(values: Sequence[npt.ArrayLike]) -> bool:
    """Whether those of fewer rows are the beginning of that of most, as in np.eye(n)."""
    most = np.asarray(values[-1])
    corners = (most[tuple(slice(size) for size in np.shape(value))] for value in values)
    return all(np.array_equal(*pair) for pair in zip(values, corners, strict=True))


def _unify(values: Sequence[Any], step: Node) -> Any:
    first = values[0]
    if any(type(value) is not type(first) for value in values):
        raise _differing([step])
    if isinstance(first, tuple | list):
        if len({len(value) for value in values}) > 1:
            raise _differing([step])
        return type(first)(_unify(parts, step) for parts in zip(*values, strict=True))
    if isinstance(first, dict):
        return {name: _unify([value[name] for value in values], step) for name in first}
    if isinstance(first, slice):
        ends = ([getattr(v, end) for v in values] for end in ("start", "stop", "step"))
        return slice(*(_unify(end, step) for end in ends))
    if isinstance(first, Ref):
        if any(value != first for value in values):
            raise _differing([step])
        return first
    try:
        found = solve(values, SIZES)
        if not isinstance(found, np.ndarray):
            encode(found)
        return found
    except TypeError as error:
        raise step.refusal(
            f"hands {step.operation} an argument that is no data: {error}",
            "numbers, arrays, indices, texts and types",
            "the array itself, np.asarray(values)",
        ) from None
    except NoRuleError:
        sizes = ", ".join(map(str, SIZES))
        shown = "an array" if isinstance(first, np.ndarray) else ", ".join(map(repr, values))
        raise step.refusal(
            f"uses {shown} that changes from run to run, by no known rule of the batch size "
            f"(tried with {sizes} rows)",
            "constants, simple functions of len(x), or draws from self.rng",
            ROW_NUMBERS if _is_of_rows(values) else "self.rng.random(x.shape) for a random draw",
        ) from None
