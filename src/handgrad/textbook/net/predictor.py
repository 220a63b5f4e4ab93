"""Eager predictor of a net, the names of the engines, and the registry that engines fill."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import predicting_twin
from handgrad.textbook.net.minibatches import Inputs, batches, named_parts, number_of_rows, take

EngineName = Literal["auto", "eager", "compiled", "portable", "jax"]


class EagerPredictor:
    """Predicts for one net by its layers."""

    def __init__(self, net: Layer) -> None:
        self.net = net

    def quickly(self, x: object, engine: EngineName) -> Array | None:
        """Return predictions for an unchecked `x` if the engine has code for it, else None."""
        return None

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
        if engine not in ("auto", "eager"):
            raise SettingError(
                f"engine={engine!r} in a process without engines",
                "engine='eager', which needs the textbook only",
                "import handgrad.engines.dispatch",
            )
        return self.eagerly(x, batch_size)

    def eagerly(self, x: Inputs, batch_size: int) -> Array:
        """Return the predictions of the net's layers, `batch_size` rows at a time."""
        twin: Any = predicting_twin(self.net)
        # OpenBLAS's sgemv for AVX-512 sets the flag "invalid" in lanes that it discards
        with np.errstate(invalid="ignore"):
            parts = []
            for rows in batches(number_of_rows(x), batch_size):
                with BACKEND.threads_for((rows.stop - rows.start) * twin.parameters.size):
                    parts.append(twin.forward(take(x, rows)))
            return np.concatenate(parts) if parts else _predict_no_rows(twin, x)


def _predict_no_rows(twin: Layer, x: Inputs) -> Array:
    """The empty predictions of no rows, by way of one row: a layer may reshape to -1."""
    one = [np.zeros((1, *part.shape[1:]), part.dtype) for part in named_parts("x", x).values()]
    with np.errstate(all="ignore"):
        none: Array = twin.forward((*one,) if isinstance(x, tuple) else one[0])[:0]
    return none


@dataclass(frozen=True)
class LayerCost:
    """Cost of a layer for each row.

    Parameters
    ----------
    forward, backward : int
        Floating-point operations.
    kept : int
        Bytes of the arrays that `forward` computes and a `backward` reads.
    """

    forward: int
    backward: int
    kept: int


@dataclass
class Backend:
    """Registry of what nets use of the packages above the textbook, filled when those are imported.

    Parameters
    ----------
    predictor : type of EagerPredictor
        Predictor of a new net.
    threads_for : callable
        Context manager that limits the threads of BLAS for a number of multiplications.
    layer_costs : callable, optional
        Cost of the layers of a net by path, for rows like those given, or None.
    """

    predictor: type[EagerPredictor] = EagerPredictor
    threads_for: Callable[[int], AbstractContextManager[object]] = nullcontext
    layer_costs: Callable[[Layer, object], Mapping[str, LayerCost]] | None = None


BACKEND = Backend()
