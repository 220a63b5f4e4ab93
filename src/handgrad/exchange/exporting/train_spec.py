"""What an exported file needs to train its net where it runs."""

from dataclasses import dataclass

from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.optimizers import Optimizer


@dataclass(frozen=True, eq=False)
class Learning:
    """The loss and the optimizer, rows x (n, n_in) with targets y (n, …), and the batch size.

    All is checked for the net; rows have its type, targets the one that the loss takes.
    """

    loss: Loss
    optimizer: Optimizer
    x: Array
    y: Array
    batch_size: int
