"""What a training is compiled to, by its form: machine code that trainings of one form share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from handgrad.config import TrainingConfig
from handgrad.engines.compiled.build import prediction_of, training_step, updates_of
from handgrad.engines.compiled.epochs import training_program, update_program
from handgrad.engines.compiled.program import Program
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.compiled.update import Update
from handgrad.engines.engine import EngineRows

PREDICTED_AT_ONCE = 128  # rows: few, so that their products stay small and need no BLAS


@dataclass
class CompiledPlan:
    """The machine code of a training: of whole epochs, and of the two halves of a step.

    `program` gives that of epochs in which the parameters are updated so.
    """

    program: Callable[[Sequence[Update]], Program]
    updates: Sequence[Update]
    predict: Runner | None

    def __post_init__(self) -> None:
        program = self.program(self.updates)
        self.bounds = program.bounds  # first, so that nothing is compiled where there are none
        self.epochs = Runner(program)

    @cached_property
    def gradients(self) -> Runner:
        """The step without the update."""
        return Runner(self.program([])) if self.updates else self.epochs

    @cached_property
    def update(self) -> Runner:
        """The update alone."""
        return Runner(update_program(self.updates, self.epochs.program.dtype))


def plan_of(
    config: TrainingConfig, rows: EngineRows, batch_size: int, *, predicts: bool
) -> CompiledPlan:
    """A training recorded and compiled; if it `predicts`, for rows held out too."""
    net, loss = config.net, config.loss
    step = training_step(net, loss, rows.x, rows.y, rows.w, config.penalty)
    predict = Runner(prediction_of(net, rows.x, PREDICTED_AT_ONCE)) if predicts else None
    program = partial(
        training_program,
        step,
        batch_size=batch_size,
        dtype=net.dtype,
        batches_weighted_by=loss.batches_weighted_by,
    )
    return CompiledPlan(program, updates_of(net, config.optimizer), predict)
