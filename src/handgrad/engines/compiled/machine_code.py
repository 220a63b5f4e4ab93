"""Machine code: compiles the text of LLVM modules for this processor and loads it."""

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
from handgrad.engines.compiled.ir_helpers import has_fma
from handgrad.engines.loops.target import MAX_PARTS, TargetInfo
from handgrad.graph.threads import available_cores
from handgrad.textbook.install import require

SPEED, SPEED_AS_WRITTEN = 3, 2
PASSES = 1  # higher levels make a step no faster
CType = type[ctypes.c_int64] | type[ctypes.c_void_p]
BLAS = ("sgemm", "dgemm")  # SciPy's products of matrices


class MachineCode:
    """A function in memory, at its `address`; the memory is freed with this object."""

    def __init__(self, code: bytes, name: str) -> None:
        for external, register in external_functions.items():
            if external.encode() in code:
                register()
        self.engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
        self.engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        self.address: int = self.engine.get_function_address(name)


in_memory: WeakValueDictionary[str, MachineCode] = WeakValueDictionary()


def load(key: str, make_text: Callable[[], str], name: str, passes: bool = True) -> MachineCode:
    """Load the function `name` of a module: from memory, from the cache, or compiled from its text.

    Parameters
    ----------
    key : str
        Identifies what the module computes; `identity` is added to it.
    make_text : callable
        Returns LLVM's text; called if the code is neither in memory nor cached.
    name : str
        The function's name in the module.
    passes : bool, default True
        Run LLVM's optimization passes.
    """
    key = f"{identity()}\n{key}"
    code = in_memory.get(key)
    if code is None:
        made = MachineCode(cache.get_or_make(key, lambda: object_code(make_text(), passes)), name)
        code = in_memory.setdefault(key, made)  # another thread's, if it came first
    return code


def ctypes_function(
    name: str, make_text: Callable[[], str], result: CType | None, *arguments: CType
) -> Callable[..., Any]:
    """The one function of a module, called through ctypes, which releases the GIL."""
    code = load(name, make_text, name)
    function: Any = ctypes.CFUNCTYPE(result, *arguments)(code.address)
    function.code = code  # keeps it in memory
    called: Callable[..., Any] = function
    return called


def object_code(
    text: str, passes: bool = True, machine: binding.TargetMachine | None = None
) -> bytes:
    """Compile LLVM's text to an object file; without `passes`, as it is."""
    module, machine = optimised(text, passes, machine)
    code: bytes = machine.emit_object(module)
    return code


def optimised(
    text: str, passes: bool = True, machine: binding.TargetMachine | None = None
) -> tuple[Any, Any]:
    """Optimize LLVM's text; returns the module and the target machine, by default this one."""
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
    """A key of all that machine code depends on beside the program: LLVM, processor, engines."""
    llvm = ".".join(map(str, binding.llvm_version_info))
    processor = f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
    return f"{llvmlite.__version__} {llvm} {processor} {_translation()}"


@lru_cache
def _translation() -> str:
    """A checksum of the engines' sources, which translate programs."""
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


@lru_cache
def _register_blas() -> None:
    """Add the symbols of SciPy's BLAS to LLVM."""
    without = "machine code for a processor without fused multiply-add"
    require(without, "engine='eager'", tables=["scipy"])
    from scipy.linalg import cython_blas

    address, name = ctypes.pythonapi.PyCapsule_GetPointer, ctypes.pythonapi.PyCapsule_GetName
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    for product in BLAS:
        capsule = cython_blas.__pyx_capi__[product]
        binding.add_symbol(product, address(capsule, name(capsule)))


# Functions that a program's code calls, by symbol, and the functions that add them to LLVM.
external_functions: dict[str, Callable[[], None]] = dict.fromkeys(BLAS, _register_blas)


def this_processor() -> TargetInfo:
    """The target of loop programs on this processor, with the cores available now."""
    return TargetInfo(has_fma(), min(available_cores(), MAX_PARTS))
