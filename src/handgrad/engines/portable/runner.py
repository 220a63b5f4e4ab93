"""Runs portable programs: in plain statements, as machine code that changes no arithmetic."""

from collections.abc import Callable
from typing import Any

from handgrad.engines.compiled.runner import Runner
from handgrad.engines.loops.program import Program
from handgrad.engines.portable.machine_code import portable_function
from handgrad.engines.portable.programs import EVERYWHERE
from handgrad.engines.portable.scalarize import written_out


class PortableRunner(Runner):
    """A program written out and compiled, with scratch memory of its own."""

    target = staticmethod(lambda: EVERYWHERE)
    load: Callable[[Program], Any] = staticmethod(portable_function)

    def __init__(self, program: Program) -> None:
        super().__init__(written_out(program))
