"""A function of numbers as statements, each variable given its value once."""

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
    page.__name__: page for page in (exp, expm1, log, log1p, tanh, erf, sin, cos, sign, power)
}
DEEPEST = 8  # operations within operations, in one line


@dataclass(frozen=True)
class Function:
    """What a function computes of its parameters: `result`, by way of the variables of `body`.

    Its type is "float", which for a function of float64 is float64, as "double" always is.
    """

    name: str
    parameters: tuple[Var, ...]
    body: tuple[Let, ...]
    result: Expression


@cache
def function(name: str, single: bool, fused: bool) -> Function:
    """A function of float32 (`single`) or float64.

    `fused`: a product and its sum are one operation, fma, which rounds once.

    >>> function("sign", single=True, fused=False).parameters
    (Var(name='x', type='float'),)
    """
    page = WRITTEN_OUT[name]
    parameters = tuple(Var(given, "float") for given in ("x", "y")[: 2 if page is power else 1])
    lines = _CommonSubexpressions(page(format_of(single, fused), *parameters))
    return Function(name, parameters, tuple(lines.body), lines.result)


class _CommonSubexpressions:
    """Gives a variable to each expression that is needed twice, or is too long for one line."""

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
            found: Expression
            found = replace(expression, arguments=(*map(self._written, expression.arguments),))
            deep = 1 + max(self.depth.get(id(argument), 0) for argument in expression.arguments)
            if self.uses[key] > 1 or deep == DEEPEST:
                self.body.append(Let(f"t{len(self.body) + 1}", found))
                found, deep = Var(self.body[-1].name, expression.type), 0
            self.known[key], self.depth[key] = found, deep
        return self.known[key]
