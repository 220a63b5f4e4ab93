"""The portable engine: whole epochs by the same program, with the same bits everywhere."""

from collections.abc import Callable
from typing import Any, ClassVar

from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.predictor import CompiledPredictor
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.loops.program import Program
from handgrad.engines.portable.machine_code import portable_function
from handgrad.engines.portable.scalarize import EVERYWHERE, scalarized
from handgrad.textbook.net.predictor import EngineName


class PortableRunner(Runner):
    """A program written out and compiled, with scratch memory of its own."""

    target = staticmethod(lambda: EVERYWHERE)
    load: Callable[[Program], Any] = staticmethod(portable_function)

    def __init__(self, program: Program) -> None:
        super().__init__(scalarized(program))


class PortableEngine(CompiledEngine):
    """Trains the net of `config` in place on `rows`, by IEEE's arithmetic in one order."""

    name: EngineName = "portable"
    runner: ClassVar[type[Runner]] = PortableRunner

    def environment(self) -> dict[str, str]:
        return {}


class PortablePredictor(CompiledPredictor):
    """Predicts with a net as it was made for, by the same arithmetic; what is not finite too."""

    only_finite: ClassVar[bool] = False
    runner_of: ClassVar[type[Runner]] = PortableRunner
