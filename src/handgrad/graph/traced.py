"""Arrays that compute as NumPy does and note what is done to them.

A `Traced` holds a real array (or a plain number) and stands in for it while a page runs. Every
operation goes through its tape, which computes the real result with NumPy itself and notes it.
What could not be repeated from the tape alone is refused, naming the line of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import RecordingError
from handgrad.graph.operations import BINARY, FUNCTIONS, INSTEAD, METHODS, REDUCTIONS, UFUNCS
from handgrad.graph.refusal import refusal

if TYPE_CHECKING:
    from handgrad.graph.tape import Tape


class Traced:
    """Stands in for an array; see the module's first lines."""

    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __init__(self, tape: Tape, node: int, value: Any, frame: FrameType | None) -> None:
        self.tape, self.node, self.value, self.frame = tape, node, value, frame
        self.base: Traced | None = None
        self.version = self.base_version = 0
        self.index: Any = None

    def is_view_of(self, other: Traced, index: Any) -> None:
        """This array shares its memory with `other`, of which it is the part at `index`."""
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

    def __getitem__(self, index: Any) -> Traced:
        for part in index if isinstance(index, tuple) else (index,):
            if getattr(part, "dtype", None) == np.bool_:
                raise self._refuse(
                    "selects by a mask: the shape depends on the data",
                    "a shape known from the batch size",
                    "np.where(mask, a, b), or mask * a",
                )
        return self.tape.apply("getitem", self, index)

    def __setitem__(self, index: Any, values: Any) -> None:
        pending = self.tape.unwritten.get(id(self))
        if pending is not None and pending is values and pending.index is index:
            del self.tape.unwritten[id(self)]
            pending.base = None
        self.tape.write(self, "setitem", self, index, values)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = UFUNCS.get(ufunc)
        out = options.pop("out", None)
        if method == "at" and ufunc is np.add and isinstance(inputs[0], Traced):
            self.tape.write(inputs[0], "add_at", *inputs)
            return None
        if method == "reduce" and ufunc in REDUCTIONS:
            options = {"axis": 0, "out": out} | options
            return self.tape.apply(REDUCTIONS[ufunc], *inputs, **options)
        if name is None or method != "__call__":
            spelled = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
            raise self._unknown(f"np.{spelled}", ufunc.__name__)
        if out is None:
            return self.tape.apply(name, *inputs, **options)
        if not isinstance(out[0], Traced):
            raise self._plain()
        self.tape.write(out[0], name, *inputs)
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = FUNCTIONS.get(function)
        if name is None:
            raise self._unknown(f"np.{function.__name__}", function.__name__)
        if function is np.squeeze and "axis" not in kwargs and len(args) < 2:
            raise self._squeeze()
        if function is np.where and len(args) < 3:
            raise self._unknown("np.where with one argument", "nonzero")
        return self.tape.apply(name, *args, **kwargs)

    def reshape(self, *shape: Any) -> Traced:
        return self.tape.apply("reshape", self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Traced:
        if not axes:
            return self.tape.apply("transpose", self)
        return self.tape.apply("transpose", self, axes[0] if len(axes) == 1 else axes)

    def astype(self, dtype: Any, **options: Any) -> Traced:
        converted = self.tape.apply("astype", self, np.dtype(dtype))
        if options.get("copy") is False and converted.dtype == self.dtype:
            converted.is_view_of(self, index=None)
        return converted

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "squeeze":
            return self._method_squeeze
        if name in METHODS:
            return lambda *a, **k: self.tape.apply(METHODS[name], self, *a, **k)
        raise self._unknown(f"the array's .{name}", name)

    def _method_squeeze(self, axis: Any = None) -> Traced:
        if axis is None:
            raise self._squeeze()
        return self.tape.apply("squeeze", self, axis=axis)

    def __bool__(self) -> bool:
        raise self._refuse(
            "branches on data",
            "the same steps whatever the numbers are",
            "np.where(condition, a, b)",
        )

    def _number(self) -> Any:
        raise self._refuse(
            "takes the number out of an array",
            "steps that work on the array: the number is not known while recording",
            "leave out float() and int(); write x ** 0.5 instead of math.sqrt(x)",
        )

    __float__ = __int__ = __index__ = __complex__ = _number

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._plain()

    def _refuse(self, does: str, expected: str, hint: str) -> RecordingError:
        return refusal(self.tape.page()[1], does, expected, hint)

    def _plain(self) -> RecordingError:
        return self._refuse(
            "puts recorded values into a plain array",
            "arrays to be written into, or indexed, made from an array of the data",
            "np.zeros_like(x), np.empty_like(x) or x.copy(); "
            "y[:, None] == np.arange(k) instead of np.eye(k)[y]",
        )

    def _squeeze(self) -> RecordingError:
        return self._refuse(
            "squeezes every axis of length 1, the batch of one row too",
            "the axis to be squeezed",
            "x.squeeze(axis=1), or x.reshape(len(x))",
        )

    def _unknown(self, spelled: str, name: str) -> RecordingError:
        instead = INSTEAD.get(name, "sums, products, einsum, np.where, indexing by whole numbers")
        return self._refuse(
            f"uses {spelled}, which has no place in a graph", "an operation of the graph", instead
        )


def _binary(name: str, function: Callable[..., Any]) -> None:
    label = function.__name__.strip("_")

    def forward(self: Traced, other: Any) -> Any:
        return self.tape.apply(name, self, other)

    def reflected(self: Traced, other: Any) -> Any:
        return self.tape.apply(name, other, self)

    def in_place(self: Traced, other: Any) -> Traced:
        if not isinstance(self.value, np.ndarray):
            return self.tape.apply(name, self, other)
        self.tape.write(self, name, self, other)
        return self

    setattr(Traced, f"__{label}__", forward)
    if name not in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
        setattr(Traced, f"__r{label}__", reflected)
        setattr(Traced, f"__i{label}__", in_place)


for _name, (_function, _) in BINARY.items():
    _binary(_name, _function)
for _name, _label in {"negative": "neg", "invert": "invert", "abs": "abs"}.items():
    setattr(Traced, f"__{_label}__", lambda self, _n=_name: self.tape.apply(_n, self))


class TracedStream:
    """Stands in for `layer.rng`: draws real numbers and notes each draw."""

    def __init__(self, tape: Tape, stream: str, rng: np.random.Generator) -> None:
        self.tape, self.stream, self.rng = tape, stream, rng

    def __getattr__(self, method: str) -> Any:
        if method not in ("random", "standard_normal", "normal", "uniform", "integers"):
            raise refusal(
                self.tape.page()[1],
                f"draws by rng.{method}",
                "rng.random, standard_normal, normal, uniform or integers",
                "self.rng.random(x.shape, dtype=x.dtype)",
            )
        compute = getattr(self.rng, method)
        return lambda *a, **k: self.tape.draw(self.stream, method, compute, *a, **k)
