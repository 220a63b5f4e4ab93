"""GEMM: matrix products, packed, tiled and multithreaded, with the bits of a plain chain of fma."""

from handgrad.engines.compiled.gemm.arguments import ARGUMENTS
from handgrad.engines.compiled.gemm.product import register, symbol

__all__ = ["ARGUMENTS", "register", "symbol"]
