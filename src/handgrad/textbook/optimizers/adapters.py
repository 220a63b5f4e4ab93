"""Adapters of optimizers: averaged weights, and gradients accumulated over several batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from handgrad.textbook.errors import SettingError, described, not_negative, positive
from handgrad.textbook.module import Array
from handgrad.textbook.optimizers.optimizer import Optimizer, Trainable, exchange_weights


def _of_inner(name: str) -> Any:
    """A setting that is the inner optimizer's."""
    return property(
        lambda self: getattr(self.optimizer, name),
        lambda self, value: setattr(self.optimizer, name, value),
    )


class OptimizerAdapter(Optimizer):
    """Base class of optimizers that adapt another one, whose settings and state they share.

    Parameters
    ----------
    optimizer : Optimizer
        Any with a step per batch.
    state : str
        Name of the state added to that of the optimizer.
    """

    learning_rate = _of_inner("learning_rate")
    weight_decay = _of_inner("weight_decay")
    clip_norm = _of_inner("clip_norm")
    clip_value = _of_inner("clip_value")
    groups = _of_inner("groups")

    def __init__(self, optimizer: Optimizer, state: str) -> None:
        own, example = type(self).__name__, f"hg.optimizers.{type(self).__name__}(hg.Adam(0.001))"
        if not isinstance(optimizer, Optimizer):
            raise SettingError(f"{own} of {described(optimizer)}", "an optimizer", example)
        if optimizer.minimizer is not None:
            what = f"{own} of {optimizer!r}, which searches for its steps"
            raise SettingError(what, "an optimizer that takes one step per batch", example)
        if state in optimizer.state_names:
            what = f"{own} of {optimizer!r}, which has the state {state!r} already"
            raise SettingError(what, "another optimizer", example)
        self.optimizer, self.elementwise = optimizer, optimizer.elementwise
        self.state_names = (*optimizer.state_names, state)
        self.predicts_with = optimizer.predicts_with

    @contextmanager
    def averaged(self, net: Trainable) -> Iterator[None]:
        """Context manager: within it a net that `step` trains has its averaged weights.

        Parameters
        ----------
        net : Net
            The net of the steps.
        """
        if self.predicts_with is None or self._memory is None:
            raise SettingError(
                f"averaged weights of {self!r}",
                "an optimizer that averages, after a step",
                "optimizer = hg.optimizers.EMA(hg.Adam(0.001)), optimizer.step(net)",
            )
        self._memory.check(net, self)
        average = self._memory.state[self.state_names.index(self.predicts_with)]
        exchange_weights(net, average)
        try:
            yield
        finally:
            exchange_weights(net, average)


class AveragedWeights(OptimizerAdapter):
    """Base class of adapters that average weights: the optimizer's step, then the average's.

    rule        average ← (1 − share) · average + share · w
    """

    def __init__(self, optimizer: Optimizer) -> None:
        super().__init__(optimizer, "average")
        self.predicts_with = "average"

    def share(self, step: int) -> float:
        """The share of the new weights in the average at a step, from 1."""
        raise NotImplementedError

    def update(
        self,
        w: Array,
        dw: Array,
        *state: Array,
        learning_rate: float,
        step: int,
        dw_norm: float | None = None,
    ) -> tuple[Array, ...]:
        *others, average = state
        w, *others = self.optimizer.update(
            w, dw, *others, learning_rate=learning_rate, step=step, dw_norm=dw_norm
        )
        share = self.share(step)
        return w, *others, (1 - share) * average + share * w


class EMA(AveragedWeights):
    """EMA: predicts with an exponential moving average of the weights of all steps.

    rule        w, by `optimizer`
                share = (1 − decay) / (1 − decay^step), which is 1 at the first step
                average ← (1 − share) · average + share · w
    source      Polyak, Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992;
                Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, section 7.2

    `optimizer` takes the steps. `decay` is the weight of the past: the average is about that of the
    last 1/(1 − decay) steps. Settings and state are those of `optimizer`.

    `hg.train` and `hg.fit` predict, validate, stop early and save with the averaged weights: the
    net has them after each epoch, and the next one begins with the weights that are trained.
    Running statistics, as those of `BatchNorm`, belong to the weights that are trained.

    >>> import handgrad as hg
    >>> w, average = EMA(hg.SGD(1.0), decay=0.5).update(
    ...     np.array([5.0]), np.array([1.0]), np.array([7.0]), learning_rate=1.0, step=2)
    >>> w, average                                     # share = ½ / ¾, so ⅓ · 7 + ⅔ · 4
    (array([4.]), array([5.]))
    """

    def __init__(self, optimizer: Optimizer, decay: float = 0.999) -> None:
        super().__init__(optimizer)
        not_negative("decay", decay, below=1)
        self.decay = decay

    def share(self, step: int) -> float:
        return (1 - self.decay) / (1 - self.decay**step)


class SWA(AveragedWeights):
    """SWA, stochastic weight averaging: predicts with the mean of weights along the training.

    rule        w, by `optimizer`
                average ← the mean of w at the steps start, start + every, start + 2 · every, …;
                before them w
    source      Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
                Generalization", 2018

    `optimizer` takes the steps, at a learning rate that stays high. `start` and `every` are numbers
    of steps: with b batches in an epoch, `start=75 * b, every=b` averages the weights at the end of
    each epoch from the 75th on. Settings and state are those of `optimizer`.

    The net has the averaged weights after each epoch, as with `EMA`.

    >>> import handgrad as hg
    >>> w, average = SWA(hg.SGD(1.0), start=10, every=5).update(
    ...     np.array([5.0]), np.array([1.0]), np.array([7.0]), learning_rate=1.0, step=20)
    >>> w, average                                     # the third: ⅔ · 7 + ⅓ · 4
    (array([4.]), array([6.]))
    """

    def __init__(self, optimizer: Optimizer, *, start: int, every: int = 1) -> None:
        super().__init__(optimizer)
        positive("start", start, whole=True)
        positive("every", every, whole=True)
        self.start, self.every = start, every

    def share(self, step: int) -> float:
        since = (step > self.start) * (step - self.start)
        return (since % self.every == 0) * self.every / (since + self.every)


class GradientAccumulation(OptimizerAdapter):
    """Gradient accumulation: a step for every `batches` batches, by the mean of their gradients.

    rule        total ← total + dw / batches
                at every `batches`-th batch: w by `optimizer`, with total for dw; total ← 0

    `optimizer` takes the steps, as with batches that are `batches` times as large; its learning
    rate and schedule are those of the last batch. Batches left over at the end of an epoch are
    continued in the next one, those at the end of the training are lost. Settings and state are
    those of `optimizer`, without `clip_norm`: the norm is that of a single batch.

    >>> import handgrad as hg
    >>> twice = GradientAccumulation(hg.SGD(1.0), 2)
    >>> w, total = twice.update(
    ...     np.array([5.0]), np.array([1.0]), np.array([0.0]), learning_rate=1.0, step=1)
    >>> w, total
    (array([5.]), array([0.5]))
    >>> twice.update(w, np.array([3.0]), total, learning_rate=1.0, step=2)      # 5 − (½ + 3/2)
    (array([3.]), array([0.]))
    """

    def __init__(self, optimizer: Optimizer, batches: int) -> None:
        super().__init__(optimizer, "total")
        positive("batches", batches, whole=True)
        if optimizer.clip_norm is not None:
            raise SettingError(
                f"clip_norm={optimizer.clip_norm} with accumulated gradients",
                "no clip_norm: the norm is that of a single batch",
                "clip_value, which clips the mean; or a larger batch_size",
            )
        self.batches = batches

    def update(
        self,
        w: Array,
        dw: Array,
        *state: Array,
        learning_rate: float,
        step: int,
        dw_norm: float | None = None,
    ) -> tuple[Array, ...]:
        *others, total = state
        total = total + dw / self.batches
        number = (step + self.batches - 1) // self.batches
        new = self.optimizer.update(w, total, *others, learning_rate=learning_rate, step=number)
        complete = step % self.batches == 0
        chosen = (np.where(complete, a, b) for a, b in zip(new, (w, *others), strict=True))
        return *chosen, np.where(complete, np.zeros_like(total), total)
