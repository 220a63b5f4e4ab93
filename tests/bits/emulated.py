"""Machine code for other systems: for Linux on ARM, run by QEMU, and for Windows, run by Wine.

A program is given a file with all memory that the calls work on, and writes it back. For ARM the
object files are linked to it; under Wine the llvmlite.dll of the official wheel loads them.
"""

import ctypes
import os
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import llvmlite.binding as binding
import numpy as np

from handgrad.engines.compiled import elementwise, machine_code, parallel_for, pool_memory
from handgrad.engines.compiled.gemm import module_text
from handgrad.engines.compiled.llvm import llvm_text
from handgrad.engines.compiled.machine_code import ENTRY_POINT
from handgrad.engines.compiled.products import PRODUCTS_NAME, product_symbol
from handgrad.engines.compiled.runner import Argument, NativeCall, PerEpoch, Runner
from handgrad.engines.compiled.thread_pool import ThreadPool
from handgrad.engines.loops.program import FINISHED, Program
from handgrad.engines.portable.engine import PortableRunner
from handgrad.engines.portable.machine_code import portable_text

DTYPES = ("float32", "float64")
MAIN = Path(__file__).with_name("emulated.c")
BUILD = Path(__file__).parents[2] / "build"
Command = Callable[[Path], list[object]]  # words, by the file that tells of the calls


class System(ABC):
    """Another system: how its programs are made and run here."""

    triple: str
    tools: tuple[str, ...]

    def lacking(self) -> list[str]:
        """The programs that are needed and not here."""
        return [tool for tool in self.tools if shutil.which(tool) is None]

    @abstractmethod
    def initialize(self) -> None:
        """From now on LLVM compiles for it."""

    @abstractmethod
    def command(self, codes: Sequence[bytes]) -> Command:
        """The program that calls the functions of these object files."""

    def called_by(self, codes: Sequence[bytes]) -> dict[str, tuple[str, bytes]]:
        """The functions beside object files, by symbol: of worker threads, and large products."""
        functions = {
            "worker": (pool_memory.WORKER, _object_code(parallel_for.worker_text)),
            "stop": (pool_memory.STOP, _object_code(parallel_for.stop_text)),
        }
        for dtype in DTYPES:
            if (symbol := product_symbol(dtype)).encode() in b"".join(codes):
                functions[symbol] = (PRODUCTS_NAME, _product(dtype))
        return functions

    def environment(self) -> dict[str, str]:
        """More variables of the program's environment."""
        return {}


class CrossCompiled(System):
    """A system on another processor, by LLVM's names of it and of its instructions."""

    name: str
    features: tuple[str, ...]

    def initialize(self) -> None:
        """From now on LLVM compiles for it."""
        binding.initialize_all_targets()
        binding.initialize_all_asmprinters()
        features = binding.FeatureMap(dict.fromkeys(self.features, True))
        machine_code.processor = lambda: self.name  # type: ignore[assignment]
        binding.get_host_cpu_name = lambda: self.name
        binding.get_host_cpu_features = lambda: features
        machine_code._initialize = lambda: None  # type: ignore[assignment]


class LinuxOnArm(CrossCompiled):
    """Linux on 64-bit ARM, by QEMU."""

    triple = "aarch64-unknown-linux-gnu"
    tools = ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objcopy", "qemu-aarch64")
    name = "neoverse-n1"
    features = ("neon", "fp-armv8", "fullfp16", "lse", "rdm", "crc", "dotprod", "rcpc", "ras")

    def command(self, codes: Sequence[bytes]) -> Command:
        folder = Path(tempfile.mkdtemp())
        objects, doors = [], ""
        for i, code in enumerate(codes):
            objects.append(self._object(folder / f"{i}.o", code, ENTRY_POINT, f"{ENTRY_POINT}{i}"))
            doors += f"X({ENTRY_POINT}{i})"
        for symbol, (name, code) in self.called_by(codes).items():
            objects.append(self._object(folder / f"{symbol}.o", code, name, symbol))
        flags = ("-O1", "-static", "-pthread", f"-DDOORS={doors}")
        _run("aarch64-linux-gnu-gcc", *flags, "-o", folder / "run", MAIN, *objects, "-lm")
        return lambda file: ["qemu-aarch64", folder / "run", file]

    def _object(self, path: Path, code: bytes, name: str, symbol: str) -> Path:
        """An object file whose function is known by another name."""
        path.write_bytes(code)
        _run("aarch64-linux-gnu-objcopy", "--redefine-sym", f"{name}={symbol}", path)
        return path


class Windows(System):
    """Windows on this processor, by Wine and the library of llvmlite's wheel for it."""

    triple = "x86_64-pc-windows-msvc"
    tools = ("x86_64-w64-mingw32-gcc", "wine")
    wheel = BUILD / "llvmlite-windows"

    def lacking(self) -> list[str]:
        library = [] if self.wheel.exists() else ["llvmlite.dll (.ci/windows)"]
        return super().lacking() + library

    def initialize(self) -> None:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        here = machine_code.processor()  # the cache tells the systems apart by it
        machine_code.processor = lambda: f"Windows, {here}"  # type: ignore[assignment]
        found = binding.Target.from_triple
        # as llvmlite does on Windows, whose loader of machine code takes this form alone
        binding.Target.from_triple = staticmethod(lambda triple: found(f"{triple}-elf"))

    def command(self, codes: Sequence[bytes]) -> Command:
        folder = Path(tempfile.mkdtemp())
        words: list[object] = [_on_windows(self.wheel / "llvmlite" / "binding" / "llvmlite.dll")]
        files = [
            (name if name == symbol else f"{symbol}={name}", code)
            for symbol, (name, code) in self.called_by(codes).items()
        ]
        files += [(ENTRY_POINT, code) for code in codes]
        for i, (name, code) in enumerate(files):
            (folder / f"{i}.o").write_bytes(code)
            words += [name, _on_windows(folder / f"{i}.o")]
        return lambda file: ["wine", _windows_program(), _on_windows(file), *words]

    def environment(self) -> dict[str, str]:
        return {
            "WINEPREFIX": str(BUILD / "wine"),
            "WINEDEBUG": "-all",
            "WINEPATH": _on_windows(self.wheel / "llvmlite.libs"),
        }


SYSTEMS: dict[str, System] = {"ARM": LinuxOnArm(), "Windows": Windows()}


@cache
def _windows_program() -> Path:
    """The program for Windows, which is told by its words what it loads."""
    made = Path(tempfile.mkdtemp()) / "run.exe"
    _run("x86_64-w64-mingw32-gcc", "-O1", "-static", "-pthread", "-o", made, MAIN)
    return made


def _on_windows(path: Path) -> str:
    """The path by which programs under Wine know a file."""
    return f"Z:{path}"


def compile_for(system: System) -> None:
    """From now on handgrad's machine code is for that system, and an emulator runs it."""
    system.initialize()
    EmulatedCalls.system = system
    binding.get_process_triple = lambda: system.triple
    Runner.load = staticmethod(object_file)
    PortableRunner.load = staticmethod(portable_object_file)
    Runner.sequence = EmulatedCalls
    Runner.at_once = staticmethod(one_by_one)
    elementwise.function_of = function_of
    ThreadPool.running = running  # type: ignore[method-assign, assignment]


class ObjectFile:
    """A function that takes one block of arguments, in an object file."""

    def __init__(self, code: bytes) -> None:
        self.code = code


def object_file(program: Program) -> ObjectFile:
    return ObjectFile(machine_code.object_code(llvm_text(program)))


def portable_object_file(program: Program) -> ObjectFile:
    return ObjectFile(machine_code.object_code(portable_text(program)))


@contextmanager
def running(pool: ThreadPool, threads: int) -> Iterator[None]:
    """With so many threads, which the emulated program starts."""
    EmulatedCalls.pools.append(pool)
    pool.memory[pool_memory.WORKER_COUNT] = threads - 1
    try:
        yield
    finally:
        pool.memory[pool_memory.WORKER_COUNT] = 0
        EmulatedCalls.pools.remove(pool)


def function_of(operation: str) -> Callable[[Any], Any]:
    """An operation of the graph for each number of an array."""

    def function(x: Any) -> Any:
        given, found = np.ascontiguousarray(x), np.empty(x.shape, x.dtype)
        code = object_file(elementwise.program_of(operation, x.dtype))
        EmulatedCalls([NativeCall(code, (x.size, given, found))]).run()
        return found

    return function


@cache
def _object_code(text: Callable[[], str]) -> bytes:
    return machine_code.object_code(text())


@cache
def _product(dtype: str) -> bytes:
    return machine_code.object_code(module_text(dtype), passes=False)


@cache
def _command(system: System, codes: tuple[bytes, ...]) -> Command:
    return system.command(codes)


def _run(*command: object, environment: dict[str, str] | None = None) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, check=False, capture_output=True, env=os.environ | (environment or {})
    )
    if done.returncode:
        error = done.stderr[-2000:].decode(errors="replace")
        raise RuntimeError(f"{command[0]}: exit status {done.returncode}. {error}")


class EmulatedCalls:
    """The `CallSequence` of emulated machine code."""

    system: ClassVar[System] = SYSTEMS["ARM"]
    pools: ClassVar[list[ThreadPool]] = []  # those that run

    def __init__(self, calls: Sequence[NativeCall], rounds: int = 1) -> None:
        self.calls = calls
        self.command = _command(self.system, tuple(call.function.code for call in calls))

    def run(self, rounds: int = 1) -> tuple[int, int]:
        """The number of whole rounds, and what the last call returned."""
        memory = Memory(list(_arrays(self.calls)))
        calls = []
        for i in range(rounds):
            for door, call in enumerate(self.calls):
                given = [number for a in call.arguments for number in memory.told(a, i)]
                calls += [door, len(call.arguments), *given]
        sizes = [len(part) for part in memory.parts]
        head = [len(sizes), *sizes, rounds * len(self.calls), len(calls), *calls]
        head += [0, 0, 0]
        for pool in self.pools:  # at most one
            if memory.holds(pool.memory):
                workers = pool.memory[pool_memory.WORKER_COUNT].item()
                head[-3:] = [workers, *memory.told(pool.memory, 0)]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "memory"
            file.write_bytes(np.array(head, np.int64).tobytes() + b"".join(memory.parts))
            _run(*self.command(file), environment=self.system.environment())
            found = file.read_bytes()
        done, returned = np.frombuffer(found[:16], np.int64).tolist()
        memory.take_back(found[16:])
        return done // len(self.calls), returned if done < rounds * len(self.calls) else FINISHED


def one_by_one(calls: Sequence[NativeCall], _: ThreadPool) -> list[int]:
    """What each call returns."""
    return [EmulatedCalls([call]).run()[1] for call in calls]


def _arrays(calls: Sequence[NativeCall]) -> Iterator[Any]:
    for call in calls:
        for argument in call.arguments:
            array = argument.array if isinstance(argument, PerEpoch) else argument
            if isinstance(array, np.ndarray):
                yield array


class Memory:
    """The stretches of memory that some arrays lie in, copied."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        spans: list[list[int]] = []
        for low, high in sorted(map(np.lib.array_utils.byte_bounds, arrays)):
            if spans and low <= spans[-1][1]:
                spans[-1][1] = max(high, spans[-1][1])
            else:
                spans.append([low, high])
        self.spans = spans
        self.parts = [_bytes_at(low, high - low).tobytes() for low, high in spans]

    def told(self, argument: Argument, round: int) -> tuple[int, int]:
        """Which stretch and how far into it; of a number −1 and itself."""
        if isinstance(argument, PerEpoch):
            array = argument.array
            address = array.ctypes.data + array.strides[0] * round
        elif isinstance(argument, np.ndarray):
            address = argument.ctypes.data
        else:
            return -1, argument
        i = next(i for i, (low, high) in enumerate(self.spans) if low <= address <= high)
        return i, address - self.spans[i][0]

    def holds(self, array: Any) -> bool:
        """True if the array is one of those, or within one."""
        low, high = np.lib.array_utils.byte_bounds(array)
        return any(begin <= low and high <= end for begin, end in self.spans)

    def take_back(self, found: bytes) -> None:
        for low, high in self.spans:
            size = high - low
            _bytes_at(low, size)[...] = np.frombuffer(found[:size], np.uint8)
            found = found[size:]


def _bytes_at(address: int, size: int) -> Any:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
