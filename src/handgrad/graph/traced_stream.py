"""Stands in for the random stream of a layer while it is recorded."""

from typing import Any

import numpy as np

from handgrad.graph.refusal import refusal
from handgrad.graph.traced import Recording


class TracedStream:
    """Stands in for `layer.rng`: draws real numbers and notes each draw."""

    def __init__(self, tape: Recording, stream: str, rng: np.random.Generator) -> None:
        self.tape, self.stream, self.rng = tape, stream, rng

    def __getattr__(self, method: str) -> Any:
        if method not in ("random", "standard_normal", "normal", "uniform", "integers"):
            raise refusal(
                self.tape.page()[1],
                f"draws by rng.{method}",
                "rng.random, standard_normal, normal, uniform or integers",
                "self.rng.random(x.shape, dtype=x.dtype)",
            )
        compute = getattr(self.rng, method)
        return lambda *a, **k: self.tape.draw(self.stream, method, compute, *a, **k)
