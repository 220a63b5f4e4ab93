"""Cost model: the work of a net, and whether compiling it saves time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import trial_twin
from handgrad.textbook.layers.recurrence import RecurrentLayer
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, number_of_rows, take
from handgrad.textbook.net.watch import watching

# Seconds, measured on a laptop; only their ratios matter.
COMPILING, COMPILING_A_LAYER, COMPILING_A_STEP = 0.15, 0.03, 0.01
GAIN_A_LAYER, GAIN_A_STEP, GAIN_A_NUMBER, GAIN_A_MULTIPLICATION = 8e-6, 3e-5, 2e-9, 1.6e-12


@dataclass(frozen=True)
class Work:
    """The work of a forward pass per row.

    Multiplications, numbers that the layers output, and steps that recurrent layers run in turn.
    """

    multiplications: int
    numbers: int
    steps: int = 0


def min_work_of(net: Net) -> Work:
    """The work for 1-D rows, from the sizes that the layers declare: a lower bound."""
    numbers, width = 0, net.n_in or 0
    for _, layer in net.walk():
        if not layer.layers:
            width = layer.n_out or width
            numbers += width
    return Work(net.parameters.size, numbers)


def work_of(net: Net, x: Inputs) -> Work:
    """The work for rows like these: each weight multiplies at every position of its layer.

    It is measured with one row; if the layers fail on it, the result is `min_work_of`.
    """
    multiplications = numbers = steps = 0
    twin = trial_twin(net)
    try:
        with watching(twin) as calls, np.errstate(all="ignore"):
            twin.forward(take(x, slice(0, 1)))
        for call in calls:
            if not call.layer.layers:
                numbers += call.went.size
                steps += call.came.shape[1] if isinstance(call.layer, RecurrentLayer) else 0
                multiplications += _weights(call.layer) * _positions(
                    call.layer, call.came, call.went
                )
    except Exception:
        return min_work_of(net)
    return Work(multiplications, numbers, steps)


def _weights(layer: Layer) -> int:
    return 0 if layer.integer_input else sum(getattr(layer, n).size for n in layer.param_names)


def _positions(layer: Layer, came: Array, went: Array) -> int:
    """The positions of a row that a layer works on; all steps of a sequence that it reduces."""
    rows = went if went.ndim == came.ndim else max(came, went, key=lambda rows: rows.ndim)
    return int(rows.size // rows.shape[layer.feature_axis])


def is_worth_compiling(net: Net, x: Inputs, batch_size: int, epochs: int) -> bool:
    """Return True if compiled steps save more time than compiling takes.

    Parameters
    ----------
    net : Net
        The net.
    x : array or tuple of arrays
        Training inputs.
    batch_size : int
        Rows per step.
    epochs : int
        Passes over the rows.
    """
    n, rows = number_of_rows(x), min(batch_size, number_of_rows(x))
    batches = epochs * -(-n // batch_size)

    def is_enough(work: Work) -> bool:
        gain = GAIN_A_NUMBER * rows * work.numbers + GAIN_A_STEP * work.steps
        cost = cost_of_compiling(net, work.steps)
        return batches * (_gain_of_a_step(net, rows, work) + gain) > cost

    return _pays_off(net, lambda: work_of(net, x), is_enough)


def seconds_saved(net: Net, x: Inputs, batch_size: int, epochs: int) -> float:
    """Estimated seconds saved by compiling (1-D rows, small nets)."""
    n = number_of_rows(x)
    steps = epochs * -(-n // batch_size)
    return steps * _gain_of_a_step(net, min(batch_size, n), min_work_of(net))


def _gain_of_a_step(net: Net, rows: int, work: Work) -> float:
    return GAIN_A_LAYER * _layers(net) + GAIN_A_MULTIPLICATION * 6 * rows * work.multiplications


def is_worth_compiling_to_predict(net: Net, rows: int, work: Callable[[], Work]) -> bool:
    """Return True if predicting `rows` rows once saves more time than compiling takes.

    A batch is 1024 rows and saves a third as much as a training step. `work` measures the work per
    row; it is called only if the lower bound does not decide.
    """
    batches = -(-rows // 1024)

    def is_enough(work: Work) -> bool:
        gain = batches * (GAIN_A_LAYER * _layers(net) + GAIN_A_STEP * work.steps) / 3
        gain += GAIN_A_MULTIPLICATION * 2 * rows * work.multiplications
        return gain > cost_of_compiling(net, work.steps)

    return _pays_off(net, work, is_enough)


def cost_of_compiling(net: Net, steps: int = 0) -> float:
    """Estimated seconds to compile a net.

    Parameters
    ----------
    net : Net
        The net.
    steps : int, default 0
        Steps of its recurrent layers, each of which is traced.
    """
    return COMPILING + COMPILING_A_LAYER * _layers(net) + COMPILING_A_STEP * steps


def _pays_off(net: Net, work: Callable[[], Work], is_enough: Callable[[Work], bool]) -> bool:
    """Decide by the lower bound, if that is enough, else by the work itself.

    The lower bound of a recurrent net has no steps, whose compiling costs.
    """
    recurrent = any(isinstance(layer, RecurrentLayer) for _, layer in net.walk())
    return (not recurrent and is_enough(min_work_of(net))) or is_enough(work())


def _layers(net: Net) -> int:
    return sum(1 for _ in net.walk())
