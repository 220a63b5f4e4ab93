"""Distributions of a column in two tables: histograms over the same bins, or frequencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.textbook.layers import Array

BINS, MOST_CATEGORIES = 24, 10
# Bins end where each table has all but this share of its numbers, and half of that range beyond:
# one number far away would leave a single bar.
TAIL, ROOM = 0.01, 0.5


@dataclass(frozen=True)
class Distribution:
    """Shares of the values of a `new` and an `old` table, in bins or categories.

    Bins have `edges`, those of dates in days; the outer bins hold the numbers `beyond` them, too.
    `names` are categories, those that are frequent in either table, and the number of the others.
    """

    new: tuple[float, ...]
    old: tuple[float, ...]
    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    beyond: bool = False


def histograms_of(new: Array, old: Array) -> Distribution | None:
    """Histograms of finite numbers; None without them, or if their range overflows."""
    sides = [side[np.isfinite(side)] for side in (new, old)]
    if not all(map(len, sides)):
        return None
    everything = np.concatenate(sides)
    with np.errstate(over="ignore"):
        tails = np.array([np.quantile(side, (TAIL, 1 - TAIL)) for side in sides])
        low, high = tails[:, 0].min(), tails[:, 1].max()
        ends = np.array([everything.min(), everything.max()])
        if high > low:
            room = ROOM * (high - low)
            ends = np.clip(ends, low - room, high + room)
        if not np.isfinite(ends[1] - ends[0]):
            return None
    clipped = [np.clip(side, *ends) for side in sides]
    edges = edges_of(np.concatenate(clipped))
    shares = [tuple((np.histogram(side, edges)[0] / len(side)).tolist()) for side in clipped]
    beyond = bool(everything.min() < ends[0] or everything.max() > ends[1])
    return Distribution(shares[0], shares[1], tuple(edges.tolist()), beyond=beyond)


def edges_of(values: Array) -> Array:
    """Edges of bins of numbers, at most one bin for each different number."""
    low, high = float(values.min()), float(values.max())
    edges = np.unique(np.linspace(low, high, min(BINS, len(np.unique(values))) + 1))
    if len(edges) > 1:
        return edges
    half = max(0.5, abs(low) * 1e-3)  # of numbers too large to differ by one half, a share of them
    return np.array([low - half, low + half])


def frequencies_of(new: Counter[str], old: Counter[str]) -> Distribution:
    """Shares of the categories of two tables, those of the old table first."""
    sides: Sequence[tuple[Counter[str], int]] = [(side, side.total()) for side in (new, old)]
    share = {value: max(side[value] / n for side, n in sides) for value in {*new, *old}}
    frequent = sorted(share, key=lambda value: (-share[value], value))[:MOST_CATEGORIES]
    names = sorted(frequent, key=lambda value: (-old[value], -new[value], value))
    shares = [[side[value] / n for value in names] for side, n in sides]
    if more := len(share) - len(names):
        names.append(f"{more:,} other{'s' * (more != 1)}")
        shares = [[*side, max(0.0, 1 - sum(side))] for side in shares]
    return Distribution(tuple(shares[0]), tuple(shares[1]), names=tuple(names))
