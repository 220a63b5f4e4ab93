"""Time until something is there: the first report, and a whole process with its memory."""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES
from benchmarks.machine import cores_used_by_others
from benchmarks.part import Comparison, Part, Settings, markdown, significant
from benchmarks.workers import ROOT, environment

NETS = ("T", "S", "ten layers")
DIGITS = {
    "handgrad": ("digits_handgrad", "auto"),
    "handgrad compiled, cold": ("digits_handgrad", "compiled"),
    "handgrad compiled, warm": ("digits_handgrad", "compiled"),
    "scikit-learn": ("digits_scikit_learn",),
    "PyTorch": ("digits_pytorch",),
}
MEGABYTE = 1e6 if sys.platform == "darwin" else 1e3  # ru_maxrss counts bytes there, kB elsewhere
TEXT = """Fresh processes, in turn. Cold means that the folder for machine code is empty, warm that
it is the one the process before left. The first report is timed from the call of `hg.train`;
imports stand apart. A whole process loads digits, trains 64-100-10 for 20 epochs and prints the
accuracy, handgrad first with the engine that it chooses itself; its time is from start to end,
its memory the most that was resident."""


@dataclass
class Process:
    """The runs of one program, and the medians of what was seen of them."""

    what: str
    seen: dict[str, list[float]] = field(default_factory=dict)

    def add(self, found: dict[str, float]) -> None:
        for name, value in found.items():
            self.seen.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        return statistics.median(self.seen[name])


def run(program: str, *arguments: str, threads: int, cache: Path) -> tuple[str, dict[str, float]]:
    """What a program printed; its seconds from start to end, and the most megabytes it held."""
    variables = environment(threads) | {"HANDGRAD_CACHE": str(cache)}
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
        return output.read(), {"seconds": seconds, "megabytes": usage.ru_maxrss / MEGABYTE}


def measure(settings: Settings) -> Part:
    """Each program as often as there are turns, cold and warm one after the other."""
    turns = 1 if settings.quick else max(5, settings.turns - 2)
    firsts = {(net, state): Process(net) for net in NETS for state in ("cold", "warm")}
    wholes = {name: Process(name) for name in DIGITS if _installed(name)}
    others = []
    for _ in range(turns):
        others.append(cores_used_by_others() or 0.0)
        for net in NETS:
            with tempfile.TemporaryDirectory() as cache:
                for state in ("cold", "warm"):
                    arguments = ("first_report", net)
                    printed, _ = run(*arguments, threads=settings.threads, cache=Path(cache))
                    firsts[net, state].add(json.loads(printed))
        with tempfile.TemporaryDirectory() as cache:
            for name, whole in wholes.items():
                _, used = run(*DIGITS[name], threads=settings.threads, cache=Path(cache))
                whole.add(used)
    own = wholes["handgrad"].median("seconds")
    return Part(
        "Start",
        TEXT,
        f"{_first_table(firsts)}\n\n{_whole_table(wholes)}",
        [asdict(process) for process in (*firsts.values(), *wholes.values())],
        [
            Comparison("digits, whole process", name, whole.median("seconds") / own)
            for name, whole in wholes.items()
            if not name.startswith("handgrad")
        ],
        left_out={name: "not installed" for name in DIGITS if name not in wholes},
        others=others,
    )


def _installed(name: str) -> bool:
    return name != "PyTorch" or importlib.util.find_spec("torch") is not None


def _first_table(firsts: dict[tuple[str, str], Process]) -> str:
    rows: list[list[str]] = []
    for net in NETS:
        cold, warm = (firsts[net, state] for state in ("cold", "warm"))
        times = [cold.median("first report"), warm.median("first report"), warm.median("imports")]
        rows.append([str(CASES[net]), *(significant(t * 1e3) for t in times)])
    return markdown(["first report, ms", "cold", "warm", "imports"], rows)


def _whole_table(wholes: dict[str, Process]) -> str:
    rows: list[list[Any]] = [
        [name, significant(w.median("seconds")), significant(w.median("megabytes"))]
        for name, w in wholes.items()
    ]
    return markdown(["digits, 20 epochs", "s, whole process", "MB at most"], rows)
