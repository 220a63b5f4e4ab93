"""The keeper of a net's best weights while it is trained."""

import math
from collections.abc import Sequence

from handgrad.layers import Array
from handgrad.net import Net


class BestWeights:
    """The weights a net had in its best epoch so far; of an ensemble, each member in its own.

    `epochs` and `badness` have an entry for each member, one without members: the epoch, counted
    from 1, 0 before the first, and a number of which less is better; NaN is never better. The
    first of equal ones counts, or the `last`.
    """

    def __init__(self, net: Net, members: int = 1) -> None:
        self.net, self.weights = net, net.state()
        self.badness, self.epochs, self.latest = [math.inf] * members, [0] * members, 0

    def note(self, epoch: int, badness: Sequence[float], *, last: bool = False) -> None:
        """Look at an epoch, whose weights the net has now."""
        self.latest = epoch
        now: dict[str, Array] = {}
        for m, (value, best) in enumerate(zip(badness, self.badness, strict=True)):
            if value < best or (value == best and (last or self.epochs[m] == 0)):
                now = now or self.net.state()
                self.badness[m], self.epochs[m] = value, epoch
                for path, array in now.items() if len(badness) > 1 else ():
                    kept = self.weights[path].reshape(len(badness), -1)
                    kept[m] = array.reshape(len(badness), -1)[m]
        if now and len(badness) == 1:
            self.weights = now

    @property
    def waited(self) -> int:
        """For how many epochs nothing has been better."""
        return self.latest - max(self.epochs)
