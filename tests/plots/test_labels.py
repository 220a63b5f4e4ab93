"""The words of a finished picture and their font."""

import io
from collections.abc import Iterator
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

import handgrad as hg
from handgrad.learn.story.runner import run_block
from handgrad.plots import labels
from handgrad.plots.labels import font_with, replace_words
from handgrad.textbook.language import translation
from tests.bad_input.refused import refused
from tests.learn.story.telling import words_of
from tests.plots.words import BUILT, labelled


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


@pytest.fixture
def in_chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """From now on pictures are in Chinese; whatever fonts there are, one is taken for it."""
    monkeypatch.setattr(labels, "_installed", lambda: "DejaVu Serif")
    with matplotlib.rc_context(), hg.defaults(language="zh"):
        yield


def test_all_words_of_plots_are_in_the_table() -> None:
    assert labelled() | BUILT - {"r2", "accuracy"} <= set(labels.PLOTS.words) | {"0-1 loss"}


def test_pictures_are_in_the_language_that_was_said(in_chinese: None) -> None:
    axes: Any = hg.plot_training_progress(classifier_history(), best=1)
    assert (axes.get_xlabel(), axes.get_title()) == ("轮次", "损失")
    shown = {text.get_text() for text in axes.get_legend().get_texts()}
    assert shown == {"训练，轮次进行中", "验证", "最佳轮次：1"}
    left, right = hg.plot_loss_functions("regression")
    assert (left.get_title(), right.get_title()) == ("绝对值损失", "平方损失")
    x, y = hg.data.make_circles(rng=0)
    maps = hg.plots.plot_neurons(hg.Net(hg.Linear(2, 1, rng=0)), x)
    assert maps[0].get_title() == "第 1 层，单元 1"
    assert hg.plot_dataset(x, y).get_xlabel() == "特征 1"
    assert "DejaVu Serif" in axes.title.get_fontfamily()


def test_names_that_are_given_stay_as_they_are(in_chinese: None) -> None:
    x, y = hg.data.make_moons(rng=0)
    how: Any = {"feature_names": ["weight", "value"], "class_names": ["true", "loss"]}
    axes: Any = hg.plot_dataset(x, y, title="Loss", **how)
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("Loss", "weight", "value")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["true", "loss"]


def test_axes_that_were_there_before_can_show_it_too(in_chinese: None) -> None:
    own: Any = Figure().subplots()
    hg.plot_cross_entropy(own)
    assert own.get_ylabel() == "损失"
    assert "DejaVu Serif" in own.yaxis.label.get_fontfamily()


def test_without_a_font_the_words_stay_english_and_a_warning_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(labels, "_installed", lambda: None)
    with hg.defaults(language="zh"), pytest.warns(UserWarning, match="fonts-noto-cjk"):
        assert hg.plot_cross_entropy().get_ylabel() == "loss"


def test_the_language_ends_with_the_block(in_chinese: None) -> None:
    with hg.defaults():
        assert hg.plot_cross_entropy().get_ylabel() == "loss"
    assert hg.plot_cross_entropy().get_ylabel() == "损失"


@pytest.mark.parametrize("language", ["fr", "zh-CN", "", 1])
def test_another_language_is_refused(language: Any) -> None:
    with refused(hg.errors.SettingError, "language = ", "'en' (English) or 'zh' (中文)", "zh"):
        hg.defaults(language=language)


def classifier_history() -> hg.training.History:
    return hg.training.History(
        [hg.training.EpochReport(1, 0.5, {}, 0.6), hg.training.EpochReport(2, 0.4, {}, 0.5)]
    )
