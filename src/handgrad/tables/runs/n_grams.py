"""What an n-gram model comes to on a text: the baseline beside a language model's scores."""

from dataclasses import dataclass

import numpy as np

from handgrad.textbook.layers import Array

MOST_BEFORE = 6  # characters of context
AMOUNTS = np.array([[1], [2], [4], [8], [16]])
FEWEST = 20  # characters of which a tenth can be set aside to choose by


@dataclass(frozen=True)
class NGram:
    """An n-gram model, which goes by `n` − 1 characters: its amount and its loss on a text.

    It is smoothed by backing off: to the counts of the characters that came after a context,
    `amount` times the number of different ones is added, shared out as the model with a character
    less of context has it, and so on down to the uniform one. A context that was never seen is left
    to that model. `loss` is the mean of −ln p, in nats.

    Source: Witten and Bell, "The zero-frequency problem", 1991, whose amount is 1; interpolated as
    in Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1999.
    """

    n: int
    amount: int
    loss: float


def n_gram(codes: Array, end: int, n_kinds: int) -> NGram:
    """The n-gram of `codes[:end]`, (t,) whole numbers below `n_kinds`, on those from `end` on.

    Its `n`, 7 at most, and its amount are those with the lowest loss on the last tenth of what it
    learns from, by counts of the rest; then all of that is counted.
    """
    inner = end - end // 10 if end >= FEWEST else end
    contexts = np.zeros(len(codes), np.int64)
    p_inner = p = np.full((len(AMOUNTS), 1), 1 / n_kinds)
    tried, losses = [], []
    for before in range(MOST_BEFORE + 1):
        # numbered anew, so that a context and a code are one number below len(codes) · n_kinds
        kinds, pairs = np.unique(contexts * n_kinds + codes, return_inverse=True)
        of = kinds // n_kinds
        p_inner = _backed_off(p_inner, contexts, pairs, of, slice(before, inner), end)
        p = _backed_off(p, contexts, pairs, of, slice(before, end), len(codes))
        if inner < end:
            tried.append(-np.log(p_inner).mean(axis=1))
        losses.append(-np.log(p).mean(axis=1))
        contexts = np.append(0, pairs[:-1])  # the first has none, and is not counted
    longest, best = np.unravel_index(np.argmin(tried), np.shape(tried)) if tried else (0, 0)
    return NGram(int(longest) + 1, int(AMOUNTS[best, 0]), float(losses[longest][best]))


def _backed_off(
    shorter: Array, contexts: Array, pairs: Array, of: Array, learned: slice, stop: int
) -> Array:
    """p of the codes from those `learned` to `stop`, (amounts, t), by that of `shorter` contexts.

    `contexts` and `pairs` number what stands before each code, and that with the code; `of` is the
    context of each pair.
    """
    judged = slice(learned.stop, stop)
    n_pairs = np.bincount(pairs[learned], minlength=len(of))
    n_contexts = np.bincount(contexts[learned], minlength=len(of))[contexts[judged]]
    kinds = np.bincount(of[n_pairs > 0], minlength=len(of))[contexts[judged]]
    weight = AMOUNTS * kinds
    mixed = (n_pairs[pairs[judged]] + weight * shorter) / np.maximum(n_contexts + weight, 1)
    return np.where(n_contexts > 0, mixed, shorter)
