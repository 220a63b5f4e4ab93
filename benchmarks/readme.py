"""The README's section on speed, made from the results: `python -m benchmarks.readme`."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES, OPTIMIZERS
from benchmarks.part import Comparison, Limit, compared, markdown, significant
from benchmarks.peers import HANDGRAD
from benchmarks.results import RESULTS
from benchmarks.workers import ROOT, Timing

README = ROOT / "README.md"
BEGIN = "<!-- written by `python -m benchmarks.readme` -->"
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


def write(readme: Path = README, results: Path = RESULTS / "results.json") -> None:
    """Put the section made from these results between the README's two marks."""
    content = json.loads(results.read_text(encoding="utf-8"))
    text = with_section(readme.read_text(encoding="utf-8"), section(content))
    readme.write_text(text, encoding="utf-8")


def with_section(text: str, new: str, begin: str = BEGIN) -> str:
    """The text with this section in place of the one between its marks."""
    before, _, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"there is no {begin} followed by {END}")
    return f"{before}{begin}\n\n{new}\n\n{END}{after}"


def section(results: dict[str, Any]) -> str:
    """Paragraphs of Markdown: the table, the machine, the picture, what is not ahead."""
    parts = results["parts"]
    of_training = next(part for part in parts if part["title"] == "Training")
    timings = [Timing(**timing) for timing in of_training["timings"]]
    comparisons = [Comparison(**c) for part in parts for c in part["comparisons"]]
    limits = [Limit(**limit) for part in parts for limit in part["limits"]]
    return "\n\n".join(
        [
            *(
                _table(timings, optimizer)
                for optimizer in OPTIMIZERS
                if any(timing.optimizer == optimizer for timing in timings)
            ),
            _filled(_machine(results["machine"])),
            "![How many times as long as handgrad each peer takes](benchmarks/results/results.png)",
            _filled(f"{_not_ahead(comparisons)} {_missed(comparisons, limits)}"),
        ]
    )


def _table(timings: Sequence[Timing], optimizer: str) -> str:
    rows = []
    for name in NETS:
        case = CASES[name]
        of_case = [t for t in timings if t.case == name and t.optimizer == optimizer]
        own = [t.seconds / case.steps for t in of_case if t.peer == HANDGRAD.name]
        ratios = {c.peer: f"{significant(c.ratio, 2)}×" for c in compared(of_case, "", name, {})}
        times = [significant(seconds * 1e6) for seconds in own] or ["–"]
        rows.append([str(case), *times, *(ratios.get(peer, "–") for peer in PEERS)])
    return markdown([f"a step of {optimizer}", "handgrad, µs", *PEERS], rows)


def _machine(machine: dict[str, Any]) -> str:
    versions = {LIBRARIES[name]: machine["versions"][name] for name in LIBRARIES}
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"The peers' columns say how many times as long a step takes them. {machine['processor']}, "
        f"{machine['cores']} cores, float32, {machine['threads']} threads (PyTorch: the better of "
        f"1 and 2), Python {machine['versions']['Python']}, {shown}."
    )


def _not_ahead(comparisons: Sequence[Comparison]) -> str:
    """Each thing that some peer does in less time, and those peers."""
    behind: dict[str, list[str]] = {}
    for c in comparisons:
        if c.ratio < 1:
            name, _, rest = c.what.partition(":")
            if (optimizer := rest.rpartition(", ")[2]) in OPTIMIZERS[1:]:
                name = f"{name} with {optimizer}"
            behind.setdefault(name, []).append(f"{c.peer} {significant(c.ratio, 2)}×")
    if not behind:
        return "handgrad is ahead in all that is compared."
    listed = "; ".join(f"{name} ({', '.join(peers)})" for name, peers in behind.items())
    return f"handgrad is not ahead in {listed}."


def _missed(comparisons: Sequence[Comparison], limits: Sequence[Limit]) -> str:
    reached = [c.reached for c in comparisons if c.required is not None]
    reached += [limit.reached for limit in limits]
    return (
        f"It keeps {reached.count(True)} of the {len(reached)} bounds that we set. "
        "[All numbers](benchmarks/results/results.md); `make bench` measures them anew."
    )


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    write()
