"""Functions missing in ONNX, or in its runtimes for some types, composed of its operations.

Each is defined once in a file, in the domain `handgrad`; runtimes inline it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from handgrad.exchange.exporting.onnx.model import OF_OUR_OWN, OPSET, onnx_package
from handgrad.textbook.special_functions import ERF, ERF_END

if TYPE_CHECKING:
    import onnx

# From here on log1p x is log x to rounding.
LARGE = 1e18


@dataclass
class _Body:
    """Nodes of a function of x, with constants of the type of x."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)

    def put(self, operation: str, *inputs: str | float) -> str:
        """Append a node; numbers among its inputs are constants."""
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        return self._node(operation, names)

    def _constant(self, value: float) -> str:
        tensor = onnx_package().numpy_helper.from_array(np.array(value))
        return self._node("CastLike", [self._node("Constant", [], value=tensor), "x"])

    def _node(self, operation: str, inputs: Sequence[str], **attributes: onnx.TensorProto) -> str:
        output = f"t{len(self.nodes)}"
        make = onnx_package().helper.make_node
        self.nodes.append(make(operation, inputs, [output], **attributes))
        return output


def _expm1(body: _Body) -> str:
    """e^x − 1 = tanh(x/2) (e^x + 1), which loses no digits near 0."""
    half = body.put("Tanh", body.put("Mul", "x", 0.5))
    return body.put("Mul", half, body.put("Add", body.put("Exp", "x"), 1.0))


def _log1p(body: _Body) -> str:
    """log(1 + x) = log(u) x/(u − 1), where u is 1 + x as it is rounded; x, where u is 1."""
    u = body.put("Add", "x", 1.0)
    rounded = body.put("Div", "x", body.put("Sub", u, 1.0))
    factor = body.put("Where", body.put("Less", u, LARGE), rounded, 1.0)
    log = body.put("Mul", body.put("Log", u), factor)
    return body.put("Where", body.put("Equal", u, 1.0), "x", log)


def _erf(body: _Body) -> str:
    """Error function in float64 by Weideman's rational series, as in handgrad."""
    scale, (first, *others) = ERF["float64"]
    size = body.put("Min", body.put("Abs", "x"), float(ERF_END))
    below = body.put("Add", size, scale)
    s = body.put("Div", body.put("Sub", scale, size), below)
    p = body.put("Add", body.put("Mul", s, first), others[0])
    for a in others[1:]:
        p = body.put("Add", body.put("Mul", p, s), a)
    series = body.put("Add", body.put("Div", body.put("Mul", p, 2.0), below), 1 / np.pi**0.5)
    decay = body.put("Exp", body.put("Neg", body.put("Mul", size, size)))
    rest = body.put("Div", body.put("Mul", decay, series), below)
    return body.put("Mul", body.put("Sign", "x"), body.put("Sub", 1.0, rest))


def _cos(body: _Body) -> str:
    """cos x = 1 − 2 sin²(x/2): older runtimes have no cosine of float64, but a sine."""
    half = body.put("Sin", body.put("Mul", "x", 0.5))
    return body.put("Sub", 1.0, body.put("Mul", body.put("Mul", half, half), 2.0))


WRITTEN: dict[str, Callable[[_Body], str]] = {
    "Expm1": _expm1,
    "Log1p": _log1p,
    "Erf": _erf,
    "Cos": _cos,
}
# Functions that runtimes have for float32.
OF_RUNTIMES = {"Erf", "Cos"}


@cache
def function(name: str) -> onnx.FunctionProto:
    """`Expm1` and `Log1p` of any floating type; `Erf` and `Cos` of float64."""
    body, helper = _Body(), onnx_package().helper
    result = WRITTEN[name](body)
    body.nodes.append(helper.make_node("Identity", [result], ["y"]))
    opsets = [helper.make_opsetid("", OPSET)]
    proto = helper.make_function(OF_OUR_OWN, name, ["x"], ["y"], body.nodes, opsets)
    proto.doc_string = WRITTEN[name].__doc__
    return proto
