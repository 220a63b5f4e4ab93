"""Portable models: the programs and weights of exported files that predict, and may train."""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.loops.random_streams import WORDS, Streams, words_of
from handgrad.engines.portable.scalarize import portable_prediction, portable_training
from handgrad.graph.symbolic import shape_text
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
    """A net as portable programs, with their initial arguments.

    Attributes
    ----------
    prediction : Program
        Predicts rows by batches; its parameters' names are those of `MEANINGS`.
    training : Program or None
        Trains for an epoch.
    rows : mapping of str to tuple of int
        The shape of a row of `x`, and of `y` if there is a training.
    parameters, state : array (n,)
        The net's parameters and running state.
    shapes : mapping
        The shapes of the arrays in `parameters` and `state`, by name.
    streams : array (n_streams, 6)
        The words of the random streams of the training.
    shuffling : array (6,)
        The words of the stream that shuffles rows: each epoch shuffles the order of the one before
        as NumPy's Generator does.
    learning_rate : float
        The initial one.
    batch_size : int
        Rows of a mini-batch.
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
        """The floating-point type: float32 or float64."""
        return self.prediction.dtype

    @property
    def output_shape(self) -> Shape:
        """The shape of a row's prediction."""
        return self.prediction.output_shape

    def arrays_in(self, name: str, numbers: Array) -> Iterator[tuple[str, Array]]:
        """The arrays in the `numbers` of `parameters` or `state`, with their paths and shapes."""
        begin = 0
        for path, shape in self.shapes[name].items():
            end = begin + math.prod(shape)
            yield f"{path}, {shape_text(shape)}", numbers[begin:end]
            begin = end

    def sizes(self, program: Program, n_rows: int) -> dict[str, int]:
        """The size of each buffer of a program for `n_rows` rows, in numbers."""
        arena, outputs = program.arena.sizes, math.prod(self.output_shape)
        sizes = {name: n_rows * math.prod(row) for name, row in self.rows.items()} | {
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
        # the others have as many numbers as there are parameters
        return {p.name: sizes.get(p.name, self.parameters.size) for p in called(program)}


def called(program: Program) -> list[Parameter]:
    """The buffers of a portable program, in the order of its parameters."""
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
    """Make a portable model of a net: for prediction, with `loss` and `optimizer` also training.

    Parameters
    ----------
    net : Net
        Not changed; the model has a copy of its weights.
    loss : Loss, optional
        For training.
    optimizer : Optimizer, optional
        For training.
    penalty : Penalty, optional
        Added to the loss.
    x : array, optional
        A few example rows; needed if the net does not determine its input shape.
    y : array, optional
        Their targets; needed if the loss does not determine the shape of targets.
    batch_size : int, default 32
        Rows of a mini-batch in training.
    predicted_at_once : int, default 32
        Rows of a batch in prediction.
    copies : bool, default True
        Allow products to copy transposed matrices to scratch memory. False is best for one row.
    rng : int, default 0
        Seed of the shuffling and of random layers, as in `hg.train`.

    Returns
    -------
    PortableModel
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
