"""The target of a loop program: how sums are rounded, how many threads, when and how GEMM packs.

Sizes of a packed GEMM: blocks of k, tiles of c in registers, panels in memory.
"""

from dataclasses import dataclass
from itertools import product

MAX_PARTS = 8
MAX_BLOCK_DEPTH = 512  # terms of one chain of additions: a longer one loses digits
# Least multiplications and sizes of c for packing, as measured. A few rows are one tile, which
# reads b once: packing gains nothing.
LARGE_PRODUCT, LEAST_COLUMNS, LEAST_ROWS = 1_000_000, 32, 21
LINE = 16  # float32 numbers in a cache line; float64: 8


def block_depth(k: int) -> int:
    """The number of terms of a sum over k in one block; the last block may have fewer.

    The bits depend on it, so it is a function of k alone, for all processors and kernels.
    """
    blocks = max(1, -(-k // MAX_BLOCK_DEPTH))
    return min(k, -(-k // (blocks * LINE)) * LINE)


@dataclass(frozen=True)
class Tile:
    """A register tile of c: rows of `vectors` SIMD vectors with `lanes` numbers each."""

    rows: int
    vectors: int
    lanes: int

    @property
    def width(self) -> int:
        """The numbers in a row of the tile, and in a panel of b for each k."""
        return self.vectors * self.lanes

    @property
    def least_height(self) -> int:
        """The fewest rows of a tall tile: where one tile is too short, two have half the rows."""
        return self.rows // 2 + 1

    @property
    def step(self) -> int:
        """The numbers in a panel of a for each k, padded to whole vectors."""
        return -(-self.rows // self.lanes) * self.lanes


# (rows, vectors) of a tile, by the bytes of a vector. All registers hold sums, except those for a
# row of b and a number of a. Measured for the first two.
TILES = {64: (14, 2), 32: (6, 2), 16: (8, 3)}


def tile_for(vector_bytes: int, size: int) -> Tile:
    """The tile for numbers of `size` bytes."""
    return Tile(*TILES[vector_bytes], vector_bytes // size)


def workspace_size(m: int, n: int, k: int) -> int:
    """The numbers of memory that the panels of a product need at most, on any processor.

    It suffices for smaller products too. Each panel has one line more than rows.
    """
    depth = min(k, MAX_BLOCK_DEPTH) + 1
    every = [tile_for(*sizes) for sizes in product(TILES, (4, 8))]
    of_a = max(-(-m // shape.rows) * shape.step for shape in every)
    of_b = max(-(-n // shape.width) * shape.width for shape in every)
    return (of_a + of_b) * depth + 2 * LINE


def is_worth_packing(m: int, n: int, k: int) -> bool:
    """Return True if a product is large enough for packing to pay; the bits are the same."""
    return m >= LEAST_ROWS and n >= LEAST_COLUMNS and m * n * k > LARGE_PRODUCT


@dataclass(frozen=True)
class TargetInfo:
    """Properties of the machine that a program is compiled for.

    Parameters
    ----------
    rounds_once : bool
        Fused multiply-add: a product and a sum are rounded once. The bits depend on it.
    max_parts : int
        Into how many parts a loop is split at most. The bits do not depend on it.
    """

    rounds_once: bool
    max_parts: int

    def packs(self, m: int, n: int, k: int) -> bool:
        """Return True if matrices of these sizes are packed before they are multiplied."""
        return self.rounds_once and is_worth_packing(m, n, k)
