"""The random stream of a layer: NumPy's generator, with normal numbers that any engine can draw."""

from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.textbook.module import Array

Size = int | tuple[int, ...] | None


class NormalNumbers:
    """Normal draws by Box and Muller from uniform ones of `random`; `dtype` is their default type.

    g = √(−2 log(1 − u)) cos(2π v), with u and v uniform in [0, 1); Box, Muller, "A note on the
    generation of random normal deviates", 1958. NumPy draws its own by rejection, with as many
    uniform ones as chance wants, which compiled code and other languages could not repeat.
    """

    dtype: np.dtype[Any]
    random: Any

    def standard_normal(self, size: Size = None, dtype: npt.DTypeLike | None = None) -> Any:
        """Normal numbers with mean 0 and variance 1, as an array of this shape."""
        shape = () if size is None else size if isinstance(size, tuple) else (size,)
        u, v = self.random((2, *shape), dtype=dtype or self.dtype)
        return np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * np.pi * v)

    def normal(
        self, loc: float | Array = 0.0, scale: float | Array = 1.0, size: Size = None
    ) -> Any:
        """Normal numbers with mean `loc` and standard deviation `scale`, numbers or arrays."""
        if size is None:
            size = np.broadcast_shapes(*(getattr(part, "shape", ()) for part in (loc, scale)))
        return loc + scale * self.standard_normal(size)


class RandomStream(NormalNumbers, np.random.Generator):  # type: ignore[misc]
    """Random stream of a layer: a generator whose normal numbers are the same in every engine.

    They are of the net's `dtype` by default, and made by `NormalNumbers`; all else is as in NumPy.

    >>> stream = RandomStream(np.random.PCG64(0))                  # draws u = 0.64, v = 0.27
    >>> stream.standard_normal(1).round(4)                         # 1.4235 · cos(1.6951)
    array([-0.1765])
    """

    def __init__(
        self, bit_generator: np.random.BitGenerator, dtype: npt.DTypeLike = np.float64
    ) -> None:
        super().__init__(bit_generator)
        self.dtype = np.dtype(dtype)

    def spawn(self, n_children: int) -> list[np.random.Generator]:
        """Streams of the same dtype, independent of this one."""
        children = super().spawn(n_children)
        return [RandomStream(child.bit_generator, self.dtype) for child in children]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.bit_generator, self.dtype)
