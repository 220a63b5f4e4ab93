"""Training specification of an exported file."""

from dataclasses import dataclass

from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.optimizers import Optimizer


@dataclass(frozen=True, eq=False)
class TrainSpec:
    """Loss, optimizer, rows x (n, n_in) with targets y (n, …), and batch size.

    All are validated for the net; rows have its dtype, targets that of the loss.
    """

    loss: Loss
    optimizer: Optimizer
    x: Array
    y: Array
    batch_size: int
