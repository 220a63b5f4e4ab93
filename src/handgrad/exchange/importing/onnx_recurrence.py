"""Recurrent ONNX nodes, whose first axis is time, as layers."""

import numpy as np

from handgrad.exchange.importing.onnx_folding import OnnxNode
from handgrad.exchange.importing.onnx_graph import OnnxGraph
from handgrad.exchange.importing.parts import floating_array, recurrent, refused
from handgrad.textbook.layers import GRU, LSTM, RNN, Array, Layer
from handgrad.textbook.layers.recurrence import RecurrentLayer

# The layer class of each node, its activations, and the position of each of its gates in ONNX.
RECURRENT: dict[str, tuple[type[RecurrentLayer], list[bytes], list[int]]] = {
    "RNN": (RNN, [b"Tanh"], [0]),
    "GRU": (GRU, [b"Sigmoid", b"Tanh"], [1, 0, 2]),
    "LSTM": (LSTM, [b"Sigmoid", b"Tanh", b"Tanh"], [0, 2, 3, 1]),
}
CONDITIONS = "one direction, no sequence lengths, initial states of 0, default activations"


def swaps_batch_and_time(node: OnnxNode) -> bool:
    """Return True if a node swaps (n, t, k) and (t, n, k)."""
    return node.op_type == "Transpose" and node.attributes.get("perm") == [1, 0, 2]


def recurrent_layer(graph: OnnxGraph, node: OnnxNode, time_first: bool) -> tuple[Layer, str, bool]:
    """Layer of a recurrent node, the name of its output, and if time is the first axis there.

    The output is h of every step, or of the last step if the model reads only that.
    """
    layer_class, activations, order = RECURRENT[node.op_type]
    attributes = node.attributes
    inputs = dict(zip(("x", "W", "R", "B", "lengths", "h", "c", "P"), node.input, strict=False))
    supported = time_first and not attributes.get("layout") and "clip" not in attributes
    supported &= attributes.get("direction", b"forward") == b"forward"
    supported &= attributes.get("activations", activations) == activations
    supported &= not (inputs.get("lengths") or inputs.get("P"))
    if node.op_type == "GRU":
        supported &= attributes.get("linear_before_reset", 0) == 1
    for state in (inputs.get("h"), inputs.get("c")):
        state_value = graph.static_value(state) if state else np.zeros(1)
        supported &= state_value is not None and not state_value.any()
    W, R, B = (graph.constant(inputs.get(name, "")) for name in "WRB")
    if not supported or W is None or R is None:
        raise refused(str(node), f"{node.op_type} with {CONDITIONS}")
    b, v = (None, None) if B is None else (_ordered(part, order) for part in np.split(B[0], 2))
    output, time_first, return_sequences = _output(graph, node)
    arrays = _ordered(W[0], order), _ordered(R[0], order), b, v
    layer = recurrent(layer_class, *arrays, return_sequences=return_sequences)
    return layer, output, time_first


def _ordered(gates: Array, order: list[int]) -> Array:
    """Reorder the gates of weights or biases."""
    parts = np.split(floating_array(gates), len(order))
    return np.concatenate([parts[i] for i in order])


def _output(graph: OnnxGraph, node: OnnxNode) -> tuple[str, bool, bool]:
    """Name of the output, if time is its first axis, and if it has all steps."""
    sequence, last = ([*node.output, "", ""])[:2]
    used_outputs = [name for name in (sequence, last) if graph.users.get(name)]
    if len(used_outputs) > 1:
        raise refused(str(node), "one use of it, h of every step or h of the last")
    if used_outputs == [last] or (not used_outputs and sequence not in graph.outputs):
        value = _sliced(graph, last, 0, "Squeeze", [0])
        value = value or _sliced(graph, last, 0, "Gather", [0, -1])
        if value is None:
            raise refused(str(node), "h of the last step, (1, n, k), squeezed")
        return value, False, False
    value = _sliced(graph, sequence, 1, "Squeeze", [1])
    if value is None:
        raise refused(str(node), "h of every step, (t, 1, n, k), squeezed")
    users = graph.users.get(value, [])
    swapped = len(users) == 1 and swaps_batch_and_time(users[0])
    of_last = _sliced(graph, users[0].output[0] if swapped else value, int(swapped), "Gather", [-1])
    return (of_last, False, False) if of_last else (value, True, True)


def _sliced(
    graph: OnnxGraph, value: str, axis: int, op_type: str, allowed: list[int]
) -> str | None:
    """Output of the only user, if it squeezes an axis or gathers one position of it."""
    users = graph.users.get(value, [])
    if len(users) != 1 or users[0].op_type != op_type:
        return None
    node, position = users[0], graph.constant(users[0].input_name(1))
    if position is None or position.size != 1 or int(position.ravel()[0]) not in allowed:
        return None
    if op_type == "Gather" and (node.attributes.get("axis", 0) != axis or position.ndim):
        return None
    return node.output[0]
