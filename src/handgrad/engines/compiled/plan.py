"""What a training is compiled to, by its form: machine code that trainings of one form share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from handgrad.config import TrainingConfig
from handgrad.engines.compiled.bounds import Bounds, index_bounds
from handgrad.engines.compiled.build import (
    prediction_graph,
    prediction_of,
    training_step,
    updates_of,
)
from handgrad.engines.compiled.program import training_program, update_program
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.compiled.streams import streams_of
from handgrad.engines.compiled.update import Update
from handgrad.engines.engine import EngineRows
from handgrad.graph import Graph

PREDICTED_AT_ONCE = 128  # rows: few, so that their products stay small and need no BLAS


@dataclass
class CompiledPlan:
    """The machine code of a training: of whole epochs, and of the two halves of a step."""

    step: Graph
    updates: Sequence[Update]
    batch_size: int
    dtype: np.dtype[Any]
    batches_weighted_by: str
    bounds: Bounds
    streams: list[str]
    predict: Runner | None

    @cached_property
    def epochs(self) -> Runner:
        """Epochs of steps, each followed by the optimizer's update, if it has one."""
        return self._epochs(self.updates)

    @cached_property
    def gradients(self) -> Runner:
        """The step without the update."""
        return self._epochs([]) if self.updates else self.epochs

    @cached_property
    def update(self) -> Runner:
        """The update alone."""
        return Runner(update_program(self.updates, self.dtype), 1)

    def _epochs(self, updates: Sequence[Update]) -> Runner:
        program = training_program(
            self.step,
            updates,
            self.batch_size,
            self.dtype,
            self.batches_weighted_by,
        )
        return Runner(program, self.batch_size)


def plan_of(
    config: TrainingConfig, rows: EngineRows, batch_size: int, *, predicts: bool
) -> CompiledPlan:
    """A training recorded and compiled; if it `predicts`, for rows held out too."""
    net, loss = config.net, config.loss
    step = training_step(net, loss, rows.x, rows.y, rows.w, config.penalty)
    predict = None
    if predicts:
        program = prediction_of(net, prediction_graph(net, rows.x), PREDICTED_AT_ONCE)
        predict = Runner(program, PREDICTED_AT_ONCE)
    plan = CompiledPlan(
        step,
        updates_of(net, config.optimizer),
        batch_size,
        net.dtype,
        loss.batches_weighted_by,
        index_bounds(step),
        streams_of(step, net.dtype),
        predict,
    )
    plan.epochs  # noqa: B018 - compiled now, so that what cannot be is refused
    return plan
