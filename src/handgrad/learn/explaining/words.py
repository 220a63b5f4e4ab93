"""The words around formulas and numbers, in English and Chinese."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from handgrad.textbook.errors import SettingError, did_you_mean

WORDS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text("utf-8")
)


def words_of(language: str) -> Mapping[str, str]:
    """The words of a language; a SettingError, where there are none."""
    if language not in WORDS:
        known = [*WORDS]
        raise SettingError(
            f"language = {language!r}",
            f"one of {', '.join(known)}",
            did_you_mean(language, known, 'language="en"'),
        )
    return WORDS[language]
