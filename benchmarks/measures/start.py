"""Time until something is there: the first report, and a whole process with its memory."""

import importlib.util
import itertools
import json
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES
from benchmarks.held import Held
from benchmarks.machine import Others
from benchmarks.part import Comparison, Limit, Part, Settings, cores, markdown, most, significant
from benchmarks.processes import run

NETS = ("T", "S", "ten layers")
STATES = ("cold", "warm")
IMPORTS = ("handgrad", "all")
OWN_DIGITS = {"handgrad": "auto", "handgrad compiled": "compiled"}
PEERS_DIGITS = {"scikit-learn": "digits_scikit_learn", "PyTorch": "digits_pytorch"}
# In seconds: the net, whether machine code is kept from before, what was imported, what is timed.
MOST_SECONDS = {
    ("T", "cold", "handgrad", "first report"): 0.4,
    ("S", "cold", "handgrad", "first report"): 0.4,
    ("T", "cold", "all", "compile"): 0.2,
    ("S", "cold", "all", "compile"): 0.25,
    ("ten layers", "cold", "all", "compile"): 0.6,
    ("T", "warm", "handgrad", "compile"): 0.15,
    ("S", "warm", "handgrad", "compile"): 0.15,
    **{(net, "warm", "all", "compile"): 0.008 for net in NETS},
    **{(net, "warm", "all", "again"): 0.002 for net in NETS},
}
NAMES = {"again": "second training, to its first step"}
TEXT = """Fresh processes, in turn. Cold means that the folder for machine code is empty, warm that
it is the one the process before left. Compiling is the call of `hg.train`, which checks, records
and compiles; the first report is timed from the same moment. handgrad is imported before; the
compiled engine either by that call, or before it as well. The second training of the same process
has a new net of the same form; to its first step is to its first report, less what an epoch takes.
A whole process loads digits, trains 64-100-10 for 20 epochs and prints the accuracy, handgrad with
the engine that it chooses itself and with the compiled one; its time is from start to end, its
memory the most that was resident."""

First = tuple[str, str, str]


@dataclass
class Process:
    """The runs of one program, and the medians of what was seen of them."""

    what: str
    seen: dict[str, list[float]] = field(default_factory=dict)
    others: Others = field(default_factory=Others)

    def add(self, found: dict[str, float]) -> None:
        for name, value in found.items():
            self.seen.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        return statistics.median(self.seen[name])

    def timing(self) -> dict[str, Any]:
        return {"what": self.what, "seen": self.seen, "others": self.others.cores}


def measure(settings: Settings) -> Part:
    """Each program as often as there are turns, cold and warm one after the other."""
    turns = 1 if settings.quick else max(5, settings.turns - 2)
    firsts: dict[First, Process] = {}
    wholes: dict[str, Process] = {}
    for turn in range(turns):
        print(f"  turn {turn + 1} of {turns}", flush=True)
        _run_firsts(firsts, settings.held)
        _run_wholes(wholes, settings.held)
    return Part(
        "Start",
        TEXT,
        f"{_first_table(firsts)}\n\n{_whole_table(wholes)}",
        [process.timing() for process in (*firsts.values(), *wholes.values())],
        _comparisons(wholes),
        _limits(firsts),
        {name: "not installed" for name in PEERS_DIGITS if name not in wholes},
    )


def _run_firsts(firsts: dict[First, Process], held: Held) -> None:
    for net, imports in itertools.product(NETS, IMPORTS):
        with tempfile.TemporaryDirectory() as cache:
            for state in STATES:
                process = firsts.setdefault(
                    (net, state, imports), Process(f"{net}, {state}, {imports}")
                )
                with process.others.watched():
                    ran = run("first_report", net, imports, held=held, cache=Path(cache))
                process.add(json.loads(ran.printed))


def _run_wholes(wholes: dict[str, Process], held: Held) -> None:
    runs: list[tuple[str, str, list[str], tuple[str, ...]]] = [
        (name, "digits_handgrad", [engine], STATES) for name, engine in OWN_DIGITS.items()
    ]
    for name, program in PEERS_DIGITS.items():
        if name != "PyTorch" or importlib.util.find_spec("torch") is not None:
            runs.append((name, program, [], ("",)))
    for name, program, arguments, states in runs:
        with tempfile.TemporaryDirectory() as cache:
            for state in states:
                what = f"{name}, {state}" if state else name
                process = wholes.setdefault(what, Process(what))
                with process.others.watched():
                    ran = run(program, *arguments, held=held, cache=Path(cache))
                process.add({"seconds": ran.seconds, "megabytes": ran.megabytes})


def _comparisons(wholes: dict[str, Process]) -> list[Comparison]:
    """The peers against handgrad with the engine that it chooses itself."""
    found = []
    for state, name in itertools.product(STATES, PEERS_DIGITS):
        if name in wholes:
            peer, own = wholes[name], wholes[f"handgrad, {state}"]
            what = f"digits, whole process, {state}: 64-100-10 relu, SGD, 20 epochs"
            ratio = peer.median("seconds") / own.median("seconds")
            found.append(
                Comparison(what, name, ratio, 1, most([peer.others.cores, own.others.cores]))
            )
    return found


def _limits(firsts: dict[First, Process]) -> list[Limit]:
    found = []
    for (net, state, imports, timed), bound in MOST_SECONDS.items():
        process = firsts[net, state, imports]
        value, others = process.median(timed), process.others.cores
        before = ", all imported" if imports == "all" else ""
        what = f"{net}: {NAMES.get(timed, f'{timed}, {state}{before}')}"
        found.append(Limit(what, value, bound, "s", at_least=False, others=others))
    return found


def _first_table(firsts: dict[First, Process]) -> str:
    head, rows = ["ms"], [[str(CASES[net])] for net in NETS]
    columns = [("compile", "all"), ("compile", "handgrad"), ("first report", "handgrad")]
    for (timed, imports), state in itertools.product(columns, STATES):
        head.append(f"{timed}, {state}{', all imported' if imports == 'all' else ''}")
        for net, row in zip(NETS, rows, strict=True):
            row.append(significant(firsts[net, state, imports].median(timed) * 1e3))
    head += [NAMES["again"], "others, cores"]
    for net, row in zip(NETS, rows, strict=True):
        row.append(significant(firsts[net, "warm", "all"].median("again") * 1e3))
        processes = [process for (of, *_), process in firsts.items() if of == net]
        row.append(cores(most(process.others.cores for process in processes)))
    return markdown(head, rows)


def _whole_table(wholes: dict[str, Process]) -> str:
    rows = [
        [
            name,
            significant(w.median("seconds")),
            significant(w.median("megabytes")),
            cores(w.others.cores),
        ]
        for name, w in wholes.items()
    ]
    head = ["digits, 20 epochs", "s, whole process", "MB at most", "others, cores"]
    return markdown(head, rows)
