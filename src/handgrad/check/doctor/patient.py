"""Net, rows and loss to diagnose, checked once, and a copy of the net to run."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict, cast

import numpy as np

from handgrad.check.doctor.input_checks import (
    finite,
    leakage,
    not_finite_rows,
    not_finite_weights,
    sampled,
)
from handgrad.engines.config import check_kinds
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import (
    Loss,
)
from handgrad.textbook.losses.default_loss import default_loss
from handgrad.textbook.losses.weighting import spread
from handgrad.textbook.net import LayerCall, Net
from handgrad.textbook.net.minibatches import Inputs, array_of, number_of_rows, take
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty
from handgrad.training import EpochReport, checked_pair, first_set, pair_and_weights
from handgrad.training.validate_data import (
    TRAINING,
    VALIDATION,
    CheckedData,
    held_out_rows,
    training_rows,
)

MOST_ROWS = 1024  # a fraction near 1/2 is then known to ± 0.03, and a diagnosis takes a moment


class HowTrained(TypedDict, total=False):
    """Arguments of `hg.train` that a diagnosis uses."""

    loss: Loss | None
    optimizer: Optimizer | None
    validation: object
    sample_weight: object
    class_weight: object
    penalty: Penalty | None


class Patient:
    """A net with its training rows and, if there are any, its held-out rows.

    NaN in the rows is not an error but the finding `rows_not_finite`. `judged` has the training
    rows, targets and weights in the form that `loss`, a copy, takes, `judged_held` the held-out
    ones; both are None without a known loss, or if the net's output is not finite.
    """

    def __init__(
        self,
        net: Net,
        data: object,
        names: Sequence[str] = (),
        *,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        validation: object = None,
        sample_weight: object = None,
        class_weight: object = None,
        penalty: Penalty | None = None,
    ) -> None:
        check_kinds(net=(net, Net))
        for name, value, kind in (
            ("loss", loss, Loss),
            ("optimizer", optimizer, Optimizer),
            ("penalty", penalty, Penalty),
        ):
            if value is not None:
                check_kinds(**{name: (value, kind)})
        self.net, self.names, self.optimizer, self.penalty = net, names, optimizer, penalty
        self.x, y = _rows(net, data, TRAINING)
        pair, weight = pair_and_weights(first_set(validation))
        self.held: Inputs | None = None
        y_held: Array | None = None
        if pair is not None:
            self.held, y_held = _rows(net, pair, VALIDATION)
        self.leakage = [] if self.held is None else [*leakage(self.x, self.held)]
        named: dict[str, Inputs | None] = {
            "the inputs": self.x,
            "the targets": y,
            "the validation inputs": self.held,
            "the validation targets": y_held,
        }
        findings = (not_finite_rows(rows, what) for what, rows in named.items() if rows is not None)
        self.rows_not_finite = next(filter(None, findings), None)
        self.loss = copy.deepcopy(loss or default_loss(net.output_kind, net.n_out, y))
        self.judged: CheckedData | None = None
        self.judged_held: CheckedData | None = None
        if self.loss is None or self.rows_not_finite or not _answers(net, self.x):
            return
        twin = copy.deepcopy(net)  # predictions here must not change the net's cached state
        self.judged = training_rows(twin, self.loss, (self.x, y), sample_weight, class_weight)
        if self.held is not None:
            rows = (self.held, y_held, weight)
            self.judged_held = held_out_rows(
                twin, self.loss, rows, VALIDATION, self.judged.of_class
            )

    @property
    def by_steps(self) -> bool:
        """Check for a training with a learning rate: L-BFGS has none."""
        return self.optimizer is None or self.optimizer.minimizer is None


def _rows(net: Net, data: object, what: str) -> tuple[Inputs, Array]:
    x, y = checked_pair(data, what)
    return _inputs(net, x, what), array_of(y, f"{what}, targets")


def _inputs(net: Net, x: object, what: str) -> Inputs:
    """Cast `x` to the net's dtype; NaN is allowed."""
    if isinstance(x, tuple):
        return tuple(_array(net, part, what, one_of_several=True) for part in x)
    return _array(net, x, what)


def _array(net: Net, x: object, what: str, *, one_of_several: bool = False) -> Array:
    cast: Array = net.cast(array_of(x, what), one_of_several=one_of_several)
    if cast.ndim == 0 or len(cast) == 0:
        raise DataError(
            f"{what}: an array of shape {cast.shape}",
            "at least one row",
            "x[None, :], for a single row; check the filter or split before",
        )
    return cast


def _answers(net: Net, x: Inputs) -> bool:
    """Check that the net's output is finite; else neither targets nor loss can be checked."""
    with np.errstate(all="ignore"):
        twin = copy.deepcopy(net)
        with twin.mode(training=False):
            return not not_finite_weights(net) and finite(twin.forward(take(x, sampled(x, 256))))


@dataclass(eq=False)
class Judge:
    """Loss with the targets and weights of the rows."""

    loss: Loss
    rows: CheckedData

    def of(self, p: Array) -> float:
        """Loss of the predictions `p`, (n, …)."""
        weights = () if self.rows.w is None else (self.rows.w,)
        return float(cast(Any, self.loss).forward(p, self.rows.y, *weights))

    def of_a_constant(self, p: Array) -> float | None:
        """Loss of the best constant prediction, with rows shaped like those of `p`."""
        answers = constant_answers(self.loss, self.rows, p)
        losses = [self.of(np.broadcast_to(answer, p.shape).astype(p.dtype)) for answer in answers]
        return min((loss for loss in losses if np.isfinite(loss)), default=None)


def constant_answers(loss: Loss, rows: CheckedData, p: Array) -> list[Array]:
    """Candidates for the best constant prediction, each like one row of `p`, (n, …).

    They are the class frequencies, the mean or the median; none for targets of another kind.
    """
    n, k = len(p), p.size // len(p)
    w = np.ones(n) if rows.w is None else rows.w.astype(float)
    w = spread(w, rows.y.shape) if loss.target_kind.indices else w.reshape(n, -1).mean(axis=1)
    answers = loss.input_kind.constant_outputs(loss.target_kind, rows.y, k, w)
    return [answer.reshape(p.shape[1:]) for answer in answers]


class Case:
    """Copy of a patient's net with at most MOST_ROWS of the rows, evenly spaced.

    `ill` is the finding for rows or weights that are not finite. Then, and without a known loss,
    there is no `judge`.
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
        """Name of the rows in evidence: `all 800 rows`, `all 1024 sampled rows of 60000`."""
        n = number_of_rows(self.x)
        return f"all {n} rows" if n == self.rows else f"all {n} sampled rows of {self.rows}"

    @cached_property
    def predicting(self) -> list[LayerCall]:
        """Layer calls of a forward pass in prediction mode."""
        return self._passed(learning=False)

    @cached_property
    def learning(self) -> list[LayerCall]:
        """Layer calls of a forward and, with a judge, a backward pass in training mode.

        `slope` then has all gradients, flat.
        """
        return self._passed(learning=True)

    @cached_property
    def p(self) -> Array:
        """Predictions for `x`."""
        return np.asarray(self.predicting[-1].went)

    @cached_property
    def constant_loss(self) -> float | None:
        """Loss of the best constant prediction; None if it is not known."""
        return None if self.judge is None else self.judge.of_a_constant(self.p)

    def held_loss(self) -> float:
        """Validation loss of the net; NaN without validation rows."""
        if self.judge_held is None:
            return np.nan
        self.restore()
        with self.net.mode(training=False):
            return self.judge_held.of(self.net.forward(self.judge_held.rows.x))

    def penalty_of_weights(self) -> float:
        """Penalty of the weights; its gradient is added to the gradients."""
        penalty = self.patient.penalty
        return float(penalty.add_to(self.net, len(self.p))) if penalty else 0.0

    def restore(self) -> None:
        """Restore the copy's initial weights and running state."""
        self.net.parameters[...], self.net.running_state[...] = self.start

    def _passed(self, *, learning: bool) -> list[LayerCall]:
        self.restore()
        self.net.seed(0)
        with self.net.mode(training=learning), self.net.watch() as calls:
            p = self.net.forward(self.x)
            if learning and self.judge is not None:
                value = self.judge.of(p)
                self.net.backward(self.judge.loss.backward(value))
                self.penalty_of_weights()
                self.net.gather_gradients()
                self.slope = self.net.gradients.copy()
        self.restore()
        return calls


def _some(rows: CheckedData) -> CheckedData:
    some = sampled(rows.x, MOST_ROWS)
    return CheckedData(take(rows.x, some), rows.y[some], None if rows.w is None else rows.w[some])
