"""Warnings about values unseen in training, collected over a table."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from handgrad.textbook.errors import UnseenWarning

MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Unseen:
    """Values of a column unseen in training: in `n` of `rows` rows, such as `examples`.

    With `rare`, they may include values that training dropped as rare; then they are only
    reported if there are no others.
    """

    column: str
    n: int
    rows: int
    examples: tuple[str, ...]
    rare: bool = False
    missing: int = 0

    def __add__(self, other: Unseen) -> Unseen:
        """Merge two for the same column."""
        examples = dict.fromkeys((*self.examples, *other.examples))
        return replace(
            self,
            n=self.n + other.n,
            rows=self.rows + other.rows,
            examples=(*examples,)[: MOST_EXAMPLES + 1],
            missing=self.missing + other.missing,
        )

    def __str__(self) -> str:
        shown = ", ".join(map(repr, self.examples[:MOST_EXAMPLES]))
        shown += ", …" if len(self.examples) > MOST_EXAMPLES else ""
        if self.rare:
            return (
                f"column {self.column!r}: none of {self.rows} rows has a frequent value of the "
                f"training: {shown}"
            )
        has = "has a value" if self.n == 1 else "have values"
        return (
            f"column {self.column!r}: {self.n} of {self.rows} rows {has} unseen in training: "
            f"{shown}"
        )


@dataclass
class _Collected:
    """Values collected so far; `last` are the most recent rows, so as to count them once."""

    values: dict[str, Unseen] = field(default_factory=dict)
    last: Any = None


_COLLECTED: ContextVar[_Collected | None] = ContextVar("collected", default=None)


def tell(values: Sequence[Unseen], rows: object, stacklevel: int) -> None:
    """Warn of unseen values, or collect them inside a context; `rows` are those they are in."""
    collected = _COLLECTED.get()
    if collected is None:
        _warn(values, stacklevel + 1)
    elif collected.last is not rows:
        collected.last = rows
        for one in values:
            before = collected.values.get(one.column)
            collected.values[one.column] = one if before is None else before + one


@contextmanager
def unseen_warnings_together() -> Iterator[None]:
    """Context for predictions of one table in chunks: unseen values are reported at its end."""
    with no_unseen_warnings() as collected:
        yield
    _warn([*collected.values.values()], 4)


@contextmanager
def no_unseen_warnings() -> Iterator[_Collected]:
    """Context without these warnings, for examples and scores."""
    collected = _Collected()
    token = _COLLECTED.set(collected)
    try:
        yield collected
    finally:
        _COLLECTED.reset(token)


def messages_of(values: Iterable[Unseen]) -> list[str]:
    """Sentences on the values that are worth a warning."""
    return [str(one) for one in values if (_all_are(one) if one.rare else one.n)]


def _all_are(one: Unseen) -> bool:
    return 1 < one.n == one.rows - one.missing


def _warn(values: Iterable[Unseen], stacklevel: int) -> None:
    for message in messages_of(values):
        warnings.warn(message, UnseenWarning, stacklevel=stacklevel + 1)
