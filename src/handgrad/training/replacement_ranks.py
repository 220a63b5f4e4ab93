"""Random orders in which the cells of a row replace those of other rows, for contributions."""

import numpy as np

from handgrad.textbook.layers import Array


def replacement_ranks(
    n_rows: int, n_columns: int, n_repeats: int, rng: np.random.Generator
) -> Array:
    """Rank of each column in `n_repeats` random orders for each row, each with its reverse.

    Returns an integer array (n_rows, n_repeats, 2, n_columns).
    """
    columns = np.tile(np.arange(n_columns), (n_rows, n_repeats, 1))
    ranks = rng.permuted(columns, axis=-1)
    return np.stack([ranks, n_columns - 1 - ranks], axis=2)
