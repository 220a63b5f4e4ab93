"""Texts for people in the source, and English sentences in what is shown."""

import ast
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

# Code, formulas, names of files, options and addresses are the same in every language.
CODE = re.compile(
    r"`[^`]*`|\w+://\S+|[\w.]+\([^()]*(?:\([^()]*\)[^()]*)*\)|\S*[/=_\\{}<>\[\]]\S*|--?\w[\w-]*"
    r"|'[^']*'|\"[^\"]*\"|\w+\.\w+"
)
# Four words of English in a row are a sentence, or part of one.
SENTENCE = re.compile(r"(?:\b[A-Za-z]+\b[ ,;:]+){3,}\b[A-Za-z]+\b")


def english_in(text: str) -> list[str]:
    """Four or more English words in a row, outside code and names."""
    return SENTENCE.findall(CODE.sub("#", text))


def texts_of(folder: Path, calls: Collection[str]) -> Iterator[str]:
    """The texts in the arguments of these calls, with `#7` where a value stands."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in calls:
                for argument in node.args:
                    yield from filter(_in_words, _texts(argument))


def untranslated(text: str, in_chinese: Callable[[str], str]) -> bool:
    """True for a text without a Chinese one; values right after a word may be nothing."""
    forms = (text, re.sub(r"(?<=\w)#7", "", text))
    told = [in_chinese(form) for form in forms]
    return not any(re.search("[\u4e00-\u9fff]", form) and not english_in(form) for form in told)


def _name(function: ast.expr) -> str:
    return str(getattr(function, "id", None) or getattr(function, "attr", ""))


def _texts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else "#7" for p in node.values)
        return ["".join(map(str, parts))]
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    return []


def _in_words(text: str) -> bool:
    """A text in words: two of them side by side."""
    return bool(re.search("[a-z]{2,} [a-z]{2,}", text))
