"""xz beside a language model: the size of its code for a held-out text."""

import subprocess
import sys

import numpy as np
import pytest

from handgrad.tables.runs.load_text import TextSplit
from handgrad.tables.runs.text_run import compressed
from tests.tables.estimators.verses import VERSE


def split(learned: str, held_out: str) -> TextSplit:
    return TextSplit("a", (), learned, held_out)


def test_xz_needs_eight_bits_for_each_byte_that_the_end_adds() -> None:
    """Against the program, which has the same library: xz -6 makes the file of `lzma.compress`."""
    text = split(VERSE * 3, "caf\u00e9, noir: " + VERSE[::-1])
    try:
        sizes = [
            len(subprocess.run(["xz", "-c"], input=part.encode(), stdout=-1, check=True).stdout)
            for part in (text.learned, text.learned + text.held_out)
        ]
    except FileNotFoundError:
        pytest.skip("the program xz is not here")
    found = compressed(text)["xz"]
    bits = 8 * (sizes[1] - sizes[0]) / len(text.held_out)
    assert found["bits_per_character"] == pytest.approx(bits)
    assert found["loss"] == pytest.approx(bits * np.log(2))
    assert found["perplexity"] == pytest.approx(2**bits)


def test_xz_finds_what_is_repeated_at_a_distance_and_cannot_code_noise() -> None:
    noise = "".join(np.random.default_rng(0).choice([*"abcdefgh"], 4000))
    repeated, new = (
        compressed(split(noise[:3000], end))["xz"] for end in (noise[:900], noise[3000:])
    )
    assert repeated["bits_per_character"] < 0.5
    assert 3 <= new["bits_per_character"] < 3.6  # 8 equally likely letters


def test_a_python_without_the_library_has_no_xz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert compressed(split(VERSE, VERSE)) == {}
