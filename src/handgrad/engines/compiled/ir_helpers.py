"""Helpers for LLVM's intermediate representation: types, a loop that counts, functions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np

INT, INT32, BYTE, BIT = ir.IntType(64), ir.IntType(32), ir.IntType(8), ir.IntType(1)
DOUBLE, SINGLE, VOID = ir.DoubleType(), ir.FloatType(), ir.VoidType()
# What LLVM may be told of a loop, with the argument that the mark has, if any.
AS_IT_STANDS = ("llvm.loop.unroll.disable",)
NO_VECTORS = ("llvm.loop.vectorize.width", ir.Constant(INT32, 1))
REST_UNDER_A_MASK = ("llvm.loop.vectorize.predicate.enable", ir.Constant(BIT, 1))
Mark = tuple[object, ...]

Write = Callable[[ir.IRBuilder], None]


def rounds_once() -> bool:
    """Whether the processor has fused multiply-add: a product and a sum that are rounded once."""
    features = binding.get_host_cpu_features()
    return bool(features.get("fma", "avx" not in features))  # every ARM of 64 bits has it


def whole(value: int) -> ir.Constant:
    """A whole number."""
    return ir.Constant(INT, value)


def constant(value: float, kind: ir.Type) -> ir.Constant:
    """A constant, rounded to what LLVM can hold in this type."""
    if isinstance(kind, ir.IntType):
        return ir.Constant(kind, int(value))
    return ir.Constant(kind, float(np.float32(value)) if kind == SINGLE else float(value))


@contextmanager
def counting(
    b: ir.IRBuilder,
    stop: ir.Value,
    step: int = 1,
    name: str = "i",
    begin: ir.Value | None = None,
    marks: Sequence[Mark] = (AS_IT_STANDS,),
) -> Iterator[ir.Value]:
    """A loop around what is built inside: the counter goes from `begin` or 0 up to `stop`.

    Its type is that of `stop`.
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
    if marks:
        again.set_metadata("llvm.loop", _marked(b.module, marks))
    b.position_at_end(after)


def _marked(module: ir.Module, marks: Sequence[Mark]) -> ir.MDValue:
    """What tells LLVM something of the one loop that this stands at."""
    told = [module.add_metadata(mark) for mark in marks]
    own = module.add_metadata([whole(len(module.metadata)), *told])
    own.operands = (own, *told)  # LLVM knows a loop's mark by its beginning with itself
    return own


def declared(
    module: ir.Module, name: str, result: ir.Type, arguments: Sequence[ir.Type]
) -> ir.Function:
    """The function of that name, declared once in a module."""
    known = module.globals.get(name)
    return known or ir.Function(module, ir.FunctionType(result, arguments), name)


def intrinsic(b: ir.IRBuilder, name: str, *values: ir.Value) -> ir.Value:
    """What a function of LLVM's own gives for floating numbers."""
    kind = values[0].type
    full = f"llvm.{name}.{'f32' if kind == SINGLE else 'f64'}"
    return b.call(declared(b.module, full, kind, [kind] * len(values)), values)


def whole_part(b: ir.IRBuilder, x: ir.Value, kind: ir.IntType = INT) -> ir.Value:
    """A floating number as a whole one; the lowest there is, as in NumPy, for what has none.

    The instructions for it differ in that.
    """
    most = 2 ** (kind.width - 1)
    inside = b.fcmp_ordered("<", intrinsic(b, "fabs", x), ir.Constant(x.type, float(most)))
    return b.select(inside, b.fptosi(x, kind), ir.Constant(kind, -most))


def extreme(b: ir.IRBuilder, sign: str, x: ir.Value, y: ir.Value) -> ir.Value:
    """The larger or smaller of two floating numbers; NaN on either side passes, as in NumPy."""
    wins = b.or_(b.fcmp_ordered(sign, x, y), b.fcmp_unordered("uno", x, x))
    return b.select(wins, x, y)


def written(
    module: ir.Module,
    name: str,
    arguments: Sequence[ir.Type],
    write: Write,
    result: ir.Type = VOID,
) -> ir.Function:
    """The function of that name, which `write` writes, once in a module."""
    function = declared(module, name, result, arguments)
    if function.is_declaration:
        function.linkage = "internal"
        function.attributes.add("noinline")  # however often it is called
        b = ir.IRBuilder(function.append_basic_block())
        write(b)
        if result == VOID:
            b.ret_void()
    return function


def keep_apart(function: ir.Function) -> None:
    """Tell LLVM that none of the buffers that a function is given overlap."""
    for argument in function.args:
        if isinstance(argument.type, ir.PointerType):
            argument.add_attribute("noalias")


def smaller(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The smaller of two whole numbers."""
    return b.select(b.icmp_signed("<", x, y), x, y)
