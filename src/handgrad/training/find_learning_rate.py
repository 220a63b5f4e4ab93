"""Learning rate range test: a trial in which the learning rate grows from step to step."""

import copy
from dataclasses import dataclass, replace

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.eager import EagerEngine
from handgrad.textbook.aliases import refusing_unknown
from handgrad.textbook.errors import SettingError, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty
from handgrad.training.loop import refuse_full_batch
from handgrad.training.validate_data import training_rows

KEPT = 0.9  # decay of the running mean of the losses
TOO_MUCH = 4  # times the smallest mean so far: the loss has diverged


@dataclass(frozen=True, eq=False, repr=False)
class LearningRateSearch:
    """Result of a learning rate range test.

    Parameters
    ----------
    learning_rates : array (n,)
        Learning rate of each step, ascending.
    losses : array (n,)
        Loss of each step.
    smoothed : array (n,)
        Running mean of the losses.
    suggested : float
        A tenth of the learning rate with the lowest mean: the loss falls fast, far from diverging.
    """

    learning_rates: Array
    losses: Array
    smoothed: Array
    suggested: float

    def __repr__(self) -> str:
        tried = self.learning_rates
        return (
            f"<LearningRateSearch: {self.suggested:.3g} suggested, "
            f"of {len(tried)} tried from {tried[0]:.3g} to {tried[-1]:.3g}>"
        )


@refusing_unknown
def find_learning_rate(
    net: Net,
    data: object,
    *,
    loss: Loss,
    optimizer: Optimizer,
    smallest: float = 1e-6,
    largest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    sample_weight: object = None,
    class_weight: object = None,
    penalty: Penalty | None = None,
    rng: int | np.random.Generator | None = None,
) -> LearningRateSearch:
    """Try learning rates on a copy of `net`, from the smallest up to where the loss diverges.

    Each step trains on another batch, at a learning rate larger by the same factor.
    `net`, `loss` and `optimizer` are not changed.

    source      Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3

    Parameters
    ----------
    net : Net
        The net to train a copy of.
    data : pair of arrays
        Inputs x and targets y.
    loss : Loss
        As in `train`.
    optimizer : Optimizer
        A copy of it takes the steps; its own learning rate is not used.
    smallest, largest : float, default 1e-6 and 10.0
        First and last learning rate.
    steps : int, default 100
        Number of learning rates tried; 10 or more.
    batch_size : int, default 32
        Rows of each step.
    sample_weight : array (n,) or (n, t), optional
        As in `train`.
    class_weight : dict or "balanced", optional
        As in `train`.
    penalty : Penalty, optional
        As in `train`.
    rng : int or Generator, optional
        Shuffles the rows, and seeds each random layer.

    Returns
    -------
    LearningRateSearch

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    >>> search = hg.training.find_learning_rate(net, (x, y), loss=hg.CrossEntropyLoss(),
    ...     optimizer=hg.SGD(0.1), rng=0)
    >>> 0.01 < search.suggested < 5
    True
    """
    positive("steps", steps, whole=True)
    config = TrainingConfig(
        net=net,
        data=data,
        loss=loss,
        optimizer=optimizer,
        epochs=steps,
        batch_size=batch_size,
        penalty=penalty,
    )
    refuse_full_batch(optimizer, "a search for the learning rate")
    positive("smallest", smallest)
    positive("largest", largest)
    if largest <= smallest:
        raise SettingError(
            f"largest = {largest:g}, smallest = {smallest:g}",
            "a largest learning rate above the smallest",
            "smallest=1e-6, largest=10.0",
        )
    if steps < 10:
        raise SettingError(f"steps = {steps}", "10 steps or more", "steps=100")
    rows = training_rows(net, loss, data, sample_weight, class_weight)
    generator, size = spawning_generator(rng), min(batch_size, len(rows.y))
    pages = {name: copy.deepcopy(getattr(config, name)) for name in ("net", "loss", "optimizer")}
    trial = replace(config, **pages, batch_size=size)
    trial.net.seed(generator)
    engine, n = EagerEngine(trial, rows), len(rows.y)
    # each row is used once before any is used again
    order = np.concatenate([generator.permutation(n) for _ in range(-(-steps * size // n))])
    rates = smallest * (largest / smallest) ** (np.arange(steps) / (steps - 1))
    losses, smoothed = _losses(engine, order[: steps * size].reshape(steps, size), rates)
    tried = rates[: len(losses)]
    return LearningRateSearch(tried, losses, smoothed, _suggested(tried, losses, smoothed))


def _losses(engine: EagerEngine, batches: Array, rates: Array) -> tuple[Array, Array]:
    """Loss of each step until it diverges, and its exponential moving average."""
    losses, means, mean = list[float](), list[float](), 0.0
    for rows, rate in zip(batches, rates.tolist(), strict=True):
        loss, _ = engine.gradients(rows)
        if not np.isfinite(loss):
            break
        losses.append(loss)
        mean = KEPT * mean + (1 - KEPT) * loss
        means.append(mean / (1 - KEPT ** len(losses)))
        if means[-1] > TOO_MUCH * min(means) > 0:
            break
        with np.errstate(all="ignore"):
            engine.apply(rate)
    return np.array(losses), np.array(means)


def _suggested(rates: Array, losses: Array, smoothed: Array) -> float:
    """A tenth of the rate with the lowest mean, which must be below the first losses."""
    start = max(1, len(losses) // 10)
    lowest = start + int(np.argmin(smoothed[start:])) if len(losses) > start else 0
    if not lowest or smoothed[lowest] >= losses[:start].mean():
        raise SettingError(
            "the loss did not fall at any learning rate"
            + (f" from {rates[0]:g} to {rates[-1]:g}" if len(rates) else ""),
            "a net that can learn from these rows",
            "a smaller smallest=; inputs on one scale, hg.Standardize.of(x) as the first layer",
        )
    return rates[lowest].item() / 10
