"""The case examined: a net, its rows and its loss, checked once, and a copy to look at."""

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
from handgrad.training.validate_data import TRAINING, VALIDATION, Rows, held_out_rows, training_rows

MOST_ROWS = 1024  # a share of 1 in 2 is then known to ± 0.03, and an examination takes a moment


class HowTrained(TypedDict, total=False):
    """How a net was trained, in the words of `hg.train`."""

    loss: Loss | None
    optimizer: Optimizer | None
    validation: object
    sample_weight: object
    class_weight: object
    penalty: Penalty | None


class Patient:
    """A net with the rows it was trained on, and the rows held out, which may be None.

    Rows that hold NaN are no error here: they are the finding `rows_not_finite`. `judged` has
    rows, targets and weights as `loss`, a copy, takes them, `judged_held` those held out; both
    are None where no loss is known, or where the net gives nothing finite. `leakage` is found
    once. `names` are those of the features, where they have any.
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
        found = (not_finite_rows(rows, what) for what, rows in named.items() if rows is not None)
        self.rows_not_finite = next(filter(None, found), None)
        self.loss = copy.deepcopy(loss or default_loss(net.output_kind, net.n_out, y))
        self.judged: Rows | None = None
        self.judged_held: Rows | None = None
        if self.loss is None or self.rows_not_finite or not _answers(net, self.x):
            return
        twin = copy.deepcopy(net)  # what it predicts here does not count for the net itself
        self.judged = training_rows(twin, self.loss, (self.x, y), sample_weight, class_weight)
        if self.held is not None:
            rows = (self.held, y_held, weight)
            self.judged_held = held_out_rows(
                twin, self.loss, rows, VALIDATION, self.judged.of_class
            )

    @property
    def by_steps(self) -> bool:
        """Whether the training has a learning rate: L-BFGS has none."""
        return self.optimizer is None or self.optimizer.minimizer is None


def _rows(net: Net, data: object, what: str) -> tuple[Inputs, Array]:
    x, y = checked_pair(data, what)
    return _inputs(net, x, what), array_of(y, f"{what}, targets")


def _inputs(net: Net, x: object, what: str) -> Inputs:
    """`x` cast to the net's type; NaN may be in it."""
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
    """Whether the net gives finite numbers: else its targets cannot be checked, nor its loss."""
    with np.errstate(all="ignore"):
        twin = copy.deepcopy(net)
        with twin.mode(training=False):
            return not not_finite_weights(net) and finite(twin.forward(take(x, sampled(x, 256))))


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
                value = self.judge.of(p)
                self.net.backward(self.judge.loss.backward(value))
                self.penalty_of_weights()
                self.net.gather_gradients()
                self.slope = self.net.gradients.copy()
        self.restore()
        return calls


def _some(rows: Rows) -> Rows:
    some = sampled(rows.x, MOST_ROWS)
    return Rows(take(rows.x, some), rows.y[some], None if rows.w is None else rows.w[some])
