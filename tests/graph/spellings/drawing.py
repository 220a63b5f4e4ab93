"""Weights of the layers that are written in many ways."""

from typing import Any

import numpy as np


def drawn(*shape: int) -> Any:
    """Normal numbers, the same for the same shape."""
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32) / 3
