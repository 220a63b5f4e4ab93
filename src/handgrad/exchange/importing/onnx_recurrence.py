"""Recurrent ONNX nodes, whose first axis is time, as layers."""

import numpy as np

from handgrad.exchange.importing.onnx_folding import Node
from handgrad.exchange.importing.onnx_graph import OnnxGraph
from handgrad.exchange.importing.parts import floating_array, recurrent, refused
from handgrad.textbook.layers import GRU, LSTM, RNN, Array, Layer
from handgrad.textbook.layers.recurrence import RecurrentLayer

# The layer of each node, its activations, and where ONNX has the gates in the order of the page.
RECURRENT: dict[str, tuple[type[RecurrentLayer], list[bytes], list[int]]] = {
    "RNN": (RNN, [b"Tanh"], [0]),
    "GRU": (GRU, [b"Sigmoid", b"Tanh"], [1, 0, 2]),
    "LSTM": (LSTM, [b"Sigmoid", b"Tanh", b"Tanh"], [0, 2, 3, 1]),
}
PLAIN = "one direction, no lengths, states that begin at 0, the usual activations"


def swaps_rows_and_steps(node: Node) -> bool:
    """Return True if a node swaps (n, t, k) and (t, n, k)."""
    return node.op_type == "Transpose" and node.attributes.get("perm") == [1, 0, 2]


def recurrence_from(graph: OnnxGraph, node: Node, time_first: bool) -> tuple[Layer, str, bool]:
    """The layer that a recurrent node is, where its answer is, and whether steps come first there.

    That is h of every step or, where the model goes on with the last, that one.
    """
    kind, activations, order = RECURRENT[node.op_type]
    said = node.attributes
    given = dict(zip(("x", "W", "R", "B", "lengths", "h", "c", "P"), node.input, strict=False))
    plain = time_first and not said.get("layout") and "clip" not in said
    plain &= said.get("direction", b"forward") == b"forward"
    plain &= said.get("activations", activations) == activations
    plain &= not (given.get("lengths") or given.get("P"))
    if node.op_type == "GRU":
        plain &= said.get("linear_before_reset", 0) == 1
    for state in (given.get("h"), given.get("c")):
        known = graph.known(state) if state else np.zeros(1)
        plain &= known is not None and not known.any()
    W, R, B = (graph.constant(given.get(name, "")) for name in "WRB")
    if not plain or W is None or R is None:
        raise refused(str(node), f"{node.op_type} with {PLAIN}")
    b, v = (None, None) if B is None else (_ordered(part, order) for part in np.split(B[0], 2))
    at, time_first, every = _answer(graph, node)
    layer = recurrent(
        kind, _ordered(W[0], order), _ordered(R[0], order), b, v, return_sequences=every
    )
    return layer, at, time_first


def _ordered(gates: Array, order: list[int]) -> Array:
    """Reorder the gates of weights or biases."""
    parts = np.split(floating_array(gates), len(order))
    return np.concatenate([parts[i] for i in order])


def _answer(graph: OnnxGraph, node: Node) -> tuple[str, bool, bool]:
    """Name of the output, if time is its first axis, and if it has all steps."""
    every, last = ([*node.output, "", ""])[:2]
    used = [name for name in (every, last) if graph.users.get(name)]
    if len(used) > 1:
        raise refused(str(node), "either h of every step, or that of the last, as what goes on")
    if used == [last] or (not used and every not in graph.outputs):
        at = _picked(graph, last, 0, "Squeeze", [0]) or _picked(graph, last, 0, "Gather", [0, -1])
        if at is None:
            raise refused(str(node), "h of the last step, (1, n, k), squeezed")
        return at, False, False
    at = _picked(graph, every, 1, "Squeeze", [1])
    if at is None:
        raise refused(str(node), "h of every step, (t, 1, n, k), squeezed")
    users = graph.users.get(at, [])
    swapped = len(users) == 1 and swaps_rows_and_steps(users[0])
    of_last = _picked(graph, users[0].output[0] if swapped else at, int(swapped), "Gather", [-1])
    return (of_last, False, False) if of_last else (at, True, True)


def _picked(graph: OnnxGraph, at: str, axis: int, op_type: str, wanted: list[int]) -> str | None:
    """Output of the only user, if it squeezes an axis or gathers one position of it."""
    users = graph.users.get(at, [])
    if len(users) != 1 or users[0].op_type != op_type:
        return None
    node, value = users[0], graph.constant(users[0].reads(1))
    if value is None or value.size != 1 or int(value.ravel()[0]) not in wanted:
        return None
    if op_type == "Gather" and (node.attributes.get("axis", 0) != axis or value.ndim):
        return None
    return node.output[0]
