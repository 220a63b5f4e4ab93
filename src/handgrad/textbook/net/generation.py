"""Generation of sequences: a token is drawn from its probabilities, and is read in turn."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from handgrad.textbook.layers import Array

# Probabilities of all tokens but the first, after these codes, the first of which is at a position.
Read = Callable[[Sequence[int], int, float], Array]


def drawn(p: Array, uniform: float) -> int:
    """Index of the first cumulative sum of weights p (n,) above `uniform`, from [0, 1), of them.

    >>> [drawn(np.array([1.0, 0.0, 3.0]), u) for u in (0.0, 0.2, 0.25, 0.9)]
    [0, 0, 2, 2]
    """
    sums = np.cumsum(p, dtype=np.float64)
    return min(int(np.searchsorted(sums, uniform * sums[-1], side="right")), len(p) - 1)


def generated(
    read: Read, start: Sequence[int], context: int, temperature: float, rng: np.random.Generator
) -> Iterator[int]:
    """Codes that continue `start`, without end.

    `read(codes, position, temperature)` gives the probabilities of all tokens but the first after
    these codes, the first of which is at `position` of a context. When the context is full, its
    second half is read anew.
    """
    greedy = np.float32(temperature) == 0
    codes, position = [*start][-context:], 0
    unread = codes
    while True:
        if position + len(unread) > context:
            unread, position = codes[-max(context // 2, 1) :], 0
        p = read(unread, position, 1.0 if greedy else temperature)
        position += len(unread)
        unread = [1 + (int(np.argmax(p)) if greedy else drawn(p, rng.random()))]
        codes = [*codes, *unread][-context:]
        yield unread[0]


def step_by_step(step: Callable[[Array], Array], x: Array, n_tokens: int, n_states: int) -> Read:
    """`read` of `generated` by the step of a `NextToken`, which keeps its memory in the row x."""

    def read(codes: Sequence[int], position: int, temperature: float) -> Array:
        if position == 0:
            x[0, 3 : 3 + n_states] = 0
        for i, code in enumerate(codes, position):
            x[0, :3] = code, i, temperature
            y = step(x)[0].copy()
            p, states, cached = np.split(y, [n_tokens - 1, n_tokens - 1 + n_states])
            x[0, 3 : 3 + n_states] = states
            begin = 3 + n_states + i * len(cached)
            x[0, begin : begin + len(cached)] = cached
        return p

    return read
