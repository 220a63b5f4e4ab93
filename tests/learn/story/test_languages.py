"""The two languages tell one story: the same code, the same pictures, all words translated."""

import ast
import re

import pytest

from handgrad.learn.story import read_story, runner
from handgrad.learn.story.chapters import Block
from handgrad.plots.labels import PLOTS
from tests.cli.run import handgrad
from tests.learn.story.telling import run, tell_a_tiny_story
from tests.plots.words import words_of_plots

IDEOGRAPH = re.compile("[\u4e00-\u9fff]")
# Code and formulas are the same in every language.
STAYS = re.compile(
    r"y = \d:.*|\w+\([\d.]*\)|\d\.W|max \|W\||x|\|?\(?y − f\(x\)\|?\)?²?|−log p|[\d.−]+"
    r"|\$\\mathdefault\{10\^\{.*\}\}\$"
)

BLOCKS = [*zip(read_story("en").blocks, read_story("zh").blocks, strict=True)]


class WithoutWords(ast.NodeTransformer):
    """Takes the words out of what is printed, or put together to be printed."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "print":
            return Blank().visit(node)
        return self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        return Blank().visit(node)


class Blank(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node


def skeleton(block: Block) -> str:
    tree = WithoutWords().visit(ast.parse(block.code))
    return re.sub(r"'(one layer|hidden layer|一层|有隐藏层)'", "''", ast.dump(tree))


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_differs_in_comments_and_printed_words_only(number: int) -> None:
    english, chinese = BLOCKS[number]
    assert skeleton(english) == skeleton(chinese)
    assert (english.picture is None) is (chinese.picture is None)
    if english.picture and chinese.picture:
        assert english.picture.file == chinese.picture.file
        assert IDEOGRAPH.search(chinese.picture.alt)
        assert IDEOGRAPH.search(chinese.picture.caption)


def test_the_first_block_begins_with_the_imports_that_all_need() -> None:
    assert "import handgrad as hg\n" in BLOCKS[0][0].code
    later = [block.code for block, _ in BLOCKS[1:]]
    assert not any("import" in code for code in later)


def test_the_chapters_are_built_alike() -> None:
    english, chinese = read_story("en"), read_story("zh")
    for one, other in zip(english.chapters, chinese.chapters, strict=True):
        assert [type(part) for part in one.parts] == [type(part) for part in other.parts]
        assert not IDEOGRAPH.search(one.title + "".join(p for p in one.parts if isinstance(p, str)))
        assert all(IDEOGRAPH.search(part) for part in other.parts if isinstance(part, str))


@pytest.mark.slow
def test_a_block_ends_with_a_picture_exactly_where_the_text_has_one() -> None:
    for (block, _), outcome in zip(BLOCKS, run()[0], strict=True):
        assert bool(outcome.image) is (block.picture is not None), block.code


@pytest.mark.slow
def test_all_words_in_the_pictures_have_a_translation() -> None:
    assert len(run()[1]) > 50
    for text in run()[1]:
        translated = PLOTS.in_chinese(text)
        if not STAYS.fullmatch(text):
            assert IDEOGRAPH.search(translated), text
            left = re.sub(r"[A-Z]\w*\(.*?\)|W\[0, 0\]|tanh|log|dW|W|p|y", "", translated)
            assert not re.search("[A-Za-z]", left), (text, translated)


@pytest.mark.slow
def test_no_translation_is_left_over() -> None:
    found = words_of_plots()
    for text in run()[1]:
        for english in PLOTS.words:
            if re.fullmatch(re.escape(english).replace(r"\{\}", ".+"), text):
                found.add(english)
    assert set(PLOTS.words) == found & set(PLOTS.words)


@pytest.mark.slow
def test_what_the_chapters_say_of_the_figures_is_so() -> None:
    printed = "".join(outcome.printed for outcome in run()[0])
    one, hidden = re.findall(r"layer, training: loss=(\S+),", printed)
    flat, deep = re.findall(r"layer, validation: loss=(\S+),", printed)
    text = "".join(p for c in read_story("en").chapters for p in c.parts if isinstance(p, str))
    words = " ".join(text.split())
    assert f"{float(hidden):.3f} instead of {float(one):.3f}" in words
    assert f"{float(flat):.3f} in both" in words
    assert f"{float(deep):.3f}" == f"{float(flat):.3f}"
    assert float(printed.split("r2 ")[1].split()[0]) == pytest.approx(0.4, abs=0.05)
    assert float(printed.split("accuracy 0.9")[1].split()[0]) >= 5
    assert "two layers are one: True" in printed
    assert "dz is (p - one_hot) / n: True" in printed


@pytest.mark.parametrize("font", [None, "DejaVu Sans"])
def test_without_a_font_the_words_stay_english_and_it_is_said(
    font: str | None, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(text: str) -> str:
        asked.append(text)
        return text

    tell_a_tiny_story(monkeypatch)
    monkeypatch.setattr(runner, "chinese_font", lambda: font)
    monkeypatch.setattr(PLOTS, "in_chinese", ask)
    result = handgrad("demo", "--language", "zh", "--out", f"{tmp_path}/a")
    assert ("没有找到中文字体" in result.output) is (font is None)
    assert bool(asked) is (font is not None)
