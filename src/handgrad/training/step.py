"""Training steps for loops of your own: gradients, the optimizer's step, predictions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import isfinite
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from handgrad.engines.config import TrainingConfig
from handgrad.engines.dispatch import engine_for, resolve_engine
from handgrad.engines.engine import Engine
from handgrad.textbook.errors import DivergenceError, SettingError, ShapeError, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import (
    Inputs,
    array_of,
    check_consistent_length,
    named_parts,
    number_of_rows,
)
from handgrad.textbook.optimizers import SGD, Optimizer
from handgrad.textbook.penalties import Penalty
from handgrad.training.loop import refuse_full_batch
from handgrad.training.validate_data import CheckedData, checked_data, checked_inputs, checked_parts

Rows = npt.ArrayLike | tuple[npt.ArrayLike, ...]
StepEngine = Literal["auto", "eager", "compiled", "portable"]
WHERE = "batch"
MANY = 1_000_000  # steps: a loop of one's own is worth compiling


class StepGradients(NamedTuple):
    """The results of `TrainingStep.gradients`.

    Parameters
    ----------
    loss : float
        Mean loss of the batch, with the penalty.
    dx : array or tuple of arrays
        Its gradient with respect to the inputs; None for inputs that are indices.
    gradients : array, shape (parameters,)
        Its gradient with respect to all parameters: `net.gradients`, which the next call
        overwrites.
    predictions : array
        Training-mode predictions.
    """

    loss: float
    dx: Any
    gradients: Array
    predictions: Array


class GivenGradient(Loss):
    """The loss whose gradient with respect to the predictions is given: L = Σ p y, dp = y."""

    def forward(self, p: Array, y: Array) -> float:
        self.y = y
        return (p * y).sum()

    def backward(self, loss: object = None) -> Array:
        return self.y


class TrainingStep:
    """A training step in parts, compiled at the first batch; made by `handgrad.compile`.

    Parameters and gradients of its `net` may be read and changed between calls. `engine` runs it;
    it is None before the first batch.

    Parameters
    ----------
    config : TrainingConfig
        Net, loss, optimizer, penalty and engine.
    batch_size : int, optional
        Most rows of a batch.
    updates : bool
        True with an optimizer of the caller's.
    """

    def __init__(self, config: TrainingConfig, batch_size: int | None, *, updates: bool) -> None:
        self.config, self.net, self.batch_size = config, config.net, batch_size
        self.updates = updates
        self.engine: Engine | None = None

    def gradients(self, x: Rows, y: npt.ArrayLike) -> StepGradients:
        """Compute loss and gradients of a batch; the parameters stay as they are.

        Parameters
        ----------
        x : array or tuple of arrays
            Inputs, at most `batch_size` rows.
        y : array
            Their targets; without a loss, the gradient of the predictions, of their shape.

        Returns
        -------
        StepGradients
            Loss, dx, gradients and predictions.

        Raises
        ------
        DivergenceError
            The loss is not finite.
        """
        engine, rows = self._filled(x, y)
        loss, p = engine.gradients(rows)
        if not isfinite(loss):
            raise _not_finite(f"loss {loss}")
        return StepGradients(loss, engine.dx, self.net.gradients, p)

    def row_gradients(self, x: Rows, y: npt.ArrayLike) -> Array:
        """Compute the gradients of each row's own loss.

        Parameters
        ----------
        x : array or tuple of arrays
            Inputs, at most `batch_size` rows.
        y : array
            Their targets.

        Returns
        -------
        array, shape (rows, parameters)
            Their mean is the gradient of the batch, for a loss that is a mean over rows.

        Raises
        ------
        DivergenceError
            The loss of a row is not finite.
        """
        engine, rows = self._filled(x, y)
        gradients = engine.row_gradients(rows)
        if not np.isfinite(gradients).all():
            bad = int(np.argmin(np.isfinite(gradients).all(axis=1)))
            raise _not_finite(f"gradients of row {bad}, counted from 0, that are not finite")
        return gradients

    def apply(self, learning_rate: float | None = None) -> None:
        """Take the optimizer's step with the gradients in `net.gradients`.

        Parameters
        ----------
        learning_rate : float, optional
            By default the optimizer's.
        """
        if not self.updates:
            raise SettingError(
                "a step without an optimizer",
                "an optimizer, whose step `apply` takes",
                "hg.compile(net, loss, hg.Adam(0.001))",
            )
        if self.engine is None:
            raise SettingError(
                "apply before the first gradients", "a batch", "step.gradients(x, y) before it"
            )
        rate = self.config.optimizer.learning_rate if learning_rate is None else learning_rate
        self.engine.apply(rate)

    def predict(self, x: Rows) -> Array:
        """Predict `x` in prediction mode with the current parameters, as `net.predict`.

        If the optimizer averages them, as `hg.optimizers.EMA` does, with the averaged ones.

        Parameters
        ----------
        x : array or tuple of arrays
            Inputs, any number of rows.
        """
        with self.averaged():
            name = self.engine.name if self.engine else self.config.engine
            return self.net.predict(x, engine=name)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Context manager: within it `net` has the averaged parameters, to save or evaluate it.

        Without an optimizer that averages, or before its first step, `net` stays as it is.
        """
        engine = self.engine if self.engine is not None and self.engine.step[0] > 0 else None
        if engine is not None:
            engine.exchange_averages()
        try:
            yield
        finally:
            if engine is not None:
                engine.exchange_averages()

    def _filled(self, x: Rows, y: npt.ArrayLike) -> tuple[Engine, Array]:
        """The engine with this batch in its arrays, and the indices of its rows."""
        if self.engine is None:
            self.engine = self._started(x, y)
        engine, loss = self.engine, self.config.loss
        batch = _checked_inputs(self.net, x)
        targets = array_of(y, f"{WHERE}, targets")
        check_consistent_length(targets, *_parts(batch), where=WHERE)
        n = self._number_of_rows(batch, engine)
        p = self.predictions[:n]
        engine.y[:n] = loss.target_kind.checked(targets, p, WHERE, learn=False)
        for held, part in zip(_parts(engine.x), _parts(batch), strict=True):
            held[:n] = part
        engine.check_refilled_rows()
        return engine, self.rows[:n]

    def _number_of_rows(self, x: Inputs, engine: Engine) -> int:
        """Rows of a batch, which must have the form of the first."""
        forms = [[(part.shape[1:], part.dtype) for part in _parts(of)] for of in (x, engine.x)]
        if forms[0] != forms[1]:
            came, expected = (" and ".join(f"{s} {d}" for s, d in form) for form in forms)
            raise ShapeError(
                f"rows of shape and dtype {came}",
                f"{expected}, as in the first batch",
                "another hg.compile(net, …) for rows of another form",
                WHERE,
            )
        n = number_of_rows(x)
        if not 0 < n <= len(self.rows):
            raise ShapeError(
                f"{n} rows", f"1 to {len(self.rows)} rows", f"hg.compile(…, batch_size={n})", WHERE
            )
        return n

    def _started(self, x: Rows, y: npt.ArrayLike) -> Engine:
        """Check the first batch and compile for batches of its form."""
        checked = checked_data(self.net, self.config.loss, (x, y), WHERE, learn=False)
        size = len(checked.y) if self.batch_size is None else self.batch_size
        self.predictions = np.zeros((size, *checked.p.shape[1:]), checked.p.dtype)
        self.rows = np.arange(size)
        parts = [np.zeros((size, *p.shape[1:]), p.dtype) for p in (*_parts(checked.x), checked.y)]
        arrays = (*parts[:-1],) if isinstance(checked.x, tuple) else parts[0]
        for held, part in zip(parts, (*_parts(checked.x), checked.y), strict=True):
            held[: len(part)] = part[:size]  # tracing runs the net on the first rows
        config = replace(self.config, batch_size=size)
        return engine_for(config, CheckedData(arrays, parts[-1]))


def compile(
    net: Net,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    *,
    penalty: Penalty | None = None,
    batch_size: int | None = None,
    rng: int | np.random.Generator | None = None,
    engine: StepEngine = "auto",
) -> TrainingStep:
    """Compile a training step in parts, for a loop of your own.

    `train` runs whole epochs. This gives its parts: gradients of a batch, also those of the inputs
    and of each row, the optimizer's step, predictions. They have the bits of `train`.

    Parameters
    ----------
    net : Net
        Its parameters are updated in place by `apply` only.
    loss : Loss, optional
        By default the gradient of the predictions is given, in place of targets:
        `step.gradients(x, dp)`.
    optimizer : Optimizer, optional
        Needed for `apply`.
    penalty : Penalty, optional
        Added to the loss of each batch.
    batch_size : int, optional
        Most rows of a batch; by default as many as the first batch has.
    rng : int or Generator, optional
        Seeds each random layer.
    engine : {"auto", "eager", "compiled", "portable"}, default "auto"
        "auto" compiles, or runs eagerly, with a warning, what cannot be compiled.

    Returns
    -------
    TrainingStep
        With `gradients`, `row_gradients`, `apply` and `predict`.

    Examples
    --------
    >>> import handgrad as hg, numpy as np
    >>> net = hg.Net(hg.Linear(1, 1, initializer="zeros"))
    >>> step = hg.compile(net, hg.MSELoss(), hg.SGD(0.1))
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> for _ in range(200):
    ...     loss, dx, gradients, predictions = step.gradients(x, 2 * x)
    ...     step.apply()
    >>> bool(loss < 1e-3), dx.shape, gradients.shape, step.predict([[10.0]]).round().tolist()
    (True, (4, 1), (2,), [[20.0]])
    """
    if batch_size is not None:
        positive("batch_size", batch_size, whole=True)
    config = TrainingConfig(
        net=net,
        data=None,
        loss=GivenGradient() if loss is None else loss,
        optimizer=SGD(1.0) if optimizer is None else optimizer,
        epochs=MANY,
        penalty=penalty,
        engine=engine,
        input_gradients=True,
    )
    if resolve_engine(engine) == "jax":
        raise SettingError(
            "engine='jax' for a step",
            f"one of {', '.join(get_args(StepEngine))}",
            "engine='compiled'; or hg.train(…, engine='jax')",
        )
    refuse_full_batch(config.optimizer, "a step for a loop of your own")
    net.seed(spawning_generator(rng))
    return TrainingStep(config, batch_size, updates=optimizer is not None)


def _checked_inputs(net: Net, x: Rows) -> Inputs:
    return checked_parts(net, x, WHERE) if isinstance(x, tuple) else checked_inputs(net, x, WHERE)


def _parts(x: Inputs) -> list[Array]:
    return [*named_parts("x", x).values()]


def _not_finite(what: str) -> DivergenceError:
    return DivergenceError(
        what,
        "finite numbers; the net has the parameters from before this batch",
        "a smaller learning rate; inputs on one scale, hg.Standardize.of(x) as the first layer",
        WHERE,
    )
