"""Plain programs as C99: what it computes, it computes in the type that stands there."""

import math
import re

import numpy as np

from handgrad.engines.loops.functions.function import Function
from handgrad.engines.loops.ir import Expression, Type, Var
from handgrad.engines.portable.printing.c_family import COMPARISON, SIGN, SUM, Braces
from handgrad.engines.portable.printing.c_runtime import PIECES

PREFIX = "$"  # in the place of what the names of a file begin with; twice, for itself


class C(Braces):
    """Writes C; the names of functions and of static arrays begin with `PREFIX`.

    `given` are the buffers that the function which is written is called with, `tables` is what its
    constants are called.
    """

    pieces = PIECES
    given: tuple[str, ...] = ()
    tables = "tables"

    @property
    def types(self) -> dict[Type, str]:
        """How a type is called; truth values are whole numbers in C."""
        number = "float" if self.single else "double"
        return {"float": number, "double": "double", "int": "int32_t", "bool": "int"}

    def declared(self, variable: Var, value: str, *, constant: bool) -> str:
        word = "const " if constant else ""
        return f"{word}{self.types[variable.type]} {variable.name}" + (
            f" = {value}" if value else ""
        )

    def buffer(self, name: str) -> str:
        if name in self.given:
            return name
        return PREFIX + (self.tables if name == "tables" else name)

    def comment(self, text: str) -> str:
        return f"// {text_within(text)}"

    def number(self, value: float, type: Type) -> str:
        if type in ("int", "bool"):
            return str(int(value))
        return c_number(np.float32(value) if self.types[type] == "float" else np.float64(value))

    def cast(self, argument: Expression, type: Type, around: int) -> str:
        if type == "bool":
            return f"({self.text(argument, SUM)} != 0)"
        if type == "int" and argument.type in ("float", "double"):
            return self.called("whole", (argument,), "int")
        if self.types[type] == self.types[argument.type]:
            return self.text(argument, around)
        return f"({self.types[type]}){self.text(argument, SIGN)}"

    def operation(self, name: str, arguments: tuple[Expression, ...], type: Type) -> str | None:
        x = arguments[0]
        if name == "isnan":
            return f"({self.text(x, SUM)} != {self.text(x, SUM)})"
        if name == "isfinite":
            return f"({self.text(x, SUM)} - {self.text(x, SUM + 1)} == 0)"
        if name in ("maximum", "minimum") and type == "int":
            sign = ">" if name == "maximum" else "<"
            a, b = (self.text(argument, COMPARISON + 1) for argument in arguments)
            return f"({a} {sign} {b} ? {a} : {b})"
        return None

    def call(self, name: str, given: str) -> str:
        return f"{PREFIX}{name}({given})"

    def opening(self, function: Function) -> str:
        types = self.types
        given = ", ".join(f"{types[p.type]} {p.name}" for p in function.parameters)
        return f"static {types[function.result.type]} {PREFIX}{function.name}({given}) {{"

    def draw(self, stream: int, buffer: str, offset: str, count: str) -> str:
        self.used["draw"] = None
        place = f"{self.buffer(buffer)} + {offset}"
        return f"{PREFIX}draw({PREFIX}streams + 6 * {stream}, {place}, {count});"


def c_number(number: np.generic) -> str:
    """A number of float32 or float64 as a constant of C."""
    value, suffix = number.item(), "f" if number.dtype == np.float32 else ""
    if math.isnan(value):
        return f"(0.0{suffix} / 0.0{suffix})"
    if math.isinf(value):
        return f"({math.copysign(1.0, value)}{suffix} / 0.0{suffix})"
    text = str(number) if suffix else repr(value)
    return text + (".0" if text.lstrip("-").isdigit() else "") + suffix


def text_within(text: str) -> str:
    """A text that may stand in a comment of C: it ends nothing, and nothing goes on after it."""
    line = re.sub(r"\?(?=\?)", "? ", " ".join(text.splitlines()).replace("*/", "* /"))
    return line.replace(PREFIX, PREFIX + PREFIX).rstrip("\\ ")
