"""The language of texts: which setting decides, and catalogues that translate."""

import string
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.textbook.language import FIELD, Catalogue, language, translation

LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
# A catalogue for each area, beside the code whose texts it has.
CATALOGUES = sorted(Path(str(files("handgrad"))).rglob("*.zh.toml"))


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*LOCALE, "HANDGRAD_LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("locale.getlocale", lambda: (None, None))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        ({"LANG": "C"}, "en"),
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8", "HANDGRAD_LANGUAGE": "en"}, "en"),
        ({"LANG": "de_DE.UTF-8", "HANDGRAD_LANGUAGE": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "HANDGRAD_LANGUAGE": ""}, "zh"),
    ],
)
def test_the_variable_decides_before_the_locale(
    settings: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert language() == expected


def test_where_no_variable_is_set_the_operating_system_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("locale.getlocale", lambda: ("Chinese (Simplified)_China", "936"))
    assert language() == "zh"


def test_defaults_decide_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_LANGUAGE", "zh")
    with hg.defaults(language="en"):
        assert language() == "en"
        with hg.defaults(language="zh"):
            assert language() == "zh"
    assert language() == "zh"
    with hg.defaults(rng=0):
        assert language() == "zh"


def test_explanations_and_exercises_are_in_the_language_of_texts() -> None:
    x = [[1.0, 2.0]]
    with hg.defaults(language="zh"):
        assert hg.explain(hg.Net(hg.Linear(2, 1)), x).language == "zh"
        assert hg.exercise("tanh").language == "zh"
        assert hg.exercise("tanh", "en").language == "en"
    assert hg.exercise("tanh").language == "en"


TOLD = translation(
    {
        "{n} of {units} units": "{units} 个单元中的 {n} 个",
        "{n} rows": "{n} 个样本",
        "{} of {}": "{1} 的 {0}",
        "{a} is {a}": "{a} 就是 {a}",
        "the {what}, {name}": "{name}：{what}",
        "rows": "样本",
    }
)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("3 of 7 units", "7 个单元中的 3 个"),
        ("3 of 7", "7 的 3"),
        ("12 rows of table", "table 的 12 个样本"),
        ("x is x", "x 就是 x"),
        ("the 3 rows, rows", "rows：3 个样本"),
        ("x is y", "x is y"),
        ("rows", "样本"),
        ("  rows", "  样本"),
        ("rows\n3 rows", "样本\n3 个样本"),
        ("columns", "columns"),
        ("", ""),
    ],
)
def test_a_composed_text_is_translated_with_its_fields(english: str, chinese: str) -> None:
    assert TOLD(english) == chinese


def test_a_catalogue_has_the_words_of_others_and_is_silent_in_english(tmp_path: Path) -> None:
    own = Catalogue("handgrad.plots", "labels.zh.toml")
    both = Catalogue("handgrad.textbook", "errors.zh.toml", own)
    assert {**own.words, **both.own} == both.words
    with hg.defaults(language="zh"):
        assert both.translated("loss") == "损失"
    with hg.defaults(language="en"):
        assert both.translated("loss") == "loss"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_both_languages_of_a_text_have_the_same_fields(path: Path) -> None:
    for english, chinese in tomllib.loads(path.read_text("utf-8")).items():
        asked = [name for _, name, *_ in string.Formatter().parse(chinese) if name is not None]
        there = FIELD.findall(english)
        by_number = [str(i) for i in range(len(there))]
        named = by_number if set(there) == {""} else there
        if set(asked) == {""}:
            asked = by_number[: len(asked)]
        assert sorted(set(asked)) == sorted(set(named)), english


def test_an_error_is_shown_in_the_language_of_texts_and_keeps_its_english_parts() -> None:
    error = hg.errors.ShapeError("came", "expected", "a; b", "layer 2 of 4, Tanh()")
    assert str(error) == "layer 2 of 4, Tanh(): came\n  expected: expected\n  try: a; b"
    with hg.defaults(language="zh"):
        assert str(error) == "第 2 层（共 4 层），Tanh(): came\n  期望：expected\n  可以试试：a；b"
    assert (error.where, error.hint) == ("layer 2 of 4, Tanh()", "a; b")
