"""Net: a layer that contains layers."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar, Self, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from handgrad.textbook.aliases import NUMBERS
from handgrad.textbook.errors import HandgradError, SettingError, ShapeError, described
from handgrad.textbook.layers import Array, Layer, shape_inference
from handgrad.textbook.layers.checks import checked_result
from handgrad.textbook.layers.layer import (
    Changes,
    Shape,
    features,
    floating,
    predicting_twin,
)
from handgrad.textbook.module import MADE, twin_of
from handgrad.textbook.net.buffers import FlatBuffers
from handgrad.textbook.net.minibatches import (
    array_of_numbers,
    check_finite,
    check_several,
    number_of_rows,
)
from handgrad.textbook.net.predictor import BACKEND, EngineName
from handgrad.textbook.net.sparse_rows import SparseRows, checked_sparse, is_sparse
from handgrad.textbook.net.summary import summary_of
from handgrad.textbook.net.watch import LayerCall, watching

BOUND = {"_buffers", "_predictor"}
MADE.update({"_shapes", *BOUND})


class Net(Layer):
    """Net: layers in sequence, with a forward and a backward pass through all of them.

    A net is itself a layer. All its parameters are in one flat array, `net.parameters`, all
    gradients in `net.gradients`; `layer.W` is a view of it.

    Parameters
    ----------
    *layers : Layer
        The layers, in order; `add` appends further ones.
    dtype : dtype, optional
        Type of all parameters and inputs, float32 or float64; by default that of the layers.

    Examples
    --------
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

    def __init__(self, *layers: Layer, dtype: npt.DTypeLike | None = None) -> None:
        super().__init__()
        self._asked_dtype = None if dtype is None else floating(dtype)
        self.layers: list[Layer] = []
        self._join(layers)

    def add(self, layer: Layer) -> Self:
        """Append a layer and return the net, so that calls can be chained."""
        self._join([layer])
        return self

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @overload
    def __getitem__(self, i: SupportsIndex) -> Layer: ...
    @overload
    def __getitem__(self, i: slice) -> "Net": ...
    def __getitem__(self, i: SupportsIndex | slice) -> "Layer | Net":
        """Return a layer, `net[0]` or `net[-1]`, or a range of layers as a net, `net[:2]`.

        Such a net predicts and trains as any other. It shares the parameters and running state in
        memory until a layer is added to the whole net, and has the current settings of the layers.
        """
        if isinstance(i, slice):
            return self._part_of(i)
        try:
            return self.layers[i]
        except (IndexError, TypeError):
            raise self._no_layer_at(repr(i)) from None

    def _part_of(self, where: slice) -> "Net":
        """The layers within `where` as a net with the same arrays."""
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
            f"an index from -{n} to {n - 1}" + (", or a range with step 1" * in_a_row),
            "net[0], net[-1]" + " or net[:1]" * in_a_row,
        )

    def watch(self) -> AbstractContextManager[list[LayerCall]]:
        """Record the calls of all layers within a block, `with net.watch() as calls:`.

        Each call of `forward` and `backward` of each layer, and of the net itself, is recorded
        with its input and output, in training too; `calls.clear()` removes them. Watched nets
        train eagerly, since compiled code has no such arrays. `predict` is not recorded.

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
        """Return the output of each layer for the rows `x` in prediction mode, by path.

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
        """Set the layers, and the attributes of the net that follow from them."""
        self._shapes = self._fitting_shapes(layers)
        self.dtype = self._asked_dtype or shape_inference.common_dtype(layers)
        self.n_in, self.n_out = map(features, self._shapes)
        if layers and layers[0].integer_input and layers[0].n_in is None:
            self.n_in = None  # any number of codes
        self.layers = layers
        self.min_batch_size = max((layer.min_batch_size for layer in layers), default=0)
        self.integer_input = bool(layers) and layers[0].integer_input
        self.output_kind = layers[-1].output_kind if layers else None

    def _fitting_shapes(self, layers: Sequence[Layer]) -> tuple[Shape | None, Shape | None]:
        """Input and output shape of a row, if known; raises ShapeError for a misfit."""
        return shape_inference.fitting_shapes(layers)

    @property
    def shape_in(self) -> Shape | None:
        """Shape of an input row, from the layers."""
        return self._shapes[0]

    def accepts(self, shape: Shape) -> bool:
        """Return whether rows of `shape` have the net's number of features, as far as known.

        Or reach the first layer with a known `n_in` in its shape: a `Reshape` accepts all rows of
        its size, after layers without a number of features.
        """
        in_a_row = self.layers if self.in_a_row else self.layers[:1]
        return super().accepts(shape) or shape_inference.fits(in_a_row, shape)

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """Return the shape of an output row for input rows of `shape_in`; None if unknown."""
        return shape_inference.shape_behind(self.layers, shape_in)

    def _check_new(self, layers: Sequence[Layer], layer: Layer) -> None:
        where = f"layer {len(layers) + 1}"
        if not isinstance(layer, Layer):
            raise SettingError(
                described(layer),
                "a layer: an object of a class derived from hg.Layer",
                "hg.Net(*layers)" if isinstance(layer, list | tuple) else "hg.Tanh()",
                where,
            )
        if self._owned:
            raise SettingError(
                f"{self!r} was given a new layer while it is part of another net",
                "all its layers before it becomes part of one",
                "add the layer first, then put this net into the other",
                where,
            )
        if layer._owned or any(layer is other for other in (*layers, self)):
            raise SettingError(
                f"{layer!r} is already part of a net",
                "each layer object once, in one net",
                "a second layer, or copy.deepcopy(layer) for the same initial weights",
                where,
            )

    def _bind(self) -> None:
        self._buffers, self._predictor = FlatBuffers.of(self, self.dtype), BACKEND.predictor(self)
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
                layer._predictor = BACKEND.predictor(layer)

    @property
    def parameters(self) -> Array:
        """All parameters, flat, (n_parameters,); the arrays of the layers are views of it."""
        return self._buffers.parameters

    @property
    def gradients(self) -> Array:
        """All gradients, flat, (n_parameters,), of the last `backward` or training step.

        Those of frozen layers are not updated.
        """
        return self._buffers.gradients

    @property
    def running_state(self) -> Array:
        """All running state, flat; the arrays of the layers' `state_names` are views of it."""
        return self._buffers.running_state

    def gather_gradients(self) -> None:
        """Copy the `dW` of each layer into `net.gradients`, as `backward` does.

        Needed only after calling `backward` of single layers, or changing a `dW`.
        """
        self._buffers.gather_gradients(self)

    def trainable_slices(self) -> list[slice]:
        """Return the slices of `net.parameters` that are trained: those of layers not frozen."""
        return self._buffers.trainable(self)

    def forward(self, x: Any, mask: Array | None = None, /) -> Any:
        """Return the output for a batch.

        Parameters
        ----------
        x : array, (n, …, n_in), or tuple of arrays
            The rows, cast to the net's dtype; in a tuple, whole numbers and bools are not cast.
        mask : array of bool, (n, t), optional
            True at the positions of `x` that are not padding.
        """
        x = self._at_border(x)
        if self.training and number_of_rows(x) < self.min_batch_size:
            rows = number_of_rows(x)
            hint = "a larger batch, or with net.mode(training=False): to predict"
            self.check_rows(rows, f"a batch of {rows} row{'' if rows == 1 else 's'}", hint)
        with self._threads(x):
            for i, layer in enumerate(self.layers):
                x, mask = self._part(i, "forward", x, mask), layer.mask_out(x, mask)
        return x

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """Return the mask of the output for inputs `x`, (n, t); None if all positions are valid."""
        for layer in self.layers:  # only the first may make a mask, of this x
            mask = layer.mask_out(x, mask)
        return mask

    def check_input(self, x: Array) -> None:
        """Raise DataError or ShapeError for an input `x` that the first layer does not accept."""
        self._check_features(x)
        if self.layers:
            self.layers[0].check_input(x)

    def backward(self, dy: Any, /) -> Any:
        """Return the gradient of the input, given `dy`, that of the output; set `gradients`."""
        with self._gathering_gradients(dy), self._threads(dy):
            for i in reversed(range(len(self.layers))):
                dy = self._part(i, "backward", dy)
        return dy

    def _threads(self, x: object) -> AbstractContextManager[object]:
        """Limit BLAS to one thread during a pass that is too small for more."""
        if self._owned or not isinstance(x, np.ndarray):
            return nullcontext()
        return BACKEND.threads_for(len(x) * self.parameters.size)

    @contextmanager
    def _gathering_gradients(self, dy: object) -> Iterator[None]:
        """Gather the layers' gradients after a backward pass, once, by the outermost net.

        Not while a graph is traced: the layers get no arrays then.
        """
        if self._owned or not isinstance(dy, np.ndarray):
            yield
            return
        self._buffers.forget_gradients(self)
        yield
        self._buffers.gather_gradients(self)

    def _part(self, i: int, method: str, x: object, mask: Array | None = None) -> Any:
        """Call a method of one layer; errors name the layer."""
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
        return checked_result(layer, method, y, self.position(i))

    def predict(self, x: object, batch_size: int = 1024, engine: EngineName = "auto") -> Any:
        """Return the last layer's output for all rows of `x`, in prediction mode.

        Parameters
        ----------
        x : array, sparse array or tuple of arrays
            The rows; a tuple if the first layer takes several inputs. Sparse rows become dense a
            batch at a time.
        batch_size : int, default 1024
            Number of rows computed at once.
        engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
            "auto" compiles if that pays off for these rows alone; choose "compiled" for repeated
            predictions. "portable" is bit-identical to exported files.
        """
        if (p := self._predictor.quickly(x, engine)) is not None:
            return p
        if is_sparse(x) or isinstance(x, SparseRows):
            rows: Any = checked_sparse(self, x, repr(self))
            return self._predictor(rows, batch_size, engine)
        rows = self._at_border(x)
        check_finite(rows, repr(self))
        return self._predictor(rows, batch_size, engine)

    def summary(self, x: object = None) -> str:
        """Return a table of the layers: output shapes for n rows, parameters, and costs.

        The costs are counted from the traced graph of a training step, for each row: floating-point
        operations forward and backward, without those of the loss (a multiplication and an addition
        for each term of a product; a function of a number is one), and the bytes kept: arrays of
        the forward pass that a backward pass reads. The time is that of the layers as they are,
        without compiling.

        Parameters
        ----------
        x : array or tuple of arrays, optional
            Rows to count and to time with; needed for a time, and if the net does not state what
            rows it takes.

        >>> import handgrad as hg
        >>> print(hg.Net(hg.Linear(2, 3), hg.Tanh()).summary())
           layer            output  parameters  forward  backward  kept
        1  Linear(2, 3)     (n, 3)           9       15        27     0
        2  Tanh()           (n, 3)           0        3         9    12
           in all, float32                   9       18        36    12
        parameters: 36 bytes
        for each row of shape (2,): operations forward and backward, bytes kept between them
        """
        return summary_of(self, self.in_a_row, x)

    def position(self, i: int) -> str:
        """Return the name of layer `i` in messages: `layer 2 of 4, Linear(8, 3)`."""
        return f"layer {i + 1} of {len(self.layers)}, {self.layers[i]!r}"

    def _at_border(self, x: object) -> Any:
        if isinstance(x, tuple) and (self.n_in is None or not x):
            parts = tuple(self.cast(part, one_of_several=True) for part in x)
            check_several(parts, repr(self))
            return parts
        if isinstance(x, tuple) and np.ndim(x[0]) > 1:
            raise ShapeError(
                f"a tuple of {len(x)} arrays",
                f"one array of shape (rows, {self.n_in})",
                "np.column_stack(x), to join their columns",
                repr(self),
            )
        rows = self.cast(x)
        if isinstance(rows, np.ndarray):  # traced ones were checked before
            self._check_features(rows)
        return rows

    def _check_features(self, x: Array) -> None:
        if self.n_in is not None and (x.ndim < 2 or not self.accepts(x.shape[1:])):
            first = next(i for i, layer in enumerate(self.layers) if layer.n_in is not None)
            raise shape_inference.misfit(x, self.n_in, self.position(first))

    def cast(self, x: object, *, one_of_several: bool = False) -> Any:
        """Return `x` as an array of the net's dtype.

        Parameters
        ----------
        x : array-like
            Rows of numbers.
        one_of_several : bool, default False
            Do not cast whole numbers and bools, which are indices and masks.
        """
        if isinstance(x, type | np.dtype | str):
            raise SettingError(
                f"cast({x!r})",
                f"rows, to cast to the net's dtype {self.dtype}",
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
            f"shapes that {type(self.layers[i]).__name__}.{method} accepts",
            "net.summary(), for the shapes between the layers",
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
