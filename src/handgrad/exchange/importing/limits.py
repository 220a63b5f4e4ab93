"""Limits for untrusted files of other libraries, and their errors."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from handgrad.exchange.importing.parts import MOST_AXES
from handgrad.files.architecture import MOST_LAYERS
from handgrad.files.paths import reason
from handgrad.files.tensors import shown
from handgrad.textbook.errors import FileError, HandgradError
from handgrad.textbook.layers import Layer

# Numbers that a file may create for each of its bytes, more than one-byte numbers and compressed
# weights need; and numbers that any file may create.
PER_BYTE, ALWAYS_ALLOWED = 4, 2**20
LONGEST_PART = 600  # characters of one of the three parts of an error


@dataclass
class Budget:
    """Budget of numbers that an untrusted file of `n_bytes` may create."""

    n_bytes: int
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.limit

    @property
    def limit(self) -> int:
        return max(ALWAYS_ALLOWED, PER_BYTE * self.n_bytes)

    def take(self, count: int, what: str) -> None:
        """Count numbers before they are created; raise an error for too many."""
        self.left -= count
        if self.left < 0:
            numbers = f"{count:,}" if count < 10**18 else "more than 10^18"
            raise FileError(
                f"{shown(what)}: {numbers} numbers in a file of {self.n_bytes:,} bytes",
                f"at most {self.limit:,} numbers in total",
                "check the source of the file; no trained net needs so many",
            )


def numbers_in(shape: Sequence[int]) -> int:
    """Number of elements of an array of this shape; axes of size 0 count as 1.

    An empty array is thus too large if its other axes are. Raises ValueError for more axes than
    NumPy allows.
    """
    if len(shape) > MOST_AXES:
        raise ValueError(f"{len(shape)} axes")
    return math.prod(max(1, size) for size in shape)


@contextmanager
def file_errors(what: str, expected: str, hint: str) -> Iterator[None]:
    """Context that turns exceptions other than HandgradError into a FileError.

    Libraries that read files raise exceptions of many types, few of which are documented.
    """
    try:
        yield
    except HandgradError:
        raise
    except Exception as error:
        why = reason(error) or type(error).__name__
        raise FileError(f"{shown(what)}: {shown(why)}", expected, hint) from error


@contextmanager
def layer_errors(place: str, parts: str, hint: str) -> Iterator[None]:
    """The same for a layer or node, whose `place` in the file errors name."""
    try:
        with file_errors(f"{shown(place)}, with invalid {parts}", f"valid {parts}", hint):
            yield
    except HandgradError as error:
        if not error.came.startswith(place):
            error.put_within(shown(place))
        raise


@contextmanager
def path_in_errors(path: object) -> Iterator[None]:
    """Context that adds the path of the file to errors, and shortens them."""
    try:
        yield
    except HandgradError as error:
        error.came, error.expected, error.hint = map(
            _readable, (error.came, error.expected, error.hint)
        )
        error.put_within(str(path))
        raise


def _readable(part: str) -> str:
    part = part if part.replace("\n", "").isprintable() else ascii(part)
    return part if len(part) <= LONGEST_PART else f"{part[: LONGEST_PART - 100]} … {part[-90:]}"


def check_count(n: int, most: int, what: str) -> None:
    """Raise an error for more than `most`."""
    if n > most:
        raise FileError(f"{n:,} {what}", f"at most {most:,}", "a smaller net")


@dataclass
class LayerLimits:
    """Count of the layers that a file may create, and of their numbers."""

    budget: Budget
    n_layers: int = 0

    def take(self, layer: Layer) -> None:
        """Count a layer and its numbers; raise an error for too many."""
        arrays = (layer.named_parameters() | layer.named_states()).values()
        what = f"layer {self.n_layers}, {type(layer).__name__}"
        self.take_layers(1)
        self.budget.take(sum(array.size for array in arrays), what)

    def take_layers(self, n: int) -> None:
        """Count layers whose numbers are counted already."""
        self.n_layers += n
        check_count(self.n_layers, MOST_LAYERS, "layers or more")


def limited(layers: Iterable[Layer], budget: Budget) -> Iterator[Layer]:
    """Iterate over layers; raise an error for too many layers or numbers."""
    limits = LayerLimits(budget)
    for layer in layers:
        limits.take(layer)
        yield layer
