"""Eager trainings with other last digits, as another processor's products would give them."""

from typing import Any

import numpy as np

from handgrad.engines.eager import EagerEngine
from handgrad.textbook.layers import Array


def perturb(seed: int) -> None:
    """From now on each gradient of an eager training is one unit in the last place off.

    Which way is drawn once for each place of the flat gradients, so the same training gives the
    same bits again.
    """
    exact = EagerEngine.batch_gradients

    def perturbed(self: EagerEngine, rows: Array) -> tuple[float, Array]:
        found = exact(self, rows)
        gradients: Any = self.net.gradients
        draws = np.random.default_rng((seed, gradients.size)).integers(2, size=gradients.size)
        ends = np.where(draws, np.inf, -np.inf).astype(gradients.dtype)
        gradients[...] = np.where(gradients == 0, 0, np.nextafter(gradients, ends))
        return found

    EagerEngine.batch_gradients = perturbed  # type: ignore[method-assign]
