"""Portable programs for a Cortex-M4: how many bytes of code and memory they need, and what else."""

import struct
from typing import Any

import llvmlite.binding as binding

import handgrad as hg
from handgrad.engines.compiled.ir_helpers import NO_UNROLL, LoopHint
from handgrad.engines.compiled.statement_writer import new_module, text_of
from handgrad.engines.loops.program import Program
from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.engines.portable.webassembly import Machine, WebAssemblyWriter, exported_program

CORTEX_M4 = Machine("thumbv7em-none-eabihf", "cortex-m4")
HANDED = ("x", "y", "order", "parameters", "state", "tables")  # which lie elsewhere, or in flash
WIDTHS = {"float": 4, "double": 8, "int": 4, "bool": 1}
# What a compiler's own library has for float64 on a processor with float32 alone, and C's rint,
# which is exact.
RUNTIME = (
    *("__adddf3", "__subdf3", "__muldf3", "__divdf3", "__extendsfdf2", "__truncdfsf2"),
    *("__floatsidf", "__nedf2", "memset", "rintf"),
)


class Smallest(WebAssemblyWriter):
    """Writes no loop twice."""

    def hints(self) -> list[LoopHint]:
        return [NO_UNROLL]


def object_code(program: Program) -> bytes:
    """The program as a function for the linker of a board, its whole numbers of 32 bits."""
    module = new_module("")
    Smallest(program, module).function.linkage = "external"
    return CORTEX_M4.object_code(text_of(module))


def code_size(code: bytes) -> int:
    """The bytes that go to flash, as `size` counts them."""
    sections = binding.ObjectFileRef.from_data(code).sections()
    return sum(s.size() for s in sections if s.name() in (b".text", b".rodata", b".data"))


def needed(code: bytes) -> set[str]:
    """The names that an ELF object file of 32 bits leaves to the linker."""
    (begin,), (count,) = struct.unpack_from("<I", code, 32), struct.unpack_from("<H", code, 48)
    sections = [struct.unpack_from("<10I", code, begin + 40 * i) for i in range(count)]
    found = set()
    for _, kind, _, _, at, size, names, *_ in sections:
        if kind == 2:
            for place in range(at + 16, at + size, 16):
                name, _, _, _, section = struct.unpack_from("<IIIHH", code, place)
                start = sections[names][4] + name
                if section == 0:
                    found.add(code[start : code.index(b"\0", start)].decode())
    return found


def memory_size(model: PortableModel, program: Program) -> int:
    """The bytes of memory that a program works in, for one row."""
    sizes = model.sizes(program, 1)
    buffers = [p for p in program.parameters if p.buffer and p.name not in HANDED]
    return sum(sizes[p.name] * WIDTHS[p.type] for p in buffers)


def small(**training: Any) -> PortableModel:
    net = hg.Net(hg.Linear(4, 16, rng=0), hg.Tanh(), hg.Linear(16, 3, rng=1), hg.Softmax())
    return portable_model(net, copies=False, predicted_at_once=1, **training)


def test_a_prediction_needs_a_kilobyte_and_no_library() -> None:
    model = small()
    program = exported_program(model.prediction)
    code = object_code(program)
    assert code_size(code) < 1280
    assert needed(code) == {"rintf"}
    assert model.parameters.nbytes == 4 * (5 * 16 + 17 * 3)
    assert memory_size(model, program) < 160


def test_a_training_needs_three_kilobytes_and_one_of_memory() -> None:
    model = small(loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), batch_size=1)
    assert model.training is not None
    program = exported_program(model.training)
    code = object_code(program)
    assert code_size(code) < 2560
    assert needed(code) <= {*RUNTIME}
    assert memory_size(model, program) < 1100
