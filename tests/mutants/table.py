"""All mutants: those of the pages, and those of what runs, records and checks the pages."""

from tests.mutants.machinery import MACHINERY
from tests.mutants.textbook import TEXTBOOK

MUTANTS = [*TEXTBOOK, *MACHINERY]
