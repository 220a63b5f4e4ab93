"""A net: a layer made of layers."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar, Self, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from handgrad.textbook.aliases import NUMBERS
from handgrad.textbook.display import Text
from handgrad.textbook.errors import DataError, HandgradError, SettingError, ShapeError, described
from handgrad.textbook.layers import Array, Layer, shape_inference
from handgrad.textbook.layers.layer import (
    Changes,
    Shape,
    closed,
    features,
    floating,
    predicting_twin,
)
from handgrad.textbook.layers.mistakes import returned
from handgrad.textbook.module import MADE, twin_of
from handgrad.textbook.net.buffers import FlatBuffers
from handgrad.textbook.net.minibatches import array_of_numbers, check_several, number_of_rows
from handgrad.textbook.net.predictor import EngineName, Predictor
from handgrad.textbook.net.watch import LayerCall, watching

BOUND = {"_buffers", "_predictor"}
MADE.update({"_shapes", *BOUND})


# Said of nets with layers that need several rows.
BY_SHARD = "batch norm goes by the rows of a batch; of its shard, where a training is cut into some"


class Net(Layer):
    """Layers one after another: forward through all of them, backward through all of them.

    A net is itself a layer. All its parameters lie in one flat array, `net.parameters`, all
    gradients in `net.gradients`; `layer.W` is a view into it. Its numbers are of one type,
    `dtype`: the one its layers were made with, float32 if none says, or the one given here.

    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 3), hg.Tanh())
    >>> net
    Net(Linear(2, 3), Tanh())
    >>> net.forward(np.zeros((4, 2))).shape
    (4, 3)
    >>> net.parameters.shape
    (9,)
    >>> net.layers[0].b = [7, 8, 9]
    >>> net.parameters[-3:]
    array([7., 8., 9.], dtype=float32)
    """

    dtype: np.dtype[Any]
    in_a_row: ClassVar[bool] = True
    takes_mask = True
    # What predicts: entered by handgrad/__init__.py, since engines stand on nets.
    predictor_type: ClassVar[type[Predictor]]
    # Threads of NumPy's products, by how many multiplications there are: entered there as well.
    threads_for: ClassVar[Callable[[int], AbstractContextManager[object]]] = nullcontext

    def __init__(self, *layers: Layer, dtype: npt.DTypeLike | None = None) -> None:
        super().__init__()
        self._asked_dtype = None if dtype is None else floating(dtype)
        self.layers: list[Layer] = []
        self._join(layers)

    def add(self, layer: Layer) -> Self:
        """Append a layer; returns the net, so that calls can be chained."""
        self._join([layer])
        return self

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @overload
    def __getitem__(self, i: SupportsIndex) -> Layer: ...
    @overload
    def __getitem__(self, i: slice) -> "Net": ...
    def __getitem__(self, i: SupportsIndex | slice) -> "Layer | Net":
        """A layer, `net[0]` or `net[-1]`; or the layers from one to another, `net[:2]`, as a net.

        Such a part predicts and trains as any net. It has the same parameters and running state
        in memory, with the settings of the layers as they are now, until the net is given another
        layer.
        """
        if isinstance(i, slice):
            return self._part_of(i)
        try:
            return self.layers[i]
        except (IndexError, TypeError):
            raise self._no_layer_at(repr(i)) from None

    def _part_of(self, where: slice) -> "Net":
        """The layers within `where` as a net of the same arrays."""
        try:
            start, stop, step = where.indices(len(self.layers))
        except TypeError:
            start = stop = step = 0
        if step != 1 or start >= stop or not self.in_a_row:
            numbers = ["" if i is None else repr(i) for i in (where.start, where.stop, where.step)]
            raise self._no_layer_at(":".join(numbers if numbers[2] else numbers[:2]))
        part = Net(dtype=self.dtype)
        part.training = self.training
        part._settle(twin_of(self).layers[start:stop])
        part._buffers = self._buffers.of_layers(self.layers, start, stop)
        part.__dict__["_changes"] = self.__dict__["_changes"]
        return part

    def _no_layer_at(self, shown: str) -> SettingError:
        n, in_a_row = len(self.layers), self.in_a_row
        return SettingError(
            f"[{shown}] of {n} layer{'' if n == 1 else 's'}",
            f"a number from 0 to {n - 1}, or from -{n} to -1, for one of them"
            + ("; or a range of some that follow each other, for a net of these" * in_a_row),
            "net[0], net[-1]" + " or net[:1]" * in_a_row,
        )

    def watch(self) -> AbstractContextManager[list[LayerCall]]:
        """Within `with net.watch() as calls:` each call of a layer is noted, in training too.

        That is, each `forward` and `backward` of each layer within, and of the net itself, with
        what came in and what went out; `calls.clear()` forgets them. Such a net trains eagerly:
        compiled code has no such arrays. `predict` is not noted.

        >>> import handgrad as hg
        >>> net = hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh())
        >>> with net.watch() as calls:
        ...     dx = net.backward(net.forward(np.ones((4, 2))))
        >>> [(call.path, call.method, call.went.shape) for call in calls if call.path]
        [('0', 'forward', (4, 3)), ('1', 'forward', (4, 3)), ('1', 'backward', (4, 3)), \
('0', 'backward', (4, 2))]
        """
        return watching(self)

    def outputs(self, x: object) -> dict[str, Any]:
        """What each layer puts out for the rows `x`, by its path, in prediction mode.

        >>> import handgrad as hg
        >>> net = hg.Net(hg.Linear(2, 3, rng=0), hg.Residual(hg.Linear(3, 3, rng=1)))
        >>> {path: y.shape for path, y in net.outputs(np.ones((4, 2))).items()}
        {'0': (4, 3), '1.0': (4, 3), '1': (4, 3)}
        """
        twin = predicting_twin(self)
        with watching(twin) as calls:
            twin.forward(x)
        return {call.path: call.went for call in calls if call.path}

    def _join(self, new: Iterable[Layer]) -> None:
        layers = [*self.layers]
        for layer in new:
            self._check_new(layers, layer)
            layers.append(layer)
        self._settle(layers)
        self._bind()

    def _settle(self, layers: list[Layer]) -> None:
        """Take the layers, and say of the net what follows from them."""
        self._shapes = self._fitting_shapes(layers)
        self.dtype = self._asked_dtype or shape_inference.common_dtype(layers)
        self.n_in, self.n_out = map(features, self._shapes)
        if layers and layers[0].integer_input and layers[0].n_in is None:
            self.n_in = None  # codes of any number are no features
        self.layers = layers
        self.min_batch_size = max((layer.min_batch_size for layer in layers), default=0)
        self.integer_input = bool(layers) and layers[0].integer_input
        self.output_kind = layers[-1].output_kind if layers else None

    def _fitting_shapes(self, layers: Sequence[Layer]) -> tuple[Shape | None, Shape | None]:
        """The shapes of a row that goes in and comes out, where known; refuses a misfit."""
        return shape_inference.fitting_shapes(layers)

    @property
    def shape_in(self) -> Shape | None:
        """The shape of a row that goes in, as its layers say it."""
        return self._shapes[0]

    def accepts(self, shape: Shape) -> bool:
        """Whether rows of `shape` have the net's number of features, as far as that is known.

        Or become rows that the first layer with a number of its own takes: behind layers without
        one a `Reshape` takes all rows of its size.
        """
        in_a_row = self.layers if self.in_a_row else self.layers[:1]
        return super().accepts(shape) or shape_inference.fits(in_a_row, shape)

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """The shape of a row that comes out where one of `shape_in` goes in; None where unknown."""
        return shape_inference.shape_behind(self.layers, shape_in)

    def _check_new(self, layers: Sequence[Layer], layer: Layer) -> None:
        where = f"layer {len(layers) + 1}"
        if not isinstance(layer, Layer):
            raise SettingError(
                described(layer),
                "a layer: an object whose class derives from hg.Layer",
                "hg.Net(*layers)" if isinstance(layer, list | tuple) else "hg.Tanh(), for example",
                where,
            )
        if self._owned:
            raise SettingError(
                f"{self!r} was given a new layer after it became part of another net",
                "all its layers before that",
                "add the layer first, then put this net into the other",
                where,
            )
        if layer._owned or any(layer is other for other in (*layers, self)):
            raise SettingError(
                f"{layer!r} is already part of a net",
                "each layer object once, in one net",
                "make a second layer, or copy.deepcopy(layer) for one that starts alike",
                where,
            )

    def _bind(self) -> None:
        self._buffers, self._predictor = FlatBuffers.of(self, self.dtype), self.predictor_type(self)
        changes = Changes()
        for layer, part in self._buffers.parts(self):
            layer.__dict__["_changes"] = changes
            if layer is self:
                continue
            layer._owned = True
            if layer.dtype is not None:
                layer.dtype = self.dtype
            if isinstance(layer, Net):
                layer._buffers = part
                layer._predictor = self.predictor_type(layer)

    @property
    def parameters(self) -> Array:
        """All parameters, flat, (n_parameters,): the array that the layers' own are views of."""
        return self._buffers.parameters

    @property
    def gradients(self) -> Array:
        """All gradients, flat, (n_parameters,), as the last `backward` or training left them.

        Those of frozen layers stay as they were.
        """
        return self._buffers.gradients

    @property
    def running_state(self) -> Array:
        """All running state, flat: what `state_names` of the layers are views of."""
        return self._buffers.running_state

    def gather_gradients(self) -> None:
        """Bring what each layer has in `dW` together in `net.gradients`, as `backward` does.

        Of use where the layers' own `backward` was called, or a `dW` was changed since.
        """
        self._buffers.gather_gradients(self)

    def trainable_slices(self) -> list[slice]:
        """Which slices of `net.parameters` an optimizer may change: all but frozen layers."""
        return self._buffers.trainable(self)

    def forward(self, x: Any, mask: Array | None = None, /) -> Any:
        """The output for a batch: `x` (n, n_in), cast to the net's dtype, or a tuple of arrays.

        Of several arrays those of whole numbers and of truth values stay what they are.
        `mask` (n, t) says which places of `x` are there, if not all are.
        """
        x = self._at_border(x)
        if self.training and number_of_rows(x) < self.min_batch_size:
            rows = number_of_rows(x)
            hint = "more rows in a batch, or with net.mode(training=False): to predict"
            self.check_rows(rows, f"a batch of {rows} row{'' if rows == 1 else 's'}", hint)
        with self._threads(x):
            for i, layer in enumerate(self.layers):
                x, mask = self._part(i, "forward", x, mask), layer.mask_out(x, mask)
        return x

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """Which places of what comes out are there, (n, t); None: all."""
        for layer in self.layers:  # one that makes a mask takes codes: it is the first, of this x
            mask = layer.mask_out(x, mask)
        return mask

    def check_input(self, x: Array) -> None:
        """Refuse what the first layer does not take: codes without a row, axes too many."""
        if self.layers:
            self.layers[0].check_input(x)

    def backward(self, dy: Any, /) -> Any:
        """The gradient of the input from that of the output; `gradients` has the parameters'."""
        with self._gathering_gradients(dy), self._threads(dy):
            for i in reversed(range(len(self.layers))):
                dy = self._part(i, "backward", dy)
        return dy

    def _threads(self, x: object) -> AbstractContextManager[object]:
        """One thread of BLAS in the outermost net's pass, where more would wait for each other."""
        if self._owned or not isinstance(x, np.ndarray):
            return nullcontext()
        return type(self).threads_for(len(x) * self.parameters.size)

    @contextmanager
    def _gathering_gradients(self, dy: object) -> Iterator[None]:
        """Gather what the layers leave in a pass backward: once, by the outermost net.

        Not while a graph is recorded: what goes through the layers then is no array.
        """
        if self._owned or not isinstance(dy, np.ndarray):
            yield
            return
        self._buffers.forget_gradients(self)
        yield
        self._buffers.gather_gradients(self)

    def _part(self, i: int, method: str, x: object, mask: Array | None = None) -> Any:
        """What one layer makes of x; an error says which layer it was."""
        layer = self.layers[i]
        try:
            masks = shape_inference.masks_taken(layer, mask)
            checked = layer.integer_input or layer.ndim is not None
            if checked and method == "forward" and isinstance(x, np.ndarray):
                layer.check_input(x)
            y = getattr(layer, method)(x, *masks)
        except (ValueError, IndexError, TypeError) as error:
            raise self._located(error, i, method, x) from error
        if hasattr(y, "shape"):
            return y
        return returned(layer, method, y, self.position(i))

    def predict(self, x: object, batch_size: int = 1024, engine: EngineName = "auto") -> Any:
        """The last layer's output for all rows of `x`, in prediction mode, batch by batch.

        `x` is an array, or a tuple of them where the first layer takes several.
        `engine` is eager, compiled, portable, which has the bits of exported files, jax, or auto:
        compiled where these rows alone pay for the compiling. Who predicts again and again names
        compiled.
        """
        if (p := self._predictor.quickly(x, engine)) is not None:
            return p
        rows = self._at_border(x)
        for part in rows if isinstance(rows, tuple) else (rows,):
            if not np.isfinite(part).all():
                row = int(np.argwhere(~np.isfinite(part))[0][0])
                raise DataError(
                    f"NaN or infinity as {self.dtype}, the first in row {row}",
                    "finite numbers",
                    "fill in what is missing as it was filled in for training, or drop the row",
                    repr(self),
                )
        return self._predictor(rows, batch_size, engine)

    def summary(self) -> str:
        """A table of the layers: what each puts out for n rows, and its parameters."""
        lines = [("", "layer", "output", "parameters")]
        shape = self.shape_in
        for i, layer in enumerate(self.layers):
            out = None if shape is None else layer.shape_out(shape)
            said = "?" if out is None else f"({', '.join(['n', *map(str, closed(out))])})"
            shape = out if self.in_a_row else shape
            count = sum(array.size for array in layer.named_parameters().values())
            frozen = "" if layer.trainable else " frozen"
            lines.append((str(i + 1), repr(layer), said, f"{count:,}{frozen}"))
        lines.append(("", "", "", f"{self.parameters.size:,} in all, {self.dtype}"))
        widths = [max(len(line[column]) for line in lines) for column in range(4)]
        shown = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        shown += [BY_SHARD] if self.min_batch_size > 1 else []
        return Text("\n".join(shown))

    def position(self, i: int) -> str:
        """How messages name a layer: `layer 2 of 4, Linear(8, 3)`."""
        return f"layer {i + 1} of {len(self.layers)}, {self.layers[i]!r}"

    def _at_border(self, x: object) -> Any:
        if isinstance(x, tuple) and (self.n_in is None or not x):
            parts = tuple(self.cast(part, one_of_several=True) for part in x)
            check_several(parts, repr(self))
            return parts
        if isinstance(x, tuple) and np.ndim(x[0]) > 1:
            raise ShapeError(
                f"a tuple of {len(x)} arrays came in",
                f"one array of shape (rows, {self.n_in})",
                "np.column_stack(x), to put them side by side",
                repr(self),
            )
        rows = self.cast(x)
        if self.n_in is None or not isinstance(rows, np.ndarray):  # recorded ones came in before
            return rows
        if rows.ndim < 2 or not self.accepts(rows.shape[1:]):
            first = next(i for i, layer in enumerate(self.layers) if layer.n_in is not None)
            raise shape_inference.misfit(rows, self.n_in, self.position(first))
        return rows

    def cast(self, x: object, *, one_of_several: bool = False) -> Any:
        """`x` as an array of the net's dtype; whole numbers stay, where they are indices.

        As `one_of_several` inputs they always do, and so do truth values: they are indices and
        masks.
        """
        if isinstance(x, type | np.dtype | str):
            raise SettingError(
                f"cast({x!r}), of rows to the net's own type, {self.dtype}",
                "rows",
                f"{NUMBERS}: float32 or float64",
                repr(self),
            )
        rows = array_of_numbers(x, lambda: self.position(0) if self.layers else repr(self))
        whole = rows.dtype.kind in "iu" and (self.integer_input or one_of_several)
        dtype = np.dtype(np.int64) if whole else self.dtype
        if rows.dtype == dtype or (one_of_several and rows.dtype.kind == "b"):
            return rows
        with np.errstate(over="ignore"):
            return rows.astype(dtype)

    def _located(self, error: Exception, i: int, method: str, x: object) -> HandgradError:
        where = self.position(i)
        if isinstance(error, HandgradError):
            error.where = "" if error.where == repr(self.layers[i]) else error.where
            error.put_within(where)
            return error
        parts = x if isinstance(x, tuple) else (x,)
        shapes = " and ".join(str(getattr(part, "shape", type(part).__name__)) for part in parts)
        return ShapeError(
            f"{method} was given {shapes} and failed: {error}",
            f"what {type(self.layers[i]).__name__}.{method} can work on",
            "print the shapes between the layers, or net.summary()",
            where,
        )

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k not in BOUND}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self._bind()

    def _made_from(self) -> list[str]:
        return [repr(layer) for layer in self.__dict__.get("layers", ())]

    def __repr__(self) -> str:
        parts = self._made_from()
        line = f"{type(self).__name__}({', '.join(parts)})"
        if len(line) <= 100:
            return line
        return "\n".join([f"{type(self).__name__}(", *(f"    {part}," for part in parts), ")"])
