"""The words in the story's pictures, in Chinese, and the fonts that can write them."""

import re
import tomllib
from importlib.resources import files

from handgrad.plots.finishing import font_with

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

TEXT = files("handgrad.story") / "text" / "labels.zh.toml"
CHINESE: dict[str, str] = tomllib.loads(TEXT.read_text("utf-8"))

# What leaves least open is tried first.
PATTERNS = [
    (re.compile(re.escape(english).replace(r"\{\}", "(.+)")), CHINESE[english])
    for english in sorted(CHINESE, key=lambda english: (english.count("{}"), -len(english)))
]


def in_chinese(text: str) -> str:
    """A picture's text in Chinese, line by line; what has no translation stays as it is.

    >>> in_chinese("probability of class 1"), in_chinese("Tanh()")
    ('类别 1 的概率', 'Tanh()')
    """
    return "\n".join(map(_line, text.split("\n")))


def _line(text: str) -> str:
    for pattern, chinese in PATTERNS:
        if match := pattern.fullmatch(text):
            return chinese.format(*map(_line, match.groups()))
    return text


def chinese_font() -> str | None:
    """An installed font that can write all of it, if there is one."""
    characters = {c for text in CHINESE.values() for c in text if ord(c) >= 0x2E80}
    return font_with(sorted(characters), FONTS)
