"""How good a net is on a whole set, with its weights as they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.engines.choice import EngineName
from handgrad.errors import positive
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.metrics import Metric
from handgrad.net import Net
from handgrad.training.checks import checked_rows


@dataclass(frozen=True)
class Evaluation:
    """The mean loss over all rows, and the metrics by name."""

    loss: float
    metrics: Mapping[str, float]


def evaluate(
    net: Net,
    data: Any,
    *,
    loss: Loss,
    metrics: Iterable[str | Metric] | None = None,
    batch_size: int = 1024,
    engine: EngineName = "auto",
) -> Evaluation:
    """The loss and metrics of `net` on all rows of `data`, a pair (x, y), in prediction mode.

    Without `metrics`, the loss's usual ones. The net is not changed. `engine` is that of
    `net.predict`.

    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 2, initializer="zeros"), hg.Softmax())
    >>> result = evaluate(net, (np.zeros((4, 2)), [0, 0, 0, 1]), loss=hg.CrossEntropyLoss())
    >>> round(result.loss, 4), result.metrics["accuracy"]              # log 2, 3 of 4
    (0.6931, 0.75)
    """
    positive("batch_size", batch_size, whole=True)
    x, y, chosen = checked_rows(net, loss, data, "evaluation data", learn=False, metrics=metrics)
    with np.errstate(all="ignore"):
        p = net.predict(x, batch_size, engine)
    return evaluation(p, y, loss, chosen)


def evaluation(p: Array, y: Array, loss: Loss, metrics: Mapping[str, Metric]) -> Evaluation:
    """The loss and metrics of predictions."""
    with np.errstate(all="ignore"):
        return Evaluation(float(loss.forward(p, y)), measured(p, y, metrics))


def measured(p: Array, y: Array, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """The metrics of predictions, by name."""
    with np.errstate(all="ignore"):
        return {name: float(metric(p, y)) for name, metric in metrics.items()}
