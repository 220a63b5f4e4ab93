"""The target of a loop program: how sums are rounded, how many threads, when and how GEMM packs.

Sizes of a packed GEMM: blocks of k, tiles of c in registers, panels in memory.
"""

from dataclasses import dataclass
from itertools import product

MAX_PARTS = 8
MAX_BLOCK_DEPTH = 512  # in one chain of sums: a longer one loses digits
# Multiplications, and sizes of c: measured; below, tiles are faster. A few rows are one tile, which
# reads b once: there is nothing to pack it for.
LARGE_PRODUCT, LEAST_COLUMNS, LEAST_ROWS = 1_000_000, 32, 21
LINE = 16  # numbers: a line of the cache has them, or half as many of float64


def block_depth(k: int) -> int:
    """How many terms of a sum over k are one chain; the last block may have fewer.

    It follows from k alone, on every processor and in every way to multiply: the bits depend on it.
    """
    blocks = max(1, -(-k // MAX_BLOCK_DEPTH))
    return min(k, -(-k // (blocks * LINE)) * LINE)


@dataclass(frozen=True)
class Tile:
    """A tile of c in registers: rows of so many vectors."""

    rows: int
    vectors: int
    lanes: int

    @property
    def width(self) -> int:
        """The numbers in a row of the tile, and of a panel of b for each k."""
        return self.vectors * self.lanes

    @property
    def step(self) -> int:
        """The numbers of a panel of a for each k: whole vectors."""
        return -(-self.rows // self.lanes) * self.lanes


# By the bytes of a vector: rows and vectors of a tile, and of one for a narrow c. All registers
# hold sums, but those for a row of b and a number of a. Measured for the first two.
TILES = {64: ((14, 2), (28, 1)), 32: ((6, 2), (12, 1)), 16: ((8, 3), (20, 1))}


def tiles_for(vector_bytes: int, size: int) -> tuple[Tile, Tile]:
    """The wide tile and the narrow one, for numbers of this size."""
    wide, narrow = (Tile(*tile, vector_bytes // size) for tile in TILES[vector_bytes])
    return wide, narrow


def workspace_size(m: int, n: int, k: int) -> int:
    """How many numbers of memory the panels of a product need, at most and on any processor.

    It is enough for smaller products too. Each panel has a line more than it has rows.
    """
    depth = min(k, MAX_BLOCK_DEPTH) + 1
    every = [shape for given in product(TILES, (4, 8)) for shape in tiles_for(*given)]
    of_a = max(-(-m // shape.rows) * shape.step for shape in every)
    of_b = max(-(-n // shape.width) * shape.width for shape in every)
    return (of_a + of_b) * depth + 2 * LINE


def is_worth_packing(m: int, n: int, k: int) -> bool:
    """Whether a product is large enough that packing pays; the bits do not depend on it."""
    return m >= LEAST_ROWS and n >= LEAST_COLUMNS and m * n * k > LARGE_PRODUCT


@dataclass(frozen=True)
class Target:
    """Whether a product and a sum are rounded once, and how many parts a loop is cut into at most.

    The bits of what a program computes follow from the first alone.
    """

    rounds_once: bool
    max_parts: int

    def packs(self, m: int, n: int, k: int) -> bool:
        """Whether matrices of these sizes are packed before they are multiplied."""
        return self.rounds_once and is_worth_packing(m, n, k)
