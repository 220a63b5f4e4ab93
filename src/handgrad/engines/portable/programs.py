"""The portable programs of a net: an epoch of its training, and its predictions."""

from handgrad.engines.loops.build import prediction_program, training_program
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.target import Target
from handgrad.engines.loops.tracing import prediction_graph, training_step, updates_of
from handgrad.engines.portable.scalarize import written_out
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty

EVERYWHERE = Target(rounds_once=False, max_parts=1)


def training_program_of(
    net: Net,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    y: Array,
    batch_size: int,
    penalty: Penalty | None = None,
    *,
    copies: bool = True,
) -> Program:
    """An epoch in plain statements, for rows like these; `copies` as in `written_out`."""
    updates = updates_of(net, optimizer)
    if not updates:
        raise SettingError(
            f"optimizer={optimizer!r}, whose steps need the loss of all rows",
            "one that takes a step for a batch",
            "optimizer=hg.Adam(0.001)",
        )
    step, weighted_by = training_step(net, loss, x, y, penalty=penalty), loss.batches_weighted_by
    program = training_program(step, updates, batch_size, net.dtype, weighted_by, EVERYWHERE)
    return written_out(program, copies=copies)


def prediction_program_of(
    net: Net, x: Array, batch_size: int, *, copies: bool = True, only_finite: bool = False
) -> Program:
    """Predictions in plain statements, for rows like these; `copies` as in `written_out`.

    If `only_finite`, it ends where a prediction is not.
    """
    graph = prediction_graph(net, x)
    program = prediction_program(graph, batch_size, net.dtype, EVERYWHERE, only_finite)
    return written_out(program, copies=copies)
