"""Predictions by JAX, for as long as the pages of the net are as they were."""

import jax
import numpy as np

from handgrad.base.errors import CannotLowerError
from handgrad.engines.jax.here import numbers_of, on_device
from handgrad.engines.jax.operations import computed
from handgrad.engines.jax.step import RecordedNet
from handgrad.engines.unchanged import Unchanged
from handgrad.graph import trace
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.net.minibatches import batches

PREDICTED_AT_ONCE = 1024  # rows: so many, and those that are left over, are two compiled sizes


class Prediction(RecordedNet):
    """What nets of one form predict."""

    def __init__(self, net: Net, x: Array) -> None:
        super().__init__(net, trace(net, x=x[:4], training=False))
        if self.draws:
            raise CannotLowerError("random draws in prediction")
        self.part = jax.jit(self._part)

    def _part(self, w: jax.Array, state: jax.Array, x: jax.Array) -> jax.Array | None:
        given = self.given(self.parameters.split(w), self.state.split(state), x=x)
        return computed(self.graph, given, len(x), self.dtype).prediction

    def __call__(self, net: Net, x: Array | jax.Array) -> Array:
        """The predictions for rows, some at a time, by the weights as they are."""
        with numbers_of(self.dtype):
            weights = on_device(net.parameters), on_device(net.running_state)
            parts = [self.part(*weights, x[rows]) for rows in batches(len(x), PREDICTED_AT_ONCE)]
            return np.concatenate(parts)


class JaxPredictor:
    """Predicts with a net as it was made for, with the weights as they are.

    Returns None for what it was not made for: other rows, indices out of range, predictions that
    are not finite, or a net whose pages have changed since; who asks then takes the long way.
    """

    def __init__(self, net: Net, x: Array) -> None:
        self.net, self.row, self.dtype = net, x.shape[1:], x.dtype
        self.pages, self.prediction = Unchanged(net), Prediction(net, x)

    def __call__(self, x: object) -> Array | None:
        if not isinstance(x, np.ndarray) or not self.is_made_for(x) or not self.still_holds():
            return None
        if not all(bound.holds(x) for bound in self.prediction.bounds.get("x", ())):
            return None
        p = self.prediction(self.net, x)
        return p if np.isfinite(p).all() else None

    def is_made_for(self, x: object) -> bool:
        """Whether the rows are of the kind that it knows."""
        return isinstance(x, np.ndarray) and (x.shape[1:], x.dtype) == (self.row, self.dtype)

    def still_holds(self) -> bool:
        """Whether the net still has the pages, with the settings, that this was made from."""
        return self.pages.still_hold()
