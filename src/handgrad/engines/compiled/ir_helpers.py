"""Helpers for LLVM IR: types, constants, counted loops, functions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np

INT, INT32, BYTE, BIT = ir.IntType(64), ir.IntType(32), ir.IntType(8), ir.IntType(1)
DOUBLE, SINGLE, VOID = ir.DoubleType(), ir.FloatType(), ir.VoidType()
# Loop hints: the name of LLVM's metadata, and its argument, if any.
NO_UNROLL = ("llvm.loop.unroll.disable",)
NO_VECTORIZE = ("llvm.loop.vectorize.width", ir.Constant(INT32, 1))
MASKED_REMAINDER = ("llvm.loop.vectorize.predicate.enable", ir.Constant(BIT, 1))
PREFETCH = "llvm.prefetch.p0"
LoopHint = tuple[object, ...]

Write = Callable[[ir.IRBuilder], None]


def has_fma() -> bool:
    """True if the processor has fused multiply-add: a product and a sum, rounded once."""
    features = binding.get_host_cpu_features()
    return bool(features.get("fma", "avx" not in features))  # every ARM of 64 bits has it


def i64(value: int) -> ir.Constant:
    """A constant of 64 bits."""
    return ir.Constant(INT, value)


def constant(value: float, kind: ir.Type) -> ir.Constant:
    """A constant of this type, rounded to it."""
    if isinstance(kind, ir.IntType):
        return ir.Constant(kind, int(value))
    return ir.Constant(kind, float(np.float32(value)) if kind == SINGLE else float(value))


@contextmanager
def counted_loop(
    b: ir.IRBuilder,
    stop: ir.Value,
    step: int = 1,
    name: str = "i",
    begin: ir.Value | None = None,
    hints: Sequence[LoopHint] = (NO_UNROLL,),
) -> Iterator[ir.Value]:
    """Build a loop around the code of the `with` block; yields its counter.

    Parameters
    ----------
    b : IRBuilder
        Stands after the loop when the block ends.
    stop : Value
        The counter is less than it, and of its type.
    step : int, default 1
        Added to the counter after each round.
    name : str, default "i"
        Of the counter and the basic blocks.
    begin : Value, optional
        The counter's first value; 0 by default.
    hints : sequence of LoopHint
        LLVM's metadata of the loop.
    """
    before, kind = b.block, stop.type
    head, body, after = (
        b.function.append_basic_block(f"{name}.{part}") for part in ("head", "body", "after")
    )
    b.branch(head)
    b.position_at_end(head)
    counter = b.phi(kind, name=name)
    counter.add_incoming(ir.Constant(kind, 0) if begin is None else begin, before)
    b.cbranch(b.icmp_signed("<", counter, stop), body, after)
    b.position_at_end(body)
    yield counter
    following = b.add(counter, ir.Constant(kind, step), flags=("nsw",))
    counter.add_incoming(following, b.block)
    again = b.branch(head)
    if hints:
        again.set_metadata("llvm.loop", _loop_metadata(b.module, hints))
    b.position_at_end(after)


def _loop_metadata(module: ir.Module, hints: Sequence[LoopHint]) -> ir.MDValue:
    """The metadata node of one loop with these hints."""
    nodes = [module.add_metadata(hint) for hint in hints]
    loop = module.add_metadata([i64(len(module.metadata)), *nodes])
    loop.operands = (loop, *nodes)  # LLVM recognizes a loop's node by its first operand, itself
    return loop


def declared(
    module: ir.Module, name: str, result: ir.Type, arguments: Sequence[ir.Type]
) -> ir.Function:
    """Declare a function of that name, once in a module."""
    existing = module.globals.get(name)
    return existing or ir.Function(module, ir.FunctionType(result, arguments), name)


def intrinsic(b: ir.IRBuilder, name: str, *values: ir.Value) -> ir.Value:
    """Call an LLVM intrinsic on floating-point numbers."""
    kind = values[0].type
    full = f"llvm.{name}.{'f32' if kind == SINGLE else 'f64'}"
    return b.call(declared(b.module, full, kind, [kind] * len(values)), values)


def to_integer(b: ir.IRBuilder, x: ir.Value, kind: ir.IntType = INT) -> ir.Value:
    """Convert a floating-point number to an integer; the lowest integer if it is out of range.

    That is NumPy's result; processors' own instructions differ there.
    """
    most = 2 ** (kind.width - 1)
    inside = b.fcmp_ordered("<", intrinsic(b, "fabs", x), ir.Constant(x.type, float(most)))
    return b.select(inside, b.fptosi(x, kind), ir.Constant(kind, -most))


def select_extreme(b: ir.IRBuilder, sign: str, x: ir.Value, y: ir.Value) -> ir.Value:
    """The larger or smaller of two floating-point numbers; propagates NaN, as NumPy does."""
    wins = b.or_(b.fcmp_ordered(sign, x, y), b.fcmp_unordered("uno", x, x))
    return b.select(wins, x, y)


def define_once(
    module: ir.Module,
    name: str,
    arguments: Sequence[ir.Type],
    write: Write,
    result: ir.Type = VOID,
) -> ir.Function:
    """Define a function of that name by `write`, once in a module."""
    function = declared(module, name, result, arguments)
    if function.is_declaration:
        function.linkage = "internal"
        function.attributes.add("noinline")  # one copy, for all its calls
        b = ir.IRBuilder(function.append_basic_block())
        write(b)
        if result == VOID:
            b.ret_void()
    return function


def mark_noalias(function: ir.Function) -> None:
    """Declare that no two of a function's buffers overlap: `noalias`."""
    for argument in function.args:
        if isinstance(argument.type, ir.PointerType):
            argument.add_attribute("noalias")


def minimum(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The smaller of two integers."""
    return b.select(b.icmp_signed("<", x, y), x, y)


def maximum(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The larger of two integers."""
    return b.select(b.icmp_signed(">", x, y), x, y)


def prefetch(b: ir.IRBuilder, address: ir.Value, *, to_write: bool = False) -> None:
    """Load the cache line of an address before it is read or written."""
    pointer = BYTE.as_pointer()
    kind = ir.FunctionType(VOID, [pointer, INT32, INT32, INT32])
    function = b.module.globals.get(PREFETCH) or ir.Function(b.module, kind, PREFETCH)
    flags = [ir.Constant(INT32, flag) for flag in (int(to_write), 3, 1)]  # to all levels, data
    b.call(function, [b.bitcast(address, pointer), *flags])
