"""Held-out pictures that are nearly identical to training pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.reporting.checklist import NotApplicableError, SkippedCheckError
from handgrad.tables.reporting.scores import ScoredRows, percent
from handgrad.textbook.layers import Array

COPIES = "near-identical pictures"
# Side of the thumbnails that are compared first, and pictures of a side.
THUMBNAIL, MOST_PICTURES, AT_ONCE = 8, 20_000, 512
# Copies differ by at most this much, one minus the correlation of their pixels: in any set; and
# where it is at most a tenth of the distance to the fifth picture.
EQUAL, ALIKE, OF_FIFTH, FIFTH = 5e-4, 0.02, 0.1, 5
# Standard deviation of the pixels, as a fraction of their range, from which a picture is not blank.
BLANK = 0.01
MOST_SHOWN = 3


def copied_pictures(
    held: ScoredRows,
    training: ScoredRows | None,
    shape: tuple[int, int, int] | None,
    names: tuple[Sequence[str], Sequence[str]],
) -> Iterator[Finding]:
    """Finding for held-out pictures with nearly identical training pictures.

    `shape` is (channels, height, width), None if the rows are no pictures; `names` are those of the
    files of both sides, empty if there are none.
    """
    if shape is None:
        raise NotApplicableError("the rows are no pictures")
    if training is None:
        raise SkippedCheckError("training rows were not given")
    if max(held.of, training.of) > MOST_PICTURES:
        raise SkippedCheckError(f"over {MOST_PICTURES:,} pictures")
    pairs = copies(_pixels(held), _pixels(training), shape)
    if not len(pairs):
        return
    n, apart = len(pairs), int((held.y[pairs[:, 0]] != training.y[pairs[:, 1]]).sum())
    shown = [
        " and ".join(
            names[side][row] if names[side] else f"{('row', 'training row')[side]} {row + 1}"
            for side, row in enumerate(pair)
        )
        for pair in pairs[:MOST_SHOWN].tolist()
    ]
    yield Finding(
        COPIES,
        "the pictures",
        f"{n:,} of {len(held):,} held-out pictures, {percent(n / len(held))}, are nearly identical "
        f"to training pictures{f', {apart:,} of another class' if apart else ''}, such as "
        f"{'; '.join(shown)}: the scores are not those of new pictures",
        "remove one of each pair, or put copies on one side, in folders train and test",
    )


def copies(held: Array, training: Array, shape: tuple[int, int, int]) -> Array:
    """Pairs of a held-out picture and its nearly identical training picture, (n, 2).

    Both are (n, k), the pixels of pictures of one shape (channels, height, width). The pictures
    with the most similar grey thumbnails are compared pixel by pixel. Differences of brightness and
    contrast do not count; blank pictures have no copies.
    """
    small = [_normal(_thumbnails(side, shape)) for side in (held, training)]
    whole = [_normal(side) for side in (held, training)]
    pairs = list[tuple[int, int]]()
    k = min(FIFTH, len(training)) - 1
    for start in range(0, len(held), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(held)))
        apart = 1 - small[0][rows] @ small[1].T
        nearest = apart.argmin(axis=1)
        fifth = np.partition(apart, k, axis=1)[:, k]
        off = 1 - np.einsum("nk,nk->n", whole[0][rows], whole[1][nearest])
        copied = (off <= EQUAL) | ((off <= ALIKE) & (off <= OF_FIFTH * fifth))
        pairs += zip(rows[copied].tolist(), nearest[copied].tolist(), strict=True)
    return np.array(pairs, int).reshape(-1, 2)


def _pixels(side: ScoredRows) -> Array:
    frame = side.table.frame
    return np.asarray(side.table.array if frame is None else frame.to_numpy(), np.float32)


def _thumbnails(pixels: Array, shape: tuple[int, int, int]) -> Array:
    """Grey pictures of at most 8 by 8 pixels, (n, 64), means of the original ones."""
    grey = pixels.reshape(len(pixels), *shape).mean(axis=1)
    for axis, size in ((1, shape[1]), (2, shape[2])):
        edges = np.linspace(0, size, min(THUMBNAIL, size), endpoint=False).astype(int)
        widths = np.diff(edges, append=size).astype(np.float32)
        sums = np.add.reduceat(grey, edges, axis=axis)
        grey = sums / (widths[:, None] if axis == 1 else widths)
    return grey.reshape(len(grey), -1)


def _normal(pixels: Array) -> Array:
    """Rows of mean 0 and length 1; of blank pictures 0."""
    centred = pixels - pixels.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    blank = lengths <= BLANK * np.ptp(pixels) * np.sqrt(pixels.shape[1])
    return np.where(blank, 0, centred / np.where(blank, 1, lengths))
