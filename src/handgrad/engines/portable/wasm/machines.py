"""Machines other than this one, for which LLVM makes object files of the same text."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import llvmlite.binding as binding

from handgrad.engines.compiled.machine_code import object_code
from handgrad.textbook.errors import CannotLowerError


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
