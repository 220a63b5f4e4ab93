"""All mutants: those of the pages, of what runs, records and checks them, and of the compiler."""

from tests.mutants.compiler import COMPILER
from tests.mutants.machinery import MACHINERY
from tests.mutants.textbook import TEXTBOOK

MUTANTS = [*TEXTBOOK, *MACHINERY, *COMPILER]
