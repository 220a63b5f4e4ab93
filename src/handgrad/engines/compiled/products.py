"""The products of matrices that programs call: our own packed GEMM, or BLAS.

Importing this module makes them known to machine code that is loaded.
"""

import ctypes
import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from handgrad.engines.compiled import machine_code
from handgrad.engines.compiled.machine_code import MachineCode, load
from handgrad.textbook.install import require

BLAS = ("sgemm", "dgemm")  # SciPy's products of matrices
# The prefix of the symbols of our own products, and the function's name in their module.
PRODUCT, PRODUCTS_NAME = "matrix_product", "multiply"


@lru_cache
def product_of(symbol: str) -> MachineCode:
    """The machine code of a packed GEMM, `PRODUCT_dtype_processor`; kept in memory."""

    def text() -> str:
        from handgrad.engines.compiled.gemm import module_text

        return module_text(symbol.split("_")[-2])

    return load(symbol, text, PRODUCTS_NAME, passes=False)


def product_symbol(dtype: npt.DTypeLike) -> str:
    """The symbol of this processor's GEMM for numbers of this type."""
    digest = hashlib.sha256(machine_code.processor().encode()).hexdigest()
    return f"{PRODUCT}_{np.dtype(dtype).name}_{digest[:16]}"


@lru_cache
def _blas() -> dict[str, int]:
    """The addresses of the products of SciPy's BLAS."""
    without = "machine code for a processor without fused multiply-add"
    require(without, "engine='eager'", tables=["scipy"])
    from scipy.linalg import cython_blas

    address, name = ctypes.pythonapi.PyCapsule_GetPointer, ctypes.pythonapi.PyCapsule_GetName
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    capsules = {product: cython_blas.__pyx_capi__[product] for product in BLAS}
    return {product: address(capsule, name(capsule)) for product, capsule in capsules.items()}


machine_code.external_functions |= {
    PRODUCT: lambda symbol: product_of(symbol).address,
    **dict.fromkeys(BLAS, lambda symbol: _blas()[symbol]),
}
