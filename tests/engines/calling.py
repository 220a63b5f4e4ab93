"""A program as a function of its arguments, with no scratch memory."""

from collections.abc import Callable

from handgrad.engines.compiled.llvm import compiled_function
from handgrad.engines.compiled.runner import Calls, NativeCall
from handgrad.engines.loops.program import Program


def machine_code(program: Program) -> Callable[..., int]:
    """The program as machine code, compiled once."""
    function = compiled_function(program)
    return lambda *arguments: Calls([NativeCall(function, arguments)]).run()[1]
