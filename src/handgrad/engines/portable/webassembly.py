"""Portable programs as one WebAssembly module, which imports nothing.

Whole numbers have 32 bits there, as addresses have; words of random streams have 64. All that the
programs need lies in the module's own memory, but for what the caller hands over:

predict(n, x, predictions)                         predictions for n rows of x
epoch(n, x, y, order, learning_rate, predictions)  one epoch of training, over n rows in this order
shuffle(n, order)                                  the order of the next epoch, of that of the last

The caller writes rows into `memory` from `heap` on, and hands over their addresses. An epoch
returns -1, or the first row of the batch whose loss is not finite, or n where the parameters are
not at the end. The other exports are the addresses of what stays from call to call, by the names
that the programs have for it: `parameters`; `loss_total`, one float64, the losses of all batches
of the last epoch, each times its rows; and so on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

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
# The kinds of section, and the order they stand in; the number of 12 came late.
CUSTOM, IMPORTS, MEMORY, GLOBALS, EXPORTS, CODE, DATA, DATA_COUNT = 0, 2, 5, 6, 7, 10, 11, 12
ORDER = (1, IMPORTS, 3, 4, MEMORY, GLOBALS, EXPORTS, 8, 9, DATA_COUNT, CODE, DATA)
# What is imported or exported, by its kind.
FUNCTION, TABLE, MEMORY_ITSELF, GLOBAL = range(4)
I32, CONSTANT, END = 0x7F, 0x41, 0x0B
PAGE = 2**16
SYMBOLS, UNDEFINED, NAMED, OF_DATA, OF_SECTION = 8, 0x10, 0x40, 1, 3


@dataclass(frozen=True)
class Memory:
    """What lies where in memory: its size, what is there at first, and addresses by name."""

    size: int
    data: Sequence[tuple[int, bytes]]
    addresses: Mapping[str, int]


def link(code: bytes, functions: Mapping[str, str], memory: Memory) -> bytes:
    """The module of an object file, its memory, and exports: functions by their names inside.

    Raises CannotLowerError for an object file that needs something from outside.
    """
    parts, linking = _sections(code)
    _check_imports(_Reader(parts.pop(IMPORTS)))
    indices = _functions(_Reader(linking))
    parts[MEMORY] = _listed([b"\0" + number(-(-memory.size // PAGE))])
    at = [bytes([I32, 0]) + _constant(address) for address in memory.addresses.values()]
    parts[GLOBALS] = _listed(at)
    exports = [("memory", MEMORY_ITSELF, 0)]
    exports += [(name, FUNCTION, indices[inside]) for name, inside in functions.items()]
    exports += [(name, GLOBAL, i) for i, name in enumerate(memory.addresses)]
    parts[EXPORTS] = _listed([_sized(s.encode()) + bytes([k]) + number(i) for s, k, i in exports])
    own = _Reader(parts.get(DATA, b"\0"))
    count = number(own.number() + len(memory.data))
    added = (b"\0" + _constant(address) + _sized(content) for address, content in memory.data)
    parts |= {DATA: count + own.rest() + b"".join(added), DATA_COUNT: count}
    kept = [bytes([kind]) + _sized(parts[kind]) for kind in ORDER if kind in parts]
    return MAGIC + b"".join(kept)


def number(value: int) -> bytes:
    """A whole number that is not negative in LEB128: seven bits a byte, the lowest first."""
    last = value < 128
    return bytes([value]) if last else bytes([value & 127 | 128]) + number(value >> 7)


def _constant(address: int) -> bytes:
    """The instructions that give an address: LEB128 with a sign, the highest of its bits."""
    digits = b""
    while address >= 64:
        digits += bytes([address & 127 | 128])
        address >>= 7
    return bytes([CONSTANT]) + digits + bytes([address, END])


def _sized(content: bytes) -> bytes:
    return number(len(content)) + content


def _listed(entries: Sequence[bytes]) -> bytes:
    return number(len(entries)) + b"".join(entries)


class _Reader:
    """Reads a section, one thing after another."""

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
        """What is left, as parts of a kind each."""
        while self.at < len(self.code):
            yield self.byte(), self.content()


def _sections(code: bytes) -> tuple[dict[int, bytes], bytes]:
    """The sections of an object file that a module has too; and what linkers are told."""
    reader = _Reader(code)
    reader.at = len(MAGIC)
    parts, linking = dict[int, bytes](), b""
    for kind, content in reader.parts():
        if kind != CUSTOM:
            parts[kind] = content
            continue
        custom = _Reader(content)
        if custom.name() == "linking":
            linking = custom.rest()
    return parts, linking


def _check_imports(imports: _Reader) -> None:
    for _ in range(imports.number()):
        imports.name()
        name, kind = imports.name(), imports.byte()
        if kind not in (TABLE, MEMORY_ITSELF):
            raise CannotLowerError(f"{name}, which WebAssembly would need from outside")
        if kind == TABLE:
            imports.byte()
        limits = imports.byte()
        for _ in range(1 + limits % 2):
            imports.number()


def _functions(linking: _Reader) -> dict[str, int]:
    """The functions of an object file by their names."""
    linking.number()  # the version
    symbols = _Reader(next(content for kind, content in linking.parts() if kind == SYMBOLS))
    found: dict[str, int] = {}
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
                found[name] = index
    return found


@dataclass(frozen=True)
class Machine:
    """A kind of machine, by LLVM's names of it, its processor and what that can do."""

    triple: str
    processor: str = ""
    features: str = ""

    def object_code(self, text: str) -> bytes:
        """The object file of an LLVM module, which says nothing of the machine."""
        return object_code(text, machine=self._target())

    def _target(self) -> Any:
        _initialize()
        try:
            known = binding.Target.from_triple(self.triple)
        except RuntimeError as error:
            raise CannotLowerError(f"code for {self.triple}: {error}") from error
        return known.create_target_machine(
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
    """The function that puts an order of n whole numbers of 32 bits in another, by a stream."""
    kinds = [INT.as_pointer(), INT32, INT32.as_pointer()]
    return define_once(module, "shuffle", kinds, _shuffle)


def _shuffle(b: ir.IRBuilder) -> None:
    """From the last number on, each is swapped with one up to it, itself included."""
    stream, n, order = b.function.args
    zeros = declared(b.module, "llvm.ctlz.i32", INT32, [INT32, ir.IntType(1)])
    with counted_loop(b, n, begin=ir.Constant(INT32, 1)) as done:
        last = b.sub(n, done)
        shift = b.call(zeros, [last, ir.Constant(ir.IntType(1), 1)])
        digits = b.lshr(ir.Constant(INT32, -1), shift)
        again, found = (b.function.append_basic_block(name) for name in ("again", "found"))
        b.branch(again)
        b.position_at_end(again)  # what is above it is drawn anew
        drawn = b.and_(b.call(_next(b.module), [stream]), digits)
        b.cbranch(b.icmp_unsigned(">", drawn, last), again, found)
        b.position_at_end(found)
        one, other = b.gep(order, [last]), b.gep(order, [drawn])
        number = b.load(one)
        b.store(b.load(other), one)
        b.store(number, other)


def _next(module: ir.Module) -> ir.Function:
    """The function that draws 32 bits: half a word, of which the other half is kept."""
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
AFTER_SUFFIX = "_after"  # at the end of the names of copies for who looks when epochs are over
PRIVATE = ("tables", "scratch", "scratch_int", "scratch_bool")  # of no use from outside


def webassembly(model: PortableModel) -> bytes:
    """The module of a net's prediction and, where the model has one, of its training."""
    programs = [exported_program(p) for p in (model.prediction, model.training) if p is not None]
    memory = memory_of(model, programs)
    text = text_for(programs, memory.addresses)
    code = cache.get_or_make(f"{identity()}\n{text}", lambda: WEBASSEMBLY.object_code(text))
    shown = {n: a for n, a in memory.addresses.items() if "." not in n and n not in PRIVATE}
    names = [p.name for p in programs] + ([SHUFFLE] if SHUFFLING in memory.addresses else [])
    return link(code, {n: _door_of(n) for n in names}, replace(memory, addresses=shown))


def exported_program(program: Program) -> Program:
    """The program with one learning rate for the epoch, and without what nobody looks at.

    A prediction goes on where numbers are not finite.
    """
    kept = without_stores(
        program.body, [p.name for p in program.parameters if p.name.endswith(AFTER_SUFFIX)]
    )
    body = _with_one_rate(kept if RATES in buffers_of(kept) else without_early_returns(kept))
    used = {*buffers_of(body), *PASSED}
    rated = [RATE if p.name == RATES else p for p in program.parameters]
    parameters = tuple(p for p in rated if p.name in used)
    return replace(program, parameters=parameters, body=body)


def _with_one_rate(body: Sequence[Statement]) -> Body:
    """The statements where the learning rate is given, not read for each step."""
    return [
        replace(statement, body=_with_one_rate(statement.body))
        if isinstance(statement, For)
        else statement
        for statement in body
        if not (isinstance(statement, Let) and statement.name == RATE.name)
    ]


def memory_of(model: PortableModel, programs: Sequence[Program]) -> Memory:
    """A place for each buffer that the caller does not hand over; tables have one a program.

    What LLVM itself needs lies below the first page's end.
    """
    tables = {f"{p.name}.tables": [np.ravel(t) for t in p.tables] for p in programs if p.tables}
    first: dict[str, Array] = {
        "parameters": model.parameters,
        "state": model.state,
        "streams": model.streams,
        SHUFFLING: model.shuffling,
        **{name: np.concatenate(parts, dtype=np.float64) for name, parts in tables.items()},
    }
    sizes: dict[str, int] = {}
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
    """The bytes of a number in a buffer."""
    if parameter.name in WORD_BUFFERS:
        return 8
    return {"float": dtype.itemsize, "double": 8, "int": 4, "bool": 1}[parameter.type]


class WebAssemblyWriter(PortableWriter):
    """Writes plain statements for a machine whose addresses have 32 bits."""

    size = INT32

    def hints(self) -> list[LoopHint]:
        """Short loops within others are unrolled; no vector is masked, as here perhaps."""
        loop = self.around[-1]
        rounds, outer = known(loop.stop), any(isinstance(part, For) for part in loop.body)
        if rounds is not None and rounds <= MOST_ROUNDS and not outer:
            return []
        return [mark for mark in super().hints() if mark is not MASKED_REMAINDER]


def text_for(programs: Sequence[Program], addresses: Mapping[str, int]) -> str:
    """The LLVM module of programs whose buffers lie at these addresses."""
    module = new_module("")
    for program in programs:
        _add_door(module, program, addresses)
    if SHUFFLING in addresses:
        kind = ir.FunctionType(VOID, [INT32, INT32.as_pointer()])
        door = ir.Function(module, kind, _door_of(SHUFFLE))
        b = ir.IRBuilder(door.append_basic_block())
        stream = ir.Constant(INT32, addresses[SHUFFLING]).inttoptr(INT.as_pointer())
        b.call(shuffle(module), [stream, *door.args])
        b.ret_void()
    return text_of(module)


def _add_door(module: ir.Module, program: Program, addresses: Mapping[str, int]) -> None:
    """Add a program, and a function for the caller, of what is handed over alone."""
    inside = WebAssemblyWriter(program, module).function
    kinds = {a.name: a.type for a in inside.args}
    names = [name for name in PASSED if name in kinds]
    kind = ir.FunctionType(INT32, [kinds[name] for name in names])
    door = ir.Function(module, kind, _door_of(program.name))
    b = ir.IRBuilder(door.append_basic_block())
    given: dict[str, ir.Value] = dict(zip(names, door.args, strict=True))
    for p in program.parameters:
        if p.name not in given:
            place = ir.Constant(INT32, addresses[_own_name(program, p)])
            given[p.name] = place.inttoptr(kinds[p.name])
    b.ret(b.call(inside, [given[p.name] for p in program.parameters]))


def _door_of(name: str) -> str:
    return f"{name}.door"
