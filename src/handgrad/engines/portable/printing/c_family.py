"""C family: common part of the printers of C, JavaScript and Rust, their literals, runtimes."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from handgrad.engines.loops.functions.function import Function
from handgrad.engines.loops.ir import (
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    Num,
    ReturnIf,
    Statement,
    Store,
    Type,
    Var,
    whole,
)
from handgrad.engines.loops.printing import SYMBOLS
from handgrad.engines.portable.functions import DOUBLE_SUFFIX
from handgrad.engines.portable.printing.scopes import Path, Scopes, scopes_of
from handgrad.textbook.layers import Array


def number_texts(numbers: Array) -> list[str]:
    """The shortest decimal texts of numbers, which also round-trip by way of float64.

    >>> number_texts(np.array([0.1, 1.0, -0.0, 3e-8, np.inf], np.float32))
    ['0.1', '1', '-0', '3e-08', 'inf']
    """
    return [number_text(number) for number in numbers.ravel()]


def number_text(number: np.generic) -> str:
    """The shortest decimal text of a number."""
    if number.dtype != np.float32:
        return repr(number.item()).removesuffix(".0")
    text = str(number)
    if np.isfinite(number) and np.float32(float(text)) != number:
        text = repr(float(number))  # rounding twice would change it
    return text.removesuffix(".0")


def narrowed(numbers: Array) -> Array:
    """The numbers as float32 if that represents all of them exactly: half the size."""
    with np.errstate(over="ignore"):
        narrow = numbers.astype(np.float32)
    return narrow if np.array_equal(narrow, numbers) else numbers


def wrapped(words: Iterable[str], width: int, indent: str) -> list[str]:
    """Wrap words to lines of at most `width`."""
    lines: list[str] = []
    line = ""
    for word in words:
        if line and len(indent) + len(line) + 1 + len(word) > width:
            lines.append(indent + line)
            line = ""
        line += f" {word}" if line else word
    return [*lines, indent + line] if line else lines


COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class RuntimeSnippets:
    """A runtime as snippets, by the names they define, of which only the used ones are printed.

    `shared` is for numbers of any type, the others for float32 and float64. Names in the texts
    follow `prefix`; a snippet requires those that it mentions.
    """

    shared: Mapping[str, str]
    of_single: Mapping[str, str]
    of_double: Mapping[str, str]
    prefix: str = ""

    def used(self, names: Iterable[str], *, single: bool) -> list[str]:
        """The snippets that these names require, in a program of float32 (`single`) or float64."""
        snippets: dict[str, str] = {}
        for name in names:
            self._collect(name, single, snippets)
        return [*snippets.values()]

    def _collect(self, name: str, single: bool, snippets: dict[str, str]) -> None:
        base = name.removesuffix(DOUBLE_SUFFIX)
        suffix = name.removeprefix(base)
        own = self.of_single if single and not suffix else self.of_double
        text = self.shared.get(name) or own.get(base)
        if name in snippets or text is None:
            return
        for need in self._names(own.keys() | self.shared.keys()).findall(COMMENT.sub("", text)):
            if need != base:
                self._collect(need + (suffix if need in own else ""), single, snippets)
        snippets[name] = self._names(own).sub(rf"{self.prefix}\g<1>{suffix}", text)

    def _names(self, names: Iterable[str]) -> "re.Pattern[str]":
        return re.compile(rf"{re.escape(self.prefix)}\b({'|'.join(sorted(names))})\b")


# Operator precedence, the weakest first.
CONDITIONAL, OR, AND, COMPARISON, SUM, PRODUCT, SIGN, PRIMARY = range(8)
PRECEDENCE = {"||": OR, "&&": AND, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT}
INDENT = "  "


@dataclass
class CFamilyPrinter(ABC):
    """Prints statements and expressions of programs of float32 (`single`) or float64.

    `used` collects, as keys, the names of functions that are no part of the language.
    """

    single: bool
    used: dict[str, None] = field(default_factory=dict)
    runtime: ClassVar[RuntimeSnippets]

    @abstractmethod
    def declared(self, variable: Var, value: str, *, constant: bool) -> str:
        """The declaration of a variable; `value` is empty if it has none yet."""

    @abstractmethod
    def number(self, value: float, type: Type) -> str:
        """A constant."""

    @abstractmethod
    def cast(self, argument: Expression, type: Type, around: int) -> str:
        """A cast to another type."""

    @abstractmethod
    def operation(self, name: str, arguments: tuple[Expression, ...], type: Type) -> str | None:
        """An operation that the language has; None if it is called as a function."""

    @abstractmethod
    def opening(self, function: Function) -> str:
        """The first line of a function of numbers, up to its brace."""

    def function(self, function: Function) -> list[str]:
        """A function of numbers as lines."""
        result = f"{INDENT}return {self.text(function.result)};"
        return [self.opening(function), *self.lines(function.body), result, "}"]

    def rounded(self, text: str, type: Type) -> str | None:
        """An operation's result rounded to its type, if the language does not do so; else None."""
        return None

    def call(self, name: str, arguments: str) -> str:
        """The call of a function of that name."""
        return f"{name}({arguments})"

    def buffer(self, name: str) -> str:
        """The name of a buffer."""
        return name

    def comment(self, text: str) -> str:
        """A comment line."""
        return f"// {' '.join(text.splitlines())}"

    def symbol(self, operation: str) -> str:
        """The operator of a binary operation."""
        return {"logical_and": "&&", "logical_or": "||"}.get(operation, SYMBOLS[operation])

    def lines(self, body: Sequence[Statement], depth: int = 1) -> list[str]:
        """The statements as lines."""
        return [INDENT * depth + line for line in self._lines(body, scopes_of(body), ())]

    def _lines(self, body: Sequence[Statement], scopes: Scopes, around: Path) -> list[str]:
        lines: list[str] = []
        for i, statement in enumerate(body):
            path = (*around, i)
            for variable in scopes.before.get(path, ()):
                lines.append(f"{self.declared(variable, '', constant=False)};")
            if isinstance(statement, For):
                inner = self._lines(statement.body, scopes, path)
                lines += [self.loop(statement), *(INDENT + line for line in inner), "}"]
            else:
                lines.append(self._line(statement, scopes.declares.get(path)))
        return lines

    def loop(self, loop: For) -> str:
        """The first line of a loop, up to its brace."""
        counter = Var(loop.counter, "int")
        begin = self.declared(counter, self.text(loop.begin), constant=False)
        step = f"{loop.counter} += {loop.step}" if loop.step > 1 else f"{loop.counter}++"
        return f"for ({begin}; {loop.counter} < {self.text(loop.stop, SUM)}; {step}) {{"

    def _line(self, statement: Statement, constant: bool | None) -> str:
        """A statement; `constant` is None for an assignment, else of a declaration."""
        match statement:
            case Comment(text):
                return self.comment(text)
            case Store(buffer, index, value):
                place = self.place(buffer, index)
                return self.assigned(place, Load(buffer, index, value.type), value)
            case Let(name, value) if constant is not None:
                variable = Var(name, value.type)
                return f"{self.declared(variable, self.text(value), constant=constant)};"
            case Let(name, value):
                return self.assigned(name, Var(name, value.type), value)
            case ReturnIf(condition, value):
                return f"if ({self.text(condition)}) return {self.text(value)};"
            case Draw(stream, buffer, offset, count):
                return self.draw(stream, buffer, self.text(offset), self.text(count))
        raise TypeError(f"{statement} is no plain statement")

    def draw(self, stream: int, buffer: str, offset: str, count: str) -> str:
        """Random numbers into a buffer."""
        self.used["draw"] = None
        return f"draw(streams, {stream}, {buffer}, {offset}, {count});"

    def place(self, buffer: str, index: Expression) -> str:
        """An element of a buffer."""
        return f"{self.buffer(buffer)}[{self.text(index)}]"

    def assigned(self, place: str, before: Expression, value: Expression) -> str:
        """The assignment of a value to a place, whose value was `before`."""
        if value == Call("add", (before, whole(1)), "int"):
            return f"{place}++;"
        return f"{place} = {self.text(value)};"

    def text(self, expression: Expression, around: int = CONDITIONAL) -> str:
        """The expression; in brackets if the precedence `around` it is higher."""
        match expression:
            case Num(value, type):
                text = self.number(value, type)
                return _bracketed(text, SIGN if text.startswith("-") else PRIMARY, around)
            case Var(name, _):
                return name
            case Load(buffer, index, _):
                return self.place(buffer, index)
            case Call("where", (condition, a, b), _):
                first, second = self.text(condition, OR), self.text(a, OR)
                return _bracketed(f"{first} ? {second} : {self.text(b)}", CONDITIONAL, around)
            case Call("cast", (a,), type):
                return self.cast(a, type, around)
            case Call("logical_not", (a,), _):
                return _bracketed(f"!{self.text(a, PRIMARY)}", SIGN, around)
            case Call("negative", (a,), "int"):  # as 0 has no sign there
                return self.text(whole(0) - a, around)
            case Call("negative", (a,), _):
                return _bracketed(f"-{self.text(a, PRIMARY)}", SIGN, around)
            case Call(operation, (a, b), type) if operation in SYMBOLS and operation != "power":
                return self._of_two(self.symbol(operation), a, b, type, around)
            case Call(operation, arguments, type):
                known = self.operation(operation, arguments, type)
                return known or self.called(operation, arguments, type)
        raise TypeError(f"{expression} is no plain expression")

    def called(self, name: str, arguments: tuple[Expression, ...], type: Type) -> str:
        """The call of a printed function, or of a runtime snippet."""
        kind = arguments[0].type if type in ("bool", "int") else type
        if self.single and kind == "double" and name not in self.runtime.shared:
            name += DOUBLE_SUFFIX
        self.used[name] = None
        return self.call(name, ", ".join(map(self.text, arguments)))

    def _of_two(self, sign: str, a: Expression, b: Expression, type: Type, around: int) -> str:
        own = PRECEDENCE.get(sign, COMPARISON)
        left, right = own, own + 1
        if own == COMPARISON:
            left = SUM
        elif own < COMPARISON:  # brackets for readability
            left = own if _sign_of(self, a) == sign else COMPARISON
            right = COMPARISON
        text = f"{self.text(a, left)} {sign} {self.text(b, right)}"
        rounded = self.rounded(text, type)
        return _bracketed(text, own, around) if rounded is None else rounded


def _sign_of(writer: CFamilyPrinter, expression: Expression) -> str | None:
    if isinstance(expression, Call) and expression.operation in SYMBOLS:
        return writer.symbol(expression.operation)
    return None


def _bracketed(text: str, own: int, around: int) -> str:
    return f"({text})" if own < around else text
