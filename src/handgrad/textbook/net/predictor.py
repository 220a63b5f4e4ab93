"""Predictor interface of a net, and the names of the engines."""

from typing import Literal, Protocol

from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.net.minibatches import Inputs

EngineName = Literal["auto", "eager", "compiled", "portable", "jax"]


class Predictor(Protocol):
    """Predictor of one net, by its layers or by machine code."""

    def __init__(self, net: Layer) -> None: ...

    def quickly(self, x: object, engine: EngineName) -> Array | None:
        """Return predictions for an unchecked `x` if the engine has code for it, else None."""

    def __call__(self, x: Inputs, batch_size: int, engine: EngineName) -> Array:
        """Return predictions.

        Parameters
        ----------
        x : array or tuple of arrays
            Finite rows of the net's dtype.
        batch_size : int
            Number of rows computed at once.
        engine : str
            Name of the engine.
        """
