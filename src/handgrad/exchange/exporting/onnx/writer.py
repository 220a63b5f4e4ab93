"""Translation of traced graphs to ONNX: values, shapes and dynamic sizes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from handgrad.exchange.exporting.onnx.model import Model, tensor_type
from handgrad.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.symbolic import Arange, Dim, N, Ref, Shape
from handgrad.textbook.errors import CannotLowerError

CONSTANTS = (int, float, np.generic, np.ndarray, list, tuple)


class Writer:
    """Translator of a graph; `values` are the names of results in the model."""

    def __init__(self, model: Model, graph: Graph, values: Mapping[int, str]) -> None:
        self.model, self.graph, self.values = model, graph, dict(values)
        self.put = model.put

    def __getitem__(self, ref: Ref) -> Node:
        return self.graph.nodes[ref.node]

    def whole(self, values: npt.ArrayLike, step: str = "constant") -> str:
        """Name of constant integers."""
        return self.model.constant(values, np.int64, step)

    def value(self, argument: object, dtype: npt.DTypeLike) -> str:
        """Name of an argument, reference or constant, with a dtype."""
        kind = np.dtype(dtype)
        if isinstance(argument, Ref):
            name = self.values[argument.node]
            return name if self[argument].dtype == kind else self.cast(name, kind)
        if isinstance(argument, Dim):
            return self.cast(self.size(argument), kind)
        if isinstance(argument, Arange) and argument.length == N:
            row = self.put("Range", self.whole(0), self.rows(), self.whole(1))
            return self.reshaped(self.cast(row, kind), shape_of(argument), (N,))
        if isinstance(argument, CONSTANTS):
            return self.model.constant(argument, kind)
        raise CannotLowerError(f"{argument}, which follows the number of rows")

    def cast(self, value: str, dtype: npt.DTypeLike) -> str:
        """Cast to another dtype."""
        return self.put("Cast", value, to=tensor_type(dtype), step=np.dtype(dtype).name)

    def rows(self) -> str:
        """Number of rows, (), computed at run time."""
        size = self.put("Shape", self.values[self.graph.leaves.inputs["x"]], start=0, end=1)
        return self.put("Squeeze", size, step="rows")

    def size(self, dim: Dim) -> str:
        """Value of a dynamic size, ()."""
        rows = self.rows()
        if dim.slope != 1:
            rows = self.put("Mul", rows, self.whole(dim.slope))
        return self.put("Add", rows, self.whole(dim.offset)) if dim.offset else rows

    def shape(self, shape: Shape) -> str:
        """A shape as a value, (rank,)."""
        sizes = [size for size in shape if isinstance(size, int)]
        if len(sizes) == len(shape):
            return self.whole(sizes, "shape")
        axis = self.whole([0])
        parts = [
            self.put("Unsqueeze", self.size(size), axis)
            if isinstance(size, Dim)
            else self.whole([size])
            for size in shape
        ]
        return self.put("Concat", *parts, axis=0, step="shape")

    def reshaped(self, value: str, shape: Shape, before: Shape) -> str:
        """Reshape `value` from the shape `before`."""
        if shape == before:
            return value
        kept = shape[:1] == before[:1] == (N,)
        free = [size for size in shape[kept:] if isinstance(size, Dim)]
        if free and (len(free) > 1 or 0 in shape):
            return self.put("Reshape", value, self.shape(shape))
        sizes = [-1 if isinstance(size, Dim) else size for size in shape]
        sizes[:kept] = [0] * kept  # as it is
        return self.put("Reshape", value, self.whole(sizes, "shape"))


def shape_of(arange: Arange) -> Shape:
    """Shape of an array 0, 1, … along its first axis."""
    return (arange.length, *[1] * (arange.ndim - 1))
