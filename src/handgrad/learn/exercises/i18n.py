"""The words around the exercises, in each language, and the sentences of remarks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from handgrad.files.web import WEB
from handgrad.learn.exercises.diagnosis import Remark
from handgrad.textbook.errors import SettingError, did_you_mean

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "zh")


def check_language(language: str) -> None:
    """Refuse a language in which there are no exercises."""
    if language not in LANGUAGES:
        raise SettingError(
            f"language={language!r}", "'en' or 'zh'", did_you_mean(language, LANGUAGES, "'en'")
        )


@cache
def words(language: str) -> Mapping[str, str]:
    """The words around all exercises, and those of what is wrong with any formula."""
    found: dict[str, str] = {}
    for file in (WEB / "shared/formula_words.json", FOLDER / "words.json"):
        found |= json.loads(file.read_text("utf-8"))[language]
    return found


def sentence(hole: str, remarks: Sequence[Remark], language: str) -> str:
    """What is said of one answer."""
    said = words(language)
    text = said["between"].join(said[remark.key].format(**remark.values) for remark in remarks)
    return said["of_hole"].format(hole=hole, text=text)
