"""Numbers of one row as expressions of SQL, and the functions of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.graph.operations import Op

# Terms of a sum side by side: deeper expressions than 1000 are refused by SQLite.
TERMS = 64


@dataclass(frozen=True)
class Scalar:
    """An expression as a sum of terms; arrays of objects add and multiply it like a number."""

    terms: tuple[str, ...]

    @property
    def text(self) -> str:
        """The expression, in parentheses if it has several terms; they are added in groups."""
        terms = [*self.terms]
        while len(terms) > 1:
            parts = [terms[i : i + TERMS] for i in range(0, len(terms), TERMS)]
            terms = [f"({' + '.join(part)})" for part in parts]
        return terms[0]

    def __add__(self, other: object) -> Scalar:
        return self if _is(other, 0.0) else Scalar(self.terms + scalar(other).terms)

    def __radd__(self, other: object) -> Scalar:
        return self if _is(other, 0.0) else Scalar(scalar(other).terms + self.terms)

    def __mul__(self, other: object) -> Scalar:
        return self if _is(other, 1.0) else Scalar((f"{self.text} * {text(other)}",))

    def __rmul__(self, other: object) -> Scalar:
        return self if _is(other, 1.0) else Scalar((f"{text(other)} * {self.text}",))

    def __truediv__(self, other: object) -> Scalar:
        return call("({} / ({}))", self, other)


def _is(value: object, number: float) -> bool:
    return not isinstance(value, Scalar) and value == number


def scalar(value: object) -> Scalar:
    """An expression, also of a constant."""
    return value if isinstance(value, Scalar) else Scalar((number(value),))


def text(value: object) -> str:
    """The text of a number."""
    return scalar(value).text


def number(value: object) -> str:
    """A constant: with an exponent, so that it is a double; a float32 has nine digits."""
    x = float(value)  # type: ignore[arg-type]
    short = f"{x:.9g}" if float(np.float32(np.clip(x, -1e38, 1e38))) == x else repr(x)
    return short if "e" in short else f"{short}e0"


def call(form: str, *arguments: object) -> Scalar:
    """An expression of others."""
    return Scalar((form.format(*map(text, arguments)),))


def largest(values: Sequence[Scalar], results: Sequence[str], sign: str = ">=") -> str:
    """The result at the first largest of the values, or with `<=` at the smallest."""
    names, whens = [value.text for value in values], []
    for i, name in enumerate(names[:-1]):
        least = " AND ".join(f"{name} {sign} {other}" for other in names[i + 1 :])
        whens.append(f"WHEN {least} THEN {results[i]}")
    return f"CASE {' '.join(whens)} ELSE {results[-1]} END" if whens else results[-1]


def _extreme(sign: str) -> Callable[..., Scalar]:
    return lambda a, b: call(f"CASE WHEN {{0}} {sign} {{1}} THEN {{0}} ELSE {{1}} END", a, b)


def _formed(form: str) -> Callable[..., Scalar]:
    return lambda *arguments: call(form, *arguments)


FUNCTIONS: dict[Op, Callable[..., Scalar]] = {
    Op.ADD: lambda a, b: a + b,
    Op.SUBTRACT: lambda a, b: a + -1.0 * b,
    Op.MULTIPLY: lambda a, b: a * b,
    Op.DIVIDE: lambda a, b: a / b,
    Op.NEGATIVE: lambda a: -1.0 * a,
    Op.EXPM1: _formed("(exp({}) - 1e0)"),
    Op.LOG: _formed("ln({})"),
    Op.LOG1P: _formed("ln(1e0 + {})"),
    Op.POWER: _formed("power({}, {})"),
    Op.CEIL: _formed("ceil({})"),
    **{
        op: _formed(f"{op.value}({{}})")
        for op in (Op.EXP, Op.SQRT, Op.SIN, Op.COS, Op.TANH, Op.ABS, Op.FLOOR, Op.SIGN)
    },
    Op.LESS: _formed("({} < {})"),
    Op.LESS_EQUAL: _formed("({} <= {})"),
    Op.GREATER: _formed("({} > {})"),
    Op.GREATER_EQUAL: _formed("({} >= {})"),
    Op.EQUAL: _formed("({} = {})"),
    Op.NOT_EQUAL: _formed("({} <> {})"),
    Op.LOGICAL_AND: _formed("({} AND {})"),
    Op.LOGICAL_OR: _formed("({} OR {})"),
    Op.LOGICAL_NOT: _formed("(NOT {})"),
    Op.ISNAN: _formed("({} IS NULL)"),
    Op.WHERE: _formed("CASE WHEN {} THEN {} ELSE {} END"),
    Op.MAXIMUM: _extreme(">"),
    Op.MINIMUM: _extreme("<"),
}
TRUTH = "CASE WHEN {} THEN 1e0 ELSE 0e0 END"
