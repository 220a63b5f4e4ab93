"""Elementary functions as statements in static single assignment form."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from handgrad.engines.loops.functions.arithmetic import format_of
from handgrad.engines.loops.functions.elementary import (
    cos,
    erf,
    exp,
    expm1,
    log,
    log1p,
    power,
    sign,
    sin,
    tanh,
)
from handgrad.engines.loops.ir import Call, Expression, Let, Var

WRITTEN_OUT: dict[str, Callable[..., Expression]] = {
    definition.__name__: definition
    for definition in (exp, expm1, log, log1p, tanh, erf, sin, cos, sign, power)
}
MAX_DEPTH = 8  # nested operations in one line


@dataclass(frozen=True)
class Function:
    """A function: `result` as an expression of its parameters and the variables of `body`.

    Its type is "float": float32 or, in a function of float64, float64. "double" is float64.
    """

    name: str
    parameters: tuple[Var, ...]
    body: tuple[Let, ...]
    result: Expression


@cache
def function(name: str, single: bool, fused: bool) -> Function:
    """Build a function of float32 or float64.

    Parameters
    ----------
    name : str
        A key of `WRITTEN_OUT`.
    single : bool
        float32, else float64.
    fused : bool
        Use fused multiply-add, which rounds once.

    Examples
    --------
    >>> function("sign", single=True, fused=False).parameters
    (Var(name='x', type='float'),)
    """
    definition = WRITTEN_OUT[name]
    parameters = tuple(Var(name, "float") for name in ("x", "y")[: 2 if definition is power else 1])
    lines = _CommonSubexpressions(definition(format_of(single, fused), *parameters))
    return Function(name, parameters, tuple(lines.body), lines.result)


class _CommonSubexpressions:
    """Assigns a variable to each expression that is used twice or nested too deeply."""

    def __init__(self, result: Expression) -> None:
        self.uses = Counter[int]()
        self.body: list[Let] = []
        self.known: dict[int, Expression] = {}
        self.depth: dict[int, int] = {}
        self._count(result)
        self.result = self._written(result)

    def _count(self, expression: Expression) -> None:
        self.uses[id(expression)] += 1
        if self.uses[id(expression)] == 1 and isinstance(expression, Call):
            for argument in expression.arguments:
                self._count(argument)

    def _written(self, expression: Expression) -> Expression:
        if not isinstance(expression, Call):
            return expression
        key = id(expression)
        if key not in self.known:
            rewritten: Expression
            rewritten = replace(expression, arguments=(*map(self._written, expression.arguments),))
            deep = 1 + max(self.depth.get(id(argument), 0) for argument in expression.arguments)
            if self.uses[key] > 1 or deep == MAX_DEPTH:
                self.body.append(Let(f"t{len(self.body) + 1}", rewritten))
                rewritten, deep = Var(self.body[-1].name, expression.type), 0
            self.known[key], self.depth[key] = rewritten, deep
        return self.known[key]
