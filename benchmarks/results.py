"""Writes what was measured: the tables, the numbers, the picture."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.held import Held
from benchmarks.machine import QUIET
from benchmarks.part import Comparison, Limit, Part, cores, markdown, significant
from benchmarks.picture import draw

RESULTS = Path(__file__).parent / "results"
NUMBERS, TABLES, PICTURE = "results.json", "results.md", "results.png"
READING = f"""Each number is a median over turns of about a tenth of a second or one run, whichever
is longer, the peers taking turns, each in a process of its own. float32 where nothing else is said.
With one core, each process is bound to it and has one thread; with more, a thread each where a
peer's name states no other number. Held to AVX2, nobody uses wider vectors; JAX has Eigen's
products there, since nothing holds YNNPACK's. The last column of a table says how many cores other
programs kept busy, at the most, while what stands in its row was measured. Where that was more than
{QUIET:g}, a bound is not decided. Bounds are set for full width."""
RATIOS = """A peer's time over handgrad's: of the medians, and the lowest and highest of two turns,
where turns were measured. Of PyTorch's numbers of threads, the faster one."""


def write(parts: Sequence[Part], machine: dict[str, Any], folder: Path) -> None:
    """`results.md`, `results.json` and `results.png` in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TABLES).write_text(as_text(parts, machine), encoding="utf-8")
    content = {"machine": machine, "parts": [asdict(part) for part in parts]}
    numbers = json.dumps(content, indent=1, ensure_ascii=False)
    (folder / NUMBERS).write_text(numbers + "\n", encoding="utf-8")
    comparisons = [c for part in parts if part.held == shown(parts) for c in part.comparisons]
    if comparisons:
        draw(comparisons, folder / PICTURE)


def read(folder: Path) -> tuple[list[Part], dict[str, Any]]:
    """The parts and the machine, as they were written there; none where nothing was."""
    file = folder / NUMBERS
    if not file.exists():
        return [], {}
    content = json.loads(file.read_text(encoding="utf-8"))
    return parts_of(content), content["machine"]


def parts_of(content: dict[str, Any]) -> list[Part]:
    """The parts as they were before they became JSON."""
    return [
        Part(
            **part
            | {
                "held": Held(**part["held"]),
                "comparisons": [Comparison(**c) for c in part["comparisons"]],
                "limits": [Limit(**limit) for limit in part["limits"]],
            }
        )
        for part in content["parts"]
    ]


def shown(parts: Iterable[Part]) -> Held:
    """What picture and README show: full width, with the most cores there are."""
    return max((part.held for part in parts), key=lambda held: (not held.avx2, held.cores))


def as_text(parts: Sequence[Part], machine: dict[str, Any]) -> str:
    """All sections, in Markdown."""
    lines = ["# Side by side", _machine(machine), READING]
    for title in dict.fromkeys(part.title for part in parts):
        of_title = [part for part in parts if part.title == title]
        lines += [f"## {title}", of_title[0].text]
        for part in of_title:
            lines += [f"### {_heading(part)}", part.table, *_left_out(part.left_out)]
    lines += ["## How many times as long", RATIOS]
    for held in dict.fromkeys(part.held for part in parts):
        of_it = [part for part in parts if part.held == held]
        lines += [f"### {_capital(str(held))}", *_bounds(of_it, held)]
    return "\n\n".join(lines) + "\n"


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}. {versions}. "
        f"BLAS: {', '.join(machine['BLAS'])}. Load before {machine['load'][0]}, "
        f"after {machine['load after'][0]}."
    )


def _heading(part: Part) -> str:
    return f"{_capital(str(part.held))}{f' ({part.measured})' if part.measured else ''}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _left_out(left_out: dict[str, str]) -> list[str]:
    """A sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for what, why in left_out.items():
        reasons.setdefault(why, []).append(what)
    return [f"Left out, {why}: {'; '.join(what)}." for why, what in reasons.items()]


def _bounds(parts: Sequence[Part], held: Held) -> list[str]:
    comparisons = [c for part in parts for c in part.comparisons]
    limits = [limit for part in parts for limit in part.limits]
    found = []
    if comparisons:
        measured = ["", "peer", "time / handgrad's", "of two turns"]
        head = [*measured, "to reach", "reached", "others, cores"]
        found.append(markdown(head, [_ratio(c, held) for c in comparisons]))
    if limits:
        head = ["", "measured", "bound", "reached", "others, cores"]
        found.append(markdown(head, [_limit(limit, held) for limit in limits]))
    return found


def _ratio(c: Comparison, held: Held) -> list[str]:
    required = "" if c.required is None or held.avx2 else f"{c.required:g}"
    return [c.what, c.peer, significant(c.ratio), c.spread, *_said(required, c, held)]


def _limit(limit: Limit, held: Held) -> list[str]:
    bound = f"{'at least' if limit.at_least else 'at most'} {limit.bound:g} {limit.unit}".strip()
    value = f"{significant(limit.value)} {limit.unit}".strip()
    return [limit.what, value, *_said("" if held.avx2 else bound, limit, held)]


def _said(bound: str, of: Comparison | Limit, held: Held) -> list[str]:
    return [bound, "" if held.avx2 else of.verdict, cores(of.others)]
