"""Runs the programs that are timed as whole processes."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.held import Held
from benchmarks.workers import ROOT

MEGABYTE = 1e6 if sys.platform == "darwin" else 1e3  # ru_maxrss counts bytes there, kB elsewhere


@dataclass(frozen=True)
class Ran:
    """What a program printed, its time from start to end, and the most memory it held."""

    printed: str
    seconds: float
    megabytes: float


def run(program: str, *arguments: str, held: Held, cache: Path | None = None) -> Ran:
    """One of `benchmarks.programs`; its machine code is kept in that folder, if one is given."""
    variables = held.environment() | ({} if cache is None else {"HANDGRAD_CACHE": str(cache)})
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.programs.{program}", *arguments],
            stdout=output,
            cwd=ROOT,
            env=variables,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{program} ended with {process.returncode}")
        output.seek(0)
        return Ran(output.read(), seconds, usage.ru_maxrss / MEGABYTE)
