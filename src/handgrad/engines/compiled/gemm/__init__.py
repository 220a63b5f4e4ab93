"""GEMM: matrix products, packed, tiled and multithreaded, with the bits of a plain chain of fma."""

from handgrad.engines.compiled.gemm.arguments import ARGUMENTS
from handgrad.engines.compiled.gemm.product import module_text

__all__ = ["ARGUMENTS", "module_text"]
