"""Runs portable programs as plain Python: slow, the bitwise reference of all other languages."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps

import numpy as np

from handgrad.engines.compiled.python import PythonRunner, python_function
from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.engines.loops.ir import (
    Call,
    Expression,
    For,
    Let,
    Num,
    ReturnIf,
    Statement,
    Store,
    Var,
)
from handgrad.engines.loops.program import Program
from handgrad.engines.portable.scalarize import EVERYWHERE, scalarized

LOWEST = -(2**63)


class PortablePythonRunner(PythonRunner):
    """A runner of scalarized programs as plain Python."""

    target = staticmethod(lambda: EVERYWHERE)

    def __init__(self, program: Program) -> None:
        super().__init__(scalarized(program))

    @staticmethod
    def load(program: Program) -> Callable[..., int]:
        """Compile a program to a function whose numbers are NumPy scalars of their types."""
        typed = _Typed(program.dtype.type)
        body = [typed.statement(statement) for statement in program.body]
        names = {
            **typed.constants,
            **{_name(function): partial(value_of, function) for function in WRITTEN_OUT},
            "float": np.float64,
            "int": lambda x: int(x) if isinstance(x, np.bool_) or abs(x) < -LOWEST else LOWEST,
            "maximum": lambda x, y: x if x > y or x != x else y,
            "minimum": lambda x, y: x if x < y or x != x else y,
        }
        function = python_function(replace(program, body=body), names)

        @wraps(function)
        def quiet(*arguments: object) -> int:
            with np.errstate(all="ignore"):
                return function(*arguments)

        return quiet


def _name(function: str) -> str:
    return f"{function}_of"


class _Typed:
    """Replaces constants by names of typed scalars, and functions by names of their own."""

    def __init__(self, number: type[np.generic]) -> None:
        self.number, self.constants = number, dict[str, np.generic]()

    def statement(self, statement: Statement) -> Statement:
        match statement:
            case For(body=body):
                return replace(statement, body=[self.statement(inner) for inner in body])
            case Store(value=value) | Let(value=value):
                return replace(statement, value=self.expression(value))
            case ReturnIf(condition=condition):
                return replace(statement, condition=self.expression(condition))
        return statement

    def expression(self, expression: Expression) -> Expression:
        match expression:
            case Num(value, "float" | "double"):
                name = f"constant_{len(self.constants)}"
                kind = self.number if expression.type == "float" else np.float64
                self.constants[name] = kind(value)
                return Var(name, expression.type)
            case Call(operation, arguments, type):
                name = _name(operation) if operation in WRITTEN_OUT else operation
                return Call(name, tuple(map(self.expression, arguments)), type)
        return expression
