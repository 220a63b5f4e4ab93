"""Predictor interface of a net, and the names of the engines."""

from typing import Literal, Protocol

from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.net.minibatches import Inputs

EngineName = Literal["auto", "eager", "compiled", "portable", "jax"]


class Predictor(Protocol):
    """Predicts for one net: by its layers as they stand, or by machine code."""

    def __init__(self, net: Layer) -> None: ...

    def quickly(self, x: object, engine: EngineName) -> Array | None:
        """The predictions for `x` as it came, where the engine has code for it; else None."""

    def __call__(self, x: Inputs, batch_size: int, engine: EngineName) -> Array:
        """The predictions for `x`, finite and of the net's dtype, `batch_size` rows at a time."""
