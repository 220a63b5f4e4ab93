"""All mutants, from the pages down to the machine code."""

from tests.mutants import (
    loops,
    losses,
    machine_code,
    parts,
    passes,
    storage,
    tiles,
    together,
    weights,
)
from tests.mutants.machinery import MACHINERY
from tests.mutants.textbook import TEXTBOOK

MUTANTS = [
    *TEXTBOOK,
    *losses.MUTANTS,
    *MACHINERY,
    *passes.MUTANTS,
    *storage.MUTANTS,
    *loops.MUTANTS,
    *machine_code.MUTANTS,
    *tiles.MUTANTS,
    *parts.MUTANTS,
    *together.MUTANTS,
    *weights.MUTANTS,
]
