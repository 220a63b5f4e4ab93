"""What training takes while the machine is busy, and what two trainings side by side take."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace

from benchmarks.cases import CASES
from benchmarks.part import Comparison, Limit, Part, Settings, cores, markdown, most, significant
from benchmarks.workers import Timing, Workers

OWN, OWN_ONE_THREAD, PYTORCH = "handgrad", "handgrad, 1 thread", "PyTorch, 2 threads"
BESIDE = ", beside a busy thread"
ONE, TWO = "fit of one net", "fit_many of two nets"
# A turn is long enough for the system to share the cores out many times.
TURN = 0.5
MOST_BESIDE_PROCESSES, MOST_SIDE_BY_SIDE = 2.2, 1.15
EPOCHS = {"T": 250, "S": 8}
# It ends by itself if who started it does not come to end it.
BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
TEXT = """First a training step as above, alone and beside a busy process for each core, where a
fair share of the cores is half of them. Then whole trainings, of about two seconds and with the
usual metric: of one net by `hg.fit`, and of two by `hg.fit_many` with two threads; alone, and
beside one more thread that runs Python without a pause, as a live plot might in the main thread.
Their machine code is kept from before. Where there are fewer cores than busy threads, the bound
allows for that share."""


def measure(settings: Settings) -> Part:
    """Steps beside busy processes; two nets at once."""
    names = ["M"] if settings.quick else ["M", "L"]
    with Workers([OWN, OWN_ONE_THREAD, PYTORCH], settings.held, settings.turns) as steps:
        pairs = [pair for name in names for pair in _steps(steps, name)]
    sizes = ["T"] if settings.quick else ["T", "S"]
    with Workers([ONE, TWO], settings.held, min(settings.turns, 5)) as fits:
        both = [
            _trainings(fits, size, beside, 0.5 if settings.quick else 2)
            for size in sizes
            for beside in (False, True)
        ]
    return Part(
        "On a busy machine",
        TEXT,
        f"{_steps_table(pairs)}\n\n{_trainings_table(both)}",
        [asdict(timing) for pair in (*pairs, *both) for timing in pair],
        _comparisons([busy for _, busy in pairs]),
        _limits_of_steps(pairs) + _limits_of_trainings(both),
        steps.left_out | fits.left_out,
    )


def _steps(workers: Workers, name: str) -> list[tuple[Timing, Timing]]:
    """The timings of a case alone and beside busy processes, a pair a peer."""
    peers = [OWN, OWN_ONE_THREAD, *([PYTORCH] if name == "M" else [])]
    tasks = [(peer, "training", name, ["SGD"]) for peer in peers]
    print(f"  {CASES[name]}", flush=True)
    alone = workers.measure_each(tasks, TURN)
    with busy_processes(os.cpu_count() or 1):
        busy = workers.measure_each(tasks, TURN)
    busy = [replace(timing, case=f"{name}, busy") for timing in busy]
    return list(zip(alone, busy, strict=True))


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """So many processes that never rest."""
    with ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-c", BUSY])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


def _steps_table(pairs: list[tuple[Timing, Timing]]) -> str:
    rows = []
    for alone, busy in pairs:
        case = CASES[alone.case]
        times = (alone.seconds / case.steps * 1e6, busy.seconds / case.steps * 1e6)
        peer = alone.peer.partition(",")[0]
        rows.append(
            [
                f"{case}, {peer}",
                str(alone.threads),
                *map(significant, times),
                significant(times[1] / times[0]),
                cores(most([alone.others, busy.others])),
            ]
        )
    head = ["SGD, µs a step", "threads", "alone", "busy", "times as long", "others, cores"]
    return markdown(head, rows)


def _trainings(workers: Workers, size: str, beside: bool, turn: float) -> tuple[Timing, Timing]:
    """An epoch of one net, and one of each of two."""
    epochs = EPOCHS[size]
    one, two = workers.measure("training", size, ["SGD", epochs, beside], turn)
    line = f"{CASES[size]}{BESIDE * beside}"
    return _of_an_epoch(one, line, epochs), _of_an_epoch(two, line, epochs)


def _of_an_epoch(timing: Timing, line: str, epochs: int) -> Timing:
    return replace(
        timing,
        case=line,
        seconds=timing.seconds / epochs,
        fastest=timing.fastest / epochs,
        slowest=timing.slowest / epochs,
    )


def _trainings_table(both: list[tuple[Timing, Timing]]) -> str:
    rows = [
        [
            one.case,
            significant(one.seconds * 1e6),
            significant(two.seconds * 1e6),
            significant(two.seconds / one.seconds),
            cores(most([one.others, two.others])),
        ]
        for one, two in both
    ]
    head = ["SGD, µs an epoch, 1 thread each", ONE, TWO, "times as long", "others, cores"]
    return markdown(head, rows)


def _comparisons(busy: list[Timing]) -> list[Comparison]:
    """PyTorch against handgrad, both with the busy processes beside them."""
    found = {timing.peer: timing for timing in busy if timing.case == "M, busy"}
    if PYTORCH not in found:
        return []
    peer, own = found[PYTORCH], found[OWN]
    _, _, net = str(CASES["M"]).partition(": ")
    what = f"M on a busy machine: {net}, SGD"
    others = most([peer.others, own.others])
    family = PYTORCH.partition(",")[0]
    return [Comparison(what, family, peer.seconds / own.seconds, others=others)]


def _limits_of_steps(pairs: list[tuple[Timing, Timing]]) -> list[Limit]:
    return [
        Limit(
            f"busy machine / alone, {CASES[alone.case]}",
            busy.seconds / alone.seconds,
            MOST_BESIDE_PROCESSES,
            "",
            at_least=False,
            others=most([alone.others, busy.others]),
        )
        for alone, busy in pairs
        if alone.peer == OWN
    ]


def _limits_of_trainings(both: list[tuple[Timing, Timing]]) -> list[Limit]:
    available = os.cpu_count() or 1
    return [
        Limit(
            f"two nets / one, {one.case}",
            two.seconds / one.seconds,
            MOST_SIDE_BY_SIDE * unavoidable(available, one.case.endswith(BESIDE)),
            "",
            at_least=False,
            others=most([one.others, two.others]),
        )
        for one, two in both
    ]


def unavoidable(available: int, beside: int) -> float:
    """How many times as long two nets must take as one, where `beside` more threads are busy."""
    return max(1, (2 + beside) / available) / max(1, (1 + beside) / available)
