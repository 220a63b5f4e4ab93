"""Machine code of portable programs for this processor, with alias analysis for LLVM.

Operations keep their order: LLVM may compute different numbers in vectors, but it never reorders a
sum, and rounds each product before it is added.

Most of what a program computes is in one buffer. The range of an index follows from the rounds of
the loops around it: accesses that cannot overlap get `noalias` scopes, so that LLVM keeps numbers
in registers and vectorizes without comparing addresses at run time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled.llvm import add_entry_point
from handgrad.engines.compiled.machine_code import ENTRY_POINT, MachineCode, load
from handgrad.engines.compiled.statement_writer import StatementWriter, new_module, text_of
from handgrad.engines.loops.build import START
from handgrad.engines.loops.ir import Expression, For, Load, Store, walk
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.value_ranges import Interval, ValueRanges, loads_of

Place = tuple[str, Expression]  # an access: a buffer and an index in it


@dataclass(frozen=True)
class AliasGroups:
    """Alias analysis of a nest: groups of overlapping stores, and the groups each access avoids."""

    group: Mapping[Place, int]
    noalias: Mapping[Place, Sequence[int]]


def alias_groups(nest: For, spans: ValueRanges) -> AliasGroups:
    """Group the stores of a nest by overlapping ranges of their indices."""
    stores = {(s.buffer, s.index): spans.of(s.index) for s in walk([nest]) if isinstance(s, Store)}
    group: dict[Place, int] = {}
    reach: list[tuple[str, Interval]] = []  # of each group
    for place, (low, high) in sorted(stores.items(), key=lambda item: (item[0][0], item[1])):
        if reach and reach[-1][0] == place[0] and low <= reach[-1][1][1]:
            begin, end = reach.pop()[1]
            low, high = begin, max(end, high)
        reach.append((place[0], (low, high)))
        group[place] = len(reach) - 1
    loads = {place: spans.of(place[1]) for place in _loads(nest)}
    noalias = {
        place: [
            i
            for i, (buffer, (first, last)) in enumerate(reach)
            if buffer == place[0] and (high < first or last < low)
        ]
        for place, (low, high) in {**loads, **stores}.items()
    }
    return AliasGroups(group, noalias)


def _loads(nest: For) -> Iterator[Place]:
    for statement in walk([nest]):
        for part in vars(statement).values():
            if isinstance(part, Expression):
                yield from loads_of(part)


class PortableWriter(StatementWriter):
    """Writes plain statements, with alias scopes in each nest of loops."""

    nest: AliasGroups | None = None  # of the current nest

    @cached_property
    def spans(self) -> ValueRanges:
        return ValueRanges(self.program.body)

    def loop(self, loop: For) -> None:
        """Write a loop; the outermost one within the loop over batches begins a nest."""
        if self.nest is not None or loop.counter == START.name:
            super().loop(loop)
            return
        self.nest = alias_groups(loop, self.spans)
        self.scopes = [self._scope() for _ in {*self.nest.group.values()}]
        super().loop(loop)
        self.nest = None

    def _scope(self) -> ir.MDValue:
        """A new alias scope, of a group of stores."""
        domain = self.module.add_metadata([self.function.name])
        return self.module.add_metadata([f"{len(self.module.metadata)}", domain])

    def store(self, store: Store) -> ir.Instruction:
        """Write a store, with the scope of its group."""
        instruction = super().store(store)
        if self.nest is not None:
            scope = self.scopes[self.nest.group[store.buffer, store.index]]
            instruction.set_metadata("alias.scope", self.module.add_metadata([scope]))
            self._set_noalias(instruction, self.nest.noalias[store.buffer, store.index])
        return instruction

    def load(self, load: Load) -> ir.Instruction:
        """Write a load, with the scopes that it does not read."""
        instruction = super().load(load)
        if self.nest is not None:
            groups = self.nest.noalias.get((load.buffer, load.index), ())
            self._set_noalias(instruction, groups)
        return instruction

    def _set_noalias(self, instruction: ir.Instruction, groups: Sequence[int]) -> None:
        if groups:
            others = self.module.add_metadata([self.scopes[i] for i in groups])
            instruction.set_metadata("noalias", others)


def portable_function(program: Program) -> MachineCode:
    """Compile a program of plain statements: a function of a block of arguments."""
    key = f"portable {program.dtype} {program.parameters} {program.body}"
    return load(key, lambda: portable_text(program), ENTRY_POINT)


def portable_text(program: Program) -> str:
    """The text of a program's LLVM module for this processor."""
    module = new_module(binding.get_process_triple())
    add_entry_point(module, PortableWriter(program, module).function)
    return text_of(module)
