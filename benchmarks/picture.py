"""The ratios as bars: right of the line the peer takes longer than handgrad, left of it less."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.part import Comparison, significant

COLOURS = {
    "handgrad eager": "#9ecae1",
    "NumPy": "#6b6b6b",
    "scikit-learn": "#f89939",
    "PyTorch": "#d6442c",
    "torch.compile": "#8c2d5a",
    "JAX": "#6a51a3",
    "onnxruntime": "#2b8cbe",
}
TICKS = (0.01, 0.1, 1, 10, 100, 1000)
COLUMNS = 3


def draw(comparisons: Sequence[Comparison], file: Path) -> None:
    """The picture, as a file."""
    figure_of(comparisons).savefig(file, dpi=120)


def figure_of(comparisons: Sequence[Comparison]) -> Any:
    """A panel for each thing measured with two peers or more, a bar each, on one scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    peers = Counter(comparison.what for comparison in comparisons)
    panels = [what for what, count in peers.items() if count > 1]
    comparisons = [comparison for comparison in comparisons if comparison.what in panels]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    layout = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(4.2 * columns, 2.4 * rows + 0.6), layout=layout)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    ratios = [1.0, *(comparison.ratio for comparison in comparisons)]
    limits = (min(ratios) / 8, max(ratios) * 8)
    most = max(peers[panel] for panel in panels)
    for ax, panel in zip(axes, panels, strict=False):
        bars = sorted((c for c in comparisons if c.what == panel), key=lambda c: c.ratio)
        _bars(ax, bars)
        _title(ax, panel)
        ax.set_xlim(limits)
        ax.set_ylim(len(bars) - most - 0.6, len(bars) - 0.4)
        ax.set_xticks([tick for tick in TICKS if limits[0] < tick < limits[1]])
        ax.xaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    figure.supxlabel("time of the peer / time of handgrad (the line)", fontsize=11)
    return figure


def _title(ax: Any, panel: str) -> None:
    """What stands before the colon, and on a line of its own the rest."""
    name, _, rest = panel.partition(": ")
    ax.set_title(name, fontsize=10, loc="left", fontweight="bold", pad=18 if rest else 6)
    ax.annotate(
        rest,
        (0, 1),
        xytext=(0, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9,
        color="#404040",
    )


def _bars(ax: Any, bars: Sequence[Comparison]) -> None:
    """Bars from 1 to each ratio, the ratio written behind them."""
    ax.set_xscale("log")
    for place, bar in enumerate(bars):
        ax.barh(place, bar.ratio - 1, left=1, color=COLOURS.get(bar.peer, "#6b6b6b"), height=0.75)
        faster = bar.ratio < 1
        label, at = (
            f"{significant(bar.ratio, 2)}×",
            bar.ratio / 1.15 if faster else bar.ratio * 1.15,
        )
        ax.text(at, place, label, va="center", ha="right" if faster else "left", fontsize=9)
    ax.axvline(1, color="black", linewidth=1)
    ax.set_yticks(range(len(bars)), [bar.peer for bar in bars])
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=9)
    ax.tick_params(axis="y", length=0)
