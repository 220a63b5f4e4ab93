"""Finished pictures: their words in another language, their files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text


def off_screen() -> None:
    """From now on, figures of pyplot open no windows in this process."""
    import matplotlib

    matplotlib.use("agg")


def save_picture(figure: Figure, path: Path, *, dpi: float) -> Path:
    """Write a figure as PNG on white, and let go of it where it is one of pyplot's."""
    import matplotlib.pyplot as plt

    figure.savefig(path, format="png", dpi=dpi, facecolor="white")
    plt.close(figure)
    return path


def svg_of(figure: Figure) -> str:
    """A figure as SVG on nothing, whose words are text, in letters that may lack here."""
    import matplotlib as mpl

    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format="svg", transparent=True, dpi=2 * figure.dpi)
    return file.getvalue()


def words_of(figure: Figure) -> set[str]:
    """All texts that a figure shows: titles, labels, legends, ticks."""
    return {text.get_text() for text in _texts(figure)} - {""}


def replace_words(figure: Figure, translate: Callable[[str], str], font: str) -> None:
    """Put `translate(text)` in place of every text of a figure; `font` has what others lack."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        written = [label.get_text() for label in axis.get_ticklabels()]
        if written != (new := [translate(text) for text in written]):
            axis.set_ticks(axis.get_ticklocs(), labels=new)
    for text in _texts(figure):
        text.set_fontfamily([*text.get_fontfamily(), font])
        text.set_text(translate(text.get_text()))


def _texts(figure: Figure) -> list[Text]:
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if isinstance(text, Text)]


def font_with(characters: Iterable[str], families: Iterable[str]) -> str | None:
    """The first of the font `families` that is installed and has all `characters`, if any.

    >>> font_with("αβγ", ["No Such Font", "DejaVu Sans"])
    'DejaVu Sans'
    >>> font_with("\\N{CJK UNIFIED IDEOGRAPH-8BAD}", ["DejaVu Sans"])      # not in that font
    """
    from matplotlib import font_manager

    characters, families = [*characters], [*families]
    known = font_manager.fontManager.ttflist
    if not {font.name for font in known} & {*families}:  # the list may be older than the fonts
        for path in {*font_manager.findSystemFonts()} - {font.fname for font in known}:
            with suppress(OSError, RuntimeError):
                font_manager.fontManager.addfont(path)
    installed = {font.name for font in known}
    for family in (family for family in families if family in installed):
        font = font_manager.get_font(font_manager.findfont(family, fallback_to_default=False))
        if np.all([font.get_char_index(ord(character)) for character in characters]):
            return family
    return None
