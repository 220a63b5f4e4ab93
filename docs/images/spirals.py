"""Draws `spirals.gif`, the first picture of the README: `python -m docs.images.spirals`."""

from pathlib import Path

from matplotlib.animation import PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import handgrad as hg

EPOCHS = (1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 36, 42, 50, 60, 75, 100, 130, 170, 220, 300)
LAST = 6  # times that the last frame is shown


def main() -> None:
    """Train on two spirals; draw the boundary and the loss at chosen epochs."""
    x, y = hg.data.make_spirals(400, noise=0.05, rng=0)
    net = hg.Net(hg.Linear(2, 32, rng=0), hg.Tanh(), hg.Linear(32, 32, rng=1), hg.Tanh())
    net.add(hg.Linear(32, 2, rng=2)).add(hg.Softmax())
    loss, history = hg.CrossEntropyLoss(), hg.training.History()
    figure = Figure(figsize=(8, 3.6), dpi=90)
    FigureCanvasAgg(figure)
    writer = PillowWriter(fps=4)
    with writer.saving(figure, str(Path(__file__).with_suffix(".gif")), dpi=90):
        for report in hg.train(
            net, (x, y), loss=loss, optimizer=hg.SGD(0.1), epochs=EPOCHS[-1], batch_size=8, rng=0
        ):
            history.reports.append(report)
            if report.epoch not in EPOCHS:
                continue
            figure.clear()
            boundary, curve = figure.subplots(1, 2, width_ratios=(1.15, 1))
            figure.subplots_adjust(left=0.09, right=0.98, bottom=0.15, top=0.9, wspace=0.25)
            hg.plot_decision_boundary(net, x, y, ax=boundary)
            boundary.get_legend().remove()
            boundary.set_title(f"epoch {report.epoch}")
            hg.plot_training_progress(history, ax=curve)
            curve.set_xlim(1, EPOCHS[-1])
            curve.set_xticks(range(0, EPOCHS[-1] + 1, 100))
            curve.set_ylim(0, 0.8)
            for _ in range(LAST if report.epoch == EPOCHS[-1] else 1):
                writer.grab_frame()


if __name__ == "__main__":
    main()
