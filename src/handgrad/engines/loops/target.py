"""What a loop program is made for: how sums are rounded, how many threads share the loops."""

from dataclasses import dataclass

from handgrad.engines.loops.product_sizes import suits

MOST_PARTS = 8


@dataclass(frozen=True)
class Target:
    """Whether a product and a sum are rounded once, and how many parts a loop is cut into at most.

    The bits of what a program computes follow from the first alone.
    """

    rounds_once: bool
    most_parts: int

    def packs(self, m: int, n: int, k: int) -> bool:
        """Whether matrices of these sizes are packed before they are multiplied."""
        return self.rounds_once and suits(m, n, k)
