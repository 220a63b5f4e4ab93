"""L-BFGS over the rows of an engine: an iterator of its iterations."""

from collections.abc import Iterator, Mapping

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.engines.engine import Engine, Epoch
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.optimizers.minimizer import Iterate, Minimizer

ARRAYS = ("weights", "gradient", "steps", "changes")
NUMBERS = ("loss", "loss_before", "iterations", "evaluations")


class Minimization(Iterator[Epoch]):
    """At most `most` iterations of L-BFGS over all rows; the net is where each has come to.

    Where the loss is not finite, the iteration is handed out as diverged; or, if not
    `finite_only`, a place nearer by is looked for. `ended` says why there are no more.
    """

    def __init__(
        self,
        engine: Engine,
        net: Net,
        minimizer: Minimizer,
        most: int,
        *,
        finite_only: bool = True,
    ) -> None:
        self.engine, self.net, self.minimizer, self.most = engine, net, minimizer, most
        self.rows = np.arange(len(engine.y))
        slices = net.trainable_slices()
        self.trainable = np.r_[(*slices,)] if slices else np.arange(0)
        self.iterate: Iterate | None = None
        self.accepted = (net.parameters.copy(), net.running_state.copy())
        self.found = 0.0, np.empty(0)
        self.finite_only, self.ended = finite_only, ""
        self.converged = self.exhausted = False

    def __next__(self) -> Epoch:
        """The next iteration: the loss and the predictions where it ended."""
        try:
            following = self._following()
        except _NotFiniteError:
            loss, p = self.found
            return Epoch(loss, p, diverged_at=1)
        if following is None:
            self.put_back()
            raise StopIteration
        self.iterate = following
        self.accepted = (self.net.parameters.copy(), self.net.running_state.copy())
        return Epoch(*self.found, self.engine.predict_held_out())

    def put_back(self) -> None:
        """Give the net the weights of the last iteration."""
        self.net.parameters[...], self.net.running_state[...] = self.accepted

    def _following(self) -> Iterate | None:
        now = self.iterate or self._begin()
        if now.iterations >= self.most:
            return None
        following = None
        if self.minimizer.exhausted(now):
            self.exhausted = True
            self.ended = f"L-BFGS had evaluated the loss {now.evaluations} times"
        elif self.minimizer.converged(now):
            self.converged = True
            self.ended = f"L-BFGS converged after {now.iterations} iterations"
        elif not (following := self.minimizer.next(self._loss_and_gradient, now)):
            self.ended = f"L-BFGS found no lower loss after {now.iterations} iterations"
        return following

    def _begin(self) -> Iterate:
        begun = self.minimizer.begin(
            self._loss_and_gradient, self.net.parameters[self.trainable].astype(np.float64)
        )
        if self._loss_and_gradient(begun.weights)[0] != begun.loss:
            raise SettingError(
                "a loss that is another one when the net is run again, with LBFGS",
                "a net without random layers",
                "optimizer=hg.Adam(0.001), beside Dropout",
            )
        return begun

    def _loss_and_gradient(self, weights: Array) -> tuple[float, Array]:
        self.net.parameters[self.trainable] = weights
        self.found = self.engine.gradients(self.rows)
        if self.finite_only and not np.isfinite(self.found[0]):
            raise _NotFiniteError
        return self.found[0], self.net.gradients[self.trainable].astype(np.float64)

    def arrays(self) -> dict[str, Array]:
        """What the iterations that are left depend on, as arrays."""
        if self.iterate is None:
            return {}
        numbers = [float(getattr(self.iterate, name)) for name in NUMBERS]
        kept: Mapping[str, Array] = {name: getattr(self.iterate, name) for name in ARRAYS}
        return {**kept, "numbers": np.array(numbers)}

    def iterate_of(self, arrays: Mapping[str, Array]) -> Iterate | None:
        """What `arrays` gave them for; a ValueError says that they are damaged."""
        if not arrays:
            return None
        loss, before, iterations, evaluations = map(float, arrays["numbers"])
        n, pairs = self.trainable.size, len(arrays["steps"])
        for name, shape in zip(ARRAYS, ((n,), (n,), (pairs, n), (pairs, n)), strict=True):
            if arrays[name].shape != shape or arrays[name].dtype != np.float64:
                raise ValueError(f"without {name} of shape {shape}")
        weights, gradient, steps, changes = (arrays[name] for name in ARRAYS)
        counts = int(iterations), int(evaluations)
        return Iterate(weights, loss, gradient, before, steps, changes, *counts)

    def go_on_from(self, iterate: Iterate | None) -> None:
        """Go on from an iterate, whose weights the net has."""
        self.iterate = iterate
        self.accepted = (self.net.parameters.copy(), self.net.running_state.copy())


class _NotFiniteError(Exception):
    """The loss of these weights is not a finite number."""
