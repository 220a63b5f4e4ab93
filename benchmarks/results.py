"""Writes what was measured: the tables, the numbers, the picture."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.part import Comparison, Limit, Part, markdown, significant
from benchmarks.picture import draw

RESULTS = Path(__file__).parent / "results"
MOST_BUSY = 0.3


def write(parts: Sequence[Part], machine: dict[str, Any], folder: Path) -> None:
    """`results.md`, `results.json` and `results.png` in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = as_text(parts, machine)
    (folder / "results.md").write_text(text, encoding="utf-8")
    content = {"machine": machine, "parts": [asdict(part) for part in parts]}
    numbers = json.dumps(content, indent=1, ensure_ascii=False)
    (folder / "results.json").write_text(numbers + "\n", encoding="utf-8")
    comparisons = [comparison for part in parts for comparison in part.comparisons]
    if comparisons:
        draw(comparisons, folder / "results.png")


def as_text(parts: Sequence[Part], machine: dict[str, Any]) -> str:
    """All sections, in Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    before, after = machine["load"][0], machine["load after"][0]
    lines = [
        "# Side by side",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}. "
        f"Threads: {machine['threads']} where a peer's name states no other number. {versions}. "
        f"BLAS: {', '.join(machine['BLAS'])}. Load before {before}, after {after}.",
        "Each number is a median over turns of about a tenth of a second or one run, whichever "
        "is longer, the peers taking turns, each in a process of its own. float32.",
    ]
    for part in parts:
        lines += [f"## {part.title}", part.text, part.table]
        if part.others:
            lines.append(_busy(part.others))
        lines += [f"Left out: {what}: {why}." for what, why in part.left_out.items()]
    lines += ["## How many times as long", _ratios([c for part in parts for c in part.comparisons])]
    limits = [limit for part in parts for limit in part.limits]
    if limits:
        head = ["", "measured", "bound", "reached"]
        lines.append(markdown(head, [_limit(limit) for limit in limits]))
    return "\n\n".join(lines) + "\n"


def _ratios(comparisons: Sequence[Comparison]) -> str:
    """A peer's time over handgrad's; of PyTorch's numbers of threads, the faster one."""
    rows = [
        [
            c.what,
            c.peer,
            significant(c.ratio),
            "" if c.required is None else f"{c.required:g}",
            "" if c.required is None else _answer(c.reached),
        ]
        for c in comparisons
    ]
    return markdown(["", "peer", "time / handgrad's", "to reach", "reached"], rows)


def _busy(others: Sequence[float]) -> str:
    """Whether the numbers above it can be trusted: load slows some peers more than others."""
    most = max(others)
    said = f"Other programs kept {statistics.median(others):.1f} cores busy, at most {most:.1f}."
    return said if most < MOST_BUSY else f"**{said} Do not trust these ratios: measure again.**"


def _limit(limit: Limit) -> list[str]:
    bound = f"{'at least' if limit.at_least else 'at most'} {limit.bound:g} {limit.unit}".strip()
    return [limit.what, significant(limit.value), bound, _answer(limit.reached)]


def _answer(reached: bool) -> str:
    return "yes" if reached else "**no**"
