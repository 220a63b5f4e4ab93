"""The search of the site: its index, and what is found in it for what people type."""

import json
import shutil
from collections.abc import Mapping

import pytest
from docs.site.contents import Content
from docs.site.search import Indexed, bigrams, fold, index, index_script
from docs.site.tree import HERE

from handgrad.exchange.exporting.portable.node import run_in_node

HAS_NODE = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")
FIND = f'import {{ find, fold, pieces }} from "{(HERE / "finding.js").as_uri()}";\n'
OTHERS = [Indexed("n", Content(f"Nothing {n}", "<p>else</p>", "en")) for n in range(40)]


def page(name: str, language: str, title: str, **sections: str) -> Indexed:
    """A page with sections, each of which is its text by its heading."""
    body = "".join(f'<h2 id="{h}">{h}</h2><p>{text}</p>' for h, text in sections.items())
    return Indexed(name, Content(title, body, language))


SITE = [
    page("index", "en", "Start", Install="You need Python.", Table="Read a CSV file of my own."),
    page("index", "zh", "开始", 安装="需要 Python。", 表格="拿一张自己的 CSV 表格来训练。"),
    page("over-fitting", "en", "Over-fitting", Cure="Learns by heart: over-fitting. Weight decay."),
    page("over-fitting", "zh", "过拟合", 办法="训练误差低，验证误差高，就是过拟合。"),
    Indexed("hinge", Content("Hinge", "<p>A margin</p>", "en"), {"en": "Hinge", "zh": "合页损失"}),
    page("teaching", "en", "In a class", Hours="Ten of them, and my own."),
    page("schedules", "zh", "学习率的安排", 余弦="学习率一步一步变小。CSV 文件里有记录。my csv"),
    *OTHERS,
]


def found(typed: str, language: str) -> tuple[str, list[list[str]]]:
    """How the search takes it, and language, page and heading of what it finds, best first."""
    given = {"index": index(SITE), "typed": typed, "language": language}
    main = """const main = ({ index, typed, language }) => {
      const { how, numbers } = find(index, typed, language);
      return [how, numbers.map((n) => index.sections[n])];
    };"""
    how, sections = run_in_node(FIND + main, given)
    return how, [[section[1], section[0], section[4]] for section in sections]


def sections_with(word: str, found: Mapping[str, object]) -> set[str]:
    """The titles of the sections that have every pair of letters of a word, by the index."""
    sections, pairs = found["sections"], found["bigrams"]
    assert isinstance(sections, list)
    assert isinstance(pairs, dict)
    numbers = {*range(len(sections))}
    for pair in bigrams(word) & pairs.keys():
        total, having = 0, set()
        for step in pairs[pair].split():
            total += int(step, 36)
            having.add(total)
        numbers &= having
    return {sections[number][4] for number in numbers}


def test_the_index_finds_chinese_and_english() -> None:
    pages = [
        Indexed("a", Content("Softmax", '<p>Probabilities</p><h2 id="b">Overflow</h2>e', "en")),
        Indexed("a", Content("开始", '<p>网络</p><h2 id="c">防止过拟合</h2>记住了', "zh")),
        *OTHERS,
    ]
    found = index(pages)
    assert sections_with("softmax", found) == {"Softmax"}
    assert sections_with("过拟合", found) == {"防止过拟合"}
    assert sections_with("记住", found) == {"防止过拟合"}
    assert sections_with("overfl", found) == {"Overflow"}
    pairs = found["bigrams"]
    assert isinstance(pairs, dict)
    assert "no" not in pairs  # in nearly all sections


def test_the_index_is_a_script_that_cannot_end_early() -> None:
    page = Indexed("a", Content("T", "<p>&lt;/script&gt; 1</p>", "en"))
    script = index_script([page])
    assert "</script" not in script
    text = script.removeprefix("self.searchIndex = ").removesuffix(";\n")
    assert json.loads(text)["sections"] == [["a", "en", "T", "", "T", "</script> 1"]]


@HAS_NODE
def test_index_and_page_fold_alike() -> None:
    texts = ["Over-fitting", "L\u2011BFGS", "--no-report", "a - b", "3-4", "过拟合-CSV", "scikit-"]
    main = "const main = (texts) => texts.map(fold);"
    assert run_in_node(FIND + main, texts) == [fold(text) for text in texts]
    assert [fold(text) for text in texts[:3]] == ["overfitting", "lbfgs", "--noreport"]


@HAS_NODE
@pytest.mark.parametrize(
    "typed", ["overfitting", "over-fitting", "over fitting", "OverFit", "over-"]
)
def test_hyphens_are_neither_needed_nor_in_the_way(typed: str) -> None:
    assert found(typed, "en")[1][0] == ["en", "over-fitting", "Over-fitting"]


@HAS_NODE
def test_a_page_is_found_by_its_address() -> None:
    assert found("teaching", "en") == ("exact", [["en", "teaching", "In a class"]])


@HAS_NODE
def test_a_page_is_found_by_what_the_tree_calls_it() -> None:
    assert found("合页损失", "zh") == ("exact", [["en", "hinge", "Hinge"]])
    named = Indexed("dropout", Content("Dropout", "<p>p</p>", "en"), {"zh": "Dropout"})
    pages = [page("a", "zh", "问", 答="用 Dropout 防止过拟合"), named]
    main = "const main = (index) => find(index, 'dropout', 'zh').numbers;"
    assert run_in_node(FIND + main, index(pages)) == [2, 1]


@HAS_NODE
@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("什么是过拟合", "过拟合"),
        ("过拟合是什么？", "过拟合"),
        ("怎么安装", "安装"),
        ("怎样安装呢", "安装"),
        ("如何训练自己的表格", "表格"),
        ("学习率是什么", "学习率的安排"),
        ("学习率怎么变小", "余弦"),
        ("安装包的问题", "安装"),
    ],
)
def test_a_question_finds_what_it_asks_for(typed: str, first: str) -> None:
    assert found(typed, "zh-Hans")[1][0][2] == first


@HAS_NODE
def test_an_english_question_finds_what_it_asks_for() -> None:
    assert found("How do I install it?", "en") == ("exact", [["en", "index", "Install"]])


@HAS_NODE
def test_what_is_but_a_question_word_is_looked_for_as_it_is() -> None:
    pages = [*SITE, page("a", "zh", "问", 答="懂了吗")]
    main = "const main = ({ index, typed }) => find(index, typed, 'zh').numbers;"
    given = {"index": index(pages), "typed": "吗"}
    assert run_in_node(FIND + main, given) == [len(index(pages)["sections"]) - 1]  # type: ignore[arg-type]


@HAS_NODE
@pytest.mark.parametrize("typed", ["my csv", "csv"])
@pytest.mark.parametrize(
    ("language", "order"), [("en", ["en", "zh", "zh"]), ("zh", ["zh", "zh", "en"])]
)
def test_sections_in_the_language_of_the_page_come_first(
    typed: str, language: str, order: list[str]
) -> None:
    assert [tongue for tongue, *_ in found(typed, language)[1]] == order


@HAS_NODE
def test_a_short_section_comes_before_a_long_one_that_says_it_as_often() -> None:
    long = page("changes", "en", "Changes", Added="Momentum. " * 3 + "Else. " * 2000)
    pages = [long, page("momentum", "en", "Steps", Heavy="Momentum, Momentum, Momentum."), *SITE]
    main = "const main = (index) => find(index, 'momentum', 'en').numbers;"
    sections = index(pages)["sections"]
    assert isinstance(sections, list)
    numbers = run_in_node(FIND + main, index(pages))
    assert [sections[n][4] for n in numbers] == ["Steps", "Heavy", "Added"]


@HAS_NODE
def test_a_public_name_is_found_with_and_without_its_module() -> None:
    pages = [
        *SITE,
        page("reference/training", "en", "Training", fit="Trains.", History="Of hg.fit"),
    ]
    main = "const main = (index) => find(index, 'hg.fit(…)', 'en').numbers[0];"
    sections = index(pages)["sections"]
    assert isinstance(sections, list)
    assert sections[run_in_node(FIND + main, index(pages))][4] == "fit"


@HAS_NODE
def test_chinese_finds_chinese_first_on_any_page() -> None:
    assert found("过拟合", "en")[1][0] == ["zh", "over-fitting", "过拟合"]


@HAS_NODE
def test_what_is_misspelt_or_stands_apart_is_found_as_close() -> None:
    assert found("overfiting", "en")[0] == "close"
    assert found("overfiting", "en")[1][0] == ["en", "over-fitting", "Over-fitting"]
    assert found("install decay windows", "en")[0] == "close"
    assert found("zzzqqq", "en") == ("nothing", [])


@HAS_NODE
def test_what_was_found_is_marked_as_it_is_written() -> None:
    main = "const main = ([text, words]) => pieces(text, words);"
    text = "On over-fitting, overfitting."
    pieces = run_in_node(FIND + main, [text, ["overfitting"]])
    assert pieces == ["On ", "over-fitting", ", ", "overfitting", "."]
    signs = "^$.*+?()[]{}|/\\"
    assert run_in_node(FIND + main, [f"a{signs}b", [signs]]) == ["a", signs, "b"]
    assert run_in_node(FIND + main, ["by --no-report", ["--noreport"]]) == [
        "by ",
        "--no-report",
        "",
    ]
