"""Matrix products of our own: packed, tiled, shared by the cores, with bits of a plain chain."""

from handgrad.engines.compiled.gemm.arguments import ARGUMENTS
from handgrad.engines.compiled.gemm.product import make_known, symbol
from handgrad.engines.compiled.gemm.sizes import depth_of_a_block, room, suits

__all__ = ["ARGUMENTS", "depth_of_a_block", "make_known", "room", "suits", "symbol"]
