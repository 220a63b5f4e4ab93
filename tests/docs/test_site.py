"""The site: a small one built whole, what stops its building, and what holds for the documents."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from docs.site.building import build
from docs.site.checking import broken_links
from docs.site.documents import read_document
from docs.site.errors import SiteError
from docs.site.reference import GROUP, TITLES, Reference
from docs.site.tree import HERE, ROOT, WORDS, Page, read_tree

NO_REFERENCE = Reference((), {}, {"Tanh": "page:tabular"})
START = """\
# The start

A [table](tabular.md#of-a-table), and `hg.Tanh(…)`, and [this line](start.md).

## First

| a | |
|---|---|
| 1 | 2 |
"""
START_IN_CHINESE = """\
# 开始

去看[表格](../tabular.md#of-a-table)，或者[过拟合](#过拟合)。

## 过拟合

记住了训练样本，见[课程](../lessons/zh/1-one.md#第二节)。
"""
LESSON = """\
# A lesson

```python
import numpy as np

a = 6
print(a * 7)
```

## Second

```python
import matplotlib.pyplot as plt

plt.figure().add_subplot().plot([1, a])[0]
```

![a line](line.png "A line that rises.")
"""
TABULAR = "# Tables\n\n## Of a table\n\nA [page](../src/page.py), [![](picture.svg)](start.md)\n"


def make_documents(root: Path, **others: str) -> Path:
    """A repository with a few documents; `others` are written, too, by paths with __ for /."""
    texts = {
        "docs__start": START,
        "docs__zh__start": START_IN_CHINESE,
        "docs__tabular": TABULAR,
        "docs__lessons__en__1-one": LESSON,
        "docs__lessons__zh__1-one": LESSON.replace("A lesson", "一课").replace("Second", "第二节"),
    } | others
    for name, text in texts.items():
        path = root / f"{name.replace('__', '/')}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (root / "src").mkdir()
    (root / "src" / "page.py").write_text("a = 1\n")
    (root / "docs" / "picture.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    return root


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    root = make_documents(tmp_path_factory.mktemp("root"))
    assert build(folder, root, NO_REFERENCE) == []
    return folder


def text_of(site: Path, page: str) -> str:
    return (site / page).read_text("utf-8")


def test_every_page_is_there_in_each_language(site: Path) -> None:
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    names = ["index", "tabular", "lessons/1-one", "source/src/page.py"]
    assert pages == {f"{folder}{name}.html" for folder in ("", "zh/") for name in names}


def test_blocks_are_run_and_what_came_of_them_is_shown(site: Path) -> None:
    lesson = text_of(site, "lessons/1-one.html")
    assert "<samp>42\n</samp>" in lesson
    picture = re.search(r'<figure><img src="\.\./([^"]+)" alt="a line" width="614"', lesson)
    assert picture
    assert (site / picture[1]).read_bytes().startswith(b"\x89PNG")
    assert "A line that rises." in lesson
    assert "line.png" not in lesson.replace(picture[1], "")


def test_the_other_language_is_a_step_away_at_the_same_place(site: Path) -> None:
    here, there = text_of(site, "lessons/1-one.html"), text_of(site, "zh/lessons/1-one.html")
    assert '<a class="language" href="../zh/lessons/1-one.html" lang="zh-Hans"' in here
    assert '<a class="language" href="../../lessons/1-one.html" lang="en"' in there
    assert '<h2 id="second">Second' in here
    assert '<h2 id="second">第二节' in there
    assert 'href="lessons/1-one.html#second"' in text_of(site, "zh/index.html")


def test_what_is_in_english_only_says_so_in_the_chinese_frame(site: Path) -> None:
    page = text_of(site, "zh/tabular.html")
    assert WORDS["zh"]["only_english"] in page
    assert '<article lang="en">' in page
    assert '<html lang="zh-Hans">' in page
    assert WORDS["zh"]["only_english"] not in text_of(site, "zh/index.html")


def test_links_lead_to_pages_sources_and_the_reference(site: Path) -> None:
    start = text_of(site, "index.html")
    assert '<a href="tabular.html#of-a-table">table</a>' in start
    assert '<a href="tabular.html"><code>hg.Tanh(…)</code></a>' in start
    assert '<a href="source/src/page.py.html">page</a>' in text_of(site, "tabular.html")
    assert '<img src="../files/docs/picture.svg"' in text_of(site, "zh/tabular.html")


@pytest.mark.slow
def test_what_is_asked_for_by_name_is_put_in(tmp_path: Path) -> None:
    text = (
        "# T\n\n```exercise tanh\n```\n\n```playground\n#dataset=spiral\nTwo spirals.\n```\n\n"
        "```answer Why?\nSee [there](start.md).\n```\n\n```explain\nimport handgrad as hg\n"
        "hg.explain(hg.Net(hg.Linear(1, 1, rng=0)), [[1.0]], [[2.0]], loss=hg.MSELoss())\n```\n"
    )
    root = make_documents(tmp_path / "root", docs__other=text)
    site = tmp_path / "site"
    assert build(site, root, NO_REFERENCE) == []
    page = text_of(site, "zh/other.html")
    exercise = re.search(
        'data-exercise="tanh".*?<script type="application/json">(.*?)</script>', page
    )
    assert exercise
    assert json.loads(exercise[1])["name"] == "tanh"
    assert 'src="../exercises.js"' in page
    assert (
        '<iframe src="../play.html#dataset=spiral&amp;language=en" title="Playground: Two' in page
    )
    assert '<summary>Why?</summary><p>See <a href="index.html">there</a>' in page
    explained = re.search(r'<iframe src="\.\./(made/[^"]+)"', page)
    assert explained
    assert "MSELoss" in text_of(site, explained[1])


ANSWERS = {
    "docs__teaching": "# In a class\n\nHours.\n",
    "docs__lessons__answers__1-one": "# Answers to one\n\nForty-two.\n",
    "docs__lessons__answers__1-one.zh": "# 第一课的答案\n\n四十二。\n",
}
TELLS_AN_ANSWER = re.compile("Forty-two|四十二|Answers to one|第一课的答案|answers/")


@pytest.mark.slow
def test_learners_get_no_file_no_link_and_no_search_entry_with_an_answer(tmp_path: Path) -> None:
    root = make_documents(tmp_path / "root", **ANSWERS)
    site = tmp_path / "site"
    assert build(site, root, NO_REFERENCE) == []
    files = [path for path in site.rglob("*") if path.is_file()]
    assert (site / "teaching.html") in files
    assert (site / "search-index.js") in files
    assert not (site / "answers").exists()
    told = [path for path in files if TELLS_AN_ANSWER.search(path.read_text("utf-8", "ignore"))]
    assert told == []


def test_teachers_get_answers_with_a_menu_neighbours_and_search(tmp_path: Path) -> None:
    root = make_documents(tmp_path / "root", **ANSWERS)
    site = tmp_path / "site"
    assert build(site, root, NO_REFERENCE, teachers=True) == []
    assert "Forty-two." in text_of(site, "answers/1-one.html")
    assert "四十二。" in text_of(site, "zh/answers/1-one.html")
    assert '<a href="answers/1-one.html">Answers to one</a>' in text_of(site, "index.html")
    assert '<a rel="next" href="answers/1-one.html">' in text_of(site, "teaching.html")
    index = text_of(site, "search-index.js")
    assert "Forty-two." in index
    assert "四十二。" in index


@pytest.mark.slow
@pytest.mark.parametrize("file", ["1-one.md", "answers.toml", "build.py"])
def test_a_link_into_the_answers_stops_the_building(tmp_path: Path, file: str) -> None:
    text = f"# T\n\n[a](lessons/answers/{file})\n"
    root = make_documents(tmp_path / "root", **ANSWERS, docs__other=text)
    (root / "docs/lessons/answers" / file).touch()
    wrong = re.escape(f"docs/other.md:3: lessons/answers/{file} is for teachers")
    with pytest.raises(SiteError, match=wrong):
        build(tmp_path / "site", root, NO_REFERENCE)


def test_pages_follow_each_other(site: Path) -> None:
    assert '<a rel="next" href="lessons/1-one.html">' in text_of(site, "index.html")
    assert '<a rel="prev" href="../index.html">' in text_of(site, "lessons/1-one.html")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("# T\n\n[a](nowhere.md)\n", "docs/other.md:3: nowhere.md is not there"),
        ("# T\n\nA\n\n[a](start.md#no)", "docs/other.md:5: start.md#no: no such heading"),
        ("# T\n\n```klingon\na\n```\n", "docs/other.md:3: a block in a language not known"),
        ("# T\n\n```exercise no\n```\n", "docs/other.md:3: exercise 'no'"),
        ("# T\n\n```explain\n1 / 0\n```\n", "docs/other.md:4: ZeroDivisionError"),
    ],
)
def test_what_is_wrong_stops_the_building_by_file_and_line(
    tmp_path: Path, text: str, wrong: str
) -> None:
    root = make_documents(tmp_path / "root", docs__other=text)
    with pytest.raises(SiteError, match=re.escape(wrong)):
        build(tmp_path / "site", root, NO_REFERENCE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("a = 1\n\nb = a / 0\n", ":8: ZeroDivisionError"),
        ("a = (\n", ":6: SyntaxError"),
        ('1\n```\n\n![a](b.png "c")\n\n```python\n1\n', ":5: an image follows"),
        ("import warnings\nwarnings.warn('old')\n", ":7: UserWarning: old"),
    ],
)
def test_what_fails_in_a_lesson_stops_the_building_by_file_and_line(
    tmp_path: Path, code: str, wrong: str
) -> None:
    lesson = f"# T\n\nA\n\n```python\n{code}```\n"
    root = make_documents(tmp_path / "root", **{"docs__lessons__en__2-two": lesson})
    with pytest.raises(SiteError, match=f"docs/lessons/en/2-two.md{wrong}"):
        build(tmp_path / "site", root, NO_REFERENCE)


def test_links_are_checked_in_what_was_written(tmp_path: Path) -> None:
    links = ["b.html", "b.html#here", "b.html#there", "c.html", "#a", "https://example.org/"]
    (tmp_path / "a.html").write_text(
        "".join(f'<a href="{link}">a</a>' for link in links) + '<img src="d.png">'
    )
    (tmp_path / "b.html").write_text('<p id="here"></p><img src="data:,">')
    assert broken_links(tmp_path) == [
        "a.html: #a: no such place on that page",
        "a.html: b.html#there: no such place on that page",
        "a.html: c.html is not there",
        "a.html: d.png is not there",
        "a.html: https://example.org/ leads out of the site",
    ]


def test_links_in_quoted_code_are_no_links(tmp_path: Path) -> None:
    """A highlighter leaves quotes of code as they are."""
    code = '<pre><span class="s2">&lt;a href="</span><i class="si">{address}</i>"&gt;</pre>'
    (tmp_path / "a.html").write_text(code)
    assert broken_links(tmp_path) == []


def test_every_document_has_a_page_and_its_titles() -> None:
    pages = [page for group in read_tree() for page in group.pages]
    sources = {path for page in pages for path in page.sources.values()}
    documents = {*(ROOT / "docs").rglob("*.md")} - {*(ROOT / "docs" / "site").rglob("*.md")}
    assert documents <= sources
    names = [page.name for page in pages]
    assert len(names) == len(set(names))


TRANSLATED = [
    page
    for group in read_tree()
    for page in group.pages
    if len(page.sources) == len(WORDS) and page.name != "overview"
]


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.name)
def test_translations_have_the_headings_and_blocks_of_their_originals(page: Page) -> None:
    """So that a switch of the language stays at the same section, and the code says the same."""
    english, chinese = (
        read_document(path, ROOT, language, page.runs) for language, path in page.sources.items()
    )
    assert [h.level for h in chinese.headings] == [h.level for h in english.headings]
    kinds = [
        [t.info.split(" ")[0] for t in d.tokens if t.type == "fence"] for d in (english, chinese)
    ]
    assert kinds[0] == kinds[1]


def test_every_page_of_the_reference_has_a_title_in_chinese() -> None:
    groups = GROUP.findall((ROOT / "docs" / "api.md").read_text("utf-8"))
    assert [*TITLES] == [title for title, _ in groups]


def test_words_are_there_in_each_language() -> None:
    english, chinese = WORDS["en"], WORDS["zh"]
    assert english.keys() == chinese.keys()
    for key, said in english.items():
        assert said.count("{}") == chinese[key].count("{}"), key
    tree = tomllib.loads((HERE / "tree.toml").read_text("utf-8"))
    assert all(len(entry) == 3 and all(entry) for g in tree["group"] for entry in g["pages"])
