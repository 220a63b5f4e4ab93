"""The words of a finished picture and their font."""

import io
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from handgrad.story.labels import font_with, replace_words, translation
from handgrad.story.telling import run_block
from tests.story.telling import words_of


def figure() -> Any:
    made = Figure(layout="constrained")
    axes = made.subplots()
    axes.plot([0, 1], [0, 1], label="line")
    axes.set(title="title", xlabel="across", ylabel="up")
    axes.set_xticks([0, 1], labels=["left", "right"])
    axes.legend()
    axes.text(0.5, 0.5, "within")
    made.suptitle("above")
    return made


WORDS = {"line", "title", "across", "up", "left", "right", "within", "above"}


def test_all_words_are_found_and_replaced_for_good() -> None:
    made = figure()
    made.draw_without_rendering()
    assert words_of(made) >= WORDS
    replace_words(made, lambda text: text.upper(), "DejaVu Sans")
    made.draw_without_rendering()
    assert words_of(made) >= {word.upper() for word in WORDS}
    assert not words_of(made) & WORDS
    assert list(made.axes[0].get_xticks()) == [0, 1]


def test_numbers_on_the_axes_are_left_to_matplotlib() -> None:
    made = figure()
    replace_words(made, lambda text: text.upper(), "DejaVu Sans")
    made.axes[0].set_ylim(0, 50)
    made.draw_without_rendering()
    assert "50" in words_of(made)


def test_a_gap_ends_where_what_follows_it_first_stands() -> None:
    told = translation({"layer {} of {}, {}: {}": "{1} {0} {2} = {3}", "{} numbers": "{}#"})
    assert told("layer 3 of 7, Conv2d(1, 8, 5): 9 numbers") == "7 3 Conv2d(1, 8, 5) = 9#"


def test_the_font_is_the_first_that_is_installed_and_has_the_characters() -> None:
    assert font_with("a", ["No Such Font", "DejaVu Serif", "DejaVu Sans"]) == "DejaVu Serif"
    assert font_with("\u8bad", ["DejaVu Sans"]) is None
    assert font_with("a", []) is None


def test_fonts_that_matplotlib_has_not_heard_of_yet_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from matplotlib import font_manager

    known = font_manager.fontManager.ttflist
    serif = next(font.fname for font in known if font.name == "DejaVu Serif")
    without = [font for font in known if font.name != "DejaVu Serif"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", without)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [serif, __file__])
    assert font_with("a", ["DejaVu Serif"]) == "DejaVu Serif"


def test_a_picture_is_on_white_and_let_go() -> None:
    code = """
import matplotlib.pyplot as plt
made, axes = plt.subplots(figsize=(2, 1), facecolor="black")
axes.set_axis_off()
axes
"""
    names: dict[str, Any] = {}
    image = imread(io.BytesIO(run_block(code, names).image))
    assert image.shape[:2] == (192, 384)
    assert np.all(image == 1)
    assert not plt.fignum_exists(names["made"].number)
