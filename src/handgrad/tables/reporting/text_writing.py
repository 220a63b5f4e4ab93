"""`write_text_report`: a language model, and a text it has not seen, to a page one can send."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import count, groupby, pairwise
from pathlib import Path
from typing import Protocol

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from handgrad import plots
from handgrad.check.doctor import Finding
from handgrad.files.html import page
from handgrad.files.paths import write_whole
from handgrad.plots.svg import inline
from handgrad.tables.reporting import sections
from handgrad.tables.reporting.epochs import still_learning
from handgrad.tables.reporting.scores import number
from handgrad.tables.reporting.writing import COLOURS, SETTINGS, checked_path, picture
from handgrad.textbook.layers import Array, MultiheadAttention
from handgrad.textbook.net import Net
from handgrad.textbook.version import __version__
from handgrad.training import History

TEMPERATURES, WRITTEN, START = (0.3, 0.8, 1.2), 400, 24
SHOWN, LOOKED_AT = 1200, 16  # letters of the piece that is coloured, and of that for the heads
# Bits of surprise at which the next colour begins, and its last.
BITS = (1, 2, 3, 4, 6, 8)
LONGEST_WORD = 10
WORD = re.compile(r"\w+")


class Writer(Protocol):
    """A fitted language model."""

    net_: Net
    best_epoch_: int

    def encode(self, text: str) -> Array:
        """The letters of a text as the net takes them, (t,)."""

    def judge(self, text: str) -> tuple[Array, Array]:
        """The surprise at each letter but the first, and whether it was expected, (t − 1,)."""

    def unknown(self, text: str) -> str:
        """The letters of a text that it does not know."""

    def write(self, start: str = ..., *, length: int, temperature: float, rng: int) -> str:
        """What it makes of a beginning."""


@dataclass(frozen=True)
class TextEvidence:
    """A language model on a text held out: what the page says of it.

    `scores` has those of the text "held_out", of the "training" and of "guessing", by name, and
    those of the "n_gram", with its n, where they were found.
    """

    model: Writer
    text: str
    scores: Mapping[str, Mapping[str, float]]
    history: History
    about: Mapping[str, object]

    @property
    def estimator(self) -> Writer:
        """The model: what is said of how to repeat it asks for it so."""
        return self.model

    @cached_property
    def bits(self) -> Array:
        """The surprise at each letter but the first, in bits, (t − 1,)."""
        return self.model.judge(self.text)[0] / np.log(2)

    @cached_property
    def place(self) -> int:
        """Where a line begins, whose piece is as surprising as the whole, nearly enough."""
        last = max(len(self.text) - SHOWN, 0)
        starts = [found.end() for found in re.finditer("\n", self.text[:last])][:2000] or [0]
        sums = np.concatenate([[0], np.cumsum(self.bits)])
        ends = np.minimum(np.array(starts) + SHOWN, len(self.bits))
        means = (sums[ends] - sums[starts]) / np.maximum(ends - starts, 1)
        return starts[int(np.abs(means - self.bits.mean()).argmin())]

    @property
    def coloured(self) -> list[tuple[int, str]]:
        """A piece of the text in stretches of one colour: 0 for the least surprise."""
        stop = min(self.place + SHOWN, len(self.text))
        bits = np.concatenate([[0.0], self.bits])[self.place : stop]  # nothing is before the first
        levels = np.searchsorted(BITS, bits, side="right").tolist()
        pairs = zip(levels, self.text[self.place : stop], strict=True)
        return [
            (level, "".join(letter for _, letter in group))
            for level, group in groupby(pairs, key=lambda pair: pair[0])
        ]

    @cached_property
    def in_words(self) -> list[tuple[str, float, int]]:
        """Places within words, the mean surprise there in bits, and how many letters are there."""
        places = np.zeros(len(self.text), int)
        for word in WORD.finditer(self.text):
            places[word.start() : word.end()] = np.arange(1, len(word[0]) + 1)
        places = np.minimum(places, LONGEST_WORD)[1:]
        found = []
        for place in np.unique(places).tolist():
            own = self.bits[places == place]
            more = "+" * (place == LONGEST_WORD)
            found.append((f"{place}{more}" if place else "none", float(own.mean()), len(own)))
        return found

    @cached_property
    def start(self) -> str:
        """The beginning of the coloured piece that the model knows all letters of."""
        piece = self.text[self.place : self.place + START]
        known = [*(self.model.encode(piece) > 0), False]
        return piece[: known.index(False)]

    @property
    def samples(self) -> Iterator[tuple[float, str]]:
        """What it goes on with after `start`, by temperature."""
        for temperature in TEMPERATURES:
            text = self.model.write(self.start, length=WRITTEN, temperature=temperature, rng=0)
            yield temperature, text[len(self.start) :]

    @property
    def findings(self) -> list[Finding]:
        """That the training ended while it was still getting better, if it did."""
        return [*still_learning(self.history, [self.model.best_epoch_])]

    @property
    def validation_in_words(self) -> str:
        """How the validation loss of the epoch kept lies to that of the text held out."""
        kept = next((r for r in self.history if r.epoch == self.model.best_epoch_), None)
        if kept is None or kept.validation_loss is None:
            return ""
        own, held = kept.validation_loss, float(self.scores["held_out"]["loss"])
        where = "above" if own > held else "below" if own < held else "at"
        return f": at the epoch kept it is {number(own)}, {where} the {number(held)} of the scores"

    @property
    def heads(self) -> int:
        """How many heads of attention there are."""
        layers = [part for _, part in self.model.net_.walk()]
        return sum(part.n_heads for part in layers if isinstance(part, MultiheadAttention))


def write_text_report(
    model: Writer,
    text: str,
    *,
    scores: Mapping[str, Mapping[str, float]],
    history: History,
    about: Mapping[str, object],
    to: str | Path,
) -> Path:
    """Write what there is to know of a language model as one HTML file, and return its path.

    `text` is one that it has not learned from; `scores` are those of "held_out", of "training" and
    of "guessing", by name, and of the "n_gram" where they are known; `history` is its training, and
    `about` says what was run.
    """
    path, numbers = checked_path(to), count(1)
    evidence = TextEvidence(model, text, scores, history, about)
    html = page(
        "tables/reporting/text_report.html",
        evidence=evidence,
        version=__version__,
        day=datetime.date.today().isoformat(),
        picture=partial(picture, numbers),
        draw_words=draw_words,
        look=partial(look, numbers, evidence),
        levels=levels(),
        plots=plots,
        helpers=sections,
        number=number,
    )
    return write_whole(path, lambda file: file.write(html))


def levels() -> list[str]:
    """What each colour stands for, in words."""
    between = [f"{low} to {high}" for low, high in pairwise(BITS)]
    return [f"under {BITS[0]} bit", *between, f"{BITS[-1]} bits or more"]


def draw_words(found: Sequence[tuple[str, float, int]], ax: Axes) -> None:
    """Draw the mean surprise by the place within a word."""
    names, bits, _ = zip(*found, strict=True)
    ax.bar(names, bits, color="#0072b2")
    ax.set_xlabel("letter of the word")
    ax.set_ylabel("bits")


def look(numbers: Iterator[int], evidence: TextEvidence) -> Markup:
    """The heads of attention on the beginning of the piece, as SVG."""
    net, text = evidence.model.net_, evidence.text[evidence.place :][:LOOKED_AT]
    n = min(evidence.heads, 16)
    columns = min(n, 4)
    rows = -(-n // columns)
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(6.9, 1.9 * rows + 0.3), layout="constrained", dpi=100)
        axes = drawing.subplots(rows, columns, squeeze=False).ravel()
        plots.plot_attention(net, evidence.model.encode(text)[None], labels=text, axes=axes[:n])
        for unused in axes[n:]:
            unused.set_axis_off()
        for panel in axes[:n]:
            panel.tick_params(labelsize=6)
        alt = f"{n} squares, one for each head: the places of {text!r} down and across."
        return inline(drawing, f"picture-{next(numbers)}", alt, COLOURS)
