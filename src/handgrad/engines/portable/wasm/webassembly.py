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

from collections.abc import Mapping, Sequence
from dataclasses import replace

import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled import cache
from handgrad.engines.compiled.ir_helpers import INT, INT32, REST_UNDER_A_MASK, VOID, Mark
from handgrad.engines.compiled.loop_metadata import MOST_ROUNDS
from handgrad.engines.compiled.machine_code import identity
from handgrad.engines.compiled.statement_writer import OF_WORDS, new_module, text_of
from handgrad.engines.loops.ir import Body, For, Let, Statement, known
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.portable.machine_code import PortableWriter
from handgrad.engines.portable.model import PortableModel
from handgrad.engines.portable.printing.specialize import buffers_of, unchecked, without
from handgrad.engines.portable.wasm.linking import PAGE, Memory, linked
from handgrad.engines.portable.wasm.machines import WEBASSEMBLY
from handgrad.engines.portable.wasm.shuffling import shuffle
from handgrad.textbook.layers import Array

ALIGNMENT = 16  # bytes: those of a vector
HANDED = ("n_rows", "x", "y", "order", "learning_rate", "predictions")
RATES, RATE = "learning_rates", Parameter("learning_rate", "double", buffer=False)
SHUFFLE, SHUFFLING = "shuffle", "shuffling"  # the function, and the stream that it draws from
OF_LATER = "_after"  # at the end of the names of copies for who looks when epochs are over
OWN = ("tables", "scratch", "scratch_int", "scratch_bool")  # of no use from outside


def webassembly(model: PortableModel) -> bytes:
    """The module of a net's prediction and, where the model has one, of its training."""
    programs = [as_called(p) for p in (model.prediction, model.training) if p is not None]
    memory = memory_of(model, programs)
    text = text_for(programs, memory.addresses)
    code = cache.kept(f"{identity()}\n{text}", lambda: WEBASSEMBLY.object_code(text))
    shown = {n: a for n, a in memory.addresses.items() if "." not in n and n not in OWN}
    names = [p.name for p in programs] + ([SHUFFLE] if SHUFFLING in memory.addresses else [])
    return linked(code, {n: _door_of(n) for n in names}, replace(memory, addresses=shown))


def as_called(program: Program) -> Program:
    """The program with one learning rate for the epoch, and without what nobody looks at.

    A prediction goes on where numbers are not finite.
    """
    kept = without(program.body, [p.name for p in program.parameters if p.name.endswith(OF_LATER)])
    body = _with_one_rate(kept if RATES in buffers_of(kept) else unchecked(kept))
    used = {*buffers_of(body), *HANDED}
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
            if p.buffer and p.name not in HANDED:
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
    if parameter.name in OF_WORDS:
        return 8
    return {"float": dtype.itemsize, "double": 8, "int": 4, "bool": 1}[parameter.type]


class Writer(PortableWriter):
    """Writes plain statements for a machine whose addresses have 32 bits."""

    size = INT32

    def marks(self) -> list[Mark]:
        """Short loops within others are unrolled; no vector is masked, as here perhaps."""
        loop = self.around[-1]
        rounds, outer = known(loop.stop), any(isinstance(part, For) for part in loop.body)
        if rounds is not None and rounds <= MOST_ROUNDS and not outer:
            return []
        return [mark for mark in super().marks() if mark is not REST_UNDER_A_MASK]


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
    inside = Writer(program, module).function
    kinds = {a.name: a.type for a in inside.args}
    names = [name for name in HANDED if name in kinds]
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
