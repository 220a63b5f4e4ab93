"""`write_text_report`: writes the report of a language model on a held-out text."""

from __future__ import annotations

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
from handgrad.files.byte_pairs import BytePairs
from handgrad.plots.svg import inline
from handgrad.tables.language import REPORT
from handgrad.tables.reporting import sections
from handgrad.tables.reporting.checks import check_epochs
from handgrad.tables.reporting.scores import number
from handgrad.tables.reporting.writing import COLOURS, SETTINGS, checked_path, write_framed
from handgrad.textbook.layers import Array, MultiheadAttention
from handgrad.textbook.net import Net
from handgrad.training import History

TEMPERATURES, WRITTEN, START = (0.3, 0.8, 1.2), 400, 24
SHOWN, LOOKED_AT = 1200, 16  # characters of the coloured passage, and of the attention plots
# Bits of surprisal at which the next colour begins.
BITS = (1, 2, 3, 4, 6, 8)
LONGEST_WORD = 10
WORD = re.compile(r"\w+")


class WritesText(Protocol):
    """A fitted language model."""

    net_: Net
    pairs_: BytePairs
    best_epoch_: int

    def encode(self, text: str) -> Array:
        """Tokens of a text, (t,)."""

    def judge(self, text: str) -> tuple[Array, Array]:
        """Surprisal of each character after the first, and if it was predicted, (t − 1,)."""

    def unknown(self, text: str) -> str:
        """Characters of a text that are out of vocabulary."""

    def write(self, start: str = ..., *, length: int, temperature: float, rng: int) -> str:
        """Continue a text."""


@dataclass(frozen=True)
class TextEvidence:
    """Facts of a language model on a held-out text.

    `scores` are those of the text "held_out", of the "training" text and of "guessing", by name,
    and those of the "n_gram" model with its n and of "xz", if available.
    """

    model: WritesText
    text: str
    scores: Mapping[str, Mapping[str, float]]
    history: History
    about: Mapping[str, object]

    @property
    def estimator(self) -> WritesText:
        """The model, under the name that the section on reproduction uses."""
        return self.model

    @cached_property
    def bits(self) -> Array:
        """Surprisal of each character after the first, in bits, (t − 1,)."""
        return self.model.judge(self.text)[0] / np.log(2)

    @cached_property
    def place(self) -> int:
        """Start of the passage: a line with about the mean surprisal of the whole text."""
        last = max(len(self.text) - SHOWN, 0)
        starts = [match.end() for match in re.finditer("\n", self.text[:last])][:2000] or [0]
        sums = np.concatenate([[0], np.cumsum(self.bits)])
        ends = np.minimum(np.array(starts) + SHOWN, len(self.bits))
        means = (sums[ends] - sums[starts]) / np.maximum(ends - starts, 1)
        return starts[int(np.abs(means - self.bits.mean()).argmin())]

    @property
    def coloured(self) -> list[tuple[int, str]]:
        """Passage of the text in runs of one colour level; 0 is the lowest surprisal."""
        stop = min(self.place + SHOWN, len(self.text))
        bits = np.concatenate([[0.0], self.bits])[self.place : stop]  # the first character has none
        levels = np.searchsorted(BITS, bits, side="right").tolist()
        pairs = zip(levels, self.text[self.place : stop], strict=True)
        return [
            (level, "".join(character for _, character in group))
            for level, group in groupby(pairs, key=lambda pair: pair[0])
        ]

    @cached_property
    def in_words(self) -> list[tuple[str, float, int]]:
        """Positions within words, their mean surprisal in bits, and their number of characters."""
        places = np.zeros(len(self.text), int)
        for word in WORD.finditer(self.text):
            places[word.start() : word.end()] = np.arange(1, len(word[0]) + 1)
        places = np.minimum(places, LONGEST_WORD)[1:]
        means = []
        for place in np.unique(places).tolist():
            bits = self.bits[places == place]
            more = "+" * (place == LONGEST_WORD)
            means.append((f"{place}{more}" if place else "none", float(bits.mean()), len(bits)))
        return means

    @cached_property
    def start(self) -> str:
        """Prompt: the start of the passage, up to the first character out of vocabulary."""
        piece = self.text[self.place : self.place + START]
        return piece[: min(map(piece.index, self.model.unknown(piece)), default=START)]

    @property
    def samples(self) -> Iterator[tuple[float, str]]:
        """Generated continuations of `start`, by temperature."""
        for temperature in TEMPERATURES:
            text = self.model.write(self.start, length=WRITTEN, temperature=temperature, rng=0)
            yield temperature, text[len(self.start) :]

    @property
    def findings(self) -> list[Finding]:
        """Finding on a training that ended while it was still improving."""
        return check_epochs(self.history, [self.model.best_epoch_]).findings

    @property
    def validation_in_words(self) -> str:
        """Validation loss of the best epoch against the held-out loss, in words."""
        best = next((r for r in self.history if r.epoch == self.model.best_epoch_), None)
        if best is None or best.validation_loss is None or self.model.pairs_.merges:
            return ""  # the loss of a sub-word is not that of a character
        loss, held = best.validation_loss, float(self.scores["held_out"]["loss"])
        where = "above" if loss > held else "below" if loss < held else "at"
        return (
            f": at the best epoch it is {number(loss)}, {where} the held-out loss, {number(held)}"
        )

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        layers = [part for _, part in self.model.net_.walk()]
        return sum(part.n_heads for part in layers if isinstance(part, MultiheadAttention))


def write_text_report(
    model: WritesText,
    text: str,
    *,
    scores: Mapping[str, Mapping[str, float]],
    history: History,
    about: Mapping[str, object],
    to: str | Path,
) -> Path:
    """Write the report of a language model as one HTML file, and return its path.

    `text` is the held-out text; `scores` are as in `TextEvidence`; `history` is its training
    history, and `about` has facts of the run.
    """
    path, numbers = checked_path(to), count(1)
    evidence = TextEvidence(model, text, scores, history, about)
    return write_framed(
        "text_report.html",
        path,
        numbers=numbers,
        evidence=evidence,
        draw_words=draw_words,
        look=partial(look, numbers, evidence),
        levels=levels(),
        plots=plots,
        helpers=sections,
    )


def levels() -> list[str]:
    """Range of surprisal of each colour level, in words."""
    between = [f"{low} to {high}" for low, high in pairwise(BITS)]
    return [f"under {BITS[0]} bit", *between, f"{BITS[-1]} bits or more"]


def draw_words(means: Sequence[tuple[str, float, int]], ax: Axes) -> None:
    """Plot the mean surprisal by position within a word."""
    names, bits, _ = zip(*means, strict=True)
    ax.bar(names, bits, color="#0072b2")
    ax.set_xlabel(REPORT.translated("position in the word"))
    ax.set_ylabel("bits")


def look(numbers: Iterator[int], evidence: TextEvidence) -> Markup:
    """Attention weights of each head on the start of the passage, as SVG."""
    net, text = evidence.model.net_, evidence.text[evidence.place :][:LOOKED_AT]
    codes = evidence.model.encode(text)
    # characters are named as they are, unknown ones too
    labels = [evidence.model.pairs_.tokens[c] for c in codes] if len(codes) < len(text) else text
    n = min(evidence.heads, 16)
    columns = min(n, 2)
    rows = -(-n // columns)
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(6.9, 3.2 * rows + 0.3), layout="constrained", dpi=100)
        axes = drawing.subplots(rows, columns, squeeze=False).ravel()
        plots.plot_attention(net, codes[None], labels=labels, axes=axes[:n])
        for unused in axes[n:]:
            unused.set_axis_off()
        alt = f"{n} attention maps, one for each head: query and key positions of {text!r}."
        return inline(drawing, f"picture-{next(numbers)}", alt, COLOURS)
