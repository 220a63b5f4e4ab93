"""Base class of layers: declared parameters, modes, names, copies."""

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
from handgrad.textbook.layers.random_stream import RandomStream
from handgrad.textbook.module import SHARED, Array, Module, twin_of

# Shape of a row, without the axis of the rows; `...` stands for any axes, as in (..., 3).
Shape = tuple[int | EllipsisType, ...]
BOUND = ("_owned", "_changes")  # set by the net that the layer is in


class Changes:
    """Counter of changed settings: compiled code of a net is valid while its counter is the same.

    The layers of a net share one counter; all layers outside nets share another.
    """

    count = 0


SHARED.add(Changes)  # twins of layers share it


def floating(dtype: object) -> np.dtype[Any]:
    """Return `dtype` as a NumPy dtype; raises SettingError unless it is float32 or float64."""
    for known in (np.dtype(np.float32), np.dtype(np.float64)):
        if dtype in (known, known.type, known.name):
            return known
    raise SettingError(f"dtype={dtype!r}", "float32 or float64", "dtype=np.float32")


def closed(shape: Shape, between: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return an open shape with `between` in place of `...`; other shapes as they are.

    >>> closed((..., 3)), closed((..., 3), (4,)), closed((8, 8))
    ((3,), (4, 3), (8, 8))
    """
    sizes: list[int] = []
    for size in shape:
        sizes += between if isinstance(size, EllipsisType) else (size,)
    return tuple(sizes)


def sizes_of(shape: Shape) -> tuple[int, ...] | None:
    """Return the sizes of a shape; None for an open one."""
    sizes = tuple(size for size in shape if isinstance(size, int))
    return sizes if len(sizes) == len(shape) else None


def features(shape: Shape | None, axis: int = -1) -> int | None:
    """Number of features of rows of this shape, on this axis of a batch; None if unknown."""
    if not shape:
        return None
    size = shape[axis] if axis < 0 else shape[axis - 1]
    return size if isinstance(size, int) else None


class Layer(Module):
    """Base class of all layers: write `forward` and `backward`, declare the parameters.

    `param_names` are the trained arrays: `backward` leaves the gradient of `W` in `dW`, with W's
    shape. `state_names` are arrays kept from step to step without being trained, such as running
    means. Assigning to either copies into the existing array, a view of the net's buffer.

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
        """Return the output for a batch `x`; store what `backward` needs in plain attributes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: Any, /) -> Any:
        """Return the gradient of the input, given that of the output; set those of parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    @property
    def shape_in(self) -> Shape | None:
        """Shape of an input row, (n_in,) or (..., n_in); None if unknown.

        `...` stands for any axes between the rows and the features. Layers with features on
        another axis, or with further conditions on the shape, override this.
        """
        if self.n_in is None or self.feature_axis != -1:
            return None
        return (self.n_in,) if self.ndim == 2 else (..., self.n_in)

    @property
    def example_shape(self) -> tuple[int, ...] | None:
        """Shape of an example row for the layer; None if unknown."""
        if self.shape_in is not None:
            return closed(self.shape_in)
        return self.layers[0].example_shape if self.layers else None

    def accepts(self, shape: Shape) -> bool:
        """Return whether rows of `shape` have the layer's number of features, as far as known."""
        return self.n_in is None or features(shape, self.feature_axis) in (None, self.n_in)

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """Return the shape of an output row for input rows of `shape_in`; None if unknown.

        If the layer has `n_out`, it replaces the number of features. Otherwise the layer predicts
        two rows of zeros; for an open `shape_in`, (..., k), with and without one more axis.

        >>> class Halve(Layer):
        ...     def forward(self, x): return x[..., ::2]
        >>> Halve().shape_out((..., 4)), Halve().shape_out((3, 8))
        ((Ellipsis, 2), (3, 4))
        """
        if self.n_out is not None and self.feature_axis == -1:
            return (*shape_in[:-1], self.n_out)
        tried = [closed(shape_in, between) for between in ((), (3,))]
        if tried[0] == tried[1] or self.ndim is not None:
            return self._inferred_shape(tried[0])
        plain, wider = (self._inferred_shape(shape) for shape in tried)
        if plain is None or wider is None or wider != (3, *plain):
            return None
        return (..., *plain)

    def _inferred_shape(self, shape_in: tuple[int, ...]) -> tuple[int, ...] | None:
        """Shape of a row that a twin of this layer returns for zeros; None if it fails."""
        x = np.zeros((2, *shape_in), np.int64 if self.integer_input else self.dtype or np.float32)
        try:
            with np.errstate(all="ignore"):
                y = trial_twin(self).forward(x)
        except Exception:
            return None
        shape = getattr(y, "shape", ())
        return tuple(shape[1:]) if shape[:1] == (2,) else None

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """Return the mask of the output, (n, t), True at valid positions; None if all are valid.

        `mask` is that of the input `x`. A net passes it from layer to layer, and to
        `forward(x, mask)` of layers with `takes_mask`.
        """
        return mask

    def check_input(self, x: Array) -> None:
        """Raise ShapeError for an input that `forward` would misread; called by the net."""
        if self.ndim is not None and x.ndim != self.ndim:
            sizes = ("…" if size is ... else str(size) for size in self.shape_in or ())
            axes = " features" if self.ndim == 2 else " " + " × ".join(sizes)
            raise ShapeError(
                f"an input of shape {x.shape}",
                f"{self.ndim} axes, (rows,{axes})",
                "x[None], for a single row"
                if x.ndim == self.ndim - 1
                else "x.reshape(len(x), -1), to use all numbers of a row as features",
                repr(self),
            )

    def update(self, learning_rate: float) -> None:
        """Take a gradient descent step: W ← W − learning_rate · dW for each trainable parameter."""
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
        """Return the gradient of the parameter `name` from the last `backward`."""
        gradient = np.asarray(getattr(self, "d" + name))
        if gradient.shape != getattr(self, name).shape:
            raise ShapeError(
                f"backward left d{name} with shape {gradient.shape}",
                f"the shape of {name}, {getattr(self, name).shape}",
                "sum over all axes but the last, axis=0 for (n, features); check the transposes",
                repr(self),
            )
        return gradient

    def check_rows(self, rows: int, what: str, hint: str) -> None:
        """Raise ShapeError, with `what` and `hint`, if `rows` is below a `min_batch_size`."""
        for _, layer in self.walk():
            if not layer.layers and layer.training and rows < layer.min_batch_size:
                raise ShapeError(
                    f"{what} in training",
                    f"at least {layer.min_batch_size} rows, to compute their variance",
                    hint,
                    repr(layer),
                )

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield this layer and all layers within it, each with its path after `prefix`: '0.1'."""
        yield prefix, self
        for i, layer in enumerate(self.layers):
            yield from layer.walk(f"{prefix}.{i}" if prefix else str(i))

    def named_parameters(self) -> dict[str, Array]:
        """Return all parameters by path, `{'0.W': ..., '0.b': ...}`: the arrays, not copies."""
        return self._named("param_names")

    def named_states(self) -> dict[str, Array]:
        """Return all running state by path, `{'1.mean': ...}`: the arrays, not copies."""
        return self._named("state_names")

    def state(self) -> dict[str, Array]:
        """Return copies of all parameters and running state by path, for `load_state`."""
        everything = self.named_parameters() | self.named_states()
        return {path: array.copy() for path, array in everything.items()}

    def load_state(self, state: dict[str, Array]) -> None:
        """Restore the arrays of `state()`; names and shapes must match, or nothing is changed."""
        arrays = self.named_parameters() | self.named_states()
        missing = [path for path in arrays if path not in state]
        unknown = [path for path in state if path not in arrays]
        if missing or unknown:
            extra = f"has the unknown names {', '.join(unknown)}"
            raise SettingError(
                f"the state {'lacks ' + ', '.join(missing) if missing else extra}",
                f"the names {', '.join(arrays)}",
                "state() of a net with the same layers",
            )
        for path, array in arrays.items():
            if np.shape(state[path]) != array.shape:
                raise ShapeError(
                    f"{path} has shape {np.shape(state[path])}",
                    f"shape {array.shape}",
                    "state() of a net with the same sizes",
                )
        for path, array in arrays.items():
            array[...] = state[path]

    def _named(self, kind: str) -> dict[str, Array]:
        return {
            f"{path}.{name}" if path else name: getattr(layer, name)
            for path, layer in self.walk()
            for name in getattr(layer, kind)
        }

    def freeze(self) -> Self:
        """Exclude the parameters of this layer, and of all within it, from training."""
        for _, layer in self.walk():
            layer.trainable = False
        return self

    def unfreeze(self) -> Self:
        """Include the parameters of this layer, and of all within it, in training again."""
        for _, layer in self.walk():
            layer.trainable = True
        return self

    @contextmanager
    def mode(self, *, training: bool) -> Iterator[None]:
        """Set the mode of all layers within a block; `with net.mode(training=False):` predicts."""
        before = [(layer, layer.training) for _, layer in self.walk()]
        for layer, _ in before:
            layer.training = training
        try:
            yield
        finally:
            for layer, was_training in before:
                layer.training = was_training

    def seed(self, rng: int | np.random.Generator | np.random.SeedSequence | None) -> None:
        """Give each layer a random stream of its own, spawned from `rng`, a seed or Generator."""
        source = spawning_generator(rng)
        layers = [layer for _, layer in self.walk()]
        for layer, stream in zip(layers, source.spawn(len(layers)), strict=True):
            layer.rng = RandomStream(stream.bit_generator, self.dtype or np.float64)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.param_names or name in self.state_names:
            current = self.__dict__.get(name)
            if isinstance(current, np.ndarray):
                if np.shape(value) != current.shape:
                    raise ShapeError(
                        f"{name} = an array of shape {np.shape(value)}",
                        f"shape {current.shape}",
                        f"{name}.reshape{current.shape}",
                        repr(self),
                    )
                current[...] = value
                return
            value = np.asarray(value) if isinstance(value, list | float | int) else value
        if not isinstance(value, np.ndarray) and name != "training":
            self._changes.count += 1
            if type(value) is np.random.Generator:  # whose normal numbers no engine could draw
                value = RandomStream(value.bit_generator, self.dtype or np.float64)
        object.__setattr__(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        kept = {k: v for k, v in super().__getstate__().items() if k not in BOUND}
        for name in ("forward", "backward"):  # the class's methods, while a layer is watched
            if getattr(kept.get(name), "__func__", None) is getattr(type(self), name):
                del kept[name]
        return kept


L = TypeVar("L", bound=Layer)


def predicting_twin(layer: L) -> L:
    """Return a twin in prediction mode, which stays so when the layer's own mode changes."""
    twin = twin_of(layer)
    parts: list[Layer] = [twin]
    for part in parts:  # `walk` would take five times as long
        part.__dict__["training"] = False
        parts += part.layers
    return twin


def trial_twin(layer: L) -> L:
    """Return a predicting twin with copies of the running state and the random streams."""
    twin = predicting_twin(layer)
    for _, part in twin.walk():
        own = {name: getattr(part, name).copy() for name in part.state_names}
        if "rng" in part.__dict__:
            own["rng"] = copy.deepcopy(part.rng)
        part.__dict__.update(own)
    return twin
