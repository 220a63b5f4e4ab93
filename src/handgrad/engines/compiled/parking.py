"""Machine code that parks a thread while a number in memory is unchanged, and wakes parked threads.

Linux has the futex for it, Windows `WaitOnAddress`, and macOS the function that its C++ library
waits by, which is in every version that runs Python.
"""

from collections.abc import Sequence

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled import pool_memory
from handgrad.engines.compiled.ir_helpers import (
    INT,
    INT32,
    VOID,
    counted_loop,
    declared,
    i64,
)

# Linux: the operations of a futex, private to one process, and how many threads are all.
FUTEX_WAIT, FUTEX_WAKE, ALL = 128, 129, 2**31 - 1
# Windows: the time-out that never comes.
INFINITE = 2**32 - 1
# macOS: the operation that compares 32 bits, without a time-out, and its flag that wakes all.
COMPARE_AND_WAIT, NO_TIMEOUT, WAKE_ALL = 1, 0, 0x100


def wait(b: ir.IRBuilder, address: ir.Value, seen: ir.Value) -> None:
    """Park until another thread wakes this one, if the number at an address is still as seen.

    The lower 32 bits are compared, which come first in memory.
    """
    match parking():
        case "futex":
            _futex(b, address, FUTEX_WAIT, seen)
        case "windows":
            with b.goto_entry_block():
                compared = b.alloca(INT)
            b.store(seen, compared)
            _call(b, "WaitOnAddress", INT32, [address, compared, i64(4), _i32(INFINITE)])
        case "macos":
            _call(
                b, "__ulock_wait", INT32, [_i32(COMPARE_AND_WAIT), address, seen, _i32(NO_TIMEOUT)]
            )


def wake(b: ir.IRBuilder, address: ir.Value, most: ir.Value | None) -> None:
    """Wake threads that are parked at an address: `most` of them at most, or all."""
    match parking():
        case "futex":
            _futex(b, address, FUTEX_WAKE, i64(ALL) if most is None else most)
        case "windows" if most is None:
            _call(b, "WakeByAddressAll", VOID, [address])
        case "windows":
            with counted_loop(b, most, name="wake"):
                _call(b, "WakeByAddressSingle", VOID, [address])
        case "macos" if most is None:
            _call(b, "__ulock_wake", INT32, [_i32(COMPARE_AND_WAIT | WAKE_ALL), address, i64(0)])
        case "macos":
            with counted_loop(b, most, name="wake"):
                _call(b, "__ulock_wake", INT32, [_i32(COMPARE_AND_WAIT), address, i64(0)])


def parking() -> pool_memory.Parking | None:
    """Way to park threads on the system that code is made for; None if they yield the core."""
    return pool_memory.parking_of(*_processor_and_system())


def pause(b: ir.IRBuilder) -> None:
    """Hint to the processor that this thread spins."""
    processor, _ = _processor_and_system()
    if processor == "x86_64":
        b.call(declared(b.module, "llvm.x86.sse2.pause", VOID, []), [])
    elif processor in ("aarch64", "arm64"):
        # `yield` takes no time there: this empties the pipeline, some tens of cycles
        b.call(declared(b.module, "llvm.aarch64.isb", VOID, [INT32]), [_i32(15)])


def yield_core(b: ir.IRBuilder) -> None:
    """Let another thread have the core, where no thread can park."""
    _call(b, "sched_yield", INT32, [])


def _futex(b: ir.IRBuilder, address: ir.Value, operation: int, value: ir.Value) -> None:
    syscall = b.module.globals.get("syscall") or ir.Function(
        b.module, ir.FunctionType(INT, [INT], var_arg=True), "syscall"
    )
    number = pool_memory.FUTEX[_processor_and_system()[0]]
    numbers = b.ptrtoint(address, INT), i64(operation), value, i64(0), i64(0), i64(0)
    b.call(syscall, [i64(number), *numbers])


def _call(b: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence[ir.Value]) -> None:
    """Call a function of the system."""
    kinds = [argument.type for argument in arguments]
    b.call(declared(b.module, name, result, kinds), arguments)


def _i32(value: int) -> ir.Constant:
    return ir.Constant(INT32, value)


def _processor_and_system() -> tuple[str, str]:
    processor, _, system = str(binding.get_process_triple()).partition("-")
    return processor, system
