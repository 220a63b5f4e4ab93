"""Translations: the texts around exercises and the sentences of remarks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from handgrad.files.web import WEB
from handgrad.learn.exercises.diagnosis import Remark

FOLDER = Path(__file__).parent


@cache
def words(language: str) -> Mapping[str, str]:
    """Texts of exercises and of errors in formulas, by key."""
    texts: dict[str, str] = {}
    for file in (WEB / "shared/formula_words.json", FOLDER / "words.json"):
        texts |= json.loads(file.read_text("utf-8"))[language]
    return texts


def sentence(hole: str, remarks: Sequence[Remark], language: str) -> str:
    """The remarks on one answer as a sentence."""
    texts = words(language)
    text = texts["between"].join(texts[remark.key].format(**remark.values) for remark in remarks)
    return texts["of_hole"].format(hole=hole, text=text)
