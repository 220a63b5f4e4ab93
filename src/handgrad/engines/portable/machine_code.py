"""Portable programs as machine code of this processor: each operation as it stands, in its order.

LLVM may compute what is in different numbers side by side, in vectors; it never adds in another
order, and rounds each product before it is added.
"""

import llvmlite.binding as binding

from handgrad.engines.compiled.llvm import DOOR, add_door
from handgrad.engines.compiled.machine_code import MachineCode, loaded
from handgrad.engines.compiled.statement_writer import StatementWriter, new_module, text_of
from handgrad.engines.loops.program import Program


def portable_function(program: Program) -> MachineCode:
    """A program of plain statements as machine code: a function of a block of arguments."""
    key = f"portable {program.dtype} {program.parameters} {program.body}"
    return loaded(key, lambda: portable_text(program), DOOR)


def portable_text(program: Program) -> str:
    """The program as the text of an LLVM module for this processor."""
    module = new_module(binding.get_process_triple())
    add_door(module, StatementWriter(program, module).function)
    return text_of(module)
