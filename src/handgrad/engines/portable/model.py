"""What a file that predicts, and perhaps trains, is made of: its programs and their numbers."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.loops.random_streams import WORDS, Streams, words_of
from handgrad.engines.portable.scalarize import portable_prediction, portable_training
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import example_input, example_targets
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty

PREDICTED_AT_ONCE = 32  # rows
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PortableModel:
    """A net as portable programs, and all that they are called with at first.

    `prediction` goes through rows by batches, `training` runs an epoch; both name what they are
    called with as `MEANINGS` does. `rows` has the shape of a row of `x`, and of `y` where there is
    a training. `parameters` and `state` are the net's, in one row each. `streams` (n_streams, 6)
    are the words of the random streams that the training draws from, `shuffling` (6,) those of the
    one that shuffles its rows: each epoch's order is that of the epoch before, shuffled as NumPy's
    Generator does.
    """

    prediction: Program
    training: Program | None
    rows: Mapping[str, Shape]
    parameters: Array
    state: Array
    shapes: Mapping[str, Mapping[str, Shape]]
    streams: Array
    shuffling: Array
    learning_rate: float
    batch_size: int

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of all numbers that are no whole ones: float32 or float64."""
        return self.prediction.dtype

    @property
    def output_shape(self) -> Shape:
        """The shape of the prediction for a row."""
        return self.prediction.output_shape

    def sizes(self, program: Program, n_rows: int) -> dict[str, int]:
        """How many numbers each buffer of one of the two programs has for that many rows."""
        arena, outputs = program.arena.sizes, math.prod(self.output_shape)
        known = {name: n_rows * math.prod(row) for name, row in self.rows.items()} | {
            "order": n_rows,
            "state": self.state.size,
            "state_after": self.state.size,
            "learning_rates": -(-n_rows // self.batch_size),
            "loss_before": 1,
            "steps": 1,
            "predictions": n_rows * outputs,
            "loss_total": 1,
            "streams": self.streams.size,
            "streams_after": self.streams.size,
            "tables": sum(table.size for table in program.tables),
            "scratch": arena["float"],
            "scratch_int": arena["int"],
            "scratch_bool": arena["bool"],
        }
        # the others have a number for each of the parameters
        return {p.name: known.get(p.name, self.parameters.size) for p in called(program)}


def called(program: Program) -> list[Parameter]:
    """The buffers that a portable program is called with, in order."""
    return [p for p in program.parameters if p.buffer]


def portable_model(
    net: Net,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    penalty: Penalty | None = None,
    x: Array | None = None,
    y: Array | None = None,
    batch_size: int = 32,
    predicted_at_once: int = PREDICTED_AT_ONCE,
    copies: bool = True,
    rng: int = 0,
) -> PortableModel:
    """The net as it stands, for predictions; with a `loss` and an `optimizer`, for training too.

    `x` and `y` are a few example rows, needed only where the net does not say what it takes. The
    training has batches of `batch_size` rows, a prediction of `predicted_at_once`. Without
    `copies` products need no memory beside, which is best for one row. `rng` is the seed of the
    shuffling and of the random layers, as that of `hg.train`.
    """
    net, generator = copy.deepcopy(net), np.random.default_rng(rng)
    net.seed(generator)
    x = example_input(net, 4) if x is None else x
    prediction = portable_prediction(net, x, predicted_at_once, copies=copies)
    rows = {"x": x.shape[1:]}
    training = None
    if loss is not None and optimizer is not None:
        y = example_targets(loss, copy.deepcopy(net).predict(x)) if y is None else np.asarray(y)
        training = portable_training(net, loss, optimizer, x, y, batch_size, penalty, copies=copies)
        rows["y"] = y.shape[1:]
    streams = Streams(net, () if training is None else training.streams)
    return PortableModel(
        prediction=prediction,
        training=training,
        rows=rows,
        parameters=net.parameters.copy(),
        state=net.running_state.copy(),
        shapes={
            "parameters": {name: array.shape for name, array in net.named_parameters().items()},
            "state": {name: array.shape for name, array in net.named_states().items()},
        },
        streams=streams.words.reshape(-1, WORDS),
        shuffling=np.array(words_of(generator), np.uint64),
        learning_rate=0.0 if optimizer is None else optimizer.learning_rate,
        batch_size=batch_size,
    )
