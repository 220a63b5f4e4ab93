"""OpenBLAS, SciPy's: products of matrices, and all those of a training step one after another."""

import ctypes
from functools import lru_cache
from typing import Any

import llvmlite.binding as binding
import numpy as np
from scipy.linalg import cython_blas

from benchmarks.cases import Case
from benchmarks.matrices import Product, of_a_step
from benchmarks.peers import Run

FUNCTIONS = {"float32": "sgemm", "float64": "dgemm"}
LOOP = "call_again"


def product(given: Product) -> Run:
    """Multiplies the same matrices that many times, and returns their product."""
    call = _Call(given)

    def run(times: int) -> Any:
        call(times)
        return call.c

    return run


def step(case: Case) -> Run:
    """The products of a training step, none of what lies between them."""
    calls = [_Call(given) for given in of_a_step(case)]

    def run(times: int) -> float:
        for _ in range(times):
            for call in calls:
                call(1)
        return float(calls[0].c[0, 0])

    return run


class _Call:
    """A call of BLAS; its matrices lie in memory column after column, so it computes c' = b' a'."""

    def __init__(self, given: Product) -> None:
        (a, b), c = given.operands(), np.empty((given.m, given.n), given.dtype)
        numbers = np.array([given.n, given.m, given.k, b.shape[1], a.shape[1], given.n], np.int32)
        factors = np.array([1, 0], given.dtype)  # of the product, and of what c held
        letters = np.frombuffer(b"NT", np.uint8)
        of_b, of_a = letters[int(given.b_transposed) :], letters[int(given.a_transposed) :]
        n, m, k, ldb, lda, ldc = (numbers[i:] for i in range(6))
        one, zero = factors[:1], factors[1:]
        self.arrays = [of_b, of_a, n, m, k, one, b, ldb, a, lda, zero, c, ldc]
        self.addresses = np.array([array.ctypes.data for array in self.arrays])
        self.function, self.c = _address(FUNCTIONS[given.dtype]), c

    def __call__(self, times: int) -> None:
        _loop()(times, self.function, self.addresses.ctypes.data)


def _address(function: str) -> int:
    """Where that function of SciPy's BLAS begins."""
    api: Any = ctypes.pythonapi
    capsule = cython_blas.__pyx_capi__[function]
    name, pointer = api.PyCapsule_GetName, api.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, name(capsule)))


@lru_cache
def _loop() -> Any:
    """Calls a function so many times, by machine code: a call from Python would cost the smallest
    products more than they take."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(_text()), machine)
    engine.finalize_object()
    kinds = ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
    function: Any = ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(LOOP))
    function.engine = engine  # which lives as long
    return function


def _text() -> str:
    places = range(13)
    loads = "\n".join(
        f"  %p{i} = getelementptr ptr, ptr %arguments, i64 {i}\n  %a{i} = load ptr, ptr %p{i}"
        for i in places
    )
    return f"""
define void @{LOOP}(i64 %times, ptr %function, ptr %arguments) {{
start:
{loads}
  br label %again
again:
  %done = phi i64 [ 0, %start ], [ %next, %again ]
  call void %function({", ".join(f"ptr %a{i}" for i in places)})
  %next = add i64 %done, 1
  %more = icmp slt i64 %next, %times
  br i1 %more, label %again, label %end
end:
  ret void
}}"""
