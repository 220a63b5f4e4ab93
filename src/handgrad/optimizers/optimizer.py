"""What every optimizer shares: a learning rate, and state it declares."""

from collections.abc import Callable
from typing import Any

from handgrad.errors import positive
from handgrad.page import Page


class Optimizer(Page):
    """The base of every optimizer: `rule` gives the new weights from the old and the gradient.

    A rule is elementwise: `w` and `dw` are flat arrays of all parameters of a net. What it
    must remember from step to step it names in `state_names` (arrays like `w`, zero at the
    start), takes after `dw`, and returns after the new `w`. `learning_rate` and `step`
    (1, 2, …) are plain numbers handed in, so that a recorded rule serves every step.
    """

    rule: Callable[..., Any]

    def __init__(self, learning_rate: float) -> None:
        positive("learning_rate", learning_rate)
        self.learning_rate = float(learning_rate)
