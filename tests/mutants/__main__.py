"""`python -m tests.mutants`: the tests fail wherever the source is broken.

`--part 2/3` tries the second, the fifth, the eighth … alone; all are looked at whether they fit.
"""

import argparse
import sys

from tests.mutants.run import SOURCE, OutOfDateError, refuse_outdated, run
from tests.mutants.table import MUTANTS


def main() -> int:
    """Try the mutants that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every N-th, from the K-th on")
    first, _, step = parser.parse_args().part.partition("/")
    if not (first.isdecimal() and step.isdecimal() and 1 <= int(first) <= int(step)):
        parser.error(f"--part {first}/{step}: two numbers such as 2/3 are expected")
    refuse_outdated(MUTANTS, SOURCE)
    return 0 if run(MUTANTS[int(first) - 1 :: int(step)]) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OutOfDateError as error:
        sys.exit(str(error))
