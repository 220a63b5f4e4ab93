"""The base class of layers: declared parameters, modes, names, copies."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from types import EllipsisType
from typing import Any, Self, TypeVar

import numpy as np

from handgrad.textbook.aliases import ON_LAYERS
from handgrad.textbook.errors import SettingError, ShapeError, positive
from handgrad.textbook.kinds import PredictionKind
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.textbook.module import SHARED, Array, Module, twin_of

# The shape of a row, without the axis of the rows; `...` stands for any axes, as in (..., 3).
Shape = tuple[int | EllipsisType, ...]
BOUND = ("_owned", "_changes")  # what a layer has of the net that it is in


class Changes:
    """How often a setting of a net's layers was changed: tells whether what was made of it holds.

    The layers of a net share one; those that are in no net share another.
    """

    count = 0


SHARED.add(Changes)  # by the twins of layers too


def floating(dtype: object) -> np.dtype[Any]:
    """The type of numbers that `dtype` asks for, float32 or float64."""
    for known in (np.dtype(np.float32), np.dtype(np.float64)):
        if dtype in (known, known.type, known.name):
            return known
    raise SettingError(f"dtype={dtype!r}", "float32 or float64", "dtype=np.float32")


def closed(shape: Shape, between: tuple[int, ...] = ()) -> tuple[int, ...]:
    """An open shape with `between` in place of `...`; any other as it is.

    >>> closed((..., 3)), closed((..., 3), (4,)), closed((8, 8))
    ((3,), (4, 3), (8, 8))
    """
    sizes: list[int] = []
    for size in shape:
        sizes += between if isinstance(size, EllipsisType) else (size,)
    return tuple(sizes)


def sizes_of(shape: Shape) -> tuple[int, ...] | None:
    """The sizes of a shape; None where it is open."""
    sizes = tuple(size for size in shape if isinstance(size, int))
    return sizes if len(sizes) == len(shape) else None


def features(shape: Shape | None, axis: int = -1) -> int | None:
    """How many features a row of this shape has, on this axis of a batch; None if unknown."""
    if not shape:
        return None
    size = shape[axis] if axis < 0 else shape[axis - 1]
    return size if isinstance(size, int) else None


class Layer(Module):
    """The base of every layer: write `forward` and `backward`, declare the parameters.

    `param_names` are trained: `backward` leaves the gradient of `W` in `dW`, with W's shape.
    `state_names` outlive a step without being trained, as running means do.
    Assigning to either copies into the array that is there, which a net keeps in one buffer.

    >>> class Scale(Layer):
    ...     "y = s x      dx = s dy      ds = x dy summed over the batch"
    ...     param_names = ("s",)
    ...     def __init__(self, n): super().__init__(); self.s = np.ones(n)
    ...     def forward(self, x): self.x = x; return self.s * x
    ...     def backward(self, dy): self.ds = (self.x * dy).sum(axis=0); return self.s * dy
    >>> scale = Scale(2)
    >>> scale.forward(np.array([[1.0, 2.0]]))
    array([[1., 2.]])
    >>> scale.backward(np.array([[10.0, 10.0]])), scale.ds
    (array([[10., 10.]]), array([10., 20.]))
    """

    layers: list[Layer] | tuple[Layer, ...] = ()
    dtype: np.dtype[Any] | None = None
    n_in: int | None = None
    n_out: int | None = None
    feature_axis = -1
    ndim: int | None = None
    min_batch_size = 1
    integer_input = False
    takes_mask = False
    output_kind: PredictionKind | None = None
    training = True
    trainable = True
    rng: np.random.Generator
    names_elsewhere = ON_LAYERS
    _owned = False
    _changes = Changes()

    def forward(self, x: Any, /) -> Any:
        """The output for a batch `x`; keeps what `backward` needs in plain attributes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: Any, /) -> Any:
        """The gradient of the input from that of the output; overwrites the parameters' own."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    @property
    def shape_in(self) -> Shape | None:
        """The shape of a row that goes in, (n_in,) or (..., n_in); None where nothing says it.

        `...` stands for any axes between the rows and the features. A layer whose `n_in` is not on
        the last axis, or not enough to say, overrides this.
        """
        if self.n_in is None or self.feature_axis != -1:
            return None
        return (self.n_in,) if self.ndim == 2 else (..., self.n_in)

    @property
    def example_shape(self) -> tuple[int, ...] | None:
        """The shape of a row to try the layer with; None where nothing says what it takes."""
        if self.shape_in is not None:
            return closed(self.shape_in)
        return self.layers[0].example_shape if self.layers else None

    def accepts(self, shape: Shape) -> bool:
        """Whether rows of `shape` have the layer's number of features, as far as that is known."""
        return self.n_in is None or features(shape, self.feature_axis) in (None, self.n_in)

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """The shape of a row that comes out where one of `shape_in` goes in; None where unknown.

        A layer that states `n_out` puts it in place of the features. Any other is run on two rows
        of zeros, as it predicts; where `shape_in` is open, (..., k), without and with an axis more.

        >>> class Halve(Layer):
        ...     def forward(self, x): return x[..., ::2]
        >>> Halve().shape_out((..., 4)), Halve().shape_out((3, 8))
        ((Ellipsis, 2), (3, 4))
        """
        if self.n_out is not None and self.feature_axis == -1:
            return (*shape_in[:-1], self.n_out)
        tried = [closed(shape_in, between) for between in ((), (3,))]
        if tried[0] == tried[1] or self.ndim is not None:
            return self._found_shape(tried[0])
        plain, wider = (self._found_shape(shape) for shape in tried)
        if plain is None or wider is None or wider != (3, *plain):
            return None
        return (..., *plain)

    def _found_shape(self, shape_in: tuple[int, ...]) -> tuple[int, ...] | None:
        """The shape of a row that a twin of this layer makes of one of zeros; None if it cannot."""
        x = np.zeros((2, *shape_in), np.int64 if self.integer_input else self.dtype or np.float32)
        try:
            with np.errstate(all="ignore"):
                y = trial_twin(self).forward(x)
        except Exception:
            return None
        shape = getattr(y, "shape", ())
        return tuple(shape[1:]) if shape[:1] == (2,) else None

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """Which places of what comes out are there, (n, t): `mask`, what it is for `x`; None: all.

        A net hands it on from layer to layer, and to `forward(x, mask)` of one with `takes_mask`.
        """
        return mask

    def check_input(self, x: Array) -> None:
        """Refuse, before a net's `forward`, an input that `forward` would take for other."""
        if self.ndim is not None and x.ndim != self.ndim:
            sizes = ("…" if size is ... else str(size) for size in self.shape_in or ())
            axes = " features" if self.ndim == 2 else " " + " × ".join(sizes)
            raise ShapeError(
                f"an array of shape {x.shape} came in",
                f"{self.ndim} axes, (rows,{axes}): {type(self).__name__} holds for no others",
                "x[None], for a single row"
                if x.ndim == self.ndim - 1
                else "x.reshape(len(x), -1), if the numbers of a row are its features",
                repr(self),
            )

    def update(self, learning_rate: float) -> None:
        """One step down the gradient: W ← W − learning_rate · dW, for every trainable parameter."""
        positive("learning_rate", learning_rate)
        gradients = [
            (getattr(layer, name), layer.gradient(name))
            for _, layer in self.walk()
            if layer.trainable
            for name in layer.param_names
        ]
        for parameter, gradient in gradients:
            parameter -= learning_rate * gradient

    def gradient(self, name: str) -> Array:
        """The gradient that `backward` left for the parameter `name`, its shape checked."""
        gradient = np.asarray(getattr(self, "d" + name))
        if gradient.shape != getattr(self, name).shape:
            raise ShapeError(
                f"backward left d{name} with shape {gradient.shape}",
                f"the shape of {name}, {getattr(self, name).shape}",
                "sum over all axes but the last: axis=0 for (n, features); and check transposes",
                repr(self),
            )
        return gradient

    def check_rows(self, rows: int, what: str, hint: str) -> None:
        """Refuse a batch in training of fewer rows than `min_batch_size` of a layer."""
        for _, layer in self.walk():
            if not layer.layers and layer.training and rows < layer.min_batch_size:
                raise ShapeError(
                    f"{what} in training",
                    f"at least {layer.min_batch_size}, to learn from how they differ",
                    hint,
                    repr(layer),
                )

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """This layer and all within it, each with its path: '', '0', '2.1'."""
        yield prefix, self
        for i, layer in enumerate(self.layers):
            yield from layer.walk(f"{prefix}.{i}" if prefix else str(i))

    def named_parameters(self) -> dict[str, Array]:
        """Every parameter by its path, `{'0.W': ..., '0.b': ...}`: the arrays themselves."""
        return self._named("param_names")

    def named_states(self) -> dict[str, Array]:
        """All running state by its path, `{'1.mean': ...}`: the arrays themselves."""
        return self._named("state_names")

    def state(self) -> dict[str, Array]:
        """Copies of all parameters and running state by path; `load_state` puts them back."""
        everything = self.named_parameters() | self.named_states()
        return {path: array.copy() for path, array in everything.items()}

    def load_state(self, state: dict[str, Array]) -> None:
        """Put back what `state()` gave; names and shapes must fit, or nothing is changed."""
        own = self.named_parameters() | self.named_states()
        missing = [path for path in own if path not in state]
        unknown = [path for path in state if path not in own]
        if missing or unknown:
            has = f"has {', '.join(unknown)}, which this net has not"
            raise SettingError(
                f"the state {'lacks ' + ', '.join(missing) if missing else has}",
                f"the names {', '.join(own)}",
                "a state taken by state() from a net of the same layers",
            )
        for path, array in own.items():
            if np.shape(state[path]) != array.shape:
                raise ShapeError(
                    f"{path} came with shape {np.shape(state[path])}",
                    f"shape {array.shape}",
                    "a state taken by state() from a net of the same sizes",
                )
        for path, array in own.items():
            array[...] = state[path]

    def _named(self, kind: str) -> dict[str, Array]:
        return {
            f"{path}.{name}" if path else name: getattr(layer, name)
            for path, layer in self.walk()
            for name in getattr(layer, kind)
        }

    def freeze(self) -> Self:
        """Keep the parameters of this layer, and of all within it, as they are from now on."""
        for _, layer in self.walk():
            layer.trainable = False
        return self

    def unfreeze(self) -> Self:
        """Train the parameters of this layer, and of all within it, again."""
        for _, layer in self.walk():
            layer.trainable = True
        return self

    @contextmanager
    def mode(self, *, training: bool) -> Iterator[None]:
        """Within `with net.mode(training=False):` every layer predicts; then all is as before."""
        before = [(layer, layer.training) for _, layer in self.walk()]
        for layer, _ in before:
            layer.training = training
        try:
            yield
        finally:
            for layer, was_training in before:
                layer.training = was_training

    def seed(self, rng: int | np.random.Generator | np.random.SeedSequence | None) -> None:
        """Give each layer a random stream of its own, all spawned from one seed or Generator."""
        source = spawning_generator(rng)
        layers = [layer for _, layer in self.walk()]
        for layer, stream in zip(layers, source.spawn(len(layers)), strict=True):
            layer.rng = stream

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.param_names or name in self.state_names:
            current = self.__dict__.get(name)
            if isinstance(current, np.ndarray):
                if np.shape(value) != current.shape:
                    raise ShapeError(
                        f"{name} was given an array of shape {np.shape(value)}",
                        f"shape {current.shape}",
                        f"{name}.reshape{current.shape}, if the numbers are the right ones",
                        repr(self),
                    )
                current[...] = value
                return
            value = np.asarray(value) if isinstance(value, list | float | int) else value
        if not isinstance(value, np.ndarray) and name != "training":
            self._changes.count += 1
        object.__setattr__(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        kept = {k: v for k, v in super().__getstate__().items() if k not in BOUND}
        for name in ("forward", "backward"):  # the class's own methods, while a layer is watched
            if getattr(kept.get(name), "__func__", None) is getattr(type(self), name):
                del kept[name]
        return kept


L = TypeVar("L", bound=Layer)


def predicting_twin(layer: L) -> L:
    """A twin in prediction mode, whatever mode the layer itself is put into meanwhile."""
    twin = twin_of(layer)
    parts: list[Layer] = [twin]
    for part in parts:  # `walk` would take five times as long
        part.__dict__["training"] = False
        parts += part.layers
    return twin


def trial_twin(layer: L) -> L:
    """A twin to try a row with: what `forward` changes of state and streams, it changes there."""
    twin = predicting_twin(layer)
    for _, part in twin.walk():
        own = {name: getattr(part, name).copy() for name in part.state_names}
        if "rng" in part.__dict__:
            own["rng"] = copy.deepcopy(part.rng)
        part.__dict__.update(own)
    return twin
