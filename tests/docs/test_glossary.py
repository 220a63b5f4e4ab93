"""Standard terms: the words that the glossary replaces are found, and are nowhere in the texts."""

from pathlib import Path

import pytest

from docs.glossary import GLOSSARY, PAGES, page
from tests.docs.glossary import (
    TEXT_OF,
    Phrase,
    all_uses,
    clauses,
    example,
    files,
    name_of,
    phrases,
    uses_in,
    variables,
)

CONTEXTS = sorted({(context, phrase.term) for phrase in phrases() for context in phrase.allowed})
PLANTED = {
    ".py": '''"""Nets. Whoever calls is told."""
whoever = {"whoever": 1}
x = f"whoever {whoever} calls"  # whoever
print(`whoever`)
''',
    ".js": """/** Whoever calls. */
const whoever = { "whoever": whoever };
say("whoever calls " + whoever);  // whoever
const other = `${whoever}`;
""",
    ".css": """/* Whoever calls. */
.whoever { color: red; }
.a { color: red; }  /* whoever, whoever */
.whoever { }
""",
    ".md": """# Whoever calls

See [whoever](whoever.md) and whoever, not `whoever`.
```text
whoever
```
""",
    ".toml": """title = "whoever"
[whoever]
whoever = "whoever is whoever"
other = "{whoever}"
""",
    ".json": """{"a": "whoever",

"whoever": "whoever or whoever",
"b": "{whoever}"}
""",
    ".html": """<p class="whoever">Whoever</p>

<p title="whoever">{{ figure("whoever") }}</p>
<i id="whoever">{% if whoever %}</i>
""",
}


@pytest.mark.parametrize("language", PAGES)
def test_the_page_of_the_glossary_is_made_from_it(language: str) -> None:
    text = PAGES[language].read_text("utf-8")
    assert text == page(language), "run: python -m docs.glossary"


def test_each_term_stands_once() -> None:
    for key in ("en", "zh"):
        terms = [term[key] for term in (*GLOSSARY["term"], *GLOSSARY["plain"])]
        assert len(terms) == len(set(terms))


@pytest.mark.parametrize("phrase", phrases(), ids=lambda phrase: phrase.text)
def test_a_replaced_word_that_is_planted_is_found(phrase: Phrase) -> None:
    path = phrase.within[0] if phrase.within else "docs/new.md"
    [use] = uses_in(f"First line.\nHere “{phrase.example}” stands.", path)
    assert use.line == 2
    assert phrase.pattern.search(phrase.example)


@pytest.mark.parametrize(("context", "term"), CONTEXTS)
def test_a_word_is_right_in_the_contexts_that_allow_it(context: str, term: str) -> None:
    of_term = [phrase for phrase in phrases() if phrase.term == term]
    concerned = [phrase for phrase in of_term if phrase.pattern.search(example(context))]
    assert concerned, f"{context} allows nothing"
    path = next((phrase.within[0] for phrase in concerned if phrase.within), "docs/new.md")
    assert not [
        use for use in uses_in(f"Here “{example(context)}” stands.", path) if use.term == term
    ]


@pytest.mark.parametrize("ending", PLANTED)
def test_texts_are_read_and_code_is_not(ending: str) -> None:
    text = TEXT_OF[ending](PLANTED[ending])
    assert len(text) == len(PLANTED[ending])
    words = [
        (use.line, use.word.lower()) for use in uses_in(text, "docs/new") if use.term == "caller"
    ]
    assert words == [(1, "whoever"), (3, "whoever"), (3, "whoever")]


def test_phrases_go_over_lines_and_over_parts_of_a_text() -> None:
    for planted in ("# the place\n# that asks\n", 'x = ("the place "\n     f"that asks")\n'):
        [use] = uses_in(TEXT_OF[".py"](planted), "src/new.py")
        assert use.word == "place that asks"


def test_clauses_and_participles_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.glossary.ROOT", tmp_path)
    file = tmp_path / "new.py"
    file.write_text(
        '"""What is here."""\n\n\ndef f(given: int) -> int:\n    """How to do it."""\n'
        "    found = sum(told for told in [given])\n    return found\n\n\n"
        'class A:\n    """Whether one is."""\n\n    said = 1\n'
    )
    assert [str(use) for use in clauses(file)] == [
        "new.py:1: What -> a noun or a verb",
        "new.py:11: Whether -> a noun or a verb",
    ]
    assert sorted(use.word for use in variables(file)) == ["found", "told"]


def test_clauses_of_scripts_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.glossary.ROOT", tmp_path)
    file = tmp_path / "new.mjs"
    file.write_text(
        "// Where all is drawn.\n\n// Which one it is.\nconst one = 1;\n\n"
        "/** Whether one is. */\nconst isOne = 1; /* What is not read. */\n\n"
        "/** The one. */\nclass A {\n  /**\n   * How many there are.\n   */\n  n() {}\n}\n"
    )
    assert [str(use) for use in clauses(file)] == [
        "new.mjs:1: Where -> a noun or a verb",
        "new.mjs:6: Whether -> a noun or a verb",
        "new.mjs:12: How -> a noun or a verb",
    ]


def test_the_paths_of_scoped_words_are_there() -> None:
    names = [name_of(path) for path in files()]
    for phrase in phrases():
        for path in phrase.within:
            assert any(name.startswith(path) for name in names), path


def test_no_replaced_word_is_used() -> None:
    assert not [str(use) for path in files() for use in all_uses(path)]
