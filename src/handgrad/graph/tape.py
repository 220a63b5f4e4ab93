"""What one run of a page did, step by step, noted while NumPy computes it."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from handgrad.errors import RecordingError
from handgrad.graph.nodes import Origin, Ref, substitute
from handgrad.graph.operations import OPERATIONS
from handgrad.graph.refusal import refusal
from handgrad.graph.traced import Traced
from handgrad.losses import weighting

# What is computed here is computed for the line of the page that asked for it.
PLUMBING = (
    *(f"{Path(file).parent}{os.sep}" for file in (__file__, np.__file__)),
    weighting.__file__,
)


@dataclass(frozen=True)
class Step:
    """One operation of one run: as a Node, with the values of this batch size."""

    operation: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    origin: Origin


@dataclass
class Tape:
    """What one run of a page did, in order; `dtype` is the type of its numbers."""

    dtype: np.dtype[Any]
    paths: dict[int, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    leaves: dict[str, int] = field(default_factory=dict)
    unwritten: dict[int, Traced] = field(default_factory=dict)
    states: dict[int, tuple[dict[str, Any], str]] = field(default_factory=dict)

    def leaf(self, name: str, value: Any) -> Traced:
        """A Traced for an input, a parameter or state, which the page may read but not write."""
        self.leaves[name] = len(self.steps)
        return self._append("leaf", (), {}, value, Origin("", 0), None)

    def apply(self, name: str, *arguments: Any, **options: Any) -> Traced:
        """Compute an operation with NumPy, and note it."""
        frame, origin = self.page()
        if options.pop("out", None) is not None:
            raise refusal(
                origin,
                f"gives {name} an array to write into",
                "a new array for each result",
                "d = x.sum(axis=0) instead of x.sum(axis=0, out=d)",
            )
        kind = OPERATIONS[name]
        given = substitute((arguments, options), lambda leaf: self._value(leaf, origin))
        result = kind.compute(*given[0], **given[1])
        self._check_dtype(name, given, result, origin)
        noted = substitute((arguments, options), _reference)
        traced = self._append(name, noted[0], noted[1], result, origin, frame)
        shares = kind.view or (name == "getitem" and _is_basic(arguments[1]))
        if shares and isinstance(arguments[0], Traced):
            traced.is_view_of(arguments[0], index=arguments[-1])
        return traced

    def draw(self, stream: str, method: str, compute: Callable[..., Any], *a: Any, **k: Any) -> Any:
        """A random draw from the stream of the layer at path `stream`."""
        frame, origin = self.page()
        given = substitute((a, k), lambda leaf: self._value(leaf, origin))
        result = compute(*given[0], **given[1])
        noted = substitute((a, k), _reference)
        return self._append("random", (stream, method, *noted[0]), noted[1], result, origin, frame)

    def write(self, target: Traced, name: str, *arguments: Any) -> None:
        """`target` becomes the result of an operation on it, as in-place NumPy would make it."""
        frame, origin = self.page()
        if target.frame is None or target.frame is not frame:
            raise refusal(
                origin,
                "writes into an array that this method did not make",
                "in place only on arrays made in the same method",
                "copy it first, d = x.copy(), or write a new one, d = d + ...",
            )
        result = self.apply(name, *arguments)
        if result.dtype != target.dtype:
            result = self.apply("astype", result, target.dtype)
        if target.base is not None:
            self.unwritten[id(target.base)] = target
        target.node, target.value, target.version = result.node, result.value, target.version + 1

    def page(self) -> tuple[FrameType | None, Origin]:
        """The frame of the page that is running, and where it is."""
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_code.co_filename.startswith(PLUMBING):
            frame = frame.f_back
        if frame is None:
            return None, Origin("", 0)
        line, owner = Origin(frame.f_code.co_filename, frame.f_lineno), frame
        while owner is not None:
            path = self.paths.get(id(owner.f_locals.get("self")))
            if path is not None:
                return frame, Origin(line.file, line.line, path, owner.f_code.co_name)
            owner = owner.f_back  # type: ignore[assignment]
        return frame, line

    def finish(self) -> None:
        """Refuse a write into a view that was not written back to its array."""
        for view in self.unwritten.values():
            raise self._view_refusal(self.steps[view.node].origin)

    def _append(
        self,
        name: str,
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        result: Any,
        origin: Origin,
        frame: FrameType | None,
    ) -> Traced:
        shape, dtype = np.shape(result), np.asarray(result).dtype
        self.steps.append(Step(name, arguments, options, shape, dtype, origin))
        return Traced(self, len(self.steps) - 1, result, frame)

    def _value(self, leaf: Any, origin: Origin) -> Any:
        if not isinstance(leaf, Traced):
            return leaf
        if leaf.tape is not self:
            raise refusal(
                origin,
                "reads what an earlier step left behind",
                "state that outlives a step declared",
                'state_names = ("name",), and an array in __init__',
            )
        base = leaf if leaf.base is None else leaf.base
        attributes, name = self.states.get(base.node, ({}, ""))
        if attributes and attributes[name] is not base:
            raise refusal(
                origin,
                f"reads self.{name} as it was before it was given its new value",
                "the old value read first: running state is written in place",
                f"before = self.{name}.copy(), above the assignment",
            )
        pending = self.unwritten.get(id(base))
        if pending is not None and pending is not leaf:
            raise self._view_refusal(self.steps[pending.node].origin)
        if leaf.base is not None and leaf.base.version != leaf.base_version:
            raise refusal(
                origin,
                "reads a view of an array that was written to since the view was taken",
                "the view taken after the last write",
                "take it again, v = d[:, 0], below the write",
            )
        return leaf.value

    @staticmethod
    def _view_refusal(origin: Origin) -> RecordingError:
        return refusal(
            origin,
            "writes into a view of an array",
            "a write into the array itself",
            "d[:, 0] += 1 instead of v = d[:, 0]; v += 1",
        )

    def _check_dtype(self, name: str, given: Any, result: Any, origin: Origin) -> None:
        if self.dtype != np.float32 or name in ("astype", "equal", "not_equal"):
            return
        if np.asarray(result).dtype != np.float64 or not isinstance(
            result, np.ndarray | np.generic
        ):
            return
        dtypes: list[np.dtype[Any]] = []
        substitute(given, lambda leaf: dtypes.append(getattr(leaf, "dtype", np.dtype(bool))))
        if np.dtype(np.float32) in dtypes:
            raise refusal(
                origin,
                f"turns {self.dtype} into float64: {name} meets a float64 number or array",
                f"{self.dtype} throughout; plain Python numbers keep it",
                "2 ** 0.5 for np.sqrt(2), rng.random(x.shape, dtype=x.dtype), a.astype(x.dtype); "
                "or declare the layer's own arrays in state_names",
            )


def _reference(leaf: Any) -> Any:
    if isinstance(leaf, Traced):
        return Ref(leaf.node)
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, int | np.integer | slice)
        for part in parts
    )
