"""The portable engine: machine code of portable programs, with the same bits everywhere."""

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
    """A runner of scalarized programs, as machine code that changes no arithmetic."""

    target = staticmethod(lambda: EVERYWHERE)
    load: Callable[[Program], Any] = staticmethod(portable_function)

    def __init__(self, program: Program) -> None:
        super().__init__(scalarized(program))


class PortableEngine(CompiledEngine):
    """Trains a net in place, by IEEE arithmetic in one order.

    Parameters
    ----------
    config : TrainingConfig
        Net, loss, optimizer, penalty and batch size; the engine keeps the optimizer's state.
    rows : EngineRows
        The training samples.
    held_out : sequence of arrays or tuples of arrays
        Inputs to predict after each epoch.
    """

    name: EngineName = "portable"
    runner: ClassVar[type[Runner]] = PortableRunner

    def environment(self) -> dict[str, str]:
        return {}


class PortablePredictor(CompiledPredictor):
    """Predicts with a net by the same arithmetic, also where predictions are not finite.

    Parameters
    ----------
    net : Net
        Traced once, here.
    x : array or tuple of arrays
        Rows of the form that is predicted.
    """

    only_finite: ClassVar[bool] = False
    runner_of: ClassVar[type[Runner]] = PortableRunner
