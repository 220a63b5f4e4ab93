"""Traced arrays: compute with NumPy and append each operation to a tape.

A `Traced` holds a real array (or a Python number) and replaces it while a layer runs. Every
operation goes through its tape, which computes the result with NumPy and appends a node. An
operation that the tape alone could not repeat raises a RecordingError with the layer's line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from handgrad.graph.nodes import Node, Origin
from handgrad.graph.operations import FUNCTIONS, INSTEAD, METHODS, REDUCED_BY, VIEWS, Op
from handgrad.graph.stand_ins import computed, stand_in
from handgrad.graph.symbolic import Formula, Ref, plain_if_of_plain, substitute
from handgrad.textbook import special_functions
from handgrad.textbook.errors import RecordingError
from handgrad.textbook.layers import random_stream
from handgrad.textbook.losses import weighting

# Operations in these files belong to the line of the layer that called them.
INTERNAL_FILES = (
    *(f"{Path(file).parent}{os.sep}" for file in (__file__, np.__file__)),
    f"{Path(np.__file__).parent.with_name('scipy')}{os.sep}",
    special_functions.__file__,
    random_stream.__file__,
    weighting.__file__,
)

Function = Callable[..., object]
UNCHECKED = (Op.ASTYPE, Op.EQUAL, Op.NOT_EQUAL, Op.RANDOM)  # may give float64 among float32


class Traced(NDArrayOperatorsMixin):
    """An array that appends each operation to a tape. See the module's docstring."""

    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __init__(self, tape: Tape, node: int, value: object, frame: FrameType | None) -> None:
        self.tape, self.node, self.frame = tape, node, frame
        self.value: Any = value
        self.base: Traced | None = None
        self.version = self.base_version = 0
        self.index: Any = None

    def is_view_of(self, other: Traced, index: object) -> None:
        """Mark this array as a view of `other` at `index`."""
        self.base = other if other.base is None else other.base
        self.base_version, self.index = self.base.version, index

    shape = property(lambda self: np.shape(self.value))
    ndim = property(lambda self: np.ndim(self.value))
    size = property(lambda self: np.size(self.value))
    dtype = property(lambda self: np.asarray(self.value).dtype)
    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Traced]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: object) -> Traced:
        for part in index if isinstance(index, tuple) else (index,):
            if getattr(part, "dtype", None) == np.bool_:
                raise self._refuse(
                    "selects by a mask: the shape depends on the data",
                    "a shape known from the batch size",
                    "np.where(mask, a, b), or mask * a",
                )
        return self.tape.apply(Op.GETITEM, self, index)

    def __setitem__(self, index: object, values: object) -> None:
        pending = self.tape.unwritten.get(id(self))
        if pending is not None and pending is values and pending.index is index:
            del self.tape.unwritten[id(self)]
            pending.base = None
        self.tape.write(self, Op.SETITEM, self, index, values)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: Any) -> Any:
        name = FUNCTIONS.get(ufunc)
        out = options.pop("out", None)
        if method == "at" and ufunc is np.add and isinstance(inputs[0], Traced):
            self.tape.write(inputs[0], Op.ADD_AT, *inputs)
            return None
        if method == "reduce" and ufunc in REDUCED_BY:
            options = {"axis": 0, "out": out} | options
            return self.tape.apply(REDUCED_BY[ufunc], *inputs, **options)
        if name is None or method != "__call__":
            spelled = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
            raise self._unknown(f"np.{spelled}", ufunc.__name__)
        if out is None:
            return self.tape.apply(name, *inputs, **options)
        if not isinstance(out[0], Traced):
            raise self._plain()
        if not isinstance(out[0].value, np.ndarray):  # x += 1, of a number
            return self.tape.apply(name, *inputs)
        self.tape.write(out[0], name, *inputs)
        return out[0]

    def __array_function__(
        self, function: Function, types: object, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> Any:
        name = FUNCTIONS.get(function)
        if name is None:
            raise self._unknown(f"np.{function.__name__}", function.__name__)
        if function is np.where and len(args) < 3:
            raise self._unknown("np.where with one argument", "nonzero")
        return self.tape.apply(name, *args, **kwargs)

    def reshape(self, *shape: object) -> Traced:
        return self.tape.apply(Op.RESHAPE, self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: object) -> Traced:
        if not axes:
            return self.tape.apply(Op.TRANSPOSE, self)
        return self.tape.apply(Op.TRANSPOSE, self, axes[0] if len(axes) == 1 else axes)

    def astype(self, dtype: np.typing.DTypeLike, **options: object) -> Traced:
        converted = self.tape.apply(Op.ASTYPE, self, np.dtype(dtype))
        if options.get("copy") is False and converted.dtype == self.dtype:
            converted.is_view_of(self, index=None)
        return converted

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in METHODS:
            return lambda *a, **k: self.tape.apply(Op(name), self, *a, **k)
        raise self._unknown(f"the array's .{name}", name)

    def __floordiv__(self, other: object) -> Any:
        if self._is_count() and isinstance(other, int):
            return np.floor(self / other)
        return super().__floordiv__(other)

    def __mod__(self, other: object) -> Any:
        if self._is_count() and isinstance(other, int):
            return self - self // other * other
        return super().__mod__(other)

    def _is_count(self) -> bool:
        """Return True for a whole number, as the number of a step is."""
        return isinstance(self.value, int)

    def __bool__(self) -> bool:
        raise self._refuse(
            "branches on data",
            "the same steps whatever the numbers are",
            "np.where(condition, a, b)",
        )

    def _number(self) -> Any:
        raise self._refuse(
            "takes the number out of an array",
            "steps that work on the array: the number is not known while tracing",
            "leave out float() and int(); write x ** 0.5 instead of math.sqrt(x)",
        )

    __float__ = __int__ = __index__ = __complex__ = _number

    def __array__(self, *args: object, **kwargs: object) -> Any:
        raise self._plain()

    def _refuse(self, does: str, expected: str, hint: str) -> RecordingError:
        return self.tape.current_frame()[1].refusal(does, expected, hint)

    def _plain(self) -> RecordingError:
        return self._refuse(
            "puts traced values into a plain array",
            "arrays to write into or to index, created from an array of the data",
            "np.zeros_like(x), np.empty_like(x) or x.copy(); "
            "y[:, None] == np.arange(k) instead of np.eye(k)[y]",
        )

    def _unknown(self, spelled: str, name: str) -> RecordingError:
        instead = INSTEAD.get(name, "sums, products, einsum, np.where, indexing by whole numbers")
        return self._refuse(
            f"uses {spelled}, which graphs do not support", "an operation of the graph", instead
        )


class Tape:
    """The operations of one run on `Traced` arrays, in order.

    Parameters
    ----------
    dtype : dtype
        The dtype of the numbers.

    Attributes
    ----------
    paths : dict
        Paths of the layers, by id.
    steps : list of Node
        Nodes with the constants of this batch size.
    unwritten : dict
        Views that were written to, until they are written back, by the id of their array.
    states : dict
        Attributes that hold parameters and state, by node.
    """

    def __init__(self, dtype: np.dtype[np.generic]) -> None:
        self.dtype = dtype
        self.paths: dict[int, str] = {}
        self.steps: list[Node] = []
        self.unwritten: dict[int, Traced] = {}
        self.states: dict[int, tuple[dict[str, Any], str]] = {}

    def current_frame(self) -> tuple[FrameType | None, Origin]:
        """The frame of the running function, and its source line with the running layer.

        A comprehension or generator expression belongs to the function that it is in.
        """
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_code.co_filename.startswith(INTERNAL_FILES):
            frame = frame.f_back
        if frame is None:
            return None, Origin("", 0)
        line = Origin(frame.f_code.co_filename, frame.f_lineno)
        while frame.f_back is not None and frame.f_code.co_name.startswith("<"):
            frame = frame.f_back
        owner: FrameType | None = frame
        while owner is not None:
            path = self.paths.get(id(owner.f_locals.get("self")))
            if path is not None:
                return frame, Origin(line.file, line.line, path, owner.f_code.co_name)
            owner = owner.f_back
        return frame, line

    def leaf(self, value: object) -> Traced:
        """A Traced for an input, a parameter or state, which is read-only."""
        return self._append(Op.LEAF, (), {}, value, None, None)

    def apply(self, name: Op, *arguments: object, **options: object) -> Traced:
        """Compute an operation with NumPy and append its node."""
        if options.pop("out", None) is not None:
            raise self.current_frame()[1].refusal(
                f"gives {name} an array to write into",
                "a new array for each result",
                "d = x.sum(axis=0) instead of x.sum(axis=0, out=d)",
            )
        if name is Op.SQUEEZE and len(arguments) < 2 and options.get("axis") is None:
            raise self.current_frame()[1].refusal(
                "squeezes every axis of length 1, also the batch axis of one row",
                "the axis to squeeze",
                "x.squeeze(axis=1), or x.reshape(len(x))",
            )
        traced = self._compute(name, name.compute, (), arguments, options)
        shares = name in VIEWS or (name is Op.GETITEM and _is_basic(arguments[1]))
        if shares and isinstance(arguments[0], Traced):
            traced.is_view_of(arguments[0], index=arguments[-1])
        return traced

    def draw(self, stream: str, method: str, compute: Function, *a: object, **k: object) -> Any:
        """Draw random numbers from the stream of the layer at path `stream`."""
        return self._compute(Op.RANDOM, compute, (stream, method), a, k)

    def _compute(
        self,
        name: Op,
        compute: Function,
        before: tuple[str, ...],
        arguments: tuple[object, ...],
        options: dict[str, object],
    ) -> Traced:
        """Call `compute` and append its node, whose arguments begin with `before`."""
        frame, origin = self.current_frame()
        values = substitute((arguments, options), lambda leaf: self._value(leaf, origin))
        result = plain_if_of_plain(computed(name, compute, *values), values)
        self._check_dtype(name, values, result, origin)
        parts = substitute((arguments, options), _reference)
        return self._append(name, (*before, *parts[0]), parts[1], result, origin, frame)

    def write(self, target: Traced, name: Op, *arguments: object) -> None:
        """Replace `target` by the result of an operation, as in-place NumPy does."""
        frame, origin = self.current_frame()
        if target.frame is None or target.frame is not frame:
            raise origin.refusal(
                "writes into an array that this method did not create",
                "in-place writes only to arrays created in the same method",
                "copy it first, d = x.copy(), or write a new one, d = d + ...",
            )
        result = self.apply(name, *arguments)
        if result.dtype != target.dtype:
            result = self.apply(Op.ASTYPE, result, target.dtype)
        if target.base is not None:
            self.unwritten[id(target.base)] = target
        target.node, target.value, target.version = result.node, result.value, target.version + 1

    def finish(self) -> None:
        """Raise a RecordingError for a view that was not written back to its array."""
        for view in self.unwritten.values():
            raise self._view_refusal(self.steps[view.node])

    def _append(
        self,
        name: Op,
        arguments: tuple[object, ...],
        options: dict[str, object],
        result: object,
        origin: Origin | None,
        frame: FrameType | None,
    ) -> Traced:
        array = np.asarray(result)
        self.steps.append(Node(name, arguments, options, array.shape, array.dtype, origin))
        return Traced(self, len(self.steps) - 1, stand_in(result), frame)

    def _value(self, leaf: object, origin: Origin) -> Any:
        if not isinstance(leaf, Traced):
            return leaf.value if isinstance(leaf, Formula) else leaf
        if leaf.tape is not self:
            raise origin.refusal(
                "reads an array of an earlier step",
                "state that outlives a step declared",
                'state_names = ("name",), and an array in __init__',
            )
        base = leaf if leaf.base is None else leaf.base
        attributes, name = self.states.get(base.node, ({}, ""))
        if attributes and attributes[name] is not base:
            raise origin.refusal(
                f"reads the old value of self.{name} after a new one was assigned",
                "the old value read first: running state is written in place",
                f"before = self.{name}.copy(), above the assignment",
            )
        pending = self.unwritten.get(id(base))
        if pending is not None and pending is not leaf:
            raise self._view_refusal(self.steps[pending.node])
        if leaf.base is not None and leaf.base.version != leaf.base_version:
            raise origin.refusal(
                "reads a view of an array that was written to since the view was taken",
                "the view taken after the last write",
                "take it again, v = d[:, 0], below the write",
            )
        return leaf.value

    @staticmethod
    def _view_refusal(write: Node) -> RecordingError:
        return write.refusal(
            "writes into a view of an array",
            "a write into the array itself",
            "d[:, 0] += 1 instead of v = d[:, 0]; v += 1",
        )

    def _check_dtype(self, name: Op, values: object, result: object, origin: Origin) -> None:
        if self.dtype != np.float32 or name in UNCHECKED:
            return
        if not isinstance(result, np.ndarray | np.generic) or result.dtype != np.float64:
            return
        dtypes: list[np.dtype[Any]] = []
        substitute(values, lambda leaf: dtypes.append(getattr(leaf, "dtype", np.dtype(bool))))
        if np.dtype(np.float32) in dtypes:
            raise origin.refusal(
                f"turns {self.dtype} into float64: {name} meets a float64 number or array",
                f"{self.dtype} throughout; plain Python numbers keep it",
                "2 ** 0.5 for np.sqrt(2), rng.random(x.shape, dtype=x.dtype), a.astype(x.dtype); "
                "or declare the layer's own arrays in state_names",
            )


def _reference(leaf: object) -> Any:
    if isinstance(leaf, Traced):
        return Ref(leaf.node)
    if isinstance(leaf, type) and issubclass(leaf, np.generic | float | int):
        return np.dtype(leaf)
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def _is_basic(index: object) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, int | np.integer | slice)
        for part in parts
    )
