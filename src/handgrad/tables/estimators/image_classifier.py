"""Convolutional image classifier with the interface of scikit-learn's perceptron."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from math import isqrt, prod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval

from handgrad.exchange.exporting.drawing import Drawing, drawing_of
from handgrad.exchange.exporting.model_spec import ModelParts
from handgrad.exchange.exporting.wrapper_layers import Temperature
from handgrad.files.tensors import damaged, shown
from handgrad.tables.estimators.classifier import MLPClassifier
from handgrad.tables.estimators.fit_loop import FitOptions
from handgrad.tables.estimators.perceptron import new_net
from handgrad.tables.estimators.rows import Weighted, predicted, rows_of
from handgrad.tables.estimators.temperature import fitted_temperature, is_temperature
from handgrad.textbook.errors import DataError, SettingError, is_number
from handgrad.textbook.kinds import Logits
from handgrad.textbook.layers import (
    Array,
    Conv2d,
    Flatten,
    Layer,
    MaxPool2d,
    RandomHorizontalFlip,
    RandomShift,
    ReLU,
    Reshape,
    defaults,
)
from handgrad.textbook.net import Net

FILTERS = (16, 32, 64)
SMALLEST = 4  # fewest pixels of a side that is halved
MOST_LOOKED_AT = 1000  # training pictures whose drawing is measured
SHIFT = 12  # default shift: a 12th of the smaller side


@dataclass(repr=False, eq=False)
class PictureClassifier(MLPClassifier):
    """Convolutional image classifier: convolutions before scikit-learn's multi-layer perceptron.

    Up to three blocks, while each side has at least four pixels: a `Conv2d` with 3×3 filters and
    16, 32 or 64 channels, a `ReLU`, and a `MaxPool2d` that halves the sides. The perceptron of
    `MLPClassifier` follows, with its attributes; `coefs_` and `intercepts_` are those of the
    perceptron, `net_` is the whole net, in float32. In training, `RandomShift` shifts each image
    anew in each epoch, and with `flip` `RandomHorizontalFlip` mirrors half of them. With early
    stopping, probabilities are calibrated by a temperature, by which the logits are divided, fitted
    to the validation rows: `temperature_`, otherwise 1.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer.
    activation : str, Layer or list of these, default "relu"
        "identity", "logistic", "tanh", "relu" or a layer; a list has one for each hidden layer.
    loss : str or Loss, default "log_loss"
        "log_loss", "label_smoothing", "focal", "hinge", or a loss for classes.
    solver : str or Optimizer, default "adam"
        "adam", "sgd", "lbfgs", "adagrad", "rmsprop", "adamw", "nadam", "lion", or an optimizer.
    alpha : float, default 0.0001
        Strength of the L2 penalty.
    batch_size : int or "auto", default "auto"
        Rows of a minibatch; "auto" is min(32, n_samples).
    learning_rate : str or schedule, default "constant"
        "constant", "invscaling", "adaptive", or a schedule: its name or a function.
    learning_rate_init : float, default 0.001
        Initial learning rate; an Optimizer as `solver` has its own.
    power_t : float, default 0.5
        Exponent of "invscaling".
    max_iter : int, default 200
        Epochs at most; iterations at most for "lbfgs".
    shuffle : bool, default True
        Whether rows are shuffled in each epoch.
    random_state : int, RandomState or None, default None
        Seed of the initial weights, the shuffling and the held-out rows.
    tol : float, default 1e-4
        Smallest improvement of the loss or the score that counts.
    verbose : bool, default False
        Whether each epoch is printed.
    warm_start : bool, default False
        Whether `fit` continues from the weights of the previous one.
    momentum : float, default 0.9
        Momentum of "sgd".
    nesterovs_momentum : bool, default True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default False
        Whether training stops when the validation score stops improving; the best weights are kept.
    validation_fraction : float, default 0.1
        Fraction of the rows held out for early stopping.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999, 1e-8
        Decay rates and numerical constant of "adam".
    n_iter_no_change : int, default 10
        Epochs without improvement before training stops.
    max_fun : int, default 15000
        Evaluations of the loss at most, for "lbfgs".
    normalization : {"batch", "layer"} or None, default None
        Normalization of each hidden layer, before its activation.
    dropout : float, default 0.0
        Fraction of hidden units dropped in each step.
    scoring : str, callable or None, default None
        Score for early stopping: a metric, a scorer of scikit-learn, or "loss".
    transform_layer : int, default -1
        Index of the hidden layer that `transform` returns.
    progress : bool, default False
        Whether a progress bar is shown.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        Engine, as in `hg.train`.
    class_weight : dict, "balanced" or None, default None
        Weight of the rows of each class in the loss.
    shape : (channels, height, width) or None, default None
        Shape of the image in each row of X; None for square grayscale images.
    shift : int or None, default None
        Largest random shift in pixels; 0 for none, None for a twelfth of the smaller side.
    flip : bool, default False
        Whether images are mirrored left to right at random, for classes that do not change by it.
    initial_net : Net or None, default None
        Net whose convolutions are the initial ones, such as `net_` of a classifier of other images:
        transfer learning.

    Examples
    --------
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
        "flip": ["boolean"],
        "initial_net": [Net, None],
    }

    _usual_batch_size = 32  # many small steps converge faster than few large ones

    shape: Sequence[int] | None = field(default=None, kw_only=True)
    shift: int | None = field(default=None, kw_only=True)
    flip: bool = field(default=False, kw_only=True)
    initial_net: Net | None = field(default=None, kw_only=True)

    def _validate_input(self, X: object, y: object, incremental: bool, reset: bool) -> Any:
        self._refuse_unflattened(X)
        return super()._validate_input(X, y, incremental, reset)

    def _outputs(self, X: object, hidden: int | None = None, *, linked: bool = True) -> Array:
        self._refuse_unflattened(X)
        return super()._outputs(X, hidden, linked=linked)

    def _refuse_unflattened(self, X: object) -> None:
        """Refuse arrays of images that are not flattened to rows."""
        n, *sizes = getattr(X, "shape", None) or (0,)
        if len(sizes) < 2:
            return
        shape, rows = (1, *sizes)[-3:], "X"
        if len(sizes) == 3 and sizes[2] in (1, 3) and sizes[0] not in (1, 3):  # channels last
            shape, rows = (sizes[2], *sizes[:2]), "X.transpose(0, 3, 1, 2)"
        one = self.shape is not None and (n, *sizes) == tuple(self.shape)
        raise DataError(
            f"X of shape {(n, *sizes)}",
            "one picture in each row, (n, channels · height · width)",
            "X.reshape(1, -1), for one picture"
            if one
            else f"{rows}.reshape({n}, -1), and PictureClassifier(shape={shape})",
        )

    def _new_net(self, sizes: list[int], dtype: npt.DTypeLike, rng: np.random.RandomState) -> Net:
        n_in, height, width = self._shape_of(sizes[0])
        layers: list[Layer] = [Reshape(n_in, height, width)]
        shift = min(height, width) // SHIFT if self.shift is None else self.shift
        layers += [RandomShift(shift)] if shift else []
        layers += [RandomHorizontalFlip()] if self.flip else []
        with defaults():
            for n_out in FILTERS:
                if min(height, width) < SMALLEST:
                    break
                layers += [
                    Conv2d(n_in, n_out, 3, padding=1, initializer="he_normal", rng=rng),
                    ReLU(),
                    MaxPool2d(2),
                ]
                n_in, height, width = n_out, height // 2, width // 2
            layers.append(Flatten())
        behind = new_net(self, [n_in * height * width, *sizes[1:]], np.float32, rng)
        if self.initial_net is not None:
            _take_convolutions(layers, self.initial_net)
        net = Net(*layers, *map(copy.deepcopy, behind.layers), dtype=np.float32)
        if shift or self.flip:
            net.seed(int(rng.randint(2**31 - 1)))
        return net

    def _shape_of(self, n_features: int) -> tuple[int, int, int]:
        """Shape of the image in a row of `n_features` numbers."""
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

    # calibration

    def _meaning(self, p: Array) -> Array:
        return super()._meaning(p if self.temperature_ == 1 else p / self.temperature_)

    @contextmanager
    def _to_train_on(
        self, rows: Weighted, held_out: Weighted | None, first: bool, how: FitOptions
    ) -> Iterator[tuple[Weighted, Weighted | None]]:
        self.temperature_ = 1.0  # also of a warm start: its weights change
        if first or not how.incremental:
            some = np.unique(np.linspace(0, len(rows.y) - 1, MOST_LOOKED_AT).astype(int))
            x = rows_of(rows.X, np.float32)[some]
            pictures = x.reshape(len(some), *self._shape_of(x.shape[1]))
            self.drawing_: Drawing | None = drawing_of(pictures)
        yield rows, held_out

    def _calibrate(self, held_out: Weighted) -> None:
        """Fit the temperature to validation rows with weight, one class each."""
        multilabel = self._label_binarizer.y_type_ == "multilabel-indicator"
        if multilabel or not isinstance(self._loss.input_kind, Logits):
            return
        there = np.full(len(held_out.y), True) if held_out.w is None else held_out.w > 0
        weights = [] if held_out.w is None else [held_out.w[there]]
        z = predicted(self.net_, rows_of(held_out.X, self.net_.dtype), self.engine)
        z = z[there].astype(float)
        if z.shape[1] == 1:  # the logit of the second class, beside 0 of the first
            z = np.hstack([np.zeros_like(z), z])
        y = held_out.y[there]
        classes = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0].astype(np.int64)
        self.temperature_ = fitted_temperature(z, np.eye(z.shape[1])[classes], *weights)

    def _link(self) -> list[Layer]:
        tempered = [] if self.temperature_ == 1 else [Temperature(self.temperature_)]
        return [*tempered, *super()._link()]

    # in a file

    _optional_keys = frozenset({"temperature", "drawing"})

    def _target_to_file(self) -> dict[str, object]:
        tempered = {} if self.temperature_ == 1 else {"temperature": self.temperature_}
        drawing = {} if self.drawing_ is None else {"drawing": [*astuple(self.drawing_)]}
        return super()._target_to_file() | tempered | drawing

    def _target_from_file(self, fitted: dict[str, object]) -> int:
        temperature = fitted.get("temperature", 1.0)
        if not isinstance(temperature, float) or not is_temperature(temperature):
            raise damaged(f"temperature is {shown(temperature)}", "a positive number")
        self.temperature_ = temperature
        self.drawing_ = _drawing_in(fitted["drawing"]) if "drawing" in fitted else None
        return super()._target_from_file(fitted)

    def _exported_parts(self) -> ModelParts:
        """Parts of a classifier whose numbers are those of pixels, from 0 to 1."""
        middle = np.full(self.n_features_in_, 0.5)
        picture = self._shape_of(self.n_features_in_)
        parts = replace(super()._exported_parts(), center=middle, scale=middle / 2)
        return replace(parts, picture=picture, drawing=self.drawing_)


def _drawing_in(facts: object) -> Drawing:
    """Drawing in a file."""
    numbers = facts if isinstance(facts, list) else []
    whole = len(numbers) == len(astuple(Drawing()))
    if whole and all(is_number(value) and 0 <= value <= 1 for value in numbers):
        return Drawing(*numbers)
    raise damaged(f"drawing is {shown(facts)}", "five numbers from 0 to 1")


def _take_convolutions(layers: Sequence[Layer], net: Net) -> None:
    """Copy the weights of the convolutions of a net, in order, as far as both have some."""
    mine = [layer for layer in layers if isinstance(layer, Conv2d)]
    theirs = [layer for _, layer in net.walk() if isinstance(layer, Conv2d)]
    if mine and not theirs:
        raise SettingError(
            "initial_net without convolutions",
            "the net of a classifier of other images",
            "PictureClassifier().fit(X, y).net_; or without initial_net",
        )
    for new, old in zip(mine, theirs, strict=False):
        if new.W.shape != old.W.shape:
            raise SettingError(
                f"initial_net with {old}",
                f"{new}, for these images",
                "the net of a classifier of images with as many channels; or without initial_net",
            )
        new.W[...], new.b[...] = old.W, old.b
