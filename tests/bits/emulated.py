"""Machine code for ARM on this processor: object files, linked to a small program, run by QEMU.

The program is given a file with all memory that the calls work on, and writes it back.
"""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as binding
import numpy as np

from handgrad.engines.compiled import elementwise, machine_code
from handgrad.engines.compiled.gemm import module_text
from handgrad.engines.compiled.llvm import llvm_text
from handgrad.engines.compiled.machine_code import ENTRY_POINT
from handgrad.engines.compiled.products import PRODUCTS_NAME, product_symbol
from handgrad.engines.compiled.runner import Argument, NativeCall, PerEpoch, Runner
from handgrad.engines.compiled.thread_pool import ThreadPool
from handgrad.engines.loops.program import FINISHED, Program
from handgrad.engines.portable.engine import PortableRunner
from handgrad.engines.portable.machine_code import portable_text

TRIPLE, NAME = "aarch64-unknown-linux-gnu", "neoverse-n1"
FEATURES = ("neon", "fp-armv8", "fullfp16", "lse", "rdm", "crc", "dotprod", "rcpc", "ras")
TOOLS = ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objcopy", "qemu-aarch64")
DTYPES = ("float32", "float64")
MAIN = Path(__file__).with_name("emulated.c")


def lacking() -> list[str]:
    """The programs that are needed and not here."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def compile_for_arm() -> None:
    """From now on handgrad's machine code is for ARM, and QEMU runs it."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    features = binding.FeatureMap(dict.fromkeys(FEATURES, True))
    binding.get_process_triple = lambda: TRIPLE
    machine_code.processor = lambda: NAME  # type: ignore[assignment]
    binding.get_host_cpu_name = lambda: NAME
    binding.get_host_cpu_features = lambda: features
    machine_code._initialize = lambda: None  # type: ignore[assignment]
    Runner.load = staticmethod(object_file)
    PortableRunner.load = staticmethod(portable_object_file)
    Runner.sequence = EmulatedCalls
    Runner.at_once = staticmethod(one_by_one)
    elementwise.function_of = function_of
    ThreadPool.running = alone  # type: ignore[method-assign, assignment]


class ObjectFile:
    """A function that takes one block of arguments, in an object file."""

    def __init__(self, code: bytes) -> None:
        self.code = code


def object_file(program: Program) -> ObjectFile:
    return ObjectFile(machine_code.object_code(llvm_text(program)))


def portable_object_file(program: Program) -> ObjectFile:
    return ObjectFile(machine_code.object_code(portable_text(program)))


@contextmanager
def alone(workers: ThreadPool, threads: int) -> Iterator[None]:
    """Without helpers: no thread of this process can run their code."""
    yield


def function_of(operation: str) -> Callable[[Any], Any]:
    """An operation of the graph for each number of an array."""

    def function(x: Any) -> Any:
        given, found = np.ascontiguousarray(x), np.empty(x.shape, x.dtype)
        code = object_file(elementwise.program_of(operation, x.dtype))
        EmulatedCalls([NativeCall(code, (x.size, given, found))]).run()
        return found

    return function


@cache
def linked(codes: tuple[bytes, ...]) -> Path:
    """The program that calls the functions of these object files."""
    folder = Path(tempfile.mkdtemp())
    objects = []
    for i, code in enumerate(codes):
        place = folder / f"{i}.o"
        place.write_bytes(code)
        _run(
            "aarch64-linux-gnu-objcopy", "--redefine-sym", f"{ENTRY_POINT}={ENTRY_POINT}{i}", place
        )
        objects.append(place)
    objects += [
        _product(dtype) for dtype in DTYPES if product_symbol(dtype).encode() in b"".join(codes)
    ]
    doors = "".join(f"X({ENTRY_POINT}{i})" for i in range(len(codes)))
    made = folder / "run"
    flags = ("-O1", "-static", f"-DDOORS={doors}")
    _run("aarch64-linux-gnu-gcc", *flags, "-o", made, MAIN, *objects, "-lm")
    return made


@cache
def _product(dtype: str) -> Path:
    """The module of large matrix products, its function known by the name it is called by."""
    place = Path(tempfile.mkdtemp()) / "product.o"
    place.write_bytes(machine_code.object_code(module_text(dtype), passes=False))
    _run(
        "aarch64-linux-gnu-objcopy",
        "--redefine-sym",
        f"{PRODUCTS_NAME}={product_symbol(dtype)}",
        place,
    )
    return place


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr[-2000:].decode()}")


class EmulatedCalls:
    """The `CallSequence` of emulated machine code."""

    def __init__(self, calls: Sequence[NativeCall], rounds: int = 1) -> None:
        self.calls = calls
        self.program = linked(tuple(call.function.code for call in calls))

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
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "memory"
            file.write_bytes(np.array(head, np.int64).tobytes() + b"".join(memory.parts))
            _run("qemu-aarch64", self.program, file)
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

    def take_back(self, found: bytes) -> None:
        for low, high in self.spans:
            size = high - low
            _bytes_at(low, size)[...] = np.frombuffer(found[:size], np.uint8)
            found = found[size:]


def _bytes_at(address: int, size: int) -> Any:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
