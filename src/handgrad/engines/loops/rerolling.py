"""Loop re-rolling: turns repeated statements back into a loop.

A recurrent layer is traced with all steps of its sequence unrolled. If the offsets of a group of
statements change by a constant from each step to the next, the steps become one loop again.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

from handgrad.engines.loops.ir import (
    Body,
    Comment,
    Expression,
    For,
    Multiply,
    Statement,
    Var,
    whole,
)
from handgrad.engines.loops.structural_hash import hash_of_statement, with_offsets

MIN_TURNS, MAX_STATEMENTS = 4, 64


@dataclass(frozen=True)
class _Nest:
    """A statement with its comments, structural hash (`form`) and offsets."""

    comments: Sequence[Comment]
    statement: Statement
    form: Hashable
    offsets: tuple[int, ...]


def reroll(body: Sequence[Statement], new: Callable[[str], Var]) -> Body:
    """Replace repeated statements by loops; `new` makes a counter."""
    nests, statements, i = [*_nests(body)], list[Statement](), 0
    while i < len(nests):
        size, turns = _repetition(nests, i)
        if turns:
            statements.append(_loop(nests[i : i + 2 * size], turns, new("k")))
        else:
            statements += [*nests[i].comments, nests[i].statement]
        i += max(1, size * turns)
    return statements


def _nests(body: Sequence[Statement]) -> Iterator[_Nest]:
    comments: list[Comment] = []
    for statement in body:
        if isinstance(statement, Comment):
            comments.append(statement)
            continue
        form, offsets = None, list[int]()
        if isinstance(statement, For | Multiply):
            form = hash_of_statement(statement, {}, offsets)
        yield _Nest(comments, statement, form, tuple(offsets))
        comments = []


def _repetition(nests: Sequence[_Nest], begin: int) -> tuple[int, int]:
    """The statements per turn and the number of turns from here on; (0, 0) if too few."""
    for size in range(1, MAX_STATEMENTS + 1):
        turns = _turns(nests, begin, size)
        if turns >= MIN_TURNS:
            return size, turns
    return 0, 0


def _turns(nests: Sequence[_Nest], begin: int, size: int) -> int:
    """The number of turns of `size` nests whose offsets change by a constant."""
    end = begin
    while end + size < len(nests) and _moves(nests, begin, end + size, size):
        end += 1
    return (end - begin) // size + 1


def _moves(nests: Sequence[_Nest], begin: int, i: int, size: int) -> bool:
    """Return True if a nest equals that of the previous turn, with the same change of offsets."""
    this, before = nests[i], nests[i - size]
    if this.form is None or this.form != before.form:
        return False
    if i - 2 * size < begin:
        return True
    steps = zip(nests[i - 2 * size].offsets, before.offsets, this.offsets, strict=True)
    return all(c - b == b - a for a, b, c in steps)


def _loop(two_turns: Sequence[_Nest], turns: int, counter: Var) -> For:
    size = len(two_turns) // 2
    body: list[Statement] = []
    for first, second in zip(two_turns[:size], two_turns[size:], strict=True):
        places = zip(first.offsets, second.offsets, strict=True)
        numbers = iter([_moving(a, b - a, counter) for a, b in places])
        body += first.comments
        body.append(with_offsets(first.statement, numbers))
    return For(counter.name, whole(turns), body)


def _moving(begin: int, step: int, counter: Var) -> Expression:
    if step < 0:
        return whole(begin) - counter * -step
    return whole(begin) + counter * step
