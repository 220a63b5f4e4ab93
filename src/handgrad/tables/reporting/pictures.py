"""Pictures in reports: examples, misclassified pictures, importance by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes

from handgrad.plots import plot_feature_maps
from handgrad.plots.style import SIGNED, as_written, shortened
from handgrad.tables.language import REPORT
from handgrad.tables.reporting.scores import ScoredRows
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.convolution import Convolution
from handgrad.textbook.layers.pooling import Pooling
from handgrad.textbook.net import Net
from handgrad.training.results import HasNet

# Patches along the longer side, and pictures predicted for all patches together.
SQUARES, PREDICTED, MOST_SHUFFLED = 8, 10_000, 400
MOST_WRONG, WRONG_ACROSS, MOST_OF_A_CLASS, MOST_CLASSES, MOST_AVERAGED = 12, 6, 8, 10, 400
LEAST = 0.001  # nats: smaller increases of the loss do not count
GAP = 0.08  # between pictures, of a picture's width


@dataclass(frozen=True)
class PictureRows:
    """Rows as pictures of a `shape` (channels, height, width), with 1 or 3 channels."""

    estimator: HasNet
    held: ScoredRows
    learned: ScoredRows
    shape: tuple[int, int, int]

    @property
    def net(self) -> Net:
        """The net of the estimator."""
        return self.estimator.net_

    @property
    def in_words(self) -> str:
        """Description of a picture in words."""
        channels, height, width = self.shape
        return f"pictures of {height} by {width} pixels, {'grey' if channels == 1 else 'in colour'}"

    @property
    def side(self) -> int:
        """Side of the patches whose pixels are shuffled together."""
        return -(-max(self.shape[1:]) // SQUARES)

    @cached_property
    def importance(self) -> Array:
        """Increase of the loss when a patch is replaced by that of another picture, (down, across).

        The patches at one position are shuffled among a sample of the held-out pictures, all
        channels together.
        """
        _, height, width = self.shape
        down, across = -(-height // self.side), -(-width // self.side)
        n = min(len(self.held), MOST_SHUFFLED, PREDICTED // (down * across))
        rng = np.random.default_rng(0)
        rows = rng.permutation(len(self.held))[:n]
        inputs = self.estimator.net_rows(self.held.table.take(rows), self.held.y[rows])
        x = np.asarray(inputs.x, self.net.dtype)
        pictures = x.reshape(n, *self.shape)
        usual, worse = inputs.loss.forward(self.net.predict(x), inputs.y), np.empty((down, across))
        for i, j in np.ndindex(down, across):
            lines, columns = (slice(k * self.side, (k + 1) * self.side) for k in (i, j))
            others = pictures[rng.permutation(n)]
            changed = pictures.copy()
            changed[:, :, lines, columns] = others[:, :, lines, columns]
            loss = inputs.loss.forward(self.net.predict(changed.reshape(x.shape)), inputs.y)
            worse[i, j] = loss - usual
        return worse

    @property
    def n_shuffled(self) -> int:
        """Number of pictures the importances are computed from."""
        return min(len(self.held), MOST_SHUFFLED, PREDICTED // self.importance.size)

    @property
    def most_important(self) -> tuple[str, float] | None:
        """Position of the most important patch, in words, and its importance; None if too small."""
        if self.importance.max() < LEAST:
            return None
        i, j = np.unravel_index(int(self.importance.argmax()), self.importance.shape)
        top, left = int(i) * self.side, int(j) * self.side
        bottom, right = (
            min(at + self.side, most) - 1
            for at, most in zip((top, left), self.shape[1:], strict=True)
        )
        return f"rows {top} to {bottom}, columns {left} to {right}", float(self.importance.max())

    @cached_property
    def wrong(self) -> Array:
        """Misclassified held-out pictures, the most confident first."""
        rows = np.flatnonzero(self.held.predicted != self.held.y)
        if self.held.p is not None:
            rows = rows[np.argsort(-self.held.p[rows].max(axis=1), kind="stable")]
        return rows[:MOST_WRONG]

    @property
    def wrong_names(self) -> list[str]:
        """Number, true and predicted class of each misclassified picture."""
        names = [shortened(name, 12) for name in self.held.class_names]
        y, predicted = self.held.y[self.wrong], self.held.predicted[self.wrong]
        both = enumerate(zip(y, predicted, strict=True), 1)
        return [f"{i}: {names[a]} → {names[b]}" for i, (a, b) in both]

    @cached_property
    def of_classes(self) -> dict[str, Array]:
        """Example rows of each class, from the training rows, by class name."""
        each = {name: np.flatnonzero(self.learned.y == k) for k, name in enumerate(self.names)}
        return {name: rows[:MOST_OF_A_CLASS] for name, rows in each.items() if len(rows)}

    @property
    def names(self) -> tuple[str, ...]:
        """Classes with example pictures."""
        return self.learned.class_names[:MOST_CLASSES]

    def pixels(self, side: ScoredRows, rows: Array) -> Array:
        """Pixels of pictures, (n, height, width, channels), from 0 to 1."""
        x = np.asarray(self.estimator.net_rows(side.table.take(rows), side.y[rows]).x, float)
        pixels = np.moveaxis(x.reshape(len(rows), *self.shape), 1, 3)
        return np.asarray((pixels / max(1.0, pixels.max(initial=0.0))).clip(0, 1))

    def draw_wrong(self, ax: Axes) -> None:
        """Plot the misclassified pictures with their true and predicted classes."""
        pixels = self.pixels(self.held, self.wrong)
        lines = [pixels[i : i + WRONG_ACROSS] for i in range(0, len(pixels), WRONG_ACROSS)]
        tall, room = self._draw_lines(ax, lines, WRONG_ACROSS, 0.24)
        names = self.wrong_names
        for k, name in enumerate(names):
            i, j = divmod(k, WRONG_ACROSS)
            ax.text(j + 0.5, i * (tall + room) + tall + 0.03, name, ha="center", va="top")
        as_written(ax.texts)

    def draw_classes(self, ax: Axes) -> None:
        """Plot example pictures, one row for each class."""
        lines = [self.pixels(self.learned, rows) for rows in self.of_classes.values()]
        tall, room = self._draw_lines(ax, lines, MOST_OF_A_CLASS, GAP)
        names = [shortened(name, 16) for name in self.of_classes]
        ax.set_yticks(np.arange(len(lines)) * (tall + room) + tall / 2, names)
        as_written(ax.get_yticklabels())

    def _draw_lines(
        self, ax: Axes, lines: Sequence[Array], across: int, room: float
    ) -> tuple[float, float]:
        """Plot rows of pictures of width 1; return their height and the room below."""
        tall = (1 - GAP) * self.shape[1] / self.shape[2]
        for i, line in enumerate(lines):
            for j, pixels in enumerate(line):
                top = i * (tall + room)
                place = (j + GAP / 2, j + 1 - GAP / 2, top + tall, top)
                _draw_pixels(ax, pixels, place)
        ax.set(xlim=(0, across), ylim=(len(lines) * (tall + room), -GAP / 2), aspect="equal")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        return tall, room

    def draw_mean(self, ax: Axes) -> None:
        """Plot the mean of the held-out pictures, for orientation."""
        _, height, width = self.shape
        mean = self.pixels(self.held, np.arange(min(len(self.held), MOST_AVERAGED))).mean(axis=0)
        _draw_pixels(ax, mean, (0, width, height, 0))
        ax.set(**pixel_axes())

    def draw_importance(self, ax: Axes) -> None:
        """Plot the importance of each patch at its position."""
        (_, height, width), most = self.shape, float(np.abs(self.importance).max()) or 1.0
        down, across = self.importance.shape
        place = (0, across * self.side, down * self.side, 0)
        image = ax.imshow(
            self.importance, cmap=SIGNED, vmin=-most, vmax=most, extent=place, interpolation="none"
        )
        ax.set(xlim=(0, width), ylim=(height, 0), **pixel_axes())
        ax.figure.colorbar(
            image, ax=ax, label=REPORT.translated("increase of the loss"), shrink=0.85
        )

    @property
    def first_layers(self) -> Net | None:
        """The net up to its first pooling or convolution layer; None if it has neither."""
        for kind in (Pooling, Convolution):
            for i, layer in enumerate(self.net.layers):
                if isinstance(layer, kind):
                    return self.net[: i + 1]
        return None

    def draw_maps(self, ax: Axes) -> None:
        """Plot the feature maps of the first layers for the first held-out picture."""
        net, place = self.first_layers, ax.get_subplotspec()
        if net is None or place is None:
            return
        row = self.estimator.net_rows(self.held.table.take(np.arange(1)), self.held.y[:1]).x
        ax.set_axis_off()
        heights = [0.3, *[1.0] * len(net.layers)]
        panels = place.subgridspec(len(heights), 1, height_ratios=heights).subplots(squeeze=False)
        plot_feature_maps(net, row, axes=panels[:, 0])


def _draw_pixels(ax: Axes, pixels: Array, place: tuple[float, float, float, float]) -> None:
    shown = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    ax.imshow(shown, cmap="gray", vmin=0, vmax=1, extent=place, interpolation="none")


def pixel_axes() -> dict[str, str]:
    """Labels of axes in pixels."""
    return {
        "xlabel": REPORT.translated("column of pixels"),
        "ylabel": REPORT.translated("row of pixels"),
    }
