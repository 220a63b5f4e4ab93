"""Graph operations in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from handgrad.exchange.exporting.python.source import plain_constant
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes.builder import REQUIRED, arguments_of
from handgrad.graph.symbolic import Arange, Dim, Ref, Scaled
from handgrad.textbook.errors import SettingError

# Operations with the same name and arguments in both.
ALIKE = {
    *(Op.LOGICAL_AND, Op.LOGICAL_OR, Op.LOGICAL_NOT, Op.ABS, Op.EXP, Op.EXPM1, Op.LOG, Op.LOG1P),
    *(Op.SINH, Op.COSH, Op.LOG2, Op.SQRT, Op.SQUARE, Op.RECIPROCAL, Op.SIGN, Op.SIN, Op.COS),
    *(Op.TANH, Op.ERF),
    *(Op.FLOOR, Op.CEIL, Op.ISFINITE, Op.ISNAN, Op.WHERE, Op.ZEROS_LIKE, Op.ONES_LIKE),
    *(Op.RESHAPE, Op.RAVEL, Op.SWAPAXES, Op.MOVEAXIS, Op.BROADCAST_TO, Op.OUTER, Op.FULL_LIKE),
}
# Constant arrays with a shape other than that of the array whose dtype they have.
FILLED = {
    Op.ZEROS_LIKE: "new_zeros",
    Op.EMPTY_LIKE: "new_zeros",
    Op.ONES_LIKE: "new_ones",
    Op.FULL_LIKE: "new_full",
}
RENAMED = {
    Op.SUM: "sum",
    Op.MEAN: "mean",
    Op.MAX: "amax",
    Op.MIN: "amin",
    Op.VAR: "var",
    Op.STD: "std",
    Op.PROD: "prod",
    Op.ARGMAX: "argmax",
    Op.ARGMIN: "argmin",
    Op.SQUEEZE: "squeeze",
    Op.EXPAND_DIMS: "unsqueeze",
    Op.FLIP: "flip",
    Op.REPEAT: "repeat_interleave",
    Op.CONCATENATE: "cat",
    Op.STACK: "stack",
    Op.CLIP: "clamp",
    Op.COPY: "clone",
    Op.EMPTY_LIKE: "zeros_like",
}
OPTIONS = {"axis": "dim", "keepdims": "keepdim", "axes": "dim"}
SETITEM = '''def setitem(array, index, values):
    """A copy of `array` in which the entries at `index` are `values`."""
    array = array.clone()
    array[index] = values
    return array'''


def torch_call(node: Node, arguments: Sequence[str], options: Mapping[str, str]) -> str:
    """Call of an operation, from the source of its arguments; a SettingError if there is none.

    >>> torch_call(Node(Op.SUM, (Ref(0),), {}, (3,), np.dtype("f4")), ["x"], {"axis": "1"})
    'torch.sum(x, dim=1)'
    """
    operation = node.operation
    named = {OPTIONS.get(name, name): text for name, text in options.items()}
    every = repr((*range(len(node.shape)),))
    if "keepdim" in named:
        named.setdefault("dim", every)
    if operation in (Op.VAR, Op.STD):
        named["correction"] = named.pop("ddof", "0")
    if operation is Op.FLIP:
        axis = named.get("dim", every)
        named = {"dims": f"({axis},)" if axis.lstrip("-").isdigit() else axis}
    match operation:
        case Op.ASTYPE:
            return f"{arguments[0]}.to({arguments[1] if len(arguments) > 1 else options['dtype']})"
        case Op.EINSUM if named.keys() <= {"optimize"}:
            return f"torch.einsum({', '.join(arguments)})"
        case Op.TRANSPOSE if len(node.shape) == 2 and len(arguments) == 1 and not options:
            return f"{arguments[0]}.T"
        case Op.TRANSPOSE:
            turned = tuple(reversed(range(len(node.shape))))
            axes = arguments[1] if len(arguments) > 1 else options.get("axes", repr(turned))
            return f"torch.permute({arguments[0]}, {axes})"
        case Op.MAXIMUM | Op.MINIMUM:
            return _larger(node, arguments)
        case Op.LOGADDEXP:
            return f"torch.logaddexp({', '.join(_tensors(node, arguments))})"
        case Op.PAD:
            return _padded(node, arguments[0])
        case Op.SETITEM:
            return f"setitem({', '.join(arguments)})"
        case Op.SLIDING_WINDOW_VIEW if {*options} == {"axis"}:
            return arguments[0] + _unfolded(node)
        case _ if operation in FILLED and "shape" in named:
            return _of_another_shape(node, arguments, named)
    if operation not in ALIKE and operation not in RENAMED:
        raise _refused(node)
    name = RENAMED.get(operation, operation.value)
    return f"torch.{name}({', '.join([*arguments, *(f'{k}={v}' for k, v in named.items())])})"


def _of_another_shape(node: Node, arguments: Sequence[str], named: Mapping[str, str]) -> str:
    """Constant array with a shape, of the dtype of another."""
    shape, rest = named["shape"], {k: v for k, v in named.items() if k != "shape"}
    if not shape.startswith(("(", "[")):  # a length
        shape = f"({shape},)"
    parameters = [shape, *arguments[1:], *(f"{name}={text}" for name, text in rest.items())]
    return f"{arguments[0]}.{FILLED[node.operation]}({', '.join(parameters)})"


def _larger(node: Node, arguments: Sequence[str]) -> str:
    """Maximum or minimum of two arguments, of which one may be a number."""
    tensors = [isinstance(a, Ref | np.ndarray) for a in node.arguments]
    if all(tensors):
        return f"torch.{node.operation.value}({', '.join(arguments)})"
    tensor, number = arguments if tensors[0] else reversed(arguments)
    end = "min" if node.operation is Op.MAXIMUM else "max"
    return f"torch.clamp({tensor}, {end}={number})"


def _tensors(node: Node, arguments: Sequence[str]) -> list[str]:
    """The arguments, numbers as tensors of the result's dtype."""
    return [
        text if isinstance(value, Ref) else f"torch.tensor({text}, dtype=torch.{node.dtype})"
        for value, text in zip(node.arguments, arguments, strict=True)
    ]


def _padded(node: Node, array: str) -> str:
    """Padding with a constant; PyTorch lists the last axis first."""
    _, width, mode, number = arguments_of(
        node, array=REQUIRED, pad_width=REQUIRED, mode="constant", constant_values=0
    )
    if mode != "constant" or not isinstance(number, int | float | np.number):
        raise _refused(node, " with more than one constant")
    pairs = np.broadcast_to(width, (len(node.shape), 2))
    ends = (*pairs[::-1].ravel().tolist(),)
    return f"nn.functional.pad({array}, {ends}, value={torch_constant(number)})"


def _unfolded(node: Node) -> str:
    """Sliding windows along axes, each as a new last axis."""
    sizes, axes = np.atleast_1d(node.arguments[1]), np.atleast_1d(node.options["axis"])
    if sizes.dtype.kind != "i":  # it follows the number of rows
        raise _refused(node)
    return "".join(f".unfold({axis}, {k}, 1)" for axis, k in zip(axes, sizes, strict=True))


def torch_constant(value: object) -> str:
    """Constant in full precision, dtype, or expression of the number of rows n, in PyTorch."""
    match value:
        case np.dtype():
            return f"torch.{value.name}"
        case np.generic():
            return plain_constant(value.item())
        case Arange():
            text = f"torch.arange({plain_constant(value.length)}, device=x.device)"
            return text + (f"[:{', None' * (value.ndim - 1)}]" if value.ndim > 1 else "")
        case Dim() | Scaled():
            return plain_constant(value)
    return plain_constant(value)


def refuse_backwards(node: Node) -> None:
    """Raise an error for a negative step, which PyTorch does not support."""
    if node.operation not in (Op.GETITEM, Op.SETITEM):
        return
    index = node.arguments[1]
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, slice) and isinstance(part.step, int) and part.step < 0:
            raise _refused(node, " that goes backwards")


def _refused(node: Node, what: str = "") -> SettingError:
    return SettingError(
        f"`{node.operation.value}`{what}, at {node.origin}, which has no counterpart in PyTorch",
        "operations that PyTorch has too",
        "another kind of file, or a page in other operations",
    )
