"""Which engine predicts: machine code, once the rows predicted so far will have paid for it."""

from typing import Any

import numpy as np

from handgrad.base.errors import CannotLowerError, RecordingError, positive
from handgrad.engines.choice import cannot_compile, chosen, cost_of_compiling, gain_of_predicting
from handgrad.engines.threads import threads_for
from handgrad.layers import Array
from handgrad.layers.layer import predicting_twin
from handgrad.net import Net
from handgrad.net.minibatches import Inputs, batches, number_of_rows, take
from handgrad.net.net import EngineName


class Predictor:
    """Decides when compiling a net's prediction pays, and holds the compiled code.

    What decides is the rows that were predicted, never a clock.
    """

    def __init__(self, net: Net) -> None:
        self.net = net
        self.compiled: Any = None
        self.gain, self.cost = 0.0, cost_of_compiling(net)
        self.refused = False

    def quickly(self, x: object) -> Array | None:
        """The predictions where there is machine code for just such rows; else None."""
        compiled = self.compiled  # another thread may give it up
        return None if compiled is None else compiled(x)

    def __call__(self, x: Inputs, batch_size: int, engine: EngineName) -> Array:
        """The predictions for `x`: by machine code, or by the layers, `batch_size` rows a time."""
        positive("batch_size", batch_size, whole=True)
        if (p := self._by_machine_code(x, engine)) is not None:
            return p
        # OpenBLAS's sgemv for AVX-512 raises the flag "invalid" by lanes whose result it drops
        with np.errstate(invalid="ignore"):
            n, twin = number_of_rows(x), predicting_twin(self.net)
            parts = []
            for rows in batches(n, batch_size):
                with threads_for((rows.stop - rows.start) * self.net.parameters.size):
                    parts.append(twin.forward(take(x, rows)))
            return np.concatenate(parts) if parts else twin.forward(x)

    def _by_machine_code(self, x: Inputs, engine: EngineName) -> Array | None:
        """The predictions for `x`; None where the pages should run as they stand."""
        engine = chosen(engine)
        if engine == "eager" or isinstance(x, tuple) or len(x) == 0:
            return None
        if (p := self.quickly(x)) is not None:
            return p
        if (compiled := self.compiled) is not None:
            if not compiled.still_holds():
                self.compiled, self.gain, self.refused = None, 0.0, False
            elif compiled.is_made_for(x):  # and has no finite answer
                return None
        if engine == "auto":
            self.gain += gain_of_predicting(self.net, len(x))
            if self.refused or self.gain < self.cost:
                return None
        return self._compiled_for(x, engine)

    def _compiled_for(self, x: Array, engine: EngineName) -> Array | None:
        try:
            from handgrad.engines.compiled.plan import refused_as_cannot_lower
            from handgrad.engines.compiled.predictor import CompiledPredictor

            with refused_as_cannot_lower():
                compiled = self.compiled = CompiledPredictor(self.net, x)
        except (RecordingError, CannotLowerError, ImportError) as error:
            self.refused = True
            if engine == "compiled":
                raise cannot_compile("prediction", engine, error) from error
            return None
        return compiled(x)
