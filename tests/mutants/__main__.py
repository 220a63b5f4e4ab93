"""`python -m tests.mutants`: the tests fail wherever the source is broken."""

import sys

from tests.mutants.run import OutOfDateError, run
from tests.mutants.table import MUTANTS

if __name__ == "__main__":
    try:
        sys.exit(0 if run(MUTANTS) else 1)
    except OutOfDateError as error:
        sys.exit(str(error))
