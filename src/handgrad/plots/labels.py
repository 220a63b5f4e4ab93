"""Texts of plots in Chinese, and fonts for them."""

import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure, FigureBase
from matplotlib.text import Text

from handgrad.textbook.language import Catalogue, language

# Simplified Chinese first; the last ones draw some characters as Japanese does.
FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Heiti SC",
    "STHeiti",
    "SimHei",
    "Arial Unicode MS",
    "Droid Sans Fallback",
    "Noto Sans CJK JP",
)

PLOTS = Catalogue("handgrad.plots", "labels.zh.toml")


def label(english: str, *parts: object) -> str:
    """Text of a plot in the language of texts; `parts` replace `{}`.

    >>> label("epoch {}", 3)
    'epoch 3'
    """
    words = PLOTS.words if _font() else {}
    return words.get(english, english).format(*parts)


def translated(text: str) -> str:
    """Translate a composed text of handgrad into the language of texts."""
    return PLOTS.in_chinese(text) if _font() else text


def use_font(figure: FigureBase) -> None:
    """Add a Chinese fallback font to a figure and to later texts, if it is needed."""
    if font := _font():
        family = matplotlib.rcParams["font.family"]
        if font not in family:
            matplotlib.rcParams["font.family"] = [*family, font]
        for text in figure.findobj(Text):
            if isinstance(text, Text) and font not in text.get_fontfamily():
                text.set_fontfamily([*text.get_fontfamily(), font])


def _font() -> str | None:
    """Font for the language of texts; None for English, or if there is none."""
    if language() == "en":
        return None
    if not (font := _installed()):
        warnings.warn(
            "no font with Chinese characters is installed, so texts in plots stay English; "
            "install one, for example fonts-noto-cjk",
            stacklevel=3,
        )
    return font


@cache
def _installed() -> str | None:
    return chinese_font()


def chinese_font() -> str | None:
    """Installed font with all Chinese characters of the texts, or None."""
    characters = {c for text in PLOTS.words.values() for c in text if ord(c) >= 0x2E80}
    return font_with(sorted(characters), FONTS)


def replace_words(figure: Figure, translate: Callable[[str], str], font: str) -> None:
    """Replace every text of a figure by `translate(text)`, with `font` as fallback."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        written = [label.get_text() for label in axis.get_ticklabels()]
        if written != (new := [translate(text) for text in written]):
            axis.set_ticks(axis.get_ticklocs(), labels=new)
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_fontfamily([*text.get_fontfamily(), font])
            text.set_text(translate(text.get_text()))


def font_with(characters: Iterable[str], families: Iterable[str]) -> str | None:
    """First installed font of `families` with all `characters`, or None.

    >>> font_with("αβγ", ["No Such Font", "DejaVu Sans"])
    'DejaVu Sans'
    >>> font_with("\\N{CJK UNIFIED IDEOGRAPH-8BAD}", ["DejaVu Sans"])      # not in that font
    """
    characters, families = [*characters], [*families]
    known = font_manager.fontManager.ttflist
    if not {font.name for font in known} & {*families}:  # Matplotlib's list may be outdated
        for path in {*font_manager.findSystemFonts()} - {font.fname for font in known}:
            with suppress(OSError, RuntimeError):
                font_manager.fontManager.addfont(path)
    installed = {font.name for font in known}
    for family in (family for family in families if family in installed):
        font = font_manager.get_font(font_manager.findfont(family, fallback_to_default=False))
        if all(font.get_char_index(ord(character)) for character in characters):
            return family
    return None
