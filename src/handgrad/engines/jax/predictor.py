"""Predictions by JAX, as long as the net's layers are unchanged."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import jax
import numpy as np

from handgrad.engines.fingerprint import NetFingerprint
from handgrad.engines.jax.operations import evaluate, precision_of, to_device
from handgrad.engines.jax.step import NamedArrays, TracedNet
from handgrad.graph import trace
from handgrad.textbook.errors import CannotLowerError
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import (
    Inputs,
    batches,
    form_of,
    named_parts,
    number_of_rows,
    take,
)

PREDICTED_AT_ONCE = 1024  # rows; JAX compiles for this size and for that of the remainder


class Prediction(TracedNet):
    """The compiled prediction of nets of one form."""

    def __init__(self, net: Net, x: Inputs) -> None:
        super().__init__(net, trace(net, x=take(x, slice(0, 4)), training=False))
        if self.draws:
            raise CannotLowerError("random draws in prediction")
        self.part = jax.jit(self._part)

    def _part(self, w: jax.Array, state: jax.Array, x: NamedArrays) -> jax.Array | None:
        leaves = self.leaves(self.parameters.split(w), self.state.split(state), **x)
        n = len(next(iter(x.values())))
        return evaluate(self.graph, leaves, n, self.dtype).prediction

    def __call__(self, net: Net, x: Mapping[str, Array | jax.Array]) -> Array:
        """Predict rows batch by batch with the net's current weights; `x` has inputs by name."""
        n = len(next(iter(x.values())))
        with precision_of(self.dtype):
            weights = to_device(net.parameters), to_device(net.running_state)
            parts = [
                self.part(*weights, {name: part[rows] for name, part in x.items()})
                for rows in batches(n, PREDICTED_AT_ONCE)
            ]
            return np.concatenate(parts)


class JaxPredictor:
    """Predicts with a net and its current weights, for rows of one form.

    Returns None if it does not apply: for no rows or rows of another form, indices out of range,
    predictions that are not finite, or if the net's layers have changed since. The caller then
    predicts eagerly.

    Parameters
    ----------
    net : Net
        Traced once, here.
    x : array or tuple of arrays
        Rows of the form that is predicted.
    """

    def __init__(self, net: Net, x: Inputs) -> None:
        self.net, self.form = net, form_of(x)
        self.layers, self.prediction = NetFingerprint(net), Prediction(net, x)

    def __call__(self, x: object) -> Array | None:
        if not self.accepts(x) or number_of_rows(x) == 0 or not self.is_current():
            return None
        named = named_parts("x", x)
        for name, bounds in self.prediction.bounds.items():
            if not all(bound.holds(named[name]) for bound in bounds):
                return None
        p = self.prediction(self.net, named)
        return p if np.isfinite(p).all() else None

    def accepts(self, x: object) -> TypeGuard[Inputs]:
        """True if the rows have the form that this predictor was made for."""
        rows: Any = x
        parts: Any = rows if isinstance(x, tuple) else (x,)
        if not all(isinstance(part, np.ndarray) for part in parts):
            return False
        return form_of(rows) == self.form and len({len(part) for part in parts}) == 1

    def is_current(self) -> bool:
        """True if the net's layers and their settings are unchanged."""
        return self.layers.matches()
