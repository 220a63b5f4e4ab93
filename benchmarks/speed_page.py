"""The document on speed, and the README's sentence: `python -m benchmarks.speed_page`."""

import itertools
import json
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES, OPTIMIZERS, Training
from benchmarks.deep_cases import DEEP_CASES
from benchmarks.held import Held
from benchmarks.measures import depth
from benchmarks.part import KEPT, NOT_DECIDED, Part, compared, markdown, significant
from benchmarks.peers import HANDGRAD
from benchmarks.results import NUMBERS, RESULTS, parts_of, shown
from benchmarks.workers import ROOT, Timing

PAGE = ROOT / "docs" / "speed.md"
BEGIN = "<!-- written by `python -m benchmarks.speed_page` -->"
END = "<!-- until here -->"
NETS = ("T", "S", "M", "L")
PEERS = ("scikit-learn", "PyTorch", "torch.compile", "JAX")
LIBRARIES = {
    "numpy": "NumPy",
    "scikit-learn": "scikit-learn",
    "torch": "PyTorch",
    "jax": "JAX",
}
WIDTH = 100


SENTENCES = {
    ROOT / "README.md": (
        "Measured on {processor}, with {cores} cores: a training step of four perceptrons, from "
        "2-10-2 to 784-1024-1024-10, takes {peers} times as long; of LeNet-5, a GRU and a "
        "transformer, on one core, {deep} times as long."
    ),
    ROOT / "README.zh-CN.md": (
        "在 {processor}（{cores} 个核）上，四个感知机（从 2-10-2 到 784-1024-1024-10）的一个训练"
        "步，其他库用时的倍数：{peers}；LeNet-5、GRU 和 Transformer 在一个核上：{deep}。"
    ),
}


def write(results: Path = RESULTS / NUMBERS) -> None:
    """Put what these results say between the two marks of each document."""
    for page, text in texts(json.loads(results.read_text(encoding="utf-8"))).items():
        page.write_text(with_section(page.read_text(encoding="utf-8"), text), encoding="utf-8")


def texts(results: dict[str, Any]) -> dict[Path, str]:
    """Of each document what is made from the results."""
    return {PAGE: section(results)} | {page: sentence(results, page) for page in SENTENCES}


def sentence(results: dict[str, Any], page: Path) -> str:
    """The lowest and the highest ratio of each peer, in the README's language."""
    parts = parts_of(results)

    def said(title: str, held: Held, optimizer: str, cases: Sequence[str]) -> str:
        found = [Timing(**t) for t in _timings(parts, title, held) if t["optimizer"] == optimizer]
        ratios: dict[str, list[float]] = {}
        for case in cases:
            for c in compared([t for t in found if t.case == case], "", case, {}):
                ratios.setdefault(c.peer, []).append(c.ratio)
        return ", ".join(
            f"{peer} {significant(min(ratios[peer]), 2)}–{significant(max(ratios[peer]), 2)}"
            for peer in PEERS
            if peer in ratios and peer != "torch.compile"
        )

    here = shown(parts)
    return SENTENCES[page].format(
        processor=results["machine"]["processor"],
        cores=here.cores,
        peers=said("Training", here, OPTIMIZERS[0], NETS),
        deep=said(depth.TITLE, Held(1), depth.OPTIMIZER, [*DEEP_CASES]),
    )


def _timings(parts: Sequence[Part], title: str, held: Held) -> list[dict[str, Any]]:
    """The timings of nets in the parts with this title and these cores."""
    found = [p.timings for p in parts if p.title == title and p.held == held]
    return [timing for timing in itertools.chain(*found) if "peer" in timing]


def with_section(text: str, new: str, begin: str = BEGIN) -> str:
    """The text with this section in place of the one between its marks."""
    before, _, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"there is no {begin} followed by {END}")
    return f"{before}{begin}\n\n{new}\n\n{END}{after}"


def section(results: dict[str, Any]) -> str:
    """Paragraphs of Markdown: the machine, the tables, the picture, what is not ahead."""
    parts = parts_of(results)
    here = shown(parts)
    return "\n\n".join(
        [
            _filled(_machine(results["machine"], here)),
            *_tables(parts, here, OPTIMIZERS),
            *_deep_tables(parts),
            *_tables(parts, replace(here, avx2=True), OPTIMIZERS[:1]),
            "![Time of each peer divided by that of handgrad](../benchmarks/results/results.png)",
            _filled(f"{_not_ahead(parts, here)} {_bounds(parts)}"),
        ]
    )


def _tables(parts: Sequence[Part], held: Held, optimizers: Sequence[str]) -> list[str]:
    """A table an optimizer, of what was measured while all were held so."""
    timings = [Timing(**timing) for timing in _timings(parts, "Training", held)]
    return [
        _table([timing for timing in timings if timing.optimizer == optimizer], optimizer, held)
        for optimizer in optimizers
        if any(timing.optimizer == optimizer for timing in timings)
    ]


def _table(timings: Sequence[Timing], optimizer: str, held: Held) -> str:
    rows = [_row(timings, name, CASES[name], PEERS) for name in NETS]
    what = f"a step of {optimizer}{', held to AVX2' if held.avx2 else ''}"
    return markdown([what, "handgrad, µs", *PEERS], rows)


def _deep_tables(parts: Sequence[Part]) -> list[str]:
    """A table of the deeper nets, with one core; of what was measured."""
    timings = [Timing(**t) for t in _timings(parts, depth.TITLE, Held(1))]
    rows = [_row(timings, name, case, PEERS[1:]) for name, case in DEEP_CASES.items()]
    what = f"a step of {depth.OPTIMIZER}, one core"
    return [markdown([what, "handgrad, µs", *PEERS[1:]], rows)] if timings else []


def _row(timings: Sequence[Timing], name: str, case: Training, peers: Sequence[str]) -> list[str]:
    """handgrad's time of a step, and how many times as long the peers take."""
    of_case = [t for t in timings if t.case == name]
    own = [t.seconds / case.steps for t in of_case if t.peer == HANDGRAD.name]
    ratios = {c.peer: f"{significant(c.ratio, 2)}×" for c in compared(of_case, "", name, {})}
    times = [significant(seconds * 1e6) for seconds in own] or ["–"]
    return [str(case), *times, *(ratios.get(peer, "–") for peer in peers)]


def _machine(machine: dict[str, Any], held: Held) -> str:
    versions = {LIBRARIES[name]: machine["versions"][name] for name in LIBRARIES}
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Measured on {machine['processor']}, {held.cores} of its {machine['cores']} cores, with "
        f"Python {machine['versions']['Python']}, {libraries}; float32. The peers' columns say how "
        "many times as long a step takes them (PyTorch: with 1 or 2 threads, the better)."
    )


def _not_ahead(parts: Sequence[Part], here: Held) -> str:
    """Each thing that some peer does in less time, and those peers."""
    behind: dict[str, list[str]] = {}
    for part in parts:
        for c in () if part.held.avx2 else part.comparisons:
            if c.ratio < 1:
                name, _, rest = c.what.partition(":")
                if (optimizer := rest.rpartition(", ")[2]) in OPTIMIZERS[1:]:
                    name = f"{name} with {optimizer}"
                if part.held != here:
                    name = f"{name} on {part.held.cores} core{'s' * (part.held.cores > 1)}"
                behind.setdefault(name, []).append(f"{c.peer} {significant(c.ratio, 2)}×")
    if not behind:
        return "handgrad is ahead in all that is compared."
    listed = "; ".join(f"{name} ({', '.join(peers)})" for name, peers in behind.items())
    return f"handgrad is not ahead in {listed}."


def _bounds(parts: Sequence[Part]) -> str:
    """How many of the bounds are kept."""
    said = [verdict for part in parts for verdict in part.verdicts]
    undecided = said.count(NOT_DECIDED)
    open_ones = f" ({undecided} not decided: the machine was busy)" if undecided else ""
    return (
        f"It keeps {said.count(KEPT)} of the {len(said)} bounds that we set{open_ones}. "
        "[All numbers](../benchmarks/results/results.md); `make bench` measures them anew."
    )


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    write()
