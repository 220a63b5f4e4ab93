"""Warnings about values that were not there in training, collected over a table."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from handgrad.textbook.errors import UnseenWarning

MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Unseen:
    """Values of a column that the training had not: in `n` of `rows` rows, which are `examples`.

    `rare`: values of the training that were too rare to be kept may be among them; then it is worth
    telling only if there are no others.
    """

    column: str
    n: int
    rows: int
    examples: tuple[str, ...]
    rare: bool = False
    missing: int = 0

    def __add__(self, other: Unseen) -> Unseen:
        """Those of both, of the same column."""
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
                f"column {self.column!r}: none of {self.rows} rows has a value that was there in "
                f"training more than rarely: {shown}"
            )
        has = "has a value that was" if self.n == 1 else "have values that were"
        return (
            f"column {self.column!r}: {self.n} of {self.rows} rows {has} not there in training: "
            f"{shown}"
        )


@dataclass
class _Together:
    """What was found so far; `last` are the rows that were looked at last, to count them once."""

    found: dict[str, Unseen] = field(default_factory=dict)
    last: Any = None


_TOGETHER: ContextVar[_Together | None] = ContextVar("together", default=None)


def tell(found: Sequence[Unseen], rows: object, stacklevel: int) -> None:
    """Warn of it, or keep it for the end of what is told together; `rows` are those it is of."""
    together = _TOGETHER.get()
    if together is None:
        _warn(found, stacklevel + 1)
    elif together.last is not rows:
        together.last = rows
        for one in found:
            before = together.found.get(one.column)
            together.found[one.column] = one if before is None else before + one


@contextmanager
def unseen_warnings_together() -> Iterator[None]:
    """Predictions within it are of one table, chunk by chunk: what is unseen is told at last."""
    with no_unseen_warnings() as together:
        yield
    _warn([*together.found.values()], 4)


@contextmanager
def no_unseen_warnings() -> Iterator[_Together]:
    """Predictions within it are of rows beside those of the training, as a score needs them."""
    together = _Together()
    token = _TOGETHER.set(together)
    try:
        yield together
    finally:
        _TOGETHER.reset(token)


def _warn(found: Sequence[Unseen], stacklevel: int) -> None:
    for one in found:
        all_of_them = 1 < one.n == one.rows - one.missing
        if all_of_them if one.rare else one.n:
            warnings.warn(str(one), UnseenWarning, stacklevel=stacklevel + 1)
