"""A classifier of pictures in rows: scikit-learn's multi-layer perceptron behind convolutions."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isqrt, prod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval

from handgrad.exchange.exporting.parts import Parts
from handgrad.tables.estimators.classifier import MLPClassifier
from handgrad.tables.estimators.perceptron import new_net
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.layers import (
    Array,
    Conv2d,
    Flatten,
    Layer,
    MaxPool2d,
    RandomShift,
    ReLU,
    Reshape,
    defaults,
)
from handgrad.textbook.net import Net

FILTERS = (16, 32, 64)
SMALLEST = 4  # pixels that a side must have to be halved
MOVED = 12  # a picture is moved by a 12th of its smaller side


@dataclass(repr=False, eq=False)
class PictureClassifier(MLPClassifier):
    """Classes of pictures in rows, by convolutions and a perceptron behind them.

    `shape` (channels, height, width) is that of the picture in each row; None for grey squares.
    In training each picture is moved anew in each epoch, `RandomShift`, by up to `shift` pixels;
    None for a 12th of its smaller side, 0 for not at all. A batch has 32 pictures, unless
    `batch_size` says otherwise.
    Up to three times, as long as each side has four pixels, there are a `Conv2d` of 3 by 3 pixels
    with 16, 32 and 64 channels, a `ReLU`, and a `MaxPool2d` that halves the sides. Behind them
    stands what `MLPClassifier` has, all whose parameters and attributes there are; `coefs_` and
    `intercepts_` are those of the perceptron, and `net_` is the whole net, in float32.

    >>> import handgrad as hg, warnings
    >>> digits = hg.data.load("digits")
    >>> model = PictureClassifier((20,), max_iter=2, tol=0, random_state=0, engine="eager")
    >>> with warnings.catch_warnings(action="ignore"):   # two epochs are few
    ...     model = model.fit(digits.x[:200] / 16, digits.y[:200])
    >>> model.net_.layers[4], model.net_.layers[-1]
    (Conv2d(16, 32, 3, padding=1, initializer='he_normal'), Linear(20, 10))
    >>> model.predict(digits.x[:3] / 16).shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **MLPClassifier._parameter_constraints,
        "shape": [tuple, list, None],
        "shift": [Interval(Integral, 0, None, closed="left"), None],
    }

    _usual_batch_size = 32  # a step costs much, and many small ones come farther

    shape: Sequence[int] | None = field(default=None, kw_only=True)
    shift: int | None = field(default=None, kw_only=True)

    def _validate_input(self, X: object, y: object, incremental: bool, reset: bool) -> Any:
        self._refuse_unflattened(X)
        return super()._validate_input(X, y, incremental, reset)

    def _outputs(self, X: object, hidden: int | None = None, *, linked: bool = True) -> Array:
        self._refuse_unflattened(X)
        return super()._outputs(X, hidden, linked=linked)

    def _refuse_unflattened(self, X: object) -> None:
        """Refuse arrays whose entries are pictures as such, not rows of numbers."""
        n, *sizes = getattr(X, "shape", None) or (0,)
        if len(sizes) < 2:
            return
        shape, rows = (1, *sizes)[-3:], "X"
        if len(sizes) == 3 and sizes[2] in (1, 3) and sizes[0] not in (1, 3):  # channels last
            shape, rows = (sizes[2], *sizes[:2]), "X.transpose(0, 3, 1, 2)"
        one = self.shape is not None and (n, *sizes) == tuple(self.shape)
        raise DataError(
            f"X of shape {(n, *sizes)}",
            "a picture in each row, (n, channels · height · width)",
            "X.reshape(1, -1), for one picture"
            if one
            else f"{rows}.reshape({n}, -1), and PictureClassifier(shape={shape})",
        )

    def _new_net(self, sizes: list[int], dtype: npt.DTypeLike) -> Net:
        n_in, height, width = self._shape_of(sizes[0])
        layers: list[Layer] = [Reshape(n_in, height, width)]
        shift = min(height, width) // MOVED if self.shift is None else self.shift
        if shift:
            layers.append(RandomShift(shift))
        with defaults():
            for n_out in FILTERS:
                if min(height, width) < SMALLEST:
                    break
                layers += [
                    Conv2d(
                        n_in, n_out, 3, padding=1, initializer="he_normal", rng=self._random_state
                    ),
                    ReLU(),
                    MaxPool2d(2),
                ]
                n_in, height, width = n_out, height // 2, width // 2
            layers.append(Flatten())
        behind = new_net(self, [n_in * height * width, *sizes[1:]], np.float32)
        net = Net(*layers, *map(copy.deepcopy, behind.layers), dtype=np.float32)
        if shift:
            net.seed(int(self._random_state.randint(2**31 - 1)))
        return net

    def _shape_of(self, n_features: int) -> tuple[int, int, int]:
        """The shape of the picture in a row of so many numbers."""
        side = isqrt(n_features)
        in_colour = isqrt(n_features // 3)
        square = (1, side, side) if side**2 == n_features else (3, in_colour, in_colour)
        shape = (1, side, side) if self.shape is None else tuple(self.shape)
        whole = all(isinstance(size, int | np.integer) and size > 0 for size in shape)
        if len(shape) != 3 or not whole or prod(shape) != n_features:
            raise SettingError(
                f"shape={self.shape!r}, for rows of {n_features} numbers",
                f"(channels, height, width) of a picture of {n_features} numbers",
                f"shape={square}" if prod(square) == n_features else "pictures.shape",
            )
        return int(shape[0]), int(shape[1]), int(shape[2])

    def _exported_parts(self) -> Parts:
        """Parts of a classifier whose numbers are those of pixels, from 0 to 1."""
        middle = np.full(self.n_features_in_, 0.5)
        return replace(super()._exported_parts(), center=middle, scale=middle / 2)
