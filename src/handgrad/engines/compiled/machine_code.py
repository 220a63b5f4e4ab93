"""Machine code: compiles the text of LLVM modules for this processor and loads it.

LLVM's library is imported only to compile, or to load what `ObjectFile` cannot.
"""

import ctypes
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from handgrad.engines import LOADED
from handgrad.engines.compiled import cache
from handgrad.engines.compiled.object_file import ObjectFile
from handgrad.engines.loops.target import MAX_PARTS, TargetInfo
from handgrad.graph.threads import available_cores

if TYPE_CHECKING:
    import llvmlite.binding as binding

if (_spec := find_spec("llvmlite")) is None or _spec.origin is None:
    raise ModuleNotFoundError("No module named 'llvmlite'", name="llvmlite")
LLVMLITE = Path(_spec.origin).parent
ENTRY_POINT = "call"  # the function of a program
SPEED, SPEED_AS_WRITTEN = 3, 2
CPUINFO = Path("/proc/cpuinfo")
OF_A_PROCESSOR = (
    *("vendor_id", "cpu family", "model", "stepping", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features"),
)
ENGINES, PACKAGE = Path(__file__).parents[1], Path(__file__).parents[2]
PASSES = 1  # higher levels make a step no faster
CType = type[ctypes.c_int64] | type[ctypes.c_void_p]


class MachineCode:
    """A function in memory, at its `address`; the memory is freed with this object.

    `key` is the one under which its code is cached.
    """

    def __init__(self, code: bytes, name: str, key: str) -> None:
        self.key = key
        try:
            self.memory: Any = ObjectFile(code, address_of)
            self.address: int = self.memory.addresses[name]
        except ValueError:
            self.memory, self.address = _loaded_by_llvm(code, name)


def _loaded_by_llvm(code: bytes, name: str) -> tuple[Any, int]:
    """The memory of an object file, and the address of a function in it."""
    import llvmlite.binding as binding

    prefixes = "|".join(external_functions).encode()
    for symbol in {*re.findall(rb"(?:" + prefixes + rb")\w*", code)}:
        binding.add_symbol(symbol.decode(), address_of(symbol.decode()))
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine, engine.get_function_address(name)


def address_of(symbol: str) -> int | None:
    """The address of a function that machine code calls; None if there is none."""
    for prefix, find in external_functions.items():
        if symbol.startswith(prefix):
            return find(symbol)
    function = getattr(ctypes.CDLL(None), symbol, None)  # of the system
    return None if function is None else ctypes.cast(function, ctypes.c_void_p).value


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
    key = hashlib.sha256(f"{identity()}\n{key}".encode()).hexdigest()
    code = in_memory.get(key)
    if code is None:
        content = cache.get_or_make(key, lambda: object_code(make_text(), passes))
        code = _loaded(content, name, key)
    return code


def load_cached(key: str, name: str) -> MachineCode | None:
    """Load the function `name` of a module by the key of its code; None if it is not cached."""
    if (code := in_memory.get(key)) is not None:
        return code
    content = cache.get(key)
    return None if content is None else _loaded(content, name, key)


def _loaded(content: bytes, name: str, key: str) -> MachineCode:
    return in_memory.setdefault(key, MachineCode(content, name, key))  # or another thread's


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
    text: str, passes: bool = True, machine: "binding.TargetMachine | None" = None
) -> bytes:
    """Compile LLVM's text to an object file; without `passes`, as it is."""
    module, machine = optimised(text, passes, machine)
    code: bytes = machine.emit_object(module)
    return code


def optimised(
    text: str, passes: bool = True, machine: "binding.TargetMachine | None" = None
) -> tuple[Any, Any]:
    """Optimize LLVM's text; returns the module and the target machine, by default this one."""
    import llvmlite.binding as binding

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
    import llvmlite.binding as binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def _machine(speed: int = SPEED) -> Any:
    import llvmlite.binding as binding

    _initialize()
    return binding.Target.from_triple(binding.get_process_triple()).create_target_machine(
        opt=speed,
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
    )


def identity() -> str:
    """A key of all that machine code depends on beside the program: LLVM, processor, engines."""
    return f"{llvm_version()} {processor()} {checksums()[0]}"


@lru_cache
def llvm_version() -> str:
    """llvmlite's version, and the sizes and times of its libraries: they are not loaded for it."""
    files = sorted((LLVMLITE / "binding").glob("*llvmlite*"))
    libraries = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{(LLVMLITE / '_version.py').read_text()} {libraries}"


@lru_cache
def processor() -> str:
    """The description of the processor by the system; by LLVM where the system has none."""
    with suppress(OSError), CPUINFO.open() as file:
        lines = file.read(2**13).partition("\n\n")[0].splitlines()
        known = [line for line in lines if line.startswith(OF_A_PROCESSOR)]
        if any(line.startswith(("flags", "Features")) for line in known):
            return "\n".join(known)
    import llvmlite.binding as binding

    return f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"


@lru_cache
def checksums() -> tuple[str, str]:
    """Checksums of the sources of the engines, which translate programs, and of the package.

    The sources are read if one has changed. A file whose size, times and place are the same is the
    same, as it is for Python, which then runs what it compiled before.
    """
    files = _sources(str(PACKAGE))
    seen = sorted((p, s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for p, s in files)

    def read() -> bytes:
        contents = {path: Path(path).read_bytes() for path, *_ in seen}
        engines = (contents[path] for path in contents if path.startswith(str(ENGINES)))
        parts = b"".join(engines), b"".join(contents.values())
        return b"".join(hashlib.sha256(part).digest() for part in parts)

    both = cache.get_or_make(f"sources {seen}", read).hex()
    if any(max(times) > LOADED for _, _, _, *times in seen):
        both += f", but the process {os.getpid()} of {LOADED} has older ones"
    return both[:64], both


def _sources(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the path and the status of each source in a folder and in those within it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield entry.path, entry.stat()
            elif "." not in entry.name and entry.is_dir():
                yield from _sources(entry.path)


# Functions of other object files, by the prefix of their symbols: they return the address.
external_functions: dict[str, Callable[[str], int]] = {}


def this_processor() -> TargetInfo:
    """The target of loop programs on this processor, with the cores available now."""
    from handgrad.engines.compiled.ir_helpers import has_fma

    return TargetInfo(has_fma(), min(available_cores(), MAX_PARTS))
