"""Writes what docs/cluster.md says of speed, by `python -m benchmarks.cluster_plan`.

Two tables and two pictures of results/cluster.json: what two workers were measured to come to, and
a plan for 8 to 512 of them. The plan is a simulation: the sum's costs are those that were measured,
laid out along the ring by which xgboost's collective adds up, and how much steps differ from worker
to worker is assumed.
"""

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cluster import FILE
from benchmarks.part import markdown, significant
from benchmarks.speed_page import with_section
from benchmarks.workers import ROOT

PAGE = ROOT / "docs" / "cluster.md"
PICTURES = ROOT / "docs" / "images"
MARK = "<!-- {} written by `python -m benchmarks.cluster_plan` -->"
WORKERS = (8, 16, 32, 64, 128, 256, 512)
MEGABYTES, STEPS, SYNC_EVERY = (0.1, 1.0, 16.0), (0.001, 0.03, 0.3), (1, 16, 64)
# Assumed: the spread of steps, how often a worker pauses, and how long on average.
SPREAD, PAUSES, PAUSE = 0.05, 1e-3, 0.01
ROUNDS = 200
OF_BYTES = 1.25  # bytes that are sent for each of a float32 number's
COLOURS = {"S": "#6b6b6b", "M": "#d6442c", "M, large": "#f89939", "L": "#2b8cbe"}
OF_K = {1: "#d6442c", 16: "#f89939", 64: "#2b8cbe"}


def main() -> None:
    """Both pictures, and the tables in the page."""
    content = json.loads(FILE.read_text("utf-8"))
    plan = planned(costs(content["sums"]))
    save(figure_of_measured(content), PICTURES / "cluster.svg")
    save(figure_of_plan(plan), PICTURES / "cluster-plan.svg")
    text = PAGE.read_text("utf-8")
    for name, section in (("measured", measured(content)), ("plan", as_table(plan))):
        text = with_section(text, section, MARK.format(name))
    PAGE.write_text(text, "utf-8")


def measured(content: dict[str, Any]) -> str:
    """The efficiencies in a table, and the machine they were measured on."""
    rows = [
        [
            share["net"],
            significant(1e3 * share["seconds"]["alone"], 2),
            f"{share['gradient bytes'] / 1e6:.2g}",
            significant(1e3 * share["seconds"]["sum"], 2),
            k,
            f"{found['measured']:.2f}",
            f"{found['equation']:.2f}",
            f"{found['cut']:.2f}",
        ]
        for share in content["shares"]
        for k, found in share["efficiency"].items()
    ]
    apart = [f"{share['name']} {share['of two apart']:.2f}" for share in content["shares"]]
    machine, versions = content["machine"], content["machine"]["versions"]
    said = (
        f"{machine['processor']}, {machine['cores']} cores, Python {versions['Python']}, NumPy "
        f"{versions['numpy']}; load before {machine['load'][0]}, after {machine['load after'][0]}. "
        "Two processes that share nothing but the machine come to "
        f"{', '.join(apart)} of twice one: no sum can be better than that."
    )
    head = ["net", "t_step, ms", "MB", "t_sum, ms", "k", "measured", "equation", "cut"]
    return "\n\n".join([markdown(head, rows), textwrap.fill(said, 100)])


@dataclass(frozen=True)
class Cost:
    """Seconds of a sum over two workers: for each, and for each byte of numbers that they add up.

    Of these, `computed` are those a worker spends by itself, whatever the others are.
    """

    latency: float
    sent: float
    computed: float

    def ring(self, workers: int, n_bytes: float) -> float:
        """Seconds along a ring: 2 (W − 1) hops, each of 1/W of the numbers."""
        others = workers - 1
        sent = self.sent * 2 * others / workers
        return self.latency * others + (sent + self.computed) * n_bytes

    def tree(self, workers: int, n_bytes: float) -> float:
        """Seconds by pairs of pairs: a hop more whenever workers double, the numbers on all."""
        return self.latency * float(np.log2(workers)) + (self.sent + self.computed) * n_bytes


def costs(sums: list[dict[str, float]]) -> Cost:
    """Lines through what was measured.

    A sum to the bit sends the exponents, a byte a number, and then as much as an all-reduce does.
    """
    latency, per_byte = _line(sums, "seconds")
    sent = OF_BYTES * _line(sums, "all-reduce")[1]
    return Cost(latency, sent, max(0.0, per_byte - sent))


def _line(sums: list[dict[str, float]], name: str) -> tuple[float, float]:
    """Where it begins, and its slope; sizes count alike, by how far it is off in proportion."""
    n_bytes, seconds = (np.array([s[column] for s in sums]) for column in ("bytes", name))
    scaled = np.stack([1 / seconds, n_bytes / seconds], axis=1)
    begin, slope = np.linalg.lstsq(scaled, np.ones(len(sums)))[0]
    return max(0.0, float(begin)), max(0.0, float(slope))


Key = tuple[float, float, int]  # megabytes, seconds of a step, steps between sums


def planned(cost: Cost) -> dict[Key, dict[str, list[float]]]:
    """The efficiency of each number of workers, by a ring and by a tree."""
    found = {}
    for step in STEPS:
        for k in SYNC_EVERY:
            slowest = _slowest(step, k)
            for megabytes in MEGABYTES:
                found[megabytes, step, k] = {
                    name: [k * step / (slowest[w] + way(w, megabytes * 1e6)) for w in WORKERS]
                    for name, way in (("ring", cost.ring), ("tree", cost.tree))
                }
    return found


def _slowest(step: float, k: int) -> dict[int, float]:
    """The mean time of the slowest of so many workers, for k steps of each."""
    rng, most = np.random.default_rng(0), max(WORKERS)
    took = np.zeros((ROUNDS, most))
    for _ in range(k):
        pauses = rng.random(took.shape) < PAUSES
        took += step * rng.lognormal(-(SPREAD**2) / 2, SPREAD, took.shape)
        took += pauses * rng.exponential(PAUSE, took.shape)
    return {w: float(took[:, :w].max(axis=1).mean()) for w in WORKERS}


def as_table(plan: dict[Key, dict[str, list[float]]]) -> str:
    """The efficiencies along a ring."""
    head = ["MB", "t_step, ms", "k", *(f"{w}" for w in WORKERS)]
    rows = [
        [f"{mb:g}", f"{1e3 * step:g}", f"{k}", *(f"{e:.2f}" for e in plan[mb, step, k]["ring"])]
        for mb in MEGABYTES
        for step in STEPS
        for k in SYNC_EVERY
    ]
    return markdown(head, rows)


def figure_of_measured(content: dict[str, Any]) -> Any:
    """Efficiency against t_sum / (k t_step): the equation's line, and points that were measured."""
    figure, ((ax,),) = _figure(1, 1, (6.4, 4.2))
    x = np.logspace(-4, 3, 200)
    ax.plot(x, 1 / (1 + x), color="black", linewidth=1, label="1 / (1 + t_sum / (k t_step))")
    for share in content["shares"]:
        seconds = share["seconds"]
        places = {k: seconds["sum"] / (int(k) * seconds["alone"]) for k in share["efficiency"]}
        heights = [found["measured"] for found in share["efficiency"].values()]
        colour = COLOURS.get(share["name"], "#6b6b6b")
        ax.plot([*places.values()], heights, "o", color=colour, label=share["net"])
        for (k, place), height in zip(places.items(), heights, strict=True):
            ax.annotate(f"k = {k}", (place, height), (5, 4), textcoords="offset points", fontsize=8)
    ax.set_xscale("log")
    ax.set_xlim(1e-4, 5e2)
    ax.set_ylim(0, 1.15)
    ax.set_xlabel("t_sum / (k t_step)")
    ax.set_ylabel("efficiency of 2 workers")
    ax.legend(fontsize=8, frameon=False, loc="lower left")
    return figure


def figure_of_plan(plan: dict[Key, dict[str, list[float]]]) -> Any:
    """A panel for each size of gradients and time of a step: efficiency against workers."""
    figure, axes = _figure(len(MEGABYTES), len(STEPS), (9, 6.6))
    for row, megabytes in zip(axes, MEGABYTES, strict=True):
        for ax, step in zip(row, STEPS, strict=True):
            for k in SYNC_EVERY:
                for way, line in (("ring", "-"), ("tree", ":")):
                    heights = plan[megabytes, step, k][way]
                    label = f"k = {k}" if way == "ring" else None
                    ax.plot(WORKERS, heights, line, color=OF_K[k], label=label)
            ax.set_xscale("log", base=2)
            ax.set_xticks(WORKERS, [str(w) for w in WORKERS])
            ax.set_ylim(0, 1.02)
            ax.set_title(f"{megabytes:g} MB, steps of {1e3 * step:g} ms", fontsize=9)
    axes[0][-1].legend(fontsize=8, frameon=False, loc="lower left")
    figure.supxlabel("workers", fontsize=10)
    figure.supylabel("efficiency, simulated (dotted: were the sum a tree)", fontsize=10)
    return figure


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.1))
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for ax in axes.ravel():
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.25)
    return figure, axes


def save(figure: Any, path: Path) -> None:
    """The picture as SVG, the same text whenever it is drawn from the same numbers."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "handgrad", "svg.fonttype": "path"}):
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    text = path.read_text("utf-8")
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", "utf-8")


if __name__ == "__main__":
    main()
