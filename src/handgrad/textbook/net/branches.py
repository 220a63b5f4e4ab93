"""Residual connections, parallel branches, and recurrences in both directions."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import Shape, features
from handgrad.textbook.layers.recurrence import RecurrentLayer
from handgrad.textbook.net.net import Net

Join = Literal["sum", "concatenate"]
JOINS: tuple[Join, ...] = ("sum", "concatenate")


class Residual(Net):
    """Residual connection: adds its input to the output of its layers.

    forward     y = x + f(x),  f all layers in order
    backward    dx = dy + df(dy),  df all layers in reverse order
    shapes      x, y, dy, dx (n, …, n_features)
    source      He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016

    All `layers` are given at once, `Residual(a, b, c)`, since y must have the shape of x. `dtype`
    is that of `Net`.

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

    def _join(self, new: Iterable[Layer]) -> None:
        super()._join(new)
        self.output_kind = None

    def _fitting_shapes(self, layers: Sequence[Layer]) -> tuple[Shape | None, Shape | None]:
        shape_in, shape_out = super()._fitting_shapes(layers)
        n_in, n_out = features(shape_in), features(shape_out)
        if n_in is not None and n_out is not None and n_in != n_out:
            raise ShapeError(
                f"{n_out} features came out of its last layer, {layers[-1]!r}",
                f"{n_in}, the number of its inputs, to which they are added",
                f"a last Linear(…, {n_in}), or hg.Parallel(hg.Net(…), hg.Linear({n_in}, {n_out}))",
                type(self).__name__,
            )
        shape = shape_in or shape_out
        return shape, shape

    def shape_out(self, shape_in: Shape) -> Shape | None:
        return shape_in

    def forward(self, x: Any, mask: Array | None = None, /) -> Any:
        x = self._at_border(x)
        if isinstance(x, tuple):
            raise ShapeError(
                f"a tuple of {len(x)} arrays",
                "one array, to which the output is added",
                "the layer that takes several inputs before the Residual",
                repr(self),
            )
        y = super().forward(x, mask)
        _check_alike([x, y], "in and out", repr(self))
        return x + y

    def backward(self, dy: Any, /) -> Any:
        return dy + super().backward(dy)


class Parallel(Net):
    """Parallel branches: passes the same input to each branch and adds or concatenates the outputs.

    forward     y = f₁(x) + f₂(x) + …, or with join="concatenate" y = [f₁(x) f₂(x) …]
    backward    dx = df₁(dy) + df₂(dy) + …, with concatenated outputs each of its part of dy
    shapes      x, dx (n, …, n_in)
                y, dy (n, …, n_out), with n_out of each branch, or concatenated the sum of them
    source      Szegedy et al., "Going deeper with convolutions", 2015

    Each of the `branches` is a layer; `hg.Net(a, b)` makes one of several. `join` is "sum" or
    "concatenate", `dtype` that of `Net`.

    >>> import handgrad as hg
    >>> leaky = hg.layers.LeakyReLU(0.5)
    >>> parallel = Parallel(hg.ReLU(), leaky, join="concatenate", dtype=np.float64)
    >>> parallel.forward([[-2.0, 4.0]])
    array([[ 0.,  4., -1.,  4.]])
    >>> parallel.backward(np.array([[1.0, 1.0, 10.0, 10.0]]))      # 0·1 + ½·10, 1 + 10
    array([[ 5., 11.]])
    """

    in_a_row = False

    def __init__(
        self, *branches: Layer, join: Join = "sum", dtype: npt.DTypeLike | None = None
    ) -> None:
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
        for branch in self.layers:
            branch.check_input(x)

    def _fitting_shapes(self, layers: Sequence[Layer]) -> tuple[Shape | None, Shape | None]:
        taken = {branch.n_in for branch in layers if branch.n_in is not None}
        if len(taken) > 1:
            raise ShapeError(
                f"branches that take {' and '.join(map(str, sorted(taken)))} features",
                "the same number in each, since all get the same input",
                f"n_in={min(taken)} in every branch",
                type(self).__name__,
            )
        stated = (branch.shape_in for branch in layers)
        shape_in = next((shape for shape in stated if shape is not None), None)
        return shape_in, None if shape_in is None else self._joined(layers, shape_in)

    def shape_out(self, shape_in: Shape) -> Shape | None:
        return self._joined(self.layers, shape_in)

    def _joined(self, branches: Sequence[Layer], shape_in: Shape) -> Shape | None:
        shapes = [branch.shape_out(shape_in) for branch in branches]
        sizes = [features(shape) for shape in shapes]
        if self.join == "concatenate":
            known = [size for size in sizes if size is not None]
            first = shapes[0]
            return (*first[:-1], sum(known)) if first and len(known) == len(sizes) else None
        if len({*sizes} - {None}) > 1:
            raise ShapeError(
                f"branches that give {' and '.join(map(str, sizes))} features",
                "the same number from each: they are added",
                'join="concatenate", to put them side by side',
                type(self).__name__,
            )
        return next((shape for shape in shapes if shape is not None), None)

    def _made_from(self) -> list[str]:
        settings = [] if self.join == "sum" else [f"join={self.join!r}"]
        return [*super()._made_from(), *settings]

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        masks = (branch.mask_out(x, mask) for branch in self.layers)
        return next((out for out in masks if out is not None), None)

    def forward(self, x: Any, mask: Array | None = None, /) -> Any:
        x = self._at_border(x)
        parts = [self._part(i, "forward", x, mask) for i in range(len(self.layers))]
        if self.join == "concatenate":
            self.widths = np.array([part.shape[-1] for part in parts])
            return np.concatenate(parts, axis=-1)
        _check_alike(parts, "out of the branches", repr(self))
        return sum(parts[1:], parts[0])

    def backward(self, dy: Any, /) -> Any:
        parts = [dy] * len(self.layers)
        if self.join == "concatenate":
            ends = [0, *np.cumsum(self.widths).tolist()]
            parts = [dy[..., a:b] for a, b in pairwise(ends)]
        with self._gathering_gradients(dy):
            return _summed([self._part(i, "backward", part) for i, part in enumerate(parts)])


class Bidirectional(Parallel):
    """Bidirectional recurrence: one layer reads a sequence from its start, one from its end.

    forward     y = [f(x) g(x')], with x' the sequence x reversed; with return_sequences the outputs
                of g are reversed too, so that both belong to one step
    backward    dx = df(dy's first features) + dg(the others), reversed where forward is
    shapes      x, dx (n, t, n_in)    y, dy (n, k) or (n, t, k), k the sum of both n_out
    source      Schuster, Paliwal, "Bidirectional recurrent neural networks", 1997

    The two `layers` are recurrent, with weights each of its own: `Bidirectional(GRU(3, 8), GRU(3,
    8))`. Without return_sequences y is the last state of each: that of g has seen the whole
    sequence too, and belongs to the first step. Padding at the end is skipped by both. Several in a
    row are PyTorch's `nn.GRU(…, num_layers=2, bidirectional=True)`, its `_reverse` weights those of
    the second layer. `dtype` is that of `Net`.

    >>> import handgrad as hg
    >>> layers = [hg.layers.RNN(1, 1, return_sequences=True, dtype=np.float64) for _ in range(2)]
    >>> for layer in layers:
    ...     layer.W, layer.U = [[0]], [[1]]
    >>> layers[0].b, layers[1].b = [0.5], [-0.5]
    >>> both = Bidirectional(*layers)
    >>> both.forward(np.zeros((1, 2, 1))).round(2)                 # tanh ½, tanh(½ + tanh ½)
    array([[[ 0.46, -0.75],
            [ 0.75, -0.46]]])
    """

    def __init__(self, *layers: Layer, dtype: npt.DTypeLike | None = None) -> None:
        if len(layers) != 2 or not all(isinstance(layer, RecurrentLayer) for layer in layers):
            raise SettingError(
                f"Bidirectional({', '.join(map(repr, layers))})",
                "two recurrent layers, one for each direction",
                "hg.Bidirectional(hg.GRU(3, 8), hg.GRU(3, 8))",
            )
        if len({layer.return_sequences for layer in layers}) > 1:
            raise SettingError(
                f"{layers[0]!r} and {layers[1]!r}",
                "return_sequences=True in both, or in neither",
                "return_sequences=True before another recurrent layer",
                "Bidirectional",
            )
        super().__init__(*layers, join="concatenate", dtype=dtype)

    def _made_from(self) -> list[str]:
        return Net._made_from(self)

    def _reversed(self, y: Array) -> Array:
        """The steps of `y` from the last to the first; the last state as it is."""
        return np.flip(y, axis=1) if y.ndim == 3 else y

    def forward(self, x: Array, mask: Array | None = None, /) -> Any:
        x = self._at_border(x)
        y = self._part(0, "forward", x, mask)
        reversed_mask = None if mask is None else np.flip(mask, axis=1)
        z = self._part(1, "forward", np.flip(x, axis=1), reversed_mask)
        return np.concatenate([y, self._reversed(z)], axis=-1)

    def backward(self, dy: Array, /) -> Any:
        m = self.layers[0].n_out
        with self._gathering_gradients(dy):
            dx = self._part(0, "backward", dy[..., :m])
            return dx + np.flip(self._part(1, "backward", self._reversed(dy[..., m:])), axis=1)


def _summed(gradients: Sequence[Array | tuple[Array | None, ...] | None]) -> Any:
    """Sum of the gradients of an input, for each of its arrays; None if there are none."""
    if isinstance(gradients[0], tuple):
        return tuple(_summed(of_one) for of_one in zip(*gradients, strict=True))
    there = [gradient for gradient in gradients if gradient is not None]
    return sum(there[1:], there[0]) if there else None


def _check_alike(arrays: Sequence[Array], where: str, layer: str) -> None:
    shapes = list(dict.fromkeys(array.shape for array in arrays))
    if len(shapes) > 1:
        raise ShapeError(
            f"{' and '.join(map(str, shapes))} went {where}",
            "one shape, to add them",
            "layers with n_out, which are checked when the net is made",
            layer,
        )
