"""What LLVM is told of a loop: by itself it would make more code than a loop is worth."""

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from handgrad.engines.compiled.ir_helpers import AS_IT_STANDS, NO_VECTORS, REST_UNDER_A_MASK, Mark
from handgrad.engines.compiled.vectors import vector_bytes
from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.ir import Call, Expression, For, Num, Statement, Var

# Loops are unrolled that have no more rounds than this, in nests of no more than that: else it
# takes LLVM longer to compile, and gains nothing.
MOST_ROUNDS, MOST_IN_A_NEST = 16, 128
FEW_ROUNDS = 8  # fill no vector
OF_TWO: Mapping[str, Any] = {"add": operator.add, "multiply": operator.mul, "minimum": min}


def marks_of(around: Sequence[For], most_of: Mapping[str, float]) -> list[Mark]:
    """The marks of the last of some loops, each around the next.

    `most_of` says how large the variables can be, as far as it is known.
    """
    loop = around[-1]
    counts = (_rounds(outer, most_of) for outer in around)
    in_a_nest = math.prod(count for count in counts if count < math.inf)  # within a batch
    short = isinstance(loop.stop, Num) and loop.stop.value <= MOST_ROUNDS
    if short and in_a_nest * _rounds_within(loop.body, most_of) <= MOST_IN_A_NEST:
        return []
    if not isinstance(loop.stop, Num) and _rounds(loop, most_of) < FEW_ROUNDS:
        return [AS_IT_STANDS, NO_VECTORS]
    # Functions are much code: the numbers that fill no vector should not have it once more.
    masked = _has_functions(loop.body) and vector_bytes()
    return [AS_IT_STANDS, REST_UNDER_A_MASK] if masked else [AS_IT_STANDS]


def most(expression: Expression, known: Mapping[str, float]) -> float:
    """How large a whole number can be."""
    match expression:
        case Num(value, _):
            return float(value)
        case Var(name, _):
            return known.get(name, math.inf)
        case Call(operation, (a, b), _) if operation in OF_TWO:
            return float(OF_TWO[operation](most(a, known), most(b, known)))
    return math.inf


def _rounds(loop: For, known: Mapping[str, float]) -> float:
    return most(loop.stop, known)


def _rounds_within(body: Sequence[Statement], known: Mapping[str, float]) -> float:
    """The most rounds of the loops in a body."""
    loops = [part for part in body if isinstance(part, For)]
    rounds = (_rounds(loop, known) * _rounds_within(loop.body, known) for loop in loops)
    return max(rounds, default=1)


def _has_functions(body: Sequence[Statement]) -> bool:
    """Whether a function is computed that has no instruction of its own."""
    values = (value for part in body for value in vars(part).values())
    return any(isinstance(value, Expression) and _is_function(value) for value in values)


def _is_function(value: Expression) -> bool:
    return isinstance(value, Call) and (
        value.operation in WRITTEN_OUT or any(map(_is_function, value.arguments))
    )
