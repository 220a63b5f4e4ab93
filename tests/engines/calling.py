"""A program as a function of its arguments, with no scratch memory."""

from collections.abc import Callable

from handgrad.engines.compiled.llvm import compiled_function
from handgrad.engines.compiled.machine_code import MachineCode
from handgrad.engines.compiled.runner import CallSequence, NativeCall
from handgrad.engines.loops.program import Program
from handgrad.engines.portable.machine_code import portable_function


def machine_code(program: Program) -> Callable[..., int]:
    """The program as machine code, compiled once."""
    return _called(compiled_function(program))


def portable_code(program: Program) -> Callable[..., int]:
    """The program, of plain statements, as machine code with the bits of every other machine."""
    return _called(portable_function(program))


def _called(function: MachineCode) -> Callable[..., int]:
    return lambda *arguments: CallSequence([NativeCall(function, arguments)]).run()[1]
