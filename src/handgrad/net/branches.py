"""Layers made of layers that part and come together again."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from handgrad.errors import SettingError, ShapeError
from handgrad.layers import Array, Layer
from handgrad.net.net import Net

Join = Literal["sum", "concatenate"]
JOINS: tuple[Join, ...] = ("sum", "concatenate")


class Residual(Net):
    """Adds its input to what its layers, one after another, make of it.

    forward     y = x + f(x),  f all layers from the first to the last
    backward    dx = dy + df(dy),  df all layers backward from the last to the first
    shapes      x, y, dy, dx (n, …, n_features)
    source      He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016

    All layers at once, as y must have the shape of x: `Residual(a, b, c)`.

    >>> import handgrad as hg
    >>> residual = Residual(hg.Linear(1, 1, initializer="zeros", dtype=np.float64), hg.Tanh())
    >>> residual.layers[0].W = [[2]]
    >>> residual.forward([[0.0], [100.0]])                         # x + tanh 2x
    array([[  0.],
           [101.]])
    >>> residual.backward(np.array([[5.0], [5.0]]))                # 5 + 2 · 5, 5 + 0
    array([[15.],
           [ 5.]])
    """

    keeps_shape = True

    def _join(self, new: Iterable[Layer]) -> None:
        super()._join(new)
        self.output_kind = None

    def _sizes(self, layers: Sequence[Layer]) -> tuple[int | None, int | None]:
        n_in, n_out = super()._sizes(layers)
        if n_in is not None and n_out is not None and n_in != n_out:
            raise ShapeError(
                f"{n_out} features came out of its last layer, {layers[-1]!r}",
                f"{n_in}, as many as go in: both are added",
                f"a last Linear(…, {n_in}); hg.Parallel(hg.Net(…), hg.Linear({n_in}, {n_out})), "
                "to change their number",
                type(self).__name__,
            )
        size = n_out if n_in is None else n_in
        return size, size

    def forward(self, x: Any, /) -> Any:
        """What went in, and what the layers make of it, added."""
        x = self._at_border(x)
        y = super().forward(x)
        _check_alike([x, y], "in and out", repr(self))
        return x + y

    def backward(self, dy: Any, /) -> Any:
        """The gradient of the input: by the way past the layers, and by the way through them."""
        return dy + super().backward(dy)


class Parallel(Net):
    """Gives the same input to each of its branches, and adds what they give, or joins it.

    forward     y = f₁(x) + f₂(x) + …, or with join="concatenate" y = [f₁(x) f₂(x) …]
    backward    dx = df₁(dy) + df₂(dy) + …, each of its own part of dy where they are joined
    shapes      x, dx (n, …, n_in)
                y, dy (n, …, n_out), with n_out that of each branch, or their sum
    source      Szegedy et al., "Going deeper with convolutions", 2015

    A branch is a layer; `hg.Net(a, b)` makes one of several.

    >>> import handgrad as hg
    >>> parallel = Parallel(hg.ReLU(), hg.LeakyReLU(0.5), join="concatenate", dtype=np.float64)
    >>> parallel.forward([[-2.0, 4.0]])
    array([[ 0.,  4., -1.,  4.]])
    >>> parallel.backward(np.array([[1.0, 1.0, 10.0, 10.0]]))      # 0·1 + ½·10, 1 + 10
    array([[ 5., 11.]])
    """

    def __init__(self, *branches: Layer, join: Join = "sum", dtype: Any = None) -> None:
        if join not in JOINS:
            raise SettingError(f"join={join!r}", f"one of {', '.join(JOINS)}", 'join="sum"')
        if not branches:
            raise SettingError("no branches", "one or more layers", "hg.Parallel(hg.Linear(2, 3))")
        self.join = join
        super().__init__(*branches, dtype=dtype)

    def _join(self, new: Iterable[Layer]) -> None:
        super()._join(new)
        self.output_kind = None
        self.integer_input = all(branch.integer_input for branch in self.layers)

    def check_input(self, x: Array) -> None:
        """Refuse codes that one of the branches has no row for."""
        for branch in self.layers:
            branch.check_input(x)

    def _sizes(self, layers: Sequence[Layer]) -> tuple[int | None, int | None]:
        taken = {branch.n_in for branch in layers if branch.n_in is not None}
        if len(taken) > 1:
            raise ShapeError(
                f"branches that take {' and '.join(map(str, sorted(taken)))} features",
                "the same number in each: all are given the same input",
                f"n_in={min(taken)} in every branch, for example",
                type(self).__name__,
            )
        n_in = taken.pop() if taken else None
        given = [n_in if branch.keeps_shape else branch.n_out for branch in layers]
        known = [n_out for n_out in given if n_out is not None]
        if self.join == "concatenate":
            return n_in, sum(known) if len(known) == len(given) else None
        if len(set(known)) > 1:
            raise ShapeError(
                f"branches that give {' and '.join(map(str, given))} features",
                "the same number from each: they are added",
                'join="concatenate", to put them side by side',
                type(self).__name__,
            )
        return n_in, known[0] if known else None

    def _made_from(self) -> list[str]:
        settings = [] if self.join == "sum" else [f"join={self.join!r}"]
        return [*super()._made_from(), *settings]

    def _next_input(self, x: Any, y: Any) -> Any:
        return x

    def forward(self, x: Any, /) -> Any:
        """What all branches make of x, added or side by side."""
        x = self._at_border(x)
        parts = [self._part(i, "forward", x) for i in range(len(self.layers))]
        if self.join == "concatenate":
            self.widths = np.array([part.shape[-1] for part in parts])
            return np.concatenate(parts, axis=-1)
        _check_alike(parts, "out of the branches", repr(self))
        return _sum(parts)

    def backward(self, dy: Any, /) -> Any:
        """The gradient of the input: the sum over the ways through all branches."""
        parts = [dy] * len(self.layers)
        if self.join == "concatenate":
            ends = [0, *np.cumsum(self.widths).tolist()]
            parts = [dy[..., a:b] for a, b in pairwise(ends)]
        with self._gathering_gradients(dy):
            return _sum([self._part(i, "backward", part) for i, part in enumerate(parts)])


def _sum(parts: Sequence[Array]) -> Array:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _check_alike(arrays: Sequence[Any], where: str, layer: str) -> None:
    shapes = list(dict.fromkeys(array.shape for array in arrays))
    if len(shapes) > 1:
        raise ShapeError(
            f"{' and '.join(map(str, shapes))} went {where}",
            "one shape: they are added",
            "n_out of the layers, so that a misfit is seen when they are put together",
            layer,
        )
