"""The portable engine: whole epochs by the same program, with the same bits everywhere."""

from typing import ClassVar

from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.predictor import CompiledPredictor
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.portable.runner import PortableRunner
from handgrad.textbook.net.predictor import EngineName


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
