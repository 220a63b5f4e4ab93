"""The case examined: a copy of the net, some of its rows, its loss and its reports."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from handgrad.doctor.calls import sampled
from handgrad.doctor.given import not_finite_weights
from handgrad.doctor.patient import Patient
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.losses.weighting import spread
from handgrad.net import LayerCall
from handgrad.net.minibatches import number_of_rows, take
from handgrad.training import EpochReport
from handgrad.training.sample_weights import Rows

MOST_ROWS = 1024  # a share of 1 in 2 is then known to ± 0.03, and an examination takes a moment


@dataclass(eq=False)
class Judge:
    """A loss with the targets, and weights, of the rows looked at: it says how good answers are."""

    loss: Loss
    rows: Rows

    def of(self, p: Array) -> float:
        """The loss of the predictions `p`, (n, …)."""
        weights = () if self.rows.w is None else (self.rows.w,)
        return float(cast(Any, self.loss).forward(p, self.rows.y, *weights))

    def of_a_constant(self, p: Array) -> float | None:
        """The loss of the best answer that is the same for every row, of the shape of `p`'s."""
        answers = constant_answers(self.loss, self.rows, p)
        found = [self.of(np.broadcast_to(answer, p.shape).astype(p.dtype)) for answer in answers]
        return min((loss for loss in found if np.isfinite(loss)), default=None)


def constant_answers(loss: Loss, rows: Rows, p: Array) -> list[Array]:
    """Those that could be the best, each as one row of predictions like `p`, (n, …).

    The share of each class as the loss takes it, the mean or the median; none for targets of
    another kind.
    """
    n, k = len(p), p.size // len(p)
    w = np.ones(n) if rows.w is None else rows.w.astype(float)
    w = spread(w, rows.y.shape) if loss.target_kind.indices else w.reshape(n, -1).mean(axis=1)
    answers = loss.input_kind.constant_outputs(loss.target_kind, rows.y, k, w)
    return [answer.reshape(p.shape[1:]) for answer in answers]


class Case:
    """A copy of a patient's net with at most MOST_ROWS of the rows, evenly spaced.

    `ill` is what is not finite before anything is computed. Then there is no `judge`, nor where
    no loss is known.
    """

    def __init__(self, patient: Patient, reports: Sequence[EpochReport]) -> None:
        self.net = copy.deepcopy(patient.net)
        self.start = (self.net.parameters.copy(), self.net.running_state.copy())
        self.slope: Array = np.zeros_like(self.net.gradients)
        self.patient, self.reports = patient, reports
        x = patient.x if patient.judged is None else patient.judged.x
        self.rows, self.x = number_of_rows(x), take(x, sampled(x, MOST_ROWS))
        self.ill = patient.rows_not_finite or not_finite_weights(patient.net)
        self.judge, self.judge_held = (
            Judge(patient.loss, _some(rows)) if rows and patient.loss and not self.ill else None
            for rows in (patient.judged, patient.judged_held)
        )

    @property
    def all_rows(self) -> str:
        """How evidence names the rows: `all 800 rows`, `all 1024 rows looked at, of 60000`."""
        n = number_of_rows(self.x)
        return f"all {n} rows" if n == self.rows else f"all {n} rows looked at, of {self.rows}"

    @cached_property
    def predicting(self) -> list[LayerCall]:
        """Each call of a forward pass in prediction mode."""
        return self._passed(learning=False)

    @cached_property
    def learning(self) -> list[LayerCall]:
        """Each call of a forward and a backward pass in training mode; forward only, if no judge.

        `slope` has all gradients then, flat.
        """
        return self._passed(learning=True)

    @cached_property
    def p(self) -> Array:
        """The predictions for `x`."""
        return np.asarray(self.predicting[-1].went)

    @cached_property
    def constant_loss(self) -> float | None:
        """The loss of the best answer that is the same for every row; None where not known."""
        return None if self.judge is None else self.judge.of_a_constant(self.p)

    def held_loss(self) -> float:
        """The loss over the validation rows, of the net as it is; NaN where it cannot be told."""
        if self.judge_held is None:
            return np.nan
        self.restore()
        with self.net.mode(training=False):
            return self.judge_held.of(self.net.forward(self.judge_held.rows.x))

    def penalty_of_weights(self) -> float:
        """The penalty of the weights, beside the loss; its slope is added to the gradients."""
        penalty = self.patient.penalty
        return float(penalty.add_to(self.net, len(self.p))) if penalty else 0.0

    def restore(self) -> None:
        """Give the copy the weights and the running state it began with."""
        self.net.parameters[...], self.net.running_state[...] = self.start

    def _passed(self, *, learning: bool) -> list[LayerCall]:
        self.restore()
        self.net.seed(0)
        with self.net.mode(training=learning), self.net.watch() as calls:
            p = self.net.forward(self.x)
            if learning and self.judge is not None:
                self.judge.of(p)
                self.net.backward(self.judge.loss.backward())
                self.penalty_of_weights()
                self.net.gather_gradients()
                self.slope = self.net.gradients.copy()
        self.restore()
        return calls


def _some(rows: Rows) -> Rows:
    """The rows that are looked at, with their weights."""
    some = sampled(rows.x, MOST_ROWS)
    return Rows(take(rows.x, some), rows.y[some], None if rows.w is None else rows.w[some])
