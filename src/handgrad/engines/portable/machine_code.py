"""Portable programs as machine code of this processor: each operation as it stands, in its order.

LLVM may compute what is in different numbers side by side, in vectors; it never adds in another
order, and rounds each product before it is added.
"""

from collections.abc import Sequence
from functools import cached_property

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled.llvm import DOOR, add_door
from handgrad.engines.compiled.machine_code import MachineCode, loaded
from handgrad.engines.compiled.statement_writer import StatementWriter, new_module, text_of
from handgrad.engines.loops.build import START
from handgrad.engines.loops.ir import For, Load, Store
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.value_ranges import ValueRanges
from handgrad.engines.portable.alias_analysis import Apart, apart


class PortableWriter(StatementWriter):
    """Writes plain statements, and of each nest of loops what in it lies apart."""

    nest: Apart | None = None  # the one that is being written

    @cached_property
    def spans(self) -> ValueRanges:
        return ValueRanges(self.program.body)

    def loop(self, loop: For) -> None:
        """A loop; one within that over the batches, at most, begins a nest."""
        if self.nest is not None or loop.counter == START.name:
            super().loop(loop)
            return
        self.nest = apart(loop, self.spans)
        self.scopes = [self._scope() for _ in {*self.nest.group.values()}]
        super().loop(loop)
        self.nest = None

    def _scope(self) -> ir.MDValue:
        """What stands for a group of places, by a name that no other has."""
        domain = self.module.add_metadata([self.function.name])
        return self.module.add_metadata([f"{len(self.module.metadata)}", domain])

    def store(self, store: Store) -> ir.Instruction:
        """A store, which says what it writes to."""
        stored = super().store(store)
        if self.nest is not None:
            own = self.scopes[self.nest.group[store.buffer, store.index]]
            stored.set_metadata("alias.scope", self.module.add_metadata([own]))
            self._tell(stored, self.nest.never_meets[store.buffer, store.index])
        return stored

    def load(self, load: Load) -> ir.Instruction:
        """A load, which says what it does not read."""
        loaded = super().load(load)
        if self.nest is not None:
            self._tell(loaded, self.nest.never_meets.get((load.buffer, load.index), ()))
        return loaded

    def _tell(self, instruction: ir.Instruction, groups: Sequence[int]) -> None:
        if groups:
            others = self.module.add_metadata([self.scopes[i] for i in groups])
            instruction.set_metadata("noalias", others)


def portable_function(program: Program) -> MachineCode:
    """A program of plain statements as machine code: a function of a block of arguments."""
    key = f"portable {program.dtype} {program.parameters} {program.body}"
    return loaded(key, lambda: portable_text(program), DOOR)


def portable_text(program: Program) -> str:
    """The program as the text of an LLVM module for this processor."""
    module = new_module(binding.get_process_triple())
    add_door(module, PortableWriter(program, module).function)
    return text_of(module)
