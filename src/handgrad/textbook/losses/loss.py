"""The base class of losses."""

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
    """The base of every loss: `forward` gives the mean over the batch, `backward` its gradient.

    `input_kind` says what the net should hand over, `target_kind` what the targets are: objects
    of `hg.losses.kinds`, or of a class of one's own that derives from one there. `backward` takes
    the loss's value, handed back as in `loss.backward(l)`, and does not need it.

    A loss whose `forward` has an argument `sample_weight` (n,) can be weighted by row; write it
    with `losses.weighted_mean` and `losses.mean_weights`. An epoch's loss averages its batches by
    the sum of their weights, or, where `batches_weighted_by` says so, by their number of rows.
    """

    input_kind: PredictionKind = PredictionKind()
    target_kind: TargetKind = NumericTargets()
    batches_weighted_by: Literal["weights", "rows"] = "weights"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, kind in (("input_kind", PredictionKind), ("target_kind", TargetKind)):
            if not isinstance(given := getattr(cls, name), kind):
                raise SettingError(
                    f"{name} = {given!r}",
                    f"an object of a class that derives from hg.losses.kinds.{kind.__name__}",
                    f"{name} = {EXAMPLES[name]}",
                    cls.__name__,
                )
        if not _takes_the_value(cls):
            raise SettingError(
                "backward takes no argument",
                "one, for the loss's value, which a training hands back",
                "def backward(self, loss=None):",
                cls.__name__,
            )

    @property
    def default_metrics(self) -> tuple[str, ...]:
        """The names of the metrics that are reported when none are asked for."""
        return self.target_kind.default_metrics

    def forward(self, p: Array, y: Array, /) -> float:
        """The mean loss of the predictions `p` for the targets `y`."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, loss: object = None) -> Array:
        """The gradient of the mean loss with respect to the predictions."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    @property
    def takes_weights(self) -> bool:
        """Whether rows can be weighted: `forward` has the argument `sample_weight`."""
        return "sample_weight" in signature(self.forward).parameters


def _takes_the_value(kind: type[Loss]) -> bool:
    try:
        signature(kind.backward).bind(None, None)
    except TypeError:
        return False
    return True
