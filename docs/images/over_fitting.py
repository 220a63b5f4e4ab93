"""Runs `docs/over-fitting.md`, which saves its pictures, and draws the README's from its curves."""

from docs.images.document import run_document
from matplotlib.figure import Figure

import handgrad as hg


def main() -> None:
    """Everything is written beside this file."""
    page = run_document("over-fitting.md")
    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    curves = {"Almost straight borders": page["width"], "A ring around a ring": page["circles"]}
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (title, curve) in zip(panels, curves.items(), strict=True):
        hg.plots.plot_capacity_curve(curve, ax=axes).set(xlabel="hidden units", title=title)
        axes.legend(loc="upper left", framealpha=0.85, edgecolor="none")
    panels[0].set_ylim(0, 1.8)
    panels[1].set_ylabel("")
    figure.savefig("capacity.png", dpi=90)


if __name__ == "__main__":
    main()
