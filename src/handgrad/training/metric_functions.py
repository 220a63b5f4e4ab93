"""Metric functions: metrics of a net's output, converted to the scale of the targets."""

import math
from collections.abc import Callable, Mapping
from inspect import signature

import numpy as np

from handgrad.textbook.layers import Array
from handgrad.textbook.layers.axes import as_rows
from handgrad.textbook.losses import Loss
from handgrad.textbook.losses.weighting import spread
from handgrad.textbook.metrics.registry import METRICS, OF_PROBABILITIES, Metric

Measure = Callable[[Array, Array, Array | None], float]


def measures(metrics: Mapping[str, Metric], loss: Loss) -> dict[str, Measure]:
    """Wrap each metric as a function of the net's output, the targets and the sample weights.

    Built-in metrics get the output through the loss's inverse link: probabilities for logits,
    rates for log rates. Your own function gets the output unchanged, and the weights if it has the
    argument `sample_weight`.
    """
    return {name: _measure(name, metric, loss) for name, metric in metrics.items()}


def metric_values(
    p: Array, y: Array, sample_weight: Array | None, metrics: Mapping[str, Measure]
) -> dict[str, float]:
    """Compute the metrics of predictions, by name."""
    with np.errstate(all="ignore"):
        return {name: float(metric(p, y, sample_weight)) for name, metric in metrics.items()}


def _measure(name: str, metric: Metric, loss: Loss) -> Measure:
    if METRICS.get(name) is not metric:
        weighted = takes_weights(metric)
        return lambda p, y, w: metric(p, y, **({"sample_weight": w} if weighted else {}))
    # the largest class is the same for logits and probabilities
    if loss.target_kind.indices and name not in OF_PROBABILITIES:
        return _of_places(metric)
    return _of_places(lambda p, y, w: metric(loss.input_kind.inverse_link(p), y, w))


def _of_places(metric: Measure) -> Measure:
    """Apply the metric to each position of p (n, …, k) as a row, weighted as its row."""

    def measure(p: Array, y: Array, w: Array | None) -> float:
        if p.ndim > 2:
            places = p.shape[:-1]
            w = None if w is None else spread(w, places).ravel()
            p, y = as_rows(p), y.reshape(math.prod(places), *y.shape[len(places) :])
        return metric(p, y, w)

    return measure


def takes_weights(metric: Callable[..., object]) -> bool:
    """Check whether a custom metric has the argument `sample_weight`."""
    try:
        return "sample_weight" in signature(metric).parameters
    except (TypeError, ValueError):
        return False
