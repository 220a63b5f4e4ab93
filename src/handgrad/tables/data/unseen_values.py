"""Warnings about values unseen in training, collected over a table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from handgrad.tables.data.out_of_range import OutOfRange, sentences
from handgrad.textbook.errors import UnseenWarning

MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Unseen:
    """Values of a column unseen in training: in `n` rows, such as `examples`.

    With `rare`, they may include values that training dropped as rare; then they are only
    reported if there are no others.
    """

    column: str
    n: int
    examples: tuple[str, ...]
    rare: bool = False
    missing: int = 0

    def __add__(self, other: Unseen) -> Unseen:
        """Merge two for the same column."""
        examples = dict.fromkeys((*self.examples, *other.examples))
        return replace(
            self,
            n=self.n + other.n,
            examples=(*examples,)[: MOST_EXAMPLES + 1],
            missing=self.missing + other.missing,
        )

    def text(self, n_rows: int) -> str:
        """Sentence on a table of `n_rows`; empty if there is nothing to report."""
        all_of_them = 1 < self.n == n_rows - self.missing
        if not (all_of_them if self.rare else self.n):
            return ""
        shown = ", ".join(map(repr, self.examples[:MOST_EXAMPLES]))
        shown += ", …" if len(self.examples) > MOST_EXAMPLES else ""
        if self.rare:
            return (
                f"column {self.column!r}: none of {n_rows} rows has a frequent value of the "
                f"training: {shown}"
            )
        has = "has a value" if self.n == 1 else "have values"
        return (
            f"column {self.column!r}: {self.n} of {n_rows} rows {has} unseen in training: {shown}"
        )


@dataclass
class _Collected:
    """Values collected so far from `n_rows`; `last` are the most recent, so as to count them once.

    `place` is the location of a row.
    """

    values: dict[str, Unseen] = field(default_factory=dict)
    outside: dict[tuple[str, bool], OutOfRange] = field(default_factory=dict)
    n_rows: int = 0
    last: object = None
    place: Callable[[int], str] = "row {}, counted from 0".format

    def add(self, values: Sequence[Unseen], outside: Sequence[OutOfRange], n_rows: int) -> None:
        """Add the values of further rows."""
        for one in values:
            before = self.values.get(one.column)
            self.values[one.column] = one if before is None else before + one
        for part in outside:
            part, so_far = part.after(self.n_rows), self.outside.get(part.key)
            self.outside[part.key] = part if so_far is None else so_far + part
        self.n_rows += n_rows

    def sentences(self) -> list[str]:
        """Sentences on the values that are worth a warning."""
        texts = [one.text(self.n_rows) for one in self.values.values()]
        return [*filter(None, texts), *sentences(self.outside.values(), self.n_rows, self.place)]

    def warn(self, stacklevel: int) -> None:
        """Issue the warnings."""
        for text in self.sentences():
            warnings.warn(text, UnseenWarning, stacklevel=stacklevel + 1)


_COLLECTED: ContextVar[_Collected | None] = ContextVar("collected", default=None)


def tell(
    values: Sequence[Unseen],
    outside: Sequence[OutOfRange],
    rows: object,
    n_rows: int,
    stacklevel: int,
) -> None:
    """Warn of unseen values and those out of range, or collect them inside a context.

    They are in `rows`, of which there are `n_rows`.
    """
    context = _COLLECTED.get()
    collected = _Collected() if context is None else context
    if collected.last is not rows:
        collected.last = rows
        collected.add(values, outside, n_rows)
    if context is None:
        collected.warn(stacklevel + 1)


@contextmanager
def unseen_warnings_together(place: Callable[[int], str]) -> Iterator[None]:
    """Context for predictions of one table in chunks: unseen values are reported at its end.

    `place` is the location of a row of the table.
    """
    with no_unseen_warnings() as collected:
        yield
    collected.place = place
    collected.warn(4)


@contextmanager
def no_unseen_warnings() -> Iterator[_Collected]:
    """Context without these warnings, for examples and scores."""
    collected = _Collected()
    token = _COLLECTED.set(collected)
    try:
        yield collected
    finally:
        _COLLECTED.reset(token)
