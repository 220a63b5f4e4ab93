"""Time until something is there: the first report, and a whole process with its memory."""

import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.machine import cores_used_by_others
from benchmarks.part import Comparison, Limit, Part, Settings, markdown, significant
from benchmarks.workers import ROOT, environment

NETS = ("T", "S", "ten layers")
STATES = ("cold", "warm")
IMPORTS = ("handgrad", "all")
OWN_DIGITS = {"handgrad": "auto", "handgrad compiled": "compiled"}
PEERS_DIGITS = {"scikit-learn": "digits_scikit_learn", "PyTorch": "digits_pytorch"}
# In seconds: the net, whether machine code is kept from before, what was imported, what is timed.
MOST_SECONDS = {
    ("T", "cold", "handgrad", "first report"): 0.4,
    ("S", "cold", "handgrad", "first report"): 0.4,
    ("T", "cold", "all", "compile"): 0.3,
    ("S", "cold", "all", "compile"): 0.3,
    ("ten layers", "cold", "all", "compile"): 1,
    ("T", "warm", "handgrad", "compile"): 0.15,
    ("S", "warm", "handgrad", "compile"): 0.15,
    ("T", "warm", "all", "compile"): 0.01,
    ("S", "warm", "all", "compile"): 0.01,
}
MEGABYTE = 1e6 if sys.platform == "darwin" else 1e3  # ru_maxrss counts bytes there, kB elsewhere
TEXT = """Fresh processes, in turn. Cold means that the folder for machine code is empty, warm that
it is the one the process before left. Compiling is the call of `hg.train`, which checks, records
and compiles; the first report is timed from the same moment. handgrad is imported before; the
compiled engine and SciPy's BLAS either by that call, or before it as well. A whole process loads
digits, trains 64-100-10 for 20 epochs and prints the accuracy, handgrad with the engine that it
chooses itself and with the compiled one; its time is from start to end, its memory the most that
was resident."""

First = tuple[str, str, str]


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
    firsts: dict[First, Process] = {}
    wholes: dict[str, Process] = {}
    others = []
    for _ in range(turns):
        others.append(cores_used_by_others() or 0.0)
        _run_firsts(firsts, settings.threads)
        _run_wholes(wholes, settings.threads)
    return Part(
        "Start",
        TEXT,
        f"{_first_table(firsts)}\n\n{_whole_table(wholes)}",
        [asdict(process) for process in (*firsts.values(), *wholes.values())],
        _comparisons(wholes),
        _limits(firsts),
        {name: "not installed" for name in PEERS_DIGITS if name not in wholes},
        others,
    )


def _run_firsts(firsts: dict[First, Process], threads: int) -> None:
    for net, imports in itertools.product(NETS, IMPORTS):
        with tempfile.TemporaryDirectory() as cache:
            for state in STATES:
                arguments = ("first_report", net, imports)
                printed, _ = run(*arguments, threads=threads, cache=Path(cache))
                process = firsts.setdefault(
                    (net, state, imports), Process(f"{net}, {state}, {imports}")
                )
                process.add(json.loads(printed))


def _run_wholes(wholes: dict[str, Process], threads: int) -> None:
    for name, engine in OWN_DIGITS.items():
        with tempfile.TemporaryDirectory() as cache:
            for state in STATES:
                _, used = run("digits_handgrad", engine, threads=threads, cache=Path(cache))
                what = f"{name}, {state}"
                wholes.setdefault(what, Process(what)).add(used)
    for name, program in PEERS_DIGITS.items():
        if name != "PyTorch" or importlib.util.find_spec("torch") is not None:
            with tempfile.TemporaryDirectory() as cache:
                _, used = run(program, threads=threads, cache=Path(cache))
            wholes.setdefault(name, Process(name)).add(used)


def _comparisons(wholes: dict[str, Process]) -> list[Comparison]:
    """The peers against handgrad with the engine that it chooses itself."""
    return [
        Comparison(
            f"digits, whole process, {state}: 64-100-10 relu, SGD, 20 epochs",
            name,
            wholes[name].median("seconds") / wholes[f"handgrad, {state}"].median("seconds"),
            required=1,
        )
        for state in STATES
        for name in PEERS_DIGITS
        if name in wholes
    ]


def _limits(firsts: dict[First, Process]) -> list[Limit]:
    found = []
    for (net, state, imports, timed), most in MOST_SECONDS.items():
        value = firsts[net, state, imports].median(timed)
        before = ", SciPy's BLAS imported" if imports == "all" else ""
        found.append(Limit(f"{net}: {timed}, {state}{before}", value, most, "s", at_least=False))
    return found


def _first_table(firsts: dict[First, Process]) -> str:
    head, rows = ["ms"], [[str(CASES[net])] for net in NETS]
    columns = [("compile", "all"), ("compile", "handgrad"), ("first report", "handgrad")]
    for (timed, imports), state in itertools.product(columns, STATES):
        head.append(f"{timed}, {state}{', all imported' if imports == 'all' else ''}")
        for net, row in zip(NETS, rows, strict=True):
            row.append(significant(firsts[net, state, imports].median(timed) * 1e3))
    return markdown(head, rows)


def _whole_table(wholes: dict[str, Process]) -> str:
    rows = [
        [name, significant(w.median("seconds")), significant(w.median("megabytes"))]
        for name, w in wholes.items()
    ]
    return markdown(["digits, 20 epochs", "s, whole process", "MB at most"], rows)
