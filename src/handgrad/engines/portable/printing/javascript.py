"""Plain programs as JavaScript: each float32 is rounded where it is computed, by Math.fround."""

import math

import numpy as np

from handgrad.engines.loops.functions.function import Function
from handgrad.engines.loops.ir import Expression, Type, Var
from handgrad.engines.loops.program import FINISHED, Program
from handgrad.engines.portable.printing.c_family import COMPARISON, INDENT, SUM, Braces
from handgrad.engines.portable.printing.javascript_runtime import PIECES
from handgrad.engines.portable.printing.specialize import buffers_of

# Operations that are exact.
WORDS = {
    "isfinite": "Number.isFinite",
    "isnan": "Number.isNaN",
    "floor": "Math.floor",
    "ceil": "Math.ceil",
    "abs": "Math.abs",
}


class JavaScript(Braces):
    """Writes JavaScript; a number of type float is a double that float32 has, if `single`."""

    pieces = PIECES

    def declared(self, variable: Var, value: str, *, constant: bool) -> str:
        word = "const" if constant else "let"
        return f"{word} {variable.name}" + (f" = {value}" if value else "")

    def symbol(self, operation: str) -> str:
        return {"equal": "===", "not_equal": "!=="}.get(operation) or super().symbol(operation)

    def rounded(self, text: str, type: Type) -> str | None:
        return f"f32({text})" if self.single and type == "float" else None

    def number(self, value: float, type: Type) -> str:
        if type == "bool":
            return str(bool(value)).lower()
        if type == "int":
            return str(int(value))
        if not math.isfinite(value):
            return repr(float(value)).replace("inf", "Infinity").replace("nan", "NaN")
        text = repr(float(value)).removesuffix(".0")
        if self.single and type == "float" and float(np.float32(value)) != value:
            return f"f32({text})"
        return text

    def cast(self, argument: Expression, type: Type, around: int) -> str:
        if type == "bool":
            return f"({self.text(argument, SUM)} !== 0)"
        if argument.type == "bool":
            return f"({self.text(argument, COMPARISON)} ? 1 : 0)"
        if type == "int":
            return self.called("whole", (argument,), "int")
        return self.rounded(self.text(argument), type) or self.text(argument, around)

    def operation(self, name: str, arguments: tuple[Expression, ...], type: Type) -> str | None:
        if name in WORDS:
            return f"{WORDS[name]}({self.text(arguments[0])})"
        if name == "sqrt":
            root = f"Math.sqrt({self.text(arguments[0])})"
            return self.rounded(root, type) or root
        return None

    def opening(self, function: Function) -> str:
        return f"function {function.name}({', '.join(p.name for p in function.parameters)}) {{"

    def program(self, program: Program) -> list[str]:
        """A program as a function of the numbers and buffers that it reads or fills."""
        buffers = buffers_of(program.body)
        names = [p.name for p in program.parameters if not p.buffer or p.name in buffers]
        return [
            f"function {program.name}({', '.join(names)}) {{",
            *self.lines(program.body),
            f"{INDENT}return {FINISHED};",
            "}",
        ]
