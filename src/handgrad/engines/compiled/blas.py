"""The matrix product of SciPy's BLAS, by the address of its function."""

import ctypes
from typing import Any

NAMES = ("sgemm", "dgemm")


def addresses() -> dict[str, int]:
    """Where in memory the matrix products for float32 and float64 begin."""
    from scipy.linalg import cython_blas

    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    functions: dict[str, Any] = dict(cython_blas.__pyx_capi__)
    capsules = {name: functions[name] for name in NAMES}
    return {name: get_pointer(capsule, get_name(capsule)) for name, capsule in capsules.items()}
