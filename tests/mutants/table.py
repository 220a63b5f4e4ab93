"""All mutants, from the pages down to the machine code."""

from tests.mutants import (
    checkpoints,
    doctor,
    draws,
    estimator_files,
    estimators,
    loops,
    losses,
    machine_code,
    optimizers,
    over_fitting,
    parts,
    passes,
    penalties,
    saving,
    storage,
    tabular,
    tiles,
    together,
    weights,
)
from tests.mutants.machinery import MACHINERY
from tests.mutants.textbook import TEXTBOOK

MUTANTS = [
    *TEXTBOOK,
    *losses.MUTANTS,
    *optimizers.MUTANTS,
    *penalties.MUTANTS,
    *MACHINERY,
    *passes.MUTANTS,
    *storage.MUTANTS,
    *loops.MUTANTS,
    *machine_code.MUTANTS,
    *tiles.MUTANTS,
    *parts.MUTANTS,
    *draws.MUTANTS,
    *checkpoints.MUTANTS,
    *estimator_files.MUTANTS,
    *together.MUTANTS,
    *saving.MUTANTS,
    *weights.MUTANTS,
    *tabular.MUTANTS,
    *estimators.MUTANTS,
    *doctor.MUTANTS,
    *over_fitting.MUTANTS,
]
