"""`python -m tests.mutants`: break the source, one place at a time; the tests must notice.

`--part 2/32` tries a share of the mutants; `--only textbook/layers/linear.py` those of some files.
"""

import argparse
import sys
import zlib
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import pytest

import handgrad
from tests.mutants.operators import Mutant, mutants_of
from tests.mutants.survivors import EXPLAINED
from tests.mutants.trials import Trials

ROOT = Path(handgrad.__file__).parent
# The textbook, the passes, the loops.
BROKEN = (
    "textbook/layers/*.py",
    "textbook/losses/*.py",
    "textbook/kinds/*.py",
    "textbook/optimizers/*.py",
    "textbook/penalties.py",
    "textbook/schedules.py",
    "textbook/special_functions.py",
    "graph/passes/*.py",
    "engines/compiled/*.py",
    "engines/loops/*.py",
    "engines/portable/functions.py",
    "engines/portable/scalar_*.py",
    "engines/portable/scalarize.py",
)
# The share that must be caught: raised as survivors are killed, or explained as harmless.
FLOOR = 0.75
KILLERS = [
    f"tests/{name}"
    for name in (
        "contracts",
        "worked_examples",
        "textbook",
        "graph",
        "engines",
        "bad_input",
        "oracle/test_stored.py",
    )
]


def mutants(patterns: tuple[str, ...] = BROKEN) -> list[Mutant]:
    """All mutants of the files of these names."""
    files = [path for path in sorted(ROOT.rglob("*.py")) if _named(path, patterns)]
    return [mutant for path in files for mutant in mutants_of(path, ROOT)]


def main() -> int:
    """Try the mutants that were asked for; list those that survive, of which few are allowed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--part", default="1/1", metavar="K/N", help="the K-th of N shares")
    parser.add_argument("--only", action="append", metavar="FILE", help="files, by pattern")
    arguments = parser.parse_args()
    part, _, parts = arguments.part.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        parser.error(f"--part {arguments.part}: two numbers such as 2/8 are expected")
    everything = mutants(tuple(arguments.only or BROKEN))
    share = [m for m in everything if zlib.crc32(str(m).encode()) % int(parts) == int(part) - 1]
    trials = Trials(share, ROOT)
    options = ["-qq", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile=unshrunk"]
    code = pytest.main([*options, *KILLERS], plugins=[trials])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return int(code)
    counted = Counter(trials.results.values())
    tried = len(share) - counted["not applied"]
    print(f"part {arguments.part}, {len(share)} of {len(everything)} mutants: {dict(counted)}")
    missed = [m for m, result in trials.results.items() if result in ("SURVIVES", "unreached")]
    explained = sum(str(mutant) in EXPLAINED for mutant in missed)
    caught = (tried - len(missed)) / max(tried - explained, 1)
    print(f"caught: {caught:.1%}; not caught: {len(missed)}, of which explained: {explained}")
    return 0 if caught >= FLOOR else 1


def _named(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path.relative_to(ROOT).as_posix(), pattern) for pattern in patterns)


if __name__ == "__main__":
    sys.exit(main())
