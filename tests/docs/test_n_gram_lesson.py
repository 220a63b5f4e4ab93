"""The n-gram of the lesson on language models, beside one written anew."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from docs.site.documents import read_document
from docs.site.running import LESSONS

from tests.tables.runs import n_gram_by_hand

VERSE = "one for sorrow, two for joy, three for a girl, four for a boy, one for"
NAME = "09-a-language-model.md"


def program(language: str) -> dict[str, Any]:
    """What the lesson's block defines, for a text of the verse's characters."""
    path: Path = LESSONS / language / NAME
    steps = read_document(path, LESSONS.parents[1], language, runs=True).script.steps
    (code,) = [step.code for step in steps if "def n_gram" in step.code]
    namespace: dict[str, Any] = {"np": np, "n_characters": len({*VERSE})}
    exec(compile(code, str(path), "exec"), namespace)
    return namespace


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("amount", [1, 4])
@pytest.mark.parametrize("end", [25, 60])
def test_backing_off_gives_the_probabilities_of_the_definition(
    end: int, amount: int, language: str
) -> None:
    lesson = program(language)
    p = lesson["n_gram"](lesson["counted"](VERSE[:end]), VERSE, end, amount, True)
    n_kinds = len({*VERSE})
    for before in range(7):
        by_hand = n_gram_by_hand.probabilities(VERSE, end, before, amount, n_kinds)
        assert p[:, before] == pytest.approx([float(each) for each in by_hand], rel=1e-12)
    assert lesson["losses"](p) == pytest.approx(-np.log(p).mean(axis=0), rel=1e-12)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("amount", [0.1, 0.003])
def test_adding_to_each_count_gives_its_share_of_all(amount: float, language: str) -> None:
    lesson, end, n_kinds = program(language), 45, len({*VERSE})
    p = lesson["n_gram"](lesson["counted"](VERSE[:end]), VERSE, end, amount, False)
    for before in range(7):
        for row, i in zip(p, range(end, len(VERSE)), strict=True):
            context = VERSE[i - before : i]
            after = [VERSE[j] for j in range(before, end) if VERSE[j - before : j] == context]
            share = (after.count(VERSE[i]) + amount) / (len(after) + amount * n_kinds)
            assert row[before] == pytest.approx(share, rel=1e-12)
