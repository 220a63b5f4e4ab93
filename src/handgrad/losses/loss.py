"""What every loss shares: what it takes, what it expects of the targets."""

from typing import Any, Literal

from handgrad.layers.layer import Array
from handgrad.page import Page


class Loss(Page):
    """The base of every loss: `forward` gives the mean over the batch, `backward` its gradient.

    `takes` says what the net should hand over (probabilities, logits, scores, log rates or
    numbers), `targets` what the labels are (classes 0, 1, 2 …; binary 0 or 1; counts from 0 on;
    numbers), `usual_metrics` what to report when nothing is asked for. `backward` needs no
    argument; the loss's value, handed back as in `loss.backward(l)`, is accepted and not used.

    A loss whose `forward` has a third argument `w` can be weighted: w (n,) says how much each
    row counts, all the same without it. `average` and `shares` are made for that. In the loss of
    an epoch a batch counts as much as the `weights` of its rows together, or, where
    `batches_count` says so, as it has `rows`.
    """

    takes = "numbers"
    targets = "numbers"
    usual_metrics: tuple[str, ...] = ()
    batches_count: Literal["weights", "rows"] = "weights"

    def forward(self, p: Array, y: Array, /) -> Any:
        """The mean loss of the predictions `p` for the targets `y`."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, loss: Any = None) -> Array:
        """The gradient of the mean loss with respect to the predictions."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def inverse_link(self, p: Array) -> Array:
        """What the net's output `p` says, in the terms of the targets: for most losses itself."""
        return p

    @property
    def takes_weights(self) -> bool:
        """Whether rows can be weighted: `forward` has the argument `w`."""
        code: Any = getattr(type(self).forward, "__code__", None)
        return code is not None and "w" in code.co_varnames[: code.co_argcount]
