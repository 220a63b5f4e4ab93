"""Texts for people in the source, and English sentences in what is shown."""

import ast
import html
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

# Code, formulas, names of files, options and addresses are the same in every language.
CODE = re.compile(
    r"`[^`]*`|\w+://\S+|[\w.]+\([^()]*(?:\([^()]*\)[^()]*)*\)|\S*[/=_\\{}<>\[\]]\S*|--?\w[\w-]*"
    r"|'[^']*'|\"[^\"]*\"|\w+\.\w+"
)
# Four words of English in a row are a sentence, or part of one; with commas it may be names.
SENTENCE = re.compile(r"(?:\b[A-Za-z]+ +){3,}[A-Za-z]+\b")


def english_in(text: str) -> list[str]:
    """Four or more English words in a row, outside code and names."""
    return SENTENCE.findall(CODE.sub("#", text))


def texts_of(folder: Path, calls: Collection[str]) -> Iterator[str]:
    """The texts in the arguments of these calls, with `7` where a value stands."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in calls:
                for argument in node.args:
                    yield from filter(_in_words, _texts(argument))


def untranslated(text: str, in_chinese: Callable[[str], str]) -> bool:
    """True for a text without a Chinese one; values beside a word may be nothing, `7s` is rows."""
    text = text.replace("7s", "rows")
    forms = [text, *(re.sub(p, "", text) for p in (r"(?<=[a-z\d])7", "^7(?=[a-z])"))]
    told = [in_chinese(form) for form in forms]
    return not any(re.search("[\u4e00-\u9fff]", form) and not english_in(form) for form in told)


def _name(function: ast.expr) -> str:
    return str(getattr(function, "id", None) or getattr(function, "attr", ""))


def _texts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else "7" for p in node.values)
        return ["".join(map(str, parts))]
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    return []


def _in_words(text: str) -> bool:
    """A text in words: two of them side by side."""
    return bool(re.search("[a-z]{2,} [a-z]{2,}", text))


def page_texts(page: str) -> Iterator[str]:
    """The texts of a page that are shown or read aloud, one for each element."""
    page = re.sub(r"<(style|script|pre)\b.*?</\1>", "", page, flags=re.DOTALL)
    for attribute in re.findall(r'\b(?:alt|aria-label|title)="([^"]*)"', page):
        yield html.unescape(attribute)
    for text in re.split(r"</?(?!b>|a[ >]|span|code)[^>]*>", page):
        yield html.unescape(" ".join(re.sub("<[^>]*>", " ", text).split()))
