"""A step of a training in each form of its loop program: machine code, WebAssembly, JavaScript."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import Others
from benchmarks.part import Limit, Part, Settings, cores, markdown, significant
from benchmarks.processes import run

NETS = {
    "2-8-2": "8",
    "2-8-8-8-2": "8,8,8",
    "2-8×6-2": "8,8,8,8,8,8",
    "2-64-2": "64",
    "2-64-64-2": "64,64",
    "2-256-256-2": "256,256",
}
QUICK = ("2-8-2", "2-8-8-8-2")
FORMS = ("compiled", "portable", "WebAssembly", "JavaScript")
# Seconds of the processor to make a module of WebAssembly.
MOST_SECONDS = {"2-8-2": 0.5, "2-8-8-8-2": 0.5, "2-8×6-2": 2.0}
TEXT = """250 rows of two numbers in batches of 10, hidden layers of tanh, softmax, cross-entropy
and SGD in float32. A step is the least time of an epoch, of many, over its 25 batches; compiled and
portable are machine code of this processor, the others run in Node. JavaScript shuffles, too. Both
WebAssembly and JavaScript predict and train, and have their weights inside. What it takes to make
them is the processor's time, without recording."""


@dataclass(frozen=True)
class Found:
    """What a process found of a net, and how busy other programs kept the machine meanwhile."""

    net: str
    seen: Mapping[str, Mapping[str, float]]
    others: float | None

    def timing(self) -> dict[str, Any]:
        return {"what": self.net, "seen": self.seen, "others": self.others}


def measure(settings: Settings) -> Part:
    """A process for each net."""
    found = []
    for net in QUICK if settings.quick else NETS:
        others = Others()
        with others.watched(), tempfile.TemporaryDirectory() as cache:
            ran = run("portable_steps", NETS[net], held=settings.held, cache=Path(cache))
        found.append(Found(net, json.loads(ran.printed), others.cores))
    return Part(
        "Portable programs",
        TEXT,
        f"{steps_table(found)}\n\n{making_table(found)}",
        [one.timing() for one in found],
        limits=limits(found),
        left_out={
            form: "there is no node here"
            for form in FORMS
            if not all(form in one.seen["µs"] for one in found)
        },
    )


def steps_table(found: list[Found]) -> str:
    rows = [
        [one.net, *(_shown(one.seen["µs"].get(form)) for form in FORMS), cores(one.others)]
        for one in found
    ]
    return markdown(["µs a step", *FORMS, "others, cores"], rows)


def making_table(found: list[Found]) -> str:
    """Seconds to make each form, and the bytes of a file."""
    rows = [
        [
            one.net,
            *(_shown(one.seen["seconds"][form], 2) for form in FORMS),
            *(significant(one.seen["bytes"][form]) for form in FORMS[2:]),
        ]
        for one in found
    ]
    head = ["made in s", *FORMS, *(f"{form}, bytes" for form in FORMS[2:])]
    return markdown(head, rows)


def limits(found: list[Found]) -> list[Limit]:
    return [
        Limit(
            f"{one.net}: WebAssembly is made",
            one.seen["seconds"]["WebAssembly"],
            MOST_SECONDS[one.net],
            "s",
            at_least=False,
            others=one.others,
        )
        for one in found
        if one.net in MOST_SECONDS
    ]


def _shown(number: float | None, digits: int = 3) -> str:
    return "–" if number is None else significant(number, digits)
