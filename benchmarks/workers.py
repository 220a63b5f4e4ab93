"""The peers' processes, seen from the side that asks: one runs at a time, in turn."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from benchmarks.held import CANNOT_BE_HELD, Held
from benchmarks.machine import Others
from benchmarks.peers import PEERS, Peer

ROOT = Path(__file__).parent.parent
# Threads of BLAS and OpenMP wait by spinning for a moment; the next peer must not share with them.
PAUSE = 0.1
TURN, MOST_RUNS = 0.1, 20_000
WALL, PROCESSOR = "seconds", "of the processor"  # the clocks that a worker looks at
TOLERANCE = 1e-3


class Disagreement(Exception):  # noqa: N818
    """Two peers that should compute the same do not: none of their times means anything."""


class Worker:
    """A peer's process."""

    def __init__(self, peer: Peer, held: Held) -> None:
        self.peer, self.threads = peer, peer.threads or held.cores
        self.noise = tempfile.TemporaryFile("w+")  # noqa: SIM115 — lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", peer.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.noise,
            text=True,
            cwd=ROOT,
            env=held.environment(self.threads),
        )
        self.commands: Any = self.process.stdin
        self.answers: Any = self.process.stdout

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command, wait for the answer."""
        print(json.dumps(command), file=self.commands, flush=True)
        line = self.answers.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process ended"}
        if "error" in answer:
            self.noise.seek(0)
            said = self.noise.read()[-2000:]
            raise RuntimeError(f"{self.peer.name} failed on {command}:\n{said}\n{answer['error']}")
        return answer

    def close(self) -> None:
        """End the process."""
        self.commands.close()
        self.process.wait(timeout=60)
        self.noise.close()


@dataclass
class Timing:
    """How long one run takes: the median of the turns, each a mean over `runs` runs.

    `others` are the cores that other programs kept busy during the turns, where that is known.
    """

    case: str
    peer: str
    threads: int
    seconds: float
    fastest: float
    slowest: float
    turns: int
    runs: int
    first: float
    optimizer: str = "SGD"
    others: float | None = None


@dataclass
class Workers:
    """The processes of some peers; `measure` has each do the same task, in turn.

    The clock is the wall's, or counts what each has of the processor, which fits one core alone.
    """

    peers: Sequence[str]
    held: Held
    turns: int
    clock: str = WALL
    left_out: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.stack = ExitStack()
        if self.held.avx2:
            self.left_out |= {n: why for n, why in CANNOT_BE_HELD.items() if n in self.peers}
        peers = [PEERS[name] for name in self.peers if name not in self.left_out]
        fitting = [peer for peer in peers if (peer.threads or 1) <= self.held.cores]
        started = [self._started(peer) for peer in fitting]
        self.workers = [worker for worker in started if worker.peer.name not in self.left_out]
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def _started(self, peer: Peer) -> Worker:
        worker = Worker(peer, self.held)
        self.stack.callback(worker.close)
        answer = worker.ask(do="load")
        if "left_out" in answer:
            self.left_out[peer.name] = answer["left_out"]
        return worker

    def measure(
        self, task: str, case: str, rest: Sequence[Any] = (), turn: float = TURN
    ) -> list[Timing]:
        """All peers at the same task; a turn is as many runs as fill `turn` seconds."""
        tasks = [(worker.peer.name, task, case, rest) for worker in self.workers]
        return self.measure_each(tasks, turn)

    def measure_each(
        self,
        tasks: Sequence[tuple[str, str, str, Sequence[Any]]],
        turn: float = TURN,
        alike: bool = True,
    ) -> list[Timing]:
        """Tasks of peers, each once at most: the name, the task, the case, and what else it takes.

        Those of peers that are not there are left out. If `alike`, all should compute the same.
        """
        by_name = {worker.peer.name: worker for worker in self.workers}
        ready = []
        for name, task, case, rest in tasks:
            if name not in by_name:
                continue
            prepared = self._prepared(by_name[name], task, case, rest)
            if prepared is not None:
                ready.append(prepared)
        if alike:
            _agree(ready)
        for one in ready:
            one.runs = _count(one.worker, turn)
        for _ in range(self.turns):
            for one in ready:
                time.sleep(PAUSE)
                warm = max(1, one.runs // 20) if one.runs > 1 else 0
                ask = partial(one.worker.ask, do="run", times=one.runs, warm=warm)
                answer = one.others.undisturbed(ask)
                one.seconds.append(answer[self.clock] / one.runs)
        return [one.timing() for one in ready]

    def _prepared(
        self, worker: Worker, task: str, case: str, rest: Sequence[Any]
    ) -> "_Prepared | None":
        """The task made and run, first once and then three times; None where it is not offered."""
        started = time.perf_counter()
        answer = worker.ask(do="make", task=task, case=case, rest=list(rest))
        if "left_out" not in answer:
            answer |= worker.ask(do="run", times=1, warm=0)
        if "left_out" in answer:
            self.left_out[f"{worker.peer.name}, {task} of {case}"] = answer["left_out"]
            return None
        first = time.perf_counter() - started
        results = [answer["result"], worker.ask(do="run", times=3, warm=0)["result"]]
        return _Prepared(worker, case, first, results)


@dataclass
class _Prepared:
    """A peer that is ready to be timed, and its times so far."""

    worker: Worker
    case: str
    first: float
    results: list[Any]
    runs: int = 1
    seconds: list[float] = field(default_factory=list)
    others: Others = field(default_factory=Others)

    def timing(self) -> Timing:
        return Timing(
            self.case,
            self.worker.peer.name,
            self.worker.threads,
            statistics.median(self.seconds),
            min(self.seconds),
            max(self.seconds),
            len(self.seconds),
            self.runs,
            self.first,
            others=self.others.cores,
        )


def _count(worker: Worker, turn: float) -> int:
    """How many runs fill that many seconds."""
    one: float = worker.ask(do="run", times=1, warm=0)["seconds"]
    few = max(1, min(100, int(0.1 * turn / one)))
    seconds: float = worker.ask(do="run", times=few, warm=0)["seconds"]
    return max(1, min(MOST_RUNS, round(turn * few / seconds)))


def _agree(prepared: Sequence[_Prepared]) -> None:
    """Refuse losses, or predictions, that differ by more than 1e-3 of the largest."""
    checked = [one for one in prepared if one.worker.peer.checked]
    for other in checked[1:]:
        for theirs, ours in zip(other.results, checked[0].results, strict=True):
            a, b = (v if isinstance(v, list) else [v] for v in (theirs, ours))
            scale = TOLERANCE * max(map(abs, b))
            if not all(abs(x - y) <= scale for x, y in zip(a, b, strict=True)):
                names = [one.worker.peer.name for one in (other, checked[0])]
                raise Disagreement(f"{other.case}: {names[0]} {theirs}, {names[1]} {ours}")
