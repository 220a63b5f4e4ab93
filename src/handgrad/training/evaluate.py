"""How good a net is on a whole set, with its weights as they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.engines.choice import EngineName
from handgrad.errors import positive
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.metrics.choice import Metric
from handgrad.net import Net
from handgrad.training.checks import checked_rows
from handgrad.training.measuring import Measure, measured, measures
from handgrad.training.weights import Rows, weighted


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
    sample_weight: Any = None,
    batch_size: int = 1024,
    engine: EngineName = "auto",
) -> Evaluation:
    """The loss and metrics of `net` on all rows of `data`, a pair (x, y), in prediction mode.

    Without `metrics`, the loss's usual ones. `sample_weight` (n,) says how much each row counts,
    all the same without it. The net is not changed. `engine` is that of
    `net.predict`.

    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 2, initializer="zeros"), hg.Softmax())
    >>> result = evaluate(net, (np.zeros((4, 2)), [0, 0, 0, 1]), loss=hg.CrossEntropyLoss())
    >>> round(result.loss, 4), result.metrics["accuracy"]              # log 2, 3 of 4
    (0.6931, 0.75)
    """
    positive("batch_size", batch_size, whole=True)
    what = "evaluation data"
    x, y, chosen = checked_rows(net, loss, data, what, learn=False, metrics=metrics)
    rows = weighted(x, y, sample_weight, None, loss, net.dtype, what)
    with np.errstate(all="ignore"):
        p = net.predict(rows.x, batch_size, engine)
    return evaluation(p, rows, loss, measures(chosen, loss))


def evaluation(p: Array, rows: Rows, loss: Any, metrics: Mapping[str, Measure]) -> Evaluation:
    """The loss and metrics of the predictions for some rows."""
    weights = () if rows.w is None else (rows.w,)
    with np.errstate(all="ignore"):
        value = float(loss.forward(p, rows.y, *weights))
    return Evaluation(value, measured(p, rows.y, rows.sample_weight, metrics))
