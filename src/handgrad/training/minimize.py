"""L-BFGS as a stream: SciPy asks for losses and gradients, a training for iterations.

SciPy calls back and cannot be left in between, so it runs in a thread of its own, which waits
whenever it has handed out an iteration.
"""

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np

from handgrad.engines.choice import Engine
from handgrad.engines.epoch import Epoch
from handgrad.errors import SettingError
from handgrad.layers import Array
from handgrad.optimizers import LBFGS

CONVERGED, NO_LOWER = 0, 2


class Minimization(Iterator[Epoch]):
    """The iterations of L-BFGS over all rows of an engine; the net is where each has come to.

    One that comes to a loss that is not finite is handed out as diverged. `ended` says why there
    are no more.
    """

    def __init__(self, engine: Engine, net: Any, optimizer: LBFGS, rows: int, most: int) -> None:
        self.engine, self.net, self.optimizer, self.most = engine, net, optimizer, most
        self.order, self.rates = np.arange(rows)[None], np.ones((1, 1))
        self.trainable = np.r_[(*net.trainable_slices(),)] if net.trainable_slices() else []
        self.accepted = (net.parameters.copy(), net.running_state.copy())
        self.last: Epoch | None = None
        self.ended, self.left = "", False
        self.asked: SimpleQueue[None] = SimpleQueue()
        self.found: SimpleQueue[Epoch | BaseException | None] = SimpleQueue()
        self.thread = Thread(target=self._minimize, daemon=True)

    def __next__(self) -> Epoch:
        """The next iteration: the loss and the predictions where it ended."""
        if self.thread.ident is None:
            self.thread.start()
        elif not self.thread.is_alive():
            raise StopIteration
        self.asked.put(None)
        found = self.found.get()
        if isinstance(found, Epoch):
            return found
        self.thread.join()
        self._put_back()
        raise found or StopIteration

    def leave(self, *, put_back: bool) -> None:
        """Let SciPy go; `put_back`: the net back to the last iteration that was handed out."""
        if self.thread.is_alive():
            self.left = True
            self.asked.put(None)
            self.thread.join()
        if put_back:
            self._put_back()

    def _minimize(self) -> None:
        """What runs in the other thread."""
        from scipy.optimize import minimize

        given, why = self.optimizer, None
        self.asked.get()
        try:
            result = minimize(
                self._loss_and_gradient,
                self.net.parameters[self.trainable].astype(np.float64),
                jac=True,
                method="L-BFGS-B",
                callback=self._hand_out,
                options={
                    "maxcor": given.history_size,
                    "gtol": given.tolerance_grad,
                    "ftol": given.tolerance_change,
                    "maxfun": given.max_eval or np.iinfo(np.int32).max,
                    "maxiter": self.most,
                },
            )
            self.ended = _reason(result, given)
        except _DivergedError as diverged:
            self.found.put(diverged.epoch)
        except BaseException as error:
            why = error
        self.found.put(why)

    def _loss_and_gradient(self, weights: Array) -> tuple[float, Array]:
        if self.left:
            raise StopIteration
        found = self._evaluated(weights)
        if found.diverged_at is not None:
            raise _DivergedError(found)
        if self.last is None and self._evaluated(weights).loss != found.loss:
            raise SettingError(
                "a loss that is another one when the net is run again, with LBFGS",
                "a net without random layers",
                "optimizer=hg.Adam(0.001), beside Dropout",
            )
        self.last = found
        return found.loss, self.net.gradients[self.trainable].astype(np.float64)

    def _evaluated(self, weights: Array) -> Epoch:
        """Loss, predictions and gradients with these weights: an epoch that leaves them alone."""
        self.net.parameters[self.trainable] = weights
        found = self.engine.run_epochs(self.order, self.rates)
        return next(epoch for epoch in found if isinstance(epoch, Epoch))

    def _hand_out(self, weights: Array) -> None:
        """Called at the end of each iteration, at the weights that were evaluated last."""
        self.accepted = (self.net.parameters.copy(), self.net.running_state.copy())
        if self.last is not None:
            self.found.put(self.last)
        self.asked.get()
        if self.left:
            raise StopIteration

    def _put_back(self) -> None:
        self.net.parameters[...], self.net.running_state[...] = self.accepted


class _DivergedError(Exception):
    """The loss of these weights is not a finite number."""

    def __init__(self, epoch: Epoch) -> None:
        super().__init__()
        self.epoch = epoch


def _reason(result: Any, optimizer: LBFGS) -> str:
    """Why SciPy ended, in words; nothing, where it has done all the iterations it was to do."""
    if result.status == CONVERGED:
        return f"L-BFGS converged after {result.nit} iterations"
    if result.status == NO_LOWER:
        return f"L-BFGS found no lower loss after {result.nit} iterations"
    if optimizer.max_eval and result.nfev > optimizer.max_eval:
        return f"L-BFGS had evaluated the loss {result.nfev} times"
    return ""
