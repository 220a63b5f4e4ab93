"""Matrix products of our own: packed, tiled, shared by the cores, with bits of a plain chain."""

from handgrad.engines.compiled.gemm.arguments import ARGUMENTS
from handgrad.engines.compiled.gemm.product import make_known, symbol

__all__ = ["ARGUMENTS", "make_known", "symbol"]
