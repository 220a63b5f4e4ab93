"""A step and an epoch of the playground's page, by each of the engines that train in it."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import Others
from benchmarks.part import Limit, Part, Settings, cores, markdown, significant
from benchmarks.processes import run

NETS = {
    "2-8-2": "8",
    "2-8-8-2": "8,8",
    "2-8-8-8-2": "8,8,8",
    "2-8×6-2": "8,8,8,8,8,8",
    "2-64-2": "64",
    "2-64-64-2": "64,64",
}
QUICK = ("2-8-8-2",)
ENGINES = ("recorded pages", "WebAssembly", "printed JavaScript")
STEPS = 40  # of an epoch
# Epochs a second, of recorded pages.
LEAST = {"2-8-8-2": 1000}
TEXT = """400 rows of two numbers in batches of 10, hidden layers of tanh, softmax, cross-entropy
and SGD in float32, in Node: the least time of an epoch, of many. Recorded pages are what a page
without Python trains with, WebAssembly is what takes over where a library is near, and printed
JavaScript is what is exported. All three come to the same bits. WebAssembly is with the copies of
rows and weights that each epoch makes, printed JavaScript with shuffling."""


@dataclass(frozen=True)
class Found:
    """The µs of an epoch by engine, and how busy other programs kept the machine meanwhile."""

    net: str
    seen: Mapping[str, float]
    others: float | None

    def timing(self) -> dict[str, Any]:
        return {"what": self.net, "seen": self.seen, "others": self.others}


def measure(settings: Settings) -> Part:
    """A process for each net."""
    found = []
    for net in QUICK if settings.quick else NETS:
        others = Others()
        with others.watched(), tempfile.TemporaryDirectory() as cache:
            ran = run("playground_steps", NETS[net], held=settings.held, cache=Path(cache))
        found.append(Found(net, json.loads(ran.printed), others.cores))
    return Part(
        "The playground's engines",
        TEXT,
        table(found),
        [one.timing() for one in found],
        limits=limits(found),
        left_out={
            engine: "there is no node here"
            for engine in ENGINES
            if not all(engine in one.seen for one in found)
        },
    )


def table(found: list[Found]) -> str:
    """µs a step and epochs a second of each net, an engine a column."""
    rows = [
        [
            one.net,
            *(_shown(one.seen.get(engine), lambda µs: µs / STEPS) for engine in ENGINES),
            *(_shown(one.seen.get(engine), lambda µs: 1e6 / µs) for engine in ENGINES),
            cores(one.others),
        ]
        for one in found
    ]
    head = ["", *(f"{e}, µs a step" for e in ENGINES), *(f"{e}, epochs/s" for e in ENGINES)]
    return markdown([*head, "others, cores"], rows)


def limits(found: list[Found]) -> list[Limit]:
    return [
        Limit(
            f"{one.net}: recorded pages train",
            1e6 / one.seen[ENGINES[0]],
            LEAST[one.net],
            "epochs/s",
            at_least=True,
            others=one.others,
        )
        for one in found
        if one.net in LEAST and ENGINES[0] in one.seen
    ]


def _shown(number: float | None, of: Callable[[float], float]) -> str:
    return "–" if number is None else significant(of(number))
