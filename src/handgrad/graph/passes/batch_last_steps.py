"""How views step through an array in which the rows of a batch have become the last axis.

An array of `outer` times n times `inner` numbers has number (o, i, k) at (o n + i) inner + k; with
the rows last it is at (o inner + k) n + i. A step through one becomes a step through the other
where it goes so many outer places, rows and inner places, and never runs over an end of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from handgrad.graph.symbolic import Dim, Shape

Size = int | Dim
ROW: Size = Dim(1)


class StaysError(Exception):
    """Something has no counterpart with the rows last: the graph stays as it is."""


def is_merged(size: Size) -> bool:
    """Whether an axis has several places of each row."""
    return isinstance(size, Dim) and size.slope > 1 and size.offset == 0


def axis_of_rows(shape: Shape) -> int | None:
    """The one axis that follows the batch: that of the rows, or of rows and places."""
    axes = [k for k, size in enumerate(shape) if isinstance(size, Dim)]
    if len(axes) == 1 and (shape[axes[0]] == ROW or is_merged(shape[axes[0]])):
        return axes[0]
    return None


def order_of(shape: Shape) -> list[int]:
    """The axes in the order that they have with the rows last."""
    axis = axis_of_rows(shape)
    if axis is None:
        raise StaysError
    return [*(k for k in range(len(shape)) if k != axis), axis]


def last(shape: Shape) -> Shape:
    """A shape with the rows last."""
    return tuple(shape[k] for k in order_of(shape))


def times(step: Size, size: Size) -> Size:
    """The product, which follows n once at most."""
    if not isinstance(size, Dim):
        step, size = size, step
    if isinstance(step, Dim):
        raise StaysError
    if isinstance(size, Dim):
        return Dim(size.slope * step, size.offset * step)
    return size * step


def steps_of(shape: Shape) -> list[Size]:
    """How far apart the elements of a contiguous array lie, along each axis."""
    found: list[Size] = []
    step: Size = 1
    for size in reversed(shape):
        found.insert(0, step)
        step = times(step, size)
    return found


def _places(size: Size) -> int:
    """How many there are along an axis, of each row if it has rows."""
    return size.slope if isinstance(size, Dim) else size


@dataclass(frozen=True)
class Lying:
    """Where the elements of a view are: offset, steps, sizes, of an axis for the rows the last."""

    offset: Size
    steps: tuple[Size, ...]
    shape: Shape


@dataclass(frozen=True)
class Rows:
    """How the rows lie in an array: `inner` numbers of each after one another."""

    inner: int

    @classmethod
    def of(cls, shape: Shape) -> "Rows":
        """How they lie in a contiguous array of that shape."""
        axis = order_of(shape)[-1]
        return cls(math.prod(_places(size) for size in shape[axis:]))

    def view(self, offset: Size, steps: Sequence[Size], shape: Shape) -> Lying:
        """The elements of a view in the array with the rows last.

        Its axes are in their order; an axis of rows and places becomes two: places, rows.
        """
        _, row, place = self._parts(offset)
        found: list[Size] = []
        sizes: list[Size] = []
        for step, size in zip(steps, shape, strict=True):
            if size == 1:
                found.append(0)
                sizes.append(1)
                continue
            if isinstance(size, Dim) and (row or not (size == ROW or is_merged(size))):
                raise StaysError
            places = _places(size)
            if places > 1:
                _, rows, within = self._parts(step)
                if rows:
                    raise StaysError
                place += within * (places - 1)
                found.append(self._moved(step))
                sizes.append(places)
            if isinstance(size, Dim):
                outer, rows, within = self._parts(times(step, size.slope))
                if outer or within or rows > 1:
                    raise StaysError
                found.append(rows)
                sizes.append(ROW)
        if place >= self.inner:
            raise StaysError
        return Lying(self._moved(offset), tuple(found), tuple(sizes))

    def _parts(self, step: Size) -> tuple[int, int, int]:
        """How many outer places, rows and inner places a step goes."""
        slope, offset = (step.slope, step.offset) if isinstance(step, Dim) else (0, step)
        if slope % self.inner or slope < 0 or offset < 0:
            raise StaysError
        return slope // self.inner, *divmod(offset, self.inner)

    def _moved(self, step: Size) -> Size:
        outer, rows, within = self._parts(step)
        slope = outer * self.inner + within
        return Dim(slope, rows) if slope else rows
