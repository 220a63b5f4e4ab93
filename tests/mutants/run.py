"""Breaks a copy of the source at one place, and sees whether the named test notices."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"

# Runs pytest on the copy alone: that it is the copy which gets imported is looked at in the very
# process that runs the test. The exit codes are none that Python gives by itself, and no more runs
# after the tests: broken machine code may have damaged the memory.
PASSED, FAILED, NOT_THE_COPY, NOT_RUN = 50, 51, 52, 53
LONGEST, LONGEST_TOGETHER = 60, 900  # seconds: broken loops may never end
CHILD = f"""
import os, sys
import handgrad, pytest
if not handgrad.__file__.startswith(sys.argv[1]):
    sys.exit({NOT_THE_COPY})
outcome = pytest.main(
    ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile", "unshrunk", *sys.argv[2:]]
)
sys.stdout.flush()
os._exit({{0: {PASSED}, 1: {FAILED}}}.get(outcome, {NOT_RUN}))
"""


@dataclass(frozen=True)
class Mutant:
    """One place to break: `old`, found once in `file`, becomes `new`; `test` must fail."""

    breaks: str
    file: str
    old: str
    new: str
    test: str


class OutOfDateError(Exception):
    """A mutant no longer fits the source or the tests."""


def broken(mutant: Mutant, source: Path) -> str:
    """The text of the mutant's file with its place broken."""
    path = source / "handgrad" / mutant.file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if (found := text.count(mutant.old)) != 1 or mutant.old == mutant.new:
        raise OutOfDateError(
            f"the mutant '{mutant.breaks}' is out of date: found {found} times in {mutant.file}, "
            f"not once:\n{mutant.old}"
        )
    return text.replace(mutant.old, mutant.new)


def refuse_outdated(mutants: list[Mutant], source: Path) -> None:
    """Name all mutants that do not fit the source, before the first is tried."""
    reasons = []
    for mutant in mutants:
        try:
            broken(mutant, source)
        except OutOfDateError as reason:
            reasons.append(str(reason))
    if reasons:
        raise OutOfDateError("\n\n".join(reasons))


def outcome(source: Path, tests: list[str], longest: int = LONGEST) -> tuple[int, str]:
    """Run the tests on the source in that folder: PASSED or FAILED, and what was printed."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(source),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HANDGRAD_CACHE": "off",  # machine code from before would hide what is broken
    }
    try:
        child = subprocess.run(
            [sys.executable, "-c", CHILD, str(source), *tests],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",  # broken code may print any bytes
            check=False,
            timeout=longest,
        )
    except subprocess.TimeoutExpired:
        return FAILED, f"no end within {longest} seconds"
    if child.returncode < 0:  # killed by a signal, as machine code that reads foreign memory is
        return FAILED, child.stdout
    if child.returncode not in (PASSED, FAILED):
        reason = "the copy was not imported" if child.returncode == NOT_THE_COPY else "no test ran"
        said = f"{child.stdout[-2000:]}{child.stderr[-2000:]}"
        raise OutOfDateError(f"{reason}: {', '.join(tests)}\n{said}")
    return child.returncode, child.stdout


def is_caught(mutant: Mutant, source: Path) -> bool:
    """Whether the mutant's test fails on a copy of the source that is broken there."""
    with TemporaryDirectory() as folder:
        copy = Path(folder).resolve() / "src"
        shutil.copytree(source, copy)
        path = copy / "handgrad" / mutant.file
        path.write_text(broken(mutant, source), encoding="utf-8")
        for stale in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            stale.unlink()
        return outcome(copy, [mutant.test])[0] == FAILED


def run(mutants: list[Mutant]) -> bool:
    """Try all mutants, two at a time, and print a line each; whether every one was caught."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        source = Path(folder).resolve() / "src"
        shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
        compiled = [sys.executable, "-m", "compileall", "-q", str(source)]
        subprocess.run(compiled, check=True)
        refuse_outdated(mutants, source)
        tests = list(dict.fromkeys(mutant.test for mutant in mutants))
        code, said = outcome(source, tests, LONGEST_TOGETHER)
        if code == FAILED:
            raise OutOfDateError(f"a test fails on the source as it is:\n{said[-3000:]}")
        print(f"on the source as it is, all {len(tests)} tests pass; now broken, place by place:")
        caught = []
        for mutant, found in zip(
            mutants, pool.map(lambda mutant: is_caught(mutant, source), mutants), strict=True
        ):
            caught.append(found)
            word = "caught  " if found else "SURVIVES"
            print(f"{word}  {mutant.file:<26}  {mutant.breaks:<50}  {mutant.test}", flush=True)
    print(f"{sum(caught)} of {len(caught)} mutants caught")
    return all(caught)
