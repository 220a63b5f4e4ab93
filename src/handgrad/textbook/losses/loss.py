"""Base class of losses."""

from inspect import signature
from typing import Literal

from handgrad.textbook.errors import SettingError
from handgrad.textbook.kinds import NumericTargets, PredictionKind, TargetKind
from handgrad.textbook.module import Array, Module

EXAMPLES = {
    "input_kind": "hg.losses.kinds.Logits()",
    "target_kind": "hg.losses.kinds.ClassLabels()",
}


class Loss(Module):
    """Base class of all losses: `forward` returns the mean over the batch, `backward` its gradient.

    `input_kind` is the kind of predictions that the loss takes, `target_kind` that of the targets:
    objects of `hg.losses.kinds`, or of a class derived from one there. `backward` accepts the value
    of the loss, as in `loss.backward(l)`, and need not use it.

    A loss whose `forward` has an argument `sample_weight` (n,) supports weights; write it with
    `losses.weighted_mean` and `losses.mean_weights`. The loss of an epoch averages its batches by
    the sum of their weights, or with `batches_weighted_by = "rows"` by their number of rows.
    """

    input_kind: PredictionKind = PredictionKind()
    target_kind: TargetKind = NumericTargets()
    batches_weighted_by: Literal["weights", "rows"] = "weights"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, kind in (("input_kind", PredictionKind), ("target_kind", TargetKind)):
            if not isinstance(value := getattr(cls, name), kind):
                raise SettingError(
                    f"{name} = {value!r}",
                    f"an object of a class derived from hg.losses.kinds.{kind.__name__}",
                    f"{name} = {EXAMPLES[name]}",
                    cls.__name__,
                )
        if not _takes_the_value(cls):
            raise SettingError(
                "backward takes no argument",
                "one argument, for the value of the loss",
                "def backward(self, loss=None):",
                cls.__name__,
            )

    @property
    def default_metrics(self) -> tuple[str, ...]:
        """Names of the metrics that are reported by default."""
        return self.target_kind.default_metrics

    def forward(self, p: Array, y: Array, /) -> float:
        """Return the mean loss of the predictions `p` for the targets `y`."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, loss: object = None) -> Array:
        """Return the gradient of the mean loss with respect to the predictions."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    @property
    def takes_weights(self) -> bool:
        """True if `forward` has the argument `sample_weight`."""
        return "sample_weight" in signature(self.forward).parameters


def _takes_the_value(kind: type[Loss]) -> bool:
    try:
        signature(kind.backward).bind(None, None)
    except TypeError:
        return False
    return True
