"""The patient: a net, its rows and its loss, checked once for all examinations."""

import copy
from collections.abc import Sequence
from typing import TypedDict, Unpack

import numpy as np

from handgrad.base.errors import DataError
from handgrad.base.kinds import ClassProbabilities, Probabilities
from handgrad.config import check_kinds
from handgrad.doctor.calls import finite, sampled
from handgrad.doctor.given import leakage, not_finite_rows, not_finite_weights
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
        self, net: Net, data: object, names: Sequence[str] = (), **training: Unpack[HowTrained]
    ) -> None:
        check_kinds(net=(net, Net))
        for name, kind in (("loss", Loss), ("optimizer", Optimizer), ("penalty", Penalty)):
            if (given := training.get(name)) is not None:
                check_kinds(**{name: (given, kind)})
        self.net, self.names = net, names
        self.optimizer, self.penalty = training.get("optimizer"), training.get("penalty")
        self.x, y = _rows(net, data, TRAINING)
        pair, weight = pair_and_weights(first_set(training.get("validation")))
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
        self.loss = copy.deepcopy(training.get("loss") or usual_loss(net, y))
        self.judged: Rows | None = None
        self.judged_held: Rows | None = None
        if self.loss is None or self.rows_not_finite or not _answers(net, self.x):
            return
        twin = copy.deepcopy(net)  # what it predicts here does not count for the net itself
        weights = training.get("sample_weight"), training.get("class_weight")
        self.judged = training_rows(twin, self.loss, (self.x, y), *weights)
        if self.held is not None:
            rows = (self.held, y_held, weight)
            self.judged_held = held_out_rows(
                twin, self.loss, rows, VALIDATION, self.judged.of_class
            )

    @property
    def by_steps(self) -> bool:
        """Whether the training has a learning rate: L-BFGS has none."""
        return self.optimizer is None or self.optimizer.minimizer is None


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


def _rows(net: Net, data: object, what: str) -> tuple[Inputs, Array]:
    """The inputs and the targets of a pair."""
    x, y = checked_pair(data, what)
    return _inputs(net, x, what), array_of(y, f"{what}, targets")


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
