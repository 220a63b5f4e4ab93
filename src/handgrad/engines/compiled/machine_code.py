"""From LLVM's text to a function that Python can call."""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import llvmlite
import llvmlite.binding as binding

from handgrad.engines.compiled import cache
from handgrad.engines.compiled.blas import NAMES, addresses
from handgrad.engines.compiled.llvm import DOOR, llvm_text
from handgrad.engines.compiled.program import Program

SPEED = 3
# Machine code lives as long as its engine; a compiled function may outlive the net it came from.
_engines: list[Any] = []


def compiled_function(program: Program) -> Callable[[int], int]:
    """The program as machine code, called with the address of its arguments, 8 bytes each.

    While it runs, other Python threads run too.
    """
    text = llvm_text(program)
    code = cache.kept(f"{_identity()}\n{text}", lambda: object_code(text))
    if any(f"@{name}(" in text.replace('"', "") for name in NAMES):
        _make_blas_known()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    signature = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)
    return signature(engine.get_function_address(DOOR))


def object_code(text: str) -> bytes:
    """LLVM's optimised machine code for this processor."""
    module = binding.parse_assembly(text)
    module.verify()
    options = binding.create_pipeline_tuning_options(speed_level=SPEED)
    options.loop_vectorization = options.slp_vectorization = True
    machine = _machine()
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    code: bytes = machine.emit_object(module)
    return code


def _machine() -> Any:
    _initialize()
    return binding.Target.from_triple(binding.get_process_triple()).create_target_machine(
        opt=SPEED, cpu=binding.get_host_cpu_name(), features=_features()
    )


def _features() -> str:
    features: str = binding.get_host_cpu_features().flatten()
    return features


def _identity() -> str:
    """What machine code depends on beside the program: LLVM, the processor, the level."""
    llvm = ".".join(map(str, binding.llvm_version_info))
    return f"{llvmlite.__version__} {llvm} {binding.get_host_cpu_name()} {_features()} {SPEED}"


@lru_cache
def _initialize() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


@lru_cache
def _make_blas_known() -> None:
    for name, address in addresses().items():
        binding.add_symbol(name, address)
