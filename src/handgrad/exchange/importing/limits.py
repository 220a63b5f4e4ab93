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

# Of a file, four numbers may be made for each of its bytes: more than it has of one byte each, and
# more than packing weights saves. So many are always allowed.
PER_BYTE, ALWAYS_ALLOWED = 4, 2**20
LONGEST_PART = 600  # letters of one of the three parts of an error


@dataclass
class Budget:
    """Budget of numbers that an untrusted file of `n_bytes` may create."""

    n_bytes: int
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.most

    @property
    def most(self) -> int:
        return max(ALWAYS_ALLOWED, PER_BYTE * self.n_bytes)

    def take(self, count: int, what: str) -> None:
        """Count numbers before they are created; raise an error for too many."""
        self.left -= count
        if self.left < 0:
            numbers = f"{count:,}" if count < 10**18 else "more than 10^18"
            raise FileError(
                f"{shown(what)}: {numbers} numbers of a file with {self.n_bytes:,} bytes",
                f"{self.most:,} numbers at most, all together",
                "find out where the file comes from; no trained net is written so",
            )


def numbers_in(shape: Sequence[int]) -> int:
    """How many numbers an array of this shape has; axes of size 0 count as 1.

    So what is larger than memory only but for an axis of size 0 is too large too. Raises a
    ValueError for more axes than arrays have.
    """
    if len(shape) > MOST_AXES:
        raise ValueError(f"{len(shape)} axes")
    return math.prod(max(1, size) for size in shape)


@contextmanager
def read_from(what: str, expected: str, hint: str) -> Iterator[None]:
    """Turn whatever else than a refusal of our own a file brings about into a FileError.

    The libraries that read it raise many kinds of errors, of which few are documented.
    """
    try:
        yield
    except HandgradError:
        raise
    except Exception as error:
        why = reason(error) or type(error).__name__
        raise FileError(f"{shown(what)}: {shown(why)}", expected, hint) from error


@contextmanager
def made_of(place: str, parts: str, hint: str) -> Iterator[None]:
    """The same for a layer or node; errors name its `place` in the file."""
    try:
        with read_from(f"{shown(place)}, whose {parts} do not fit it", "those it has", hint):
            yield
    except HandgradError as error:
        if not error.came.startswith(place):
            error.put_within(shown(place))
        raise


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Context that adds the file to errors, with shortened contents."""
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
        raise FileError(f"{n:,} {what}", f"{most:,} at most", "a smaller net")


def within(budget: Budget, layers: Iterable[Layer]) -> Iterator[Layer]:
    """Iterate over layers, within the limits of layers and numbers."""
    for i, layer in enumerate(layers):
        check_count(i + 1, MOST_LAYERS, "layers and more")
        arrays = (layer.named_parameters() | layer.named_states()).values()
        budget.take(sum(array.size for array in arrays), f"layer {i}, {type(layer).__name__}")
        yield layer
