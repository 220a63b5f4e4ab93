"""Terms as text: `(1 − 0.0289^2)·(−0.7543)`, brackets where they are needed and nowhere else."""

from collections.abc import Mapping, Sequence

from handgrad.graph.operations import BINARY, COMPARISONS, UNARY, Op
from handgrad.graph.printing import PRECEDENCE
from handgrad.learn.explaining.terms import Elementwise, Many, Number, Place, Rest, Term

SIGNS = {Op.MULTIPLY: "·", Op.SUBTRACT: " − ", Op.POWER: "^"}
COMPARED, SUM, PRODUCT, SIGN = (
    PRECEDENCE[op] for op in (Op.LESS, Op.ADD, Op.MULTIPLY, Op.NEGATIVE)
)


def shown(value: float, digits: int) -> str:
    """A number to so many significant digits, whole ones in all of theirs: 0.4609, −1.2e-07."""
    text = str(abs(value)) if isinstance(value, int) else f"{abs(value):.{digits}g}"
    return f"−{text}" if value < 0 else text


class Writer:
    """Writes terms, numbers to `digits` significant digits; `words` name what is left out."""

    def __init__(self, digits: int, words: Mapping[str, str]) -> None:
        self.digits, self.words = digits, words

    def shown(self, value: float) -> str:
        """A number as it is written."""
        return shown(value, self.digits)

    def number(self, number: Number) -> str:
        """A number where it stands in a line."""
        return self.shown(number.number)

    def text(self, term: Term, binds: int = 0) -> str:
        """A term, in brackets where what stands around it binds more tightly."""
        match term:
            case Number(number):
                text = self.number(term)
                return f"({text})" if binds and number < 0 else text
            case Rest(count, kind, number):
                return f"[{self.words[kind].format(count)}: {self.shown(number)}]"
            case Many():
                return self._many(term, binds)
            case Place(operation, places, terms):
                written = [
                    f"{place}: {self.text(t)}" for place, t in zip(places, terms, strict=False)
                ]
                return _call(operation, [*written, *map(self.text, terms[len(places) :])])
            case Elementwise(operation, arguments):
                return self._elementwise(operation, arguments, binds)
        raise TypeError(type(term).__name__)

    def _elementwise(self, operation: Op, arguments: Sequence[Term], binds: int) -> str:
        if operation in UNARY:
            sign = "−" if operation is Op.NEGATIVE else operation.symbol
            text = f"{sign}{self.text(arguments[0], SIGN)}"
            return f"({text})" if binds > SUM else text
        if operation not in BINARY:
            return _call(operation, map(self.text, arguments))
        level, (left, right) = PRECEDENCE[operation], arguments
        compared = operation in COMPARISONS
        first = self.text(left, level + (compared or operation is Op.POWER))
        if level == SUM and isinstance(left, Number):
            first = self.text(left)
        sign = SIGNS.get(operation, f" {operation.symbol} ")
        if isinstance(left, Elementwise) and left.operation is Op.DIVIDE and sign == "·":
            sign = " · "  # a / b·c would look like a / (b·c)
        text = f"{first}{sign}{self.text(right, level + 1)}"
        return f"({text})" if level < binds or (compared and binds) else text

    def _many(self, term: Many, binds: int) -> str:
        if term.operation in (Op.MAX, Op.MIN):
            return _call(term.operation, map(self.text, term.terms))
        level, sign = (SUM, " + ") if term.operation is Op.SUM else (PRODUCT, "·")
        first, *others = term.terms
        if term.divisor == 1 and not others:
            return self.text(first, binds)
        lone = isinstance(first, Number) and level == SUM
        text = sign.join(
            [self.text(first, 0 if lone else level), *(self.text(t, level + 1) for t in others)]
        )
        if term.divisor != 1:
            inner = f"({text})" if others else self.text(first, PRODUCT)
            text, level = f"{inner} / {term.divisor}", PRODUCT
        return f"({text})" if level < binds else text


def _call(name: str, arguments: "Sequence[str] | map[str]") -> str:
    return f"{name}({', '.join(arguments)})"
