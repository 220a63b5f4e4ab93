"""WebAssembly modules of portable models, without imports: code generation and linking.

Integers and addresses have 32 bits, words of random streams 64. The module's memory has all data
of the programs, except the arguments of its functions:

predict(n, x, predictions)                         predictions for n rows of x
epoch(n, x, y, order, learning_rate, predictions)  one epoch of training, over n rows in this order
shuffle(n, order)                                  shuffles the last epoch's order for the next

The caller writes rows into `memory` from `heap` on and passes their addresses. An epoch returns -1;
the first row of the batch whose loss is not finite; or n if the final parameters are not finite.
The other exports are addresses of persistent buffers by name: `parameters`; `loss_total`, one
float64, the sum over the last epoch's batches of loss times rows; and so on.

Linking: the object file of one LLVM module has no relocations, since its indices are final and its
constants lie in memory from 0 on. It lacks a memory, the memory's initial data, and exports.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled import cache
from handgrad.engines.compiled.ir_helpers import (
    INT,
    INT32,
    MASKED_REMAINDER,
    VOID,
    LoopHint,
    counted_loop,
    declared,
    define_once,
    i64,
)
from handgrad.engines.compiled.loop_metadata import MOST_ROUNDS
from handgrad.engines.compiled.machine_code import identity, object_code
from handgrad.engines.compiled.pcg64 import HALF, HAS_HALF, words
from handgrad.engines.compiled.statement_writer import WORD_BUFFERS, new_module, text_of
from handgrad.engines.loops.ir import Body, For, Let, Statement, known
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.portable.machine_code import PortableWriter
from handgrad.engines.portable.model import PortableModel
from handgrad.engines.portable.printing.specialize import (
    buffers_of,
    without_early_returns,
    without_stores,
)
from handgrad.textbook.errors import CannotLowerError
from handgrad.textbook.layers import Array

MAGIC = b"\0asm\1\0\0\0"
# The kinds of sections, and their order in a module, in which 12 precedes 10.
CUSTOM, IMPORTS, MEMORY, GLOBALS, EXPORTS, CODE, DATA, DATA_COUNT = 0, 2, 5, 6, 7, 10, 11, 12
ORDER = (1, IMPORTS, 3, 4, MEMORY, GLOBALS, EXPORTS, 8, 9, DATA_COUNT, CODE, DATA)
# The kinds of imports and exports.
FUNCTION, TABLE, MEMORY_ITSELF, GLOBAL = range(4)
I32, CONSTANT, END = 0x7F, 0x41, 0x0B
PAGE = 2**16
SYMBOLS, UNDEFINED, NAMED, OF_DATA, OF_SECTION = 8, 0x10, 0x40, 1, 3


@dataclass(frozen=True)
class Memory:
    """The memory's layout: its size, initial data by address, and the addresses of buffers."""

    size: int
    data: Sequence[tuple[int, bytes]]
    addresses: Mapping[str, int]


def link(code: bytes, functions: Mapping[str, str], memory: Memory) -> bytes:
    """Link an object file with a memory to a module.

    Parameters
    ----------
    code : bytes
        An object file of WebAssembly.
    functions : mapping of str to str
        The names of exported functions, and their names in the object file.
    memory : Memory
        Its addresses are exported as globals.

    Raises
    ------
    CannotLowerError
        If the object file has imports.
    """
    parts, linking = _sections(code)
    _check_imports(_SectionReader(parts.pop(IMPORTS)))
    indices = _functions(_SectionReader(linking))
    parts[MEMORY] = _listed([b"\0" + number(-(-memory.size // PAGE))])
    at = [bytes([I32, 0]) + _constant(address) for address in memory.addresses.values()]
    parts[GLOBALS] = _listed(at)
    exports = [("memory", MEMORY_ITSELF, 0)]
    exports += [(name, FUNCTION, indices[inside]) for name, inside in functions.items()]
    exports += [(name, GLOBAL, i) for i, name in enumerate(memory.addresses)]
    parts[EXPORTS] = _listed([_sized(s.encode()) + bytes([k]) + number(i) for s, k, i in exports])
    own = _SectionReader(parts.get(DATA, b"\0"))
    count = number(own.number() + len(memory.data))
    added = (b"\0" + _constant(address) + _sized(content) for address, content in memory.data)
    parts |= {DATA: count + own.rest() + b"".join(added), DATA_COUNT: count}
    kept = [bytes([kind]) + _sized(parts[kind]) for kind in ORDER if kind in parts]
    return MAGIC + b"".join(kept)


def number(value: int) -> bytes:
    """A nonnegative integer in LEB128: seven bits per byte, the lowest first."""
    last = value < 128
    return bytes([value]) if last else bytes([value & 127 | 128]) + number(value >> 7)


def _constant(address: int) -> bytes:
    """The instructions of a constant address, in signed LEB128."""
    digits = b""
    while address >= 64:
        digits += bytes([address & 127 | 128])
        address >>= 7
    return bytes([CONSTANT]) + digits + bytes([address, END])


def _sized(content: bytes) -> bytes:
    return number(len(content)) + content


def _listed(entries: Sequence[bytes]) -> bytes:
    return number(len(entries)) + b"".join(entries)


class _SectionReader:
    """Reader of a section."""

    def __init__(self, code: bytes) -> None:
        self.code, self.at = code, 0

    def byte(self) -> int:
        self.at += 1
        return self.code[self.at - 1]

    def number(self) -> int:
        byte = self.byte()
        return byte if byte < 128 else byte - 128 + 128 * self.number()

    def content(self) -> bytes:
        size = self.number()
        self.at += size
        return self.code[self.at - size : self.at]

    def name(self) -> str:
        return self.content().decode()

    def rest(self) -> bytes:
        return self.code[self.at :]

    def parts(self) -> Iterator[tuple[int, bytes]]:
        """The remaining content as parts, each with its kind."""
        while self.at < len(self.code):
            yield self.byte(), self.content()


def _sections(code: bytes) -> tuple[dict[int, bytes], bytes]:
    """The standard sections of an object file by kind, and its linking section."""
    reader = _SectionReader(code)
    reader.at = len(MAGIC)
    parts, linking = dict[int, bytes](), b""
    for kind, content in reader.parts():
        if kind != CUSTOM:
            parts[kind] = content
            continue
        custom = _SectionReader(content)
        if custom.name() == "linking":
            linking = custom.rest()
    return parts, linking


def _check_imports(imports: _SectionReader) -> None:
    for _ in range(imports.number()):
        imports.name()
        name, kind = imports.name(), imports.byte()
        if kind not in (TABLE, MEMORY_ITSELF):
            raise CannotLowerError(f"{name}, which a WebAssembly module would have to import")
        if kind == TABLE:
            imports.byte()
        limits = imports.byte()
        for _ in range(1 + limits % 2):
            imports.number()


def _functions(linking: _SectionReader) -> dict[str, int]:
    """The indices of an object file's functions by name."""
    linking.number()  # the version
    symbols = _SectionReader(next(content for kind, content in linking.parts() if kind == SYMBOLS))
    functions: dict[str, int] = {}
    for _ in range(symbols.number()):
        kind, flags = symbols.byte(), symbols.number()
        if kind == OF_SECTION:
            symbols.number()
        elif kind == OF_DATA:
            symbols.name()
            for _ in range(0 if flags & UNDEFINED else 3):
                symbols.number()
        else:
            index = symbols.number()
            name = symbols.name() if flags & NAMED or not flags & UNDEFINED else ""
            if kind == FUNCTION:
                functions[name] = index
    return functions


@dataclass(frozen=True)
class Machine:
    """A target machine: LLVM's names of the target triple, the processor and its features."""

    triple: str
    processor: str = ""
    features: str = ""

    def object_code(self, text: str) -> bytes:
        """Compile an LLVM module without a target triple to an object file."""
        return object_code(text, machine=self._target())

    def _target(self) -> Any:
        _initialize()
        try:
            target = binding.Target.from_triple(self.triple)
        except RuntimeError as error:
            raise CannotLowerError(f"code for {self.triple}: {error}") from error
        return target.create_target_machine(
            opt=3, cpu=self.processor, features=self.features, reloc="static"
        )


@lru_cache
def _initialize() -> None:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()


WEBASSEMBLY = Machine(
    "wasm32-unknown-unknown", features="+simd128,+bulk-memory,+sign-ext,+nontrapping-fptoint"
)


def shuffle(module: ir.Module) -> ir.Function:
    """NumPy's `Generator.shuffle`, to the bit: the function that shuffles n 32-bit integers."""
    kinds = [INT.as_pointer(), INT32, INT32.as_pointer()]
    return define_once(module, "shuffle", kinds, _shuffle)


def _shuffle(b: ir.IRBuilder) -> None:
    """Fisher-Yates: from the last number on, swap each with a random one up to itself."""
    stream, n, order = b.function.args
    zeros = declared(b.module, "llvm.ctlz.i32", INT32, [INT32, ir.IntType(1)])
    with counted_loop(b, n, begin=ir.Constant(INT32, 1)) as done:
        last = b.sub(n, done)
        shift = b.call(zeros, [last, ir.Constant(ir.IntType(1), 1)])
        digits = b.lshr(ir.Constant(INT32, -1), shift)
        again, drawn_below = (b.function.append_basic_block(name) for name in ("again", "below"))
        b.branch(again)
        b.position_at_end(again)  # rejection sampling
        drawn = b.and_(b.call(_next(b.module), [stream]), digits)
        b.cbranch(b.icmp_unsigned(">", drawn, last), again, drawn_below)
        b.position_at_end(drawn_below)
        one, other = b.gep(order, [last]), b.gep(order, [drawn])
        number = b.load(one)
        b.store(b.load(other), one)
        b.store(number, other)


def _next(module: ir.Module) -> ir.Function:
    """The function that draws 32 bits: half of a word, whose other half is stored."""
    return define_once(module, "next_half", [INT.as_pointer()], _draw_half, INT32)


def _draw_half(b: ir.IRBuilder) -> None:
    (stream,) = b.function.args
    has_half, half = b.gep(stream, [i64(HAS_HALF)]), b.gep(stream, [i64(HALF)])
    with b.if_then(b.icmp_signed("!=", b.load(has_half), i64(0))):
        b.store(i64(0), has_half)
        b.ret(b.trunc(b.load(half), INT32))
    b.call(words(b.module, INT32), [stream, half, ir.Constant(INT32, 1)])
    word = b.load(half)
    b.store(b.lshr(word, i64(32)), half)
    b.store(i64(1), has_half)
    b.ret(b.trunc(word, INT32))


ALIGNMENT = 16  # bytes: those of a vector
PASSED = ("n_rows", "x", "y", "order", "learning_rate", "predictions")
RATES, RATE = "learning_rates", Parameter("learning_rate", "double", buffer=False)
SHUFFLE, SHUFFLING = "shuffle", "shuffling"  # the function, and the stream that it draws from
AFTER_SUFFIX = "_after"  # of the names of copies that a caller reads after an epoch
PRIVATE = ("tables", "scratch", "scratch_int", "scratch_bool")  # not exported


class Functions(Protocol):
    """Functions that call the prediction of a module, which exports them instead.

    Attributes
    ----------
    names : sequence of str
        Their names, each of an `entry_point_of` it.
    buffers : mapping of str to array
        Initial contents of their buffers.
    """

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def buffers(self) -> Mapping[str, Array]: ...

    def write(self, module: ir.Module, addresses: Mapping[str, int], /) -> None:
        """Add them to a module, whose buffers have these addresses."""


def webassembly(model: PortableModel, functions: Functions | None = None) -> bytes:
    """Compile a model to a module of its prediction and, if it has one, its training.

    Parameters
    ----------
    model : PortableModel
        Its weights are the memory's initial data.
    functions : Functions, optional
        They are exported, and call the prediction.

    Returns
    -------
    bytes
        The module; cached on disk.
    """
    programs = [exported_program(p) for p in (model.prediction, model.training) if p is not None]
    memory = memory_of(model, programs, functions.buffers if functions else {})
    text = text_for(programs, memory.addresses, functions)
    code = cache.get_or_make(f"{identity()}\n{text}", lambda: WEBASSEMBLY.object_code(text))
    shown = {n: a for n, a in memory.addresses.items() if "." not in n and n not in PRIVATE}
    names = [p.name for p in programs] + ([SHUFFLE] if SHUFFLING in memory.addresses else [])
    names = [*functions.names] if functions else names
    return link(code, {n: entry_point_of(n) for n in names}, replace(memory, addresses=shown))


def exported_program(program: Program) -> Program:
    """Specialize a program: one learning rate per epoch, no unread outputs.

    Predictions do not stop at numbers that are not finite.
    """
    read = without_stores(
        program.body, [p.name for p in program.parameters if p.name.endswith(AFTER_SUFFIX)]
    )
    body = _with_one_rate(read if RATES in buffers_of(read) else without_early_returns(read))
    used = {*buffers_of(body), *PASSED}
    rated = [RATE if p.name == RATES else p for p in program.parameters]
    parameters = tuple(p for p in rated if p.name in used)
    return replace(program, parameters=parameters, body=body)


def _with_one_rate(body: Sequence[Statement]) -> Body:
    """The statements without the loads of each step's learning rate, which is an argument."""
    return [
        replace(statement, body=_with_one_rate(statement.body))
        if isinstance(statement, For)
        else statement
        for statement in body
        if not (isinstance(statement, Let) and statement.name == RATE.name)
    ]


def memory_of(
    model: PortableModel, programs: Sequence[Program], more: Mapping[str, Array]
) -> Memory:
    """Lay out the buffers that are no arguments, and `more`; tables have one per program.

    The first 64 KiB of memory are LLVM's.
    """
    tables = {f"{p.name}.tables": [np.ravel(t) for t in p.tables] for p in programs if p.tables}
    first: dict[str, Array] = {
        "parameters": model.parameters,
        "state": model.state,
        "streams": model.streams,
        SHUFFLING: model.shuffling,
        **{name: np.concatenate(parts, dtype=np.float64) for name, parts in tables.items()},
        **more,
    }
    sizes = {name: array.nbytes for name, array in more.items()}
    for program in programs:
        counts = model.sizes(program, 1)
        for p in program.parameters:
            if p.buffer and p.name not in PASSED:
                name = _own_name(program, p)
                size = counts[p.name] * _width(p, model.dtype)
                sizes[name] = max(sizes.get(name, 0), size)
    if model.training is not None:
        sizes[SHUFFLING] = model.shuffling.nbytes
    end, addresses = PAGE, {}
    for name, size in sizes.items():
        addresses[name] = end
        end += -(-size // ALIGNMENT) * ALIGNMENT
    data = [(addresses[n], a.tobytes()) for n, a in first.items() if n in addresses and a.any()]
    return Memory(end, data, {**addresses, "heap": end})


def _own_name(program: Program, parameter: Parameter) -> str:
    return f"{program.name}.tables" if parameter.name == "tables" else parameter.name


def _width(parameter: Parameter, dtype: np.dtype[np.generic]) -> int:
    """The size of a buffer's numbers in bytes."""
    if parameter.name in WORD_BUFFERS:
        return 8
    return {"float": dtype.itemsize, "double": 8, "int": 4, "bool": 1}[parameter.type]


class WebAssemblyWriter(PortableWriter):
    """Writes plain statements for 32-bit addresses."""

    size = INT32

    def hints(self) -> list[LoopHint]:
        """Unroll short inner loops; no masked remainders, which depend on this processor."""
        loop = self.around[-1]
        rounds, outer = known(loop.stop), any(isinstance(part, For) for part in loop.body)
        if rounds is not None and rounds <= MOST_ROUNDS and not outer:
            return []
        return [hint for hint in super().hints() if hint is not MASKED_REMAINDER]


def text_for(
    programs: Sequence[Program],
    addresses: Mapping[str, int],
    functions: Functions | None = None,
) -> str:
    """The text of the LLVM module of programs with buffers at these addresses."""
    module = new_module("")
    for program in programs:
        _add_entry_point(module, program, addresses)
    if SHUFFLING in addresses:
        kind = ir.FunctionType(VOID, [INT32, INT32.as_pointer()])
        entry_point = ir.Function(module, kind, entry_point_of(SHUFFLE))
        b = ir.IRBuilder(entry_point.append_basic_block())
        stream = ir.Constant(INT32, addresses[SHUFFLING]).inttoptr(INT.as_pointer())
        b.call(shuffle(module), [stream, *entry_point.args])
        b.ret_void()
    if functions is not None:
        functions.write(module, addresses)
    return text_of(module)


def _add_entry_point(module: ir.Module, program: Program, addresses: Mapping[str, int]) -> None:
    """Add a program and its exported function, which has the caller's arguments only."""
    inside = WebAssemblyWriter(program, module).function
    kinds = {a.name: a.type for a in inside.args}
    names = [name for name in PASSED if name in kinds]
    kind = ir.FunctionType(INT32, [kinds[name] for name in names])
    entry_point = ir.Function(module, kind, entry_point_of(program.name))
    b = ir.IRBuilder(entry_point.append_basic_block())
    arguments: dict[str, ir.Value] = dict(zip(names, entry_point.args, strict=True))
    for p in program.parameters:
        if p.name not in arguments:
            place = ir.Constant(INT32, addresses[_own_name(program, p)])
            arguments[p.name] = place.inttoptr(kinds[p.name])
    b.ret(b.call(inside, [arguments[p.name] for p in program.parameters]))


def entry_point_of(name: str) -> str:
    """Name of an exported function in the object file."""
    return f"{name}.entry_point"
