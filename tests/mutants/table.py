"""All mutants, from the pages down to the machine code."""

from tests.mutants import (
    checkpoints,
    draws,
    loops,
    machine_code,
    optimizers,
    over_fitting,
    parts,
    passes,
    saving,
    storage,
    tiles,
    together,
)
from tests.mutants.machinery import MACHINERY
from tests.mutants.textbook import TEXTBOOK

MUTANTS = [
    *TEXTBOOK,
    *optimizers.MUTANTS,
    *MACHINERY,
    *passes.MUTANTS,
    *storage.MUTANTS,
    *loops.MUTANTS,
    *machine_code.MUTANTS,
    *tiles.MUTANTS,
    *parts.MUTANTS,
    *draws.MUTANTS,
    *checkpoints.MUTANTS,
    *together.MUTANTS,
    *saving.MUTANTS,
    *over_fitting.MUTANTS,
]
