"""The patient: a net, its rows and its loss, checked once for all examinations."""

import copy
from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np

from handgrad.base.errors import DataError
from handgrad.base.kinds import ClassProbabilities, Probabilities
from handgrad.config import check_kinds
from handgrad.doctor.calls import finite, sampled
from handgrad.doctor.findings import Finding
from handgrad.doctor.leakage import leakage
from handgrad.doctor.nonfinite_inputs import not_finite_rows, not_finite_weights
from handgrad.layers import Array
from handgrad.losses import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    Loss,
    MSELoss,
    SoftmaxCrossEntropyLoss,
)
from handgrad.net import Net
from handgrad.net.minibatches import Inputs, array_of, take
from handgrad.optimizers import Optimizer
from handgrad.penalties import Penalty
from handgrad.training import checked_pair, first_set, pair_and_weights
from handgrad.training.checks import TRAINING, VALIDATION
from handgrad.training.sample_weights import Rows, held_out_rows, training_rows


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
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        validation: object = None,
        sample_weight: object = None,
        class_weight: object = None,
        penalty: Penalty | None = None,
        names: Sequence[str] = (),
    ) -> None:
        check_kinds(net=(net, Net))
        kinds: dict[str, tuple[object, type]] = {
            "loss": (loss, Loss),
            "optimizer": (optimizer, Optimizer),
            "penalty": (penalty, Penalty),
        }
        check_kinds(**{name: kind for name, kind in kinds.items() if kind[0] is not None})
        self.net, self.optimizer, self.penalty = net, optimizer, penalty
        self.names = names
        x, y = checked_pair(data, TRAINING)
        self.x, y = _inputs(net, x, TRAINING), array_of(y, f"{TRAINING}, targets")
        pair, its_weight = pair_and_weights(first_set(validation))
        x_held, y_held = (None, None) if pair is None else checked_pair(pair, VALIDATION)
        self.held = None if pair is None else _inputs(net, x_held, VALIDATION)
        y_held = None if pair is None else array_of(y_held, f"{VALIDATION}, targets")
        self.leakage = [] if self.held is None else [*leakage(self.x, self.held)]
        self.rows_not_finite = next(self._rows_not_finite(y, y_held), None)
        self.loss = copy.deepcopy(loss or usual_loss(net, y))
        self.judged: Rows | None = None
        self.judged_held: Rows | None = None
        if self.loss is None or self.rows_not_finite or not _answers(net, self.x):
            return
        twin = copy.deepcopy(net)  # what it predicts here does not count for the net itself
        self.judged = training_rows(twin, self.loss, (self.x, y), sample_weight, class_weight)
        if self.held is not None:
            self.judged_held = held_out_rows(
                twin,
                self.loss,
                (self.held, y_held, its_weight),
                VALIDATION,
                self.judged.of_class,
            )

    def _rows_not_finite(self, y: Array, y_held: Array | None) -> Iterator[Finding]:
        named: list[tuple[Inputs | None, str]] = [
            (self.x, "the inputs"),
            (y, "the targets"),
            (self.held, "the validation inputs"),
            (y_held, "the validation targets"),
        ]
        for rows, what in named:
            if rows is not None and (found := not_finite_rows(rows, what)):
                yield found


def usual_loss(net: Net, y: Array) -> Loss | None:
    """The loss that the last layer and the targets ask for; None where they allow several."""
    whole, k = y.dtype.kind in "iub", net.n_out
    if isinstance(net.output_kind, ClassProbabilities):
        return CrossEntropyLoss() if whole and y.ndim == 1 else None
    if isinstance(net.output_kind, Probabilities):
        fits = y.size == len(y) * (k or 1) if y.ndim else False
        return BinaryCrossEntropyLoss() if fits and np.isin(y, (0, 1)).all() else None
    if whole:
        return SoftmaxCrossEntropyLoss() if y.ndim == 1 and (k or 1) > 1 else None
    return MSELoss() if y.ndim and y.size == len(y) * (k or 1) else None


def _inputs(net: Net, x: object, what: str) -> Inputs:
    """`x` cast to the net's type; NaN may be in it."""
    if isinstance(x, tuple):
        return tuple(np.asarray(_inputs(net, part, what)) for part in x)
    cast = net.cast(array_of(x, what))
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
