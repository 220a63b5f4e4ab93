"""A strict reader of written arithmetic: what is not understood to its last letter is refused.

It reads with intervals: a number stands for all that are rounded to it, so that a line is right if
its result can be what its numbers come to.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TOKEN = re.compile(
    r"\s*(\d[\d.]*(?:e[-+]?\d+)?|nan|inf|[a-z_][a-z_0-9]*|[<>=!]=|[-+·/^()\[\],:<>&|~−])"
)


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`."""

    low: float
    high: float

    @classmethod
    def around(cls, text: str, digits: int) -> "Interval":
        """What is written as `text` to so many significant digits; whole numbers are themselves."""
        value = float(text)
        if value == 0 or not math.isfinite(value) or (text.isdigit() and len(text) > digits):
            return cls(value, value)
        half = 0.5000001 * 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
        return cls(value - half, value + half)

    @classmethod
    def over(cls, function: Callable[..., float], *given: "Interval") -> "Interval":
        """What a function that rises or falls in each argument gives."""
        corners: list[list[float]] = [[]]
        for part in given:
            corners = [[*corner, end] for corner in corners for end in (part.low, part.high)]
        values = [function(*corner) for corner in corners]
        if any(math.isnan(value) for value in values):
            return cls(math.nan, math.nan)
        return cls(min(values), max(values))

    def meets(self, other: "Interval") -> bool:
        """Whether a number is in both; NaN is NaN."""
        if math.isnan(self.low) or math.isnan(other.low):
            return math.isnan(self.low) and math.isnan(other.low)
        if (self.low, self.high) == (other.low, other.high):
            return True
        slack = 1e-6 * max(abs(self.low), abs(self.high)) + 1e-12
        return self.low - slack <= other.high and other.low <= self.high + slack


def _power(a: float, b: float) -> float:
    try:
        return a**b
    except ZeroDivisionError:
        return math.inf


def _divided(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 else math.copysign(math.inf, a)
    return a / b


def _log(a: float) -> float:
    return math.log(a) if a > 0 else -math.inf if a == 0 else math.nan


def _exp(a: float) -> float:
    return math.exp(a) if a < 709 else math.inf


FUNCTIONS: dict[str, Callable[..., float]] = {
    "exp": _exp,
    "expm1": math.expm1,
    "log": _log,
    "log1p": lambda a: _log(1 + a),
    "log2": lambda a: _log(a) / math.log(2),
    "sqrt": lambda a: math.sqrt(a) if a >= 0 else math.nan,
    "reciprocal": lambda a: _divided(1, a),
    "sign": lambda a: (a > 0) - (a < 0),
    "tanh": math.tanh,
    "erf": math.erf,
    "floor": math.floor,
    "ceil": math.ceil,
    "maximum": max,
    "minimum": min,
    "max": max,
    "min": min,
    "isnan": math.isnan,
    "isfinite": math.isfinite,
    "logical_and": lambda a, b: bool(a and b),
    "logical_or": lambda a, b: bool(a or b),
    "logical_not": lambda a: not a,
}
COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


class Reader:
    """Reads one expression, of numbers written to so many `digits`."""

    def __init__(self, text: str, digits: int) -> None:
        self.digits, self.tokens = digits, list[str]()
        place = 0
        while place < len(text.rstrip()):
            found = TOKEN.match(text, place)
            assert found, f"{text[place:]!r} in {text!r}"
            self.tokens.append(found[1])
            place = found.end()

    def whole(self) -> Interval:
        """What all of it comes to."""
        value = self.either()
        assert not self.tokens, f"left over: {self.tokens}"
        return value

    def next(self, *wanted: str) -> str | None:
        if self.tokens and self.tokens[0] in wanted:
            return self.tokens.pop(0)
        return None

    def expect(self, wanted: str) -> None:
        assert self.next(wanted), f"{wanted!r} expected, not {self.tokens[:3]}"

    def either(self) -> Interval:
        return self.one_of(("|", "&"), self.compared)

    def one_of(self, signs: Sequence[str], inner: Callable[[], Interval]) -> Interval:
        value = inner()
        while sign := self.next(*signs):
            other = inner()
            both = (
                (lambda a, b: bool(a) and bool(b))
                if sign == "&"
                else (lambda a, b: bool(a) or bool(b))
            )
            value = Interval.over(both, value, other)
        return value

    def compared(self) -> Interval:
        value = self.sum()
        if sign := self.next(*COMPARED):
            value = Interval.over(COMPARED[sign], value, self.sum())
        return value

    def sum(self) -> Interval:
        value = self.product()
        while sign := self.next("+", "−"):
            other = self.product()
            value = (
                Interval(value.low + other.low, value.high + other.high)
                if sign == "+"
                else Interval(value.low - other.high, value.high - other.low)
            )
        return value

    def product(self) -> Interval:
        value = self.signed()
        while sign := self.next("·", "/"):
            other = self.signed()
            if sign == "/" and other.low < 0 < other.high:
                value = Interval(-math.inf, math.inf)
            else:
                value = Interval.over(
                    (lambda a, b: a * b) if sign == "·" else _divided, value, other
                )
        return value

    def signed(self) -> Interval:
        if self.next("−"):
            value = self.signed()
            return Interval(-value.high, -value.low)
        if self.next("~"):
            return Interval.over(lambda a: not a, self.signed())
        return self.power()

    def power(self) -> Interval:
        value = self.atom()
        if self.next("^"):
            exact = self.tokens[0].isdigit()  # a whole exponent is no rounded number
            whole = float(self.tokens[0]) if exact else 0.0
            other = self.atom()
            other = Interval(whole, whole) if exact else other
            spans = value.low < 0 < value.high
            value = Interval.over(_power, value, other)
            return Interval(0, value.high) if spans else value
        return value

    def atom(self) -> Interval:
        assert self.tokens, "something more expected"
        token = self.tokens.pop(0)
        if token == "(":
            value = self.either()
            self.expect(")")
            return value
        if token == "[":
            count = self.tokens.pop(0)
            assert count.isdigit(), count
            assert int(count) > 1
            assert self.tokens.pop(0) in ("smaller", "larger", "others")
            self.expect(":")
            value = self.signed()
            self.expect("]")
            return value
        if token[0].isdigit() or token in ("nan", "inf"):
            return Interval.around(token, self.digits)
        self.expect("(")
        return self.call(token)

    def call(self, name: str) -> Interval:
        given, places = list[Interval](), list[float]()
        while True:
            value = self.either()
            if self.next(":"):
                places.append(round((value.low + value.high) / 2))
                value = self.either()
            given.append(value)
            if not self.next(","):
                break
        self.expect(")")
        if name in ("argmax", "argmin"):
            best = max if name == "argmax" else min
            ends = [part.high for part in given]
            place = places[ends.index(best(ends))]
            return Interval(place, place)
        if name == "where":
            condition, yes, no = given
            if condition.low != condition.high:
                return Interval(min(yes.low, no.low), max(yes.high, no.high))
            return yes if condition.low else no
        if name in ("max", "min"):
            pick = max if name == "max" else min
            return Interval(pick(p.low for p in given), pick(p.high for p in given))
        if name in ("square", "abs"):
            (part,) = given
            low = 0.0 if part.low < 0 < part.high else min(abs(part.low), abs(part.high))
            high = max(abs(part.low), abs(part.high))
            return Interval(low**2, high**2) if name == "square" else Interval(low, high)
        if name in ("sin", "cos"):
            function = getattr(math, name)
            (part,) = given
            middle, half = (part.low + part.high) / 2, (part.high - part.low) / 2
            return Interval(function(middle) - half - 1e-15, function(middle) + half + 1e-15)
        assert name in FUNCTIONS, name
        return Interval.over(FUNCTIONS[name], *given)


def read(line: str, digits: int) -> tuple[list[Interval], str]:
    """The parts of `name = … = result`, each read; and the name."""
    name, *parts = line.strip().split(" = ")
    assert re.fullmatch(r"[A-Za-z]\w*'*(\[\d+(,\d+)*\])?", name), name
    assert 1 <= len(parts) <= 2, line
    return [Reader(part, digits).whole() for part in parts], name
