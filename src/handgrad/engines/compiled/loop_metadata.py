"""Unroll and vectorize metadata for loops: by default LLVM makes too much code of short ones."""

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from handgrad.engines.compiled.ir_helpers import MASKED_REMAINDER, NO_UNROLL, NO_VECTORIZE, LoopHint
from handgrad.engines.compiled.vectors import vector_bytes
from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.ir import Call, Expression, For, Num, Statement, Var

# Loops with at most this many rounds are unrolled, in nests of at most that many: unrolling longer
# ones makes LLVM slower and the code no faster.
MOST_ROUNDS, MOST_IN_A_NEST = 16, 128
FEW_ROUNDS = 8  # less than a vector
OF_TWO: Mapping[str, Any] = {"add": operator.add, "multiply": operator.mul, "minimum": min}


def loop_hints(around: Sequence[For], most_of: Mapping[str, float]) -> list[LoopHint]:
    """The hints for the innermost of nested loops, `around`, outermost first.

    `most_of` has upper bounds of variables, as far as they are known.
    """
    loop = around[-1]
    counts = (_rounds(outer, most_of) for outer in around)
    # without the loop over batches, which has no upper bound
    in_a_nest = math.prod(count for count in counts if count < math.inf)
    short = isinstance(loop.stop, Num) and loop.stop.value <= MOST_ROUNDS
    if short and in_a_nest * _rounds_within(loop.body, most_of) <= MOST_IN_A_NEST:
        return []
    if not isinstance(loop.stop, Num) and _rounds(loop, most_of) < FEW_ROUNDS:
        return [NO_UNROLL, NO_VECTORIZE]
    # Functions are long: a masked remainder avoids a second, scalar copy of their code.
    masked = _has_functions(loop.body) and vector_bytes()
    return [NO_UNROLL, MASKED_REMAINDER] if masked else [NO_UNROLL]


def upper_bound(expression: Expression, known: Mapping[str, float]) -> float:
    """An upper bound of an integer; infinity if none is known."""
    match expression:
        case Num(value, _):
            return float(value)
        case Var(name, _):
            return known.get(name, math.inf)
        case Call(operation, (a, b), _) if operation in OF_TWO:
            return float(OF_TWO[operation](upper_bound(a, known), upper_bound(b, known)))
    return math.inf


def _rounds(loop: For, known: Mapping[str, float]) -> float:
    return upper_bound(loop.stop, known)


def _rounds_within(body: Sequence[Statement], known: Mapping[str, float]) -> float:
    """The largest number of rounds of the loops in a body, nested ones multiplied."""
    loops = [part for part in body if isinstance(part, For)]
    rounds = (_rounds(loop, known) * _rounds_within(loop.body, known) for loop in loops)
    return max(rounds, default=1)


def _has_functions(body: Sequence[Statement]) -> bool:
    """True if a function without an instruction of its own is computed."""
    values = (value for part in body for value in vars(part).values())
    return any(isinstance(value, Expression) and _is_function(value) for value in values)


def _is_function(value: Expression) -> bool:
    return isinstance(value, Call) and (
        value.operation in WRITTEN_OUT or any(map(_is_function, value.arguments))
    )
