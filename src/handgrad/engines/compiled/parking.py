"""How threads wait for each other in machine code: they look again for a while, then sleep."""

from collections.abc import Callable

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import INT, INT32, VOID, declared, whole

# Looks before a thread sleeps: for longer than the others take between two jobs, and for much less
# than what the system lets another program have the core for.
PATIENCE = 2000
# A bell is two numbers in memory: one that is another one after each ring, and how many threads
# sleep until then.
RINGS, ASLEEP, BELL = 0, 1, 2
# Linux's call to sleep while a number in memory is what it was, and to wake who does: its number
# on each processor, and what it is asked for, among the threads of one process.
FUTEX = {"x86_64": 202, "aarch64": 98}
WAIT, WAKE = 128, 129
ALL = 2**31 - 1
ORDER = "seq_cst"


def wait_until(b: ir.IRBuilder, holds: Callable[[], ir.Value], bell: ir.Value) -> None:
    """Wait for what others bring about, who then `ring` the bell; `holds` changes nothing.

    It reads what the others wrote, and they wrote it, in one order with all that bells do
    ("seq_cst"). Who goes to sleep says so before the last look, and who rings looks who sleeps
    after writing: so one of the two sees the other, and nobody is left asleep.
    """
    with b.goto_entry_block():
        looks = b.alloca(INT)
    b.store(whole(0), looks)

    def not_yet() -> ir.Value:
        yes = holds()
        with b.if_then(b.not_(yes)):
            count = b.add(b.load(looks), whole(1))
            b.store(count, looks)
            with b.if_else(b.icmp_signed("<", count, whole(PATIENCE))) as (soon, late):
                with soon:
                    _pause(b)
                with late:
                    _sleep(b, holds, bell)
        return b.not_(yes)

    while_(b, not_yet)


def ring(b: ir.IRBuilder, bell: ir.Value, most: ir.Value | None = None) -> None:
    """Wake all who sleep there, or so many, for what was written; where none do, that is a look."""
    if not can_sleep():
        return
    asleep = b.load_atomic(_of(b, bell, ASLEEP), ORDER, 8)
    with b.if_then(b.icmp_signed(">", asleep, whole(0)), likely=False):
        b.atomic_rmw("add", _of(b, bell, RINGS), whole(1), ORDER)
        _call(b, bell, WAKE, whole(ALL) if most is None else most)


def _sleep(b: ir.IRBuilder, holds: Callable[[], ir.Value], bell: ir.Value) -> None:
    """Sleep until the bell rings, unless it has; elsewhere let other programs have the core."""
    if not can_sleep():
        _give_way(b)
        return
    heard = b.load_atomic(_of(b, bell, RINGS), ORDER, 8)
    b.atomic_rmw("add", _of(b, bell, ASLEEP), whole(1), ORDER)
    with b.if_then(b.not_(holds())):
        _call(b, bell, WAIT, heard)
    b.atomic_rmw("sub", _of(b, bell, ASLEEP), whole(1), ORDER)


def _call(b: ir.IRBuilder, bell: ir.Value, what: int, value: ir.Value) -> None:
    """Of the first number of the bell Linux reads the lower 32 bits, which come first."""
    syscall = b.module.globals.get("syscall") or ir.Function(
        b.module, ir.FunctionType(INT, [INT], var_arg=True), "syscall"
    )
    numbers = b.ptrtoint(bell, INT), whole(what), value, whole(0), whole(0), whole(0)
    b.call(syscall, [whole(_futex() or 0), *numbers])


def _futex() -> int | None:
    """The number of Linux's call, on processors that it is known of."""
    processor, _, system = _triple().partition("-")
    return FUTEX.get(processor) if "linux" in system else None


def can_sleep() -> bool:
    """Whether those who wait sleep, however long it takes."""
    return _futex() is not None


def _triple() -> str:
    return str(binding.get_process_triple())


def _pause(b: ir.IRBuilder) -> None:
    """Tell the processor that this thread only looks."""
    processor = _triple().partition("-")[0]
    if processor == "x86_64":
        b.call(declared(b.module, "llvm.x86.sse2.pause", VOID, []), [])
    elif processor in ("aarch64", "arm64"):
        # `yield` takes no time there: this empties the pipeline, some tens of cycles
        b.call(declared(b.module, "llvm.aarch64.isb", VOID, [INT32]), [ir.Constant(INT32, 15)])


def _give_way(b: ir.IRBuilder) -> None:
    if "windows" in _triple():
        _pause(b)
    else:
        b.call(declared(b.module, "sched_yield", INT32, []), [])


def while_(b: ir.IRBuilder, holds: Callable[[], ir.Value]) -> None:
    """A loop that has all it does in its condition."""
    head, after = b.append_basic_block("while"), b.append_basic_block("after")
    b.branch(head)
    b.position_at_end(head)
    b.cbranch(holds(), head, after)
    b.position_at_end(after)


def _of(b: ir.IRBuilder, bell: ir.Value, place: int) -> ir.Value:
    return b.gep(bell, [whole(place)])
