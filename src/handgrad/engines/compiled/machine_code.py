"""From LLVM's text to the address of a function."""

import ctypes
import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import llvmlite
import llvmlite.binding as binding

from handgrad.engines.compiled import cache

SPEED, SPEED_AS_WRITTEN = 3, 2
PASSES = 1  # with those of higher levels a step is no faster: its loops come as they should be
CType = type[ctypes.c_int64] | type[ctypes.c_void_p]
BLAS = ("sgemm", "dgemm")  # SciPy's products of matrices


class MachineCode:
    """A function in memory, at its `address`; the memory is free once nobody has this any more."""

    def __init__(self, code: bytes, name: str) -> None:
        for name_of_another, make_known in others.items():
            if name_of_another.encode() in code:
                make_known()
        self.engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
        self.engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        self.address: int = self.engine.get_function_address(name)


in_memory: WeakValueDictionary[str, MachineCode] = WeakValueDictionary()


def loaded(key: str, make_text: Callable[[], str], name: str, passes: bool = True) -> MachineCode:
    """The function `name` of a module: in memory, from the cache, or from LLVM's text for it.

    `key` says what the module computes; how, say the sources of the engines.
    """
    key = f"{identity()}\n{key}"
    found = in_memory.get(key)
    if found is None:
        made = MachineCode(cache.kept(key, lambda: object_code(make_text(), passes)), name)
        found = in_memory.setdefault(key, made)  # another thread's, if it came first
    return found


def function_of(
    name: str, make_text: Callable[[], str], result: CType | None, *arguments: CType
) -> Callable[..., Any]:
    """The one function of a module, of ctypes' types; while it runs, other threads do too."""
    code = loaded(name, make_text, name)
    function: Any = ctypes.CFUNCTYPE(result, *arguments)(code.address)
    function.code = code  # which lives as long
    called: Callable[..., Any] = function
    return called


def object_code(
    text: str, passes: bool = True, machine: binding.TargetMachine | None = None
) -> bytes:
    """LLVM's machine code; without `passes`, of a text that needs none."""
    module, machine = optimised(text, passes, machine)
    code: bytes = machine.emit_object(module)
    return code


def optimised(
    text: str, passes: bool = True, machine: binding.TargetMachine | None = None
) -> tuple[Any, Any]:
    """The module of a text, with what makes machine code of it: this processor's, if not told."""
    module = binding.parse_assembly(text)
    if machine is not None:
        module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    if not passes:
        return module, machine or _machine(SPEED_AS_WRITTEN)
    options = binding.create_pipeline_tuning_options(speed_level=PASSES)
    options.loop_vectorization = options.slp_vectorization = True
    machine = machine or _machine()
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module, machine


@lru_cache
def _initialize() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def _machine(speed: int = SPEED) -> Any:
    _initialize()
    return binding.Target.from_triple(binding.get_process_triple()).create_target_machine(
        opt=speed,
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
    )


def identity() -> str:
    """What machine code depends on beside the program: LLVM, the processor, its translation."""
    llvm = ".".join(map(str, binding.llvm_version_info))
    processor = f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
    return f"{llvmlite.__version__} {llvm} {processor} {_translation()}"


@lru_cache
def _translation() -> str:
    """A checksum of the engines' sources, which turn a program into machine code."""
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


@lru_cache
def _make_blas_known() -> None:
    """Tell LLVM where SciPy's products of matrices begin."""
    from scipy.linalg import cython_blas

    address, name = ctypes.pythonapi.PyCapsule_GetPointer, ctypes.pythonapi.PyCapsule_GetName
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    for product in BLAS:
        capsule = cython_blas.__pyx_capi__[product]
        binding.add_symbol(product, address(capsule, name(capsule)))


# Functions outside of a program, by what its code calls them, and what makes them known to LLVM.
others: dict[str, Callable[[], None]] = dict.fromkeys(BLAS, _make_blas_known)
