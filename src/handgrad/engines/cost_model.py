"""How much work a net is, and whether compiled code gains more on it than its making costs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import trial_twin
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, number_of_rows, take
from handgrad.textbook.net.watch import watching

# Seconds, measured on a laptop-like machine; only their proportions matter.
COMPILING, COMPILING_A_LAYER = 0.15, 0.03
GAIN_A_LAYER, GAIN_A_NUMBER, GAIN_A_MULTIPLICATION = 8e-6, 2e-9, 1.6e-12


@dataclass(frozen=True)
class Work:
    """What a forward pass does for a row: multiplications, and numbers that layers put out."""

    multiplications: int
    numbers: int


def min_work_of(net: Net) -> Work:
    """The work of rows of one axis, as far as layers say their sizes; of others it is the least."""
    numbers, width = 0, net.n_in or 0
    for _, layer in net.walk():
        if not layer.layers:
            width = layer.n_out or width
            numbers += width
    return Work(net.parameters.size, numbers)


def work_of(net: Net, x: Inputs) -> Work:
    """The work of rows like these: each weight multiplies at each place that its layer works on.

    It is found with one of them; where the pages fail with it, it is the least.
    """
    multiplications = numbers = 0
    twin = trial_twin(net)
    try:
        with watching(twin) as calls, np.errstate(all="ignore"):
            twin.forward(take(x, slice(0, 1)))
        for call in calls:
            if not call.layer.layers:
                numbers += call.went.size
                multiplications += _weights(call.layer) * _places(call.layer, call.came, call.went)
    except Exception:
        return min_work_of(net)
    return Work(multiplications, numbers)


def _weights(layer: Layer) -> int:
    return 0 if layer.integer_input else sum(getattr(layer, n).size for n in layer.param_names)


def _places(layer: Layer, came: Array, went: Array) -> int:
    """How many places of a row a layer works on, all steps of a sequence of which one comes out."""
    rows = went if went.ndim == came.ndim else max(came, went, key=lambda rows: rows.ndim)
    return int(rows.size // rows.shape[layer.feature_axis])


def is_worth_compiling(net: Net, x: Inputs, batch_size: int, epochs: int) -> bool:
    """Whether the steps of a training gain more from compiled code than its making costs."""
    n, rows = number_of_rows(x), min(batch_size, number_of_rows(x))
    steps, cost = epochs * -(-n // batch_size), cost_of_compiling(net)

    def gain(work: Work) -> float:
        numbers = GAIN_A_NUMBER * rows * work.numbers
        return steps * (_gain_of_a_step(net, rows, work) + numbers)

    return gain(min_work_of(net)) > cost or gain(work_of(net, x)) > cost


def seconds_saved(net: Net, x: Inputs, batch_size: int, epochs: int) -> float:
    """What compiled code gains in so many epochs of a net of rows of one axis, few numbers each."""
    n = number_of_rows(x)
    steps = epochs * -(-n // batch_size)
    return steps * _gain_of_a_step(net, min(batch_size, n), min_work_of(net))


def _gain_of_a_step(net: Net, rows: int, work: Work) -> float:
    return GAIN_A_LAYER * _layers(net) + GAIN_A_MULTIPLICATION * 6 * rows * work.multiplications


def is_worth_compiling_to_predict(net: Net, rows: int, work: Callable[[], Work]) -> bool:
    """Whether so many rows, predicted once, gain more from compiled code than its making costs.

    A batch is 1024 rows, and gains a third of what a step of training does. `work` finds that of a
    row, where the least work does not decide.
    """
    cost = cost_of_compiling(net) - -(-rows // 1024) * GAIN_A_LAYER * _layers(net) / 3

    def is_enough(multiplications: int) -> bool:
        return GAIN_A_MULTIPLICATION * 2 * rows * multiplications > cost

    return is_enough(net.parameters.size) or is_enough(work().multiplications)


def cost_of_compiling(net: Net) -> float:
    """What the making of machine code for a net costs."""
    return COMPILING + COMPILING_A_LAYER * _layers(net)


def _layers(net: Net) -> int:
    return sum(1 for _ in net.walk())
