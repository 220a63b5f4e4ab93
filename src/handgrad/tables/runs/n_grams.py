"""N-gram models: the baseline for a language model's scores."""

from dataclasses import dataclass

import numpy as np

from handgrad.textbook.layers import Array

MOST_BEFORE = 6  # characters of context
AMOUNTS = np.array([[1], [2], [4], [8], [16]])
FEWEST = 20  # characters: of fewer, none are set aside for model selection


@dataclass(frozen=True)
class NGram:
    """An n-gram model with a context of `n` − 1 characters, and its loss on a text.

    Smoothing interpolates with shorter contexts: `amount` times the number of distinct next
    characters is added to their counts, distributed as the model with one character less of
    context predicts, and so on down to the uniform distribution. An unseen context is predicted by
    the shorter one. `loss` is the mean of −ln p, in nats.

    Source: Witten and Bell, "The zero-frequency problem", 1991, whose amount is 1; interpolated as
    in Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1999.
    """

    n: int
    amount: int
    loss: float


def n_gram(codes: Array, end: int, n_kinds: int) -> NGram:
    """Fit an n-gram model to `codes[:end]`, (t,) integers below `n_kinds`; evaluate it on the rest.

    `n`, 7 at most, and `amount` minimize the loss on the last tenth of the training codes; the
    model is then fitted to all of them.
    """
    inner = end - end // 10 if end >= FEWEST else end
    contexts = np.zeros(len(codes), np.int64)
    p_inner = p = np.full((len(AMOUNTS), 1), 1 / n_kinds)
    tried, losses = [], []
    for before in range(MOST_BEFORE + 1):
        # renumbered, so that a context and a code fit in one integer below len(codes) · n_kinds
        kinds, pairs = np.unique(contexts * n_kinds + codes, return_inverse=True)
        of = kinds // n_kinds
        p_inner = _backed_off(p_inner, contexts, pairs, of, slice(before, inner), end)
        p = _backed_off(p, contexts, pairs, of, slice(before, end), len(codes))
        if inner < end:
            tried.append(-np.log(p_inner).mean(axis=1))
        losses.append(-np.log(p).mean(axis=1))
        contexts = np.append(0, pairs[:-1])  # the first has no context and is not counted
    longest, best = np.unravel_index(np.argmin(tried), np.shape(tried)) if tried else (0, 0)
    return NGram(int(longest) + 1, int(AMOUNTS[best, 0]), float(losses[longest][best]))


def _backed_off(
    shorter: Array, contexts: Array, pairs: Array, of: Array, learned: slice, stop: int
) -> Array:
    """Probabilities of the codes from `learned.stop` to `stop`, (amounts, t).

    `shorter` are the probabilities given the shorter contexts; `contexts` and `pairs` number the
    context of each code and the context with the code; `of` is the context of each pair.
    """
    judged = slice(learned.stop, stop)
    n_pairs = np.bincount(pairs[learned], minlength=len(of))
    n_contexts = np.bincount(contexts[learned], minlength=len(of))[contexts[judged]]
    kinds = np.bincount(of[n_pairs > 0], minlength=len(of))[contexts[judged]]
    weight = AMOUNTS * kinds
    mixed = (n_pairs[pairs[judged]] + weight * shorter) / np.maximum(n_contexts + weight, 1)
    return np.where(n_contexts > 0, mixed, shorter)
