"""The ways to run a training, and what each needs; the slow ones run the small trainings."""

import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec

from handgrad.textbook.errors import DataError, DivergenceError, HandgradError, ShapeError
from tests.bits import emulated
from tests.bits.everywhere import in_c, modules
from tests.bits.everywhere.machine_code import Found, Native, OnArm, Plain, fitted, trained
from tests.bits.everywhere.programs import TRAININGS
from tests.browser.browsers import chromium
from tests.processors import compile_for

ON_ARM = [*TRAININGS][20::75]
# How a training is run, and what it leaves, by the training's name.
Results = Mapping[str, Mapping[str, Found]]


def here(names: Sequence[str]) -> Results:
    return {"machine code": {name: trained(TRAININGS[name](), Native) for name in names}}


def plain_python(names: Sequence[str]) -> Results:
    small = [name for name in names if not name.startswith("net ")]
    return {"plain Python": {name: trained(TRAININGS[name](), Plain) for name in small}}


def by_fit(names: Sequence[str]) -> Results:
    """By `hg.fit`, but for rows that it refuses, not finite or too few, and what diverges.

    Of fewer rows than a batch has it makes a program for smaller batches: its losses may be rounded
    another way.
    """
    found = dict[str, Found]()
    for name in (name for name in names if ", one row," not in name):
        with suppress(DataError, ShapeError, DivergenceError):
            found[name] = fitted(TRAININGS[name]())
    return {"hg.fit": found}


def without_avx(names: Sequence[str]) -> Results:
    compile_for("x86-64")
    return {"machine code, SSE2 alone": here(names)["machine code"]}


def on_arm(names: Sequence[str]) -> Results:
    """A few: each call starts a program, and each is linked anew."""
    emulated.compile_for(emulated.SYSTEMS["ARM"])
    few = [name for name in names if name in ON_ARM]
    return {"machine code, ARM": {name: trained(TRAININGS[name](), OnArm) for name in few}}


def c(names: Sequence[str]) -> Results:
    return {"C": {name: in_c.trained(TRAININGS[name]()) for name in names}}


def node(names: Sequence[str]) -> Results:
    return _modules(names, "Node", modules.in_node)


def browser(names: Sequence[str]) -> Results:
    return _modules(names, "Chromium", modules.in_chromium)


def _modules(names: Sequence[str], where: str, run: modules.Run) -> Results:
    found = modules.trained([TRAININGS[name]() for name in names], run)
    kinds = ("JavaScript", "WebAssembly")
    return {
        f"{kind}, {where}": {name: pair[i] for name, pair in zip(names, found, strict=True)}
        for i, kind in enumerate(kinds)
    }


@dataclass(frozen=True)
class Way:
    """A function that runs trainings in a process of its own, and what is missing for it here."""

    run: Callable[[Sequence[str]], Results]
    lacking: Callable[[], Sequence[str]] = tuple


def absent(*tools: str) -> Callable[[], Sequence[str]]:
    return lambda: [tool for tool in tools if shutil.which(tool) is None]


def for_the_browser() -> Sequence[str]:
    try:
        chromium()
    except HandgradError:
        return ["chromium"]
    return [] if find_spec("playwright") else ["playwright"]


WAYS = {
    "plain Python": Way(plain_python),
    "fit": Way(by_fit),
    "SSE2": Way(without_avx),
    "ARM": Way(on_arm, emulated.SYSTEMS["ARM"].lacking),
    "C": Way(c, absent(in_c.COMPILER)),
    "Node": Way(node, absent("node")),
    "Chromium": Way(browser, for_the_browser),
}


def run(way: str, names: Sequence[str]) -> Results:
    """What trainings leave by a way, in a process that may compile for another processor then."""
    warnings.simplefilter("ignore")
    return WAYS[way].run(names) if way else here(names)
