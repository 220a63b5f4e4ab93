"""Words that docs/glossary.toml replaces: `python -m tests.docs.glossary PATH...` lists each use.

A line is `file:line: word -> term`.
"""

import re
import symtable
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docs.glossary import GLOSSARY
from tests.docs.documents import ROOT

CODE, SPAN = "\0", "\1"  # stand for code, and for code within a text: no pattern matches them

READ = {
    "": ["README*.md", "CONTRIBUTING.md"],
    "docs": ["*.md", "*.py", "*.toml", "*.html", "*.js", "*.css"],
    "src": ["*.py", "*.toml", "*.json", "*.html", "*.md"],
    "web": ["*.js", "*.mjs", "*.json", "*.html", "*.css", "*.md"],
}
NOT_READ = {"docs/glossary.toml", "docs/glossary.py", "docs/glossary.md", "docs/zh/glossary.md"}

STRING = r'"""(?:\\.|[^\\])*?"""|' + r"'''(?:\\.|[^\\])*?'''|" + r'"(?:\\.|[^"\\\n])*"|'
STRING += r"'(?:\\.|[^'\\\n])*'"
PYTHON = re.compile(rf"(?P<string>{STRING})|(?P<comment>#[^\n]*)", re.DOTALL)
JAVASCRIPT = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)"""
    r"|(?P<comment>(?<![:\\])//[^\n]*|/\*.*?\*/)|(?P<code>/(?:\\.|\[[^\]\n]*\]|[^/\\\n*])+/[a-z]*)",
    re.DOTALL,
)
CSS = re.compile(r"(?P<comment>/\*.*?\*/)", re.DOTALL)
LABEL = re.compile(r"(?:label|title|help|text|name)\s*[=:]\s*f?$")
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Use:
    """A word of a file that another one replaces."""

    path: str
    line: int
    word: str
    term: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word} -> {self.term}"


def blank(text: str, filler: str = " ") -> str:
    """A text of the same length and lines with nothing in it."""
    return re.sub(r"[^\n]", filler, text)


def without(pattern: str, text: str, filler: str = SPAN) -> str:
    """The text, blank where the pattern matches."""
    return re.sub(pattern, lambda found: blank(found[0], filler), text, flags=re.DOTALL)


def plain(text: str) -> str:
    """Prose without spans of code, targets of links and addresses."""
    text = without(r"``.+?``|`[^`\n]+(?:\n[^`\n]+)?`", text)
    return without(r"(?<=\])\([^)\s]+\s*(?=[\")])|https?://\S+", text)


def sources(text: str, tokens: "re.Pattern[str]") -> str:
    """Comments and texts of a program; all else is blank."""
    parts, end, last = [], 0, ""
    for token in tokens.finditer(text):
        gap, kind, inside = text[end : token.start()], str(token.lastgroup), token[0]
        joined = kind == last == "string" and gap.strip() in ("", "f", "+")
        joined |= kind == last == "comment" and not gap.strip()
        parts.append(blank(gap, " " if joined else CODE))
        if kind == "comment":
            inside = plain(re.sub(r"(?m)^\s*(?:#|//|/\*+|\*(?!/))", lambda m: blank(m[0]), inside))
        elif kind == "string":
            inside = _string(inside, text[max(end, token.start() - 30) : token.start()])
        else:
            inside = blank(inside, CODE)
        parts.append(inside)
        end, last = token.end(), kind
    return "".join(parts) + blank(text[end:], CODE)


def _string(token: str, before: str) -> str:
    """What a string says, if it says anything: a word alone is a name or a key."""
    if not re.search(r"\s", token.strip("\"'`")) and not LABEL.search(before):
        return blank(token, CODE)
    if token.startswith('"""'):
        token = without(r"(?m)^ *(?:>>>|\.\.\.) [^\n]*$", token, CODE)
    code = r"\$\{(?:[^{}]|\{[^{}]*\})*\}" if token.startswith("`") else r"(?<!\{)\{[^{}\n]*\}"
    ends = 3 if token[:3] in ('"""', "'''") else 1
    inside = plain(without(code, token[ends:-ends]))
    return " " * ends + inside + " " * ends


def of_document(text: str) -> str:
    """A document's prose, and the comments and texts of its Python; `answer` blocks are prose."""

    def fence(found: "re.Match[str]") -> str:
        start = found.start(3) - found.start()
        inside = found[0][start:]
        if found[2] == "answer":
            return blank(found[0][:start], CODE) + plain(inside)
        if found[2] in ("python", "py"):
            return blank(found[0][:start], CODE) + sources(inside, PYTHON)
        return blank(found[0], CODE)

    parts, end = [], 0
    for found in FENCE.finditer(text):
        parts += [plain(text[end : found.start()]), fence(found)]
        end = found.end()
    return "".join(parts) + plain(text[end:])


def of_words(text: str) -> str:
    """The values of a file in TOML or JSON."""
    text = without(r"(?m)^\s*\[[^\]\n\"]*\]\]?\s*$", text, CODE)
    text = without(r'(?m)(?:^\s*(?:[\w.-]+)\s*=|"\w+"\s*:)', text, CODE)
    return plain(without(r"\{\w*\}", text))


def of_template(text: str) -> str:
    """What a template shows, and its comments."""
    text = without(r"<(?:script|style)\b.*?</(?:script|style)>", text, CODE)
    text = without(r"\{%.*?%\}", text, CODE)
    return plain(without(r"\b(?!(?:alt|title|aria-label)=)[\w-]+=\"[^\"\n]*\"", text, CODE))


TEXT_OF: dict[str, Callable[[str], str]] = {
    ".py": lambda text: sources(text, PYTHON),
    ".js": lambda text: sources(text, JAVASCRIPT),
    ".mjs": lambda text: sources(text, JAVASCRIPT),
    ".css": lambda text: sources(text, CSS),
    ".md": of_document,
    ".toml": of_words,
    ".json": of_words,
    ".html": of_template,
}


def files() -> list[Path]:
    """All files that are read for their words."""
    found = [
        path
        for folder, endings in READ.items()
        for ending in endings
        for path in (ROOT / folder).glob(f"**/{ending}" if folder else ending)
    ]
    kept = (path for path in found if "node_modules" not in path.parts)
    return sorted(path for path in kept if name_of(path) not in NOT_READ)


def name_of(path: Path) -> str:
    """A file's path within the repository."""
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Phrase:
    """A phrase that is replaced: as the glossary has it, by which term, in which files."""

    text: str
    term: str
    allowed: tuple[str, ...] = ()
    within: tuple[str, ...] = ()

    @property
    def pattern(self) -> "re.Pattern[str]":
        return _compiled(self.text)

    @property
    def example(self) -> str:
        """The phrase as someone would write it, without what is optional."""
        return example(self.text)

    def is_for(self, path: str) -> bool:
        """Whether the phrase is replaced in a file of this path."""
        return not self.within or path.startswith(self.within)

    def is_allowed(self, text: str, start: int, end: int) -> bool:
        """Whether what is between `start` and `end` is part of a context in which it is right."""
        near = max(0, start - 60)
        contexts = (
            context
            for allowed in self.allowed
            for context in _compiled(allowed).finditer(text[near : end + 60])
        )
        return any(near + one.start() <= start and end <= near + one.end() for one in contexts)


@cache
def _compiled(phrase: str) -> "re.Pattern[str]":
    """A phrase's pattern: its spaces are any, its ends are those of words where it has words."""
    ends = (r"\b", r"(?!\w)") if phrase[0].isascii() else ("", "")
    return re.compile(ends[0] + phrase.replace(" ", r"\s+") + ends[1], re.IGNORECASE)


def example(phrase: str) -> str:
    """A text that a phrase of the glossary matches."""
    text = (
        re.sub(r"\(\?[!<=][^()]*(?:\([^()]*\)[^()]*)*\)", "", phrase)
        .replace(r"\d+", "7")
        .replace(r"\.", ".")
    )
    before = ""
    while before != text:
        before = text
        text = re.sub(r"\([^()]*\)\?|\(([^()|]*)[^()]*\)(?!\?)", r"\1", text)
    return re.sub(r"\w\?", "", text).strip()


@cache
def phrases() -> tuple[Phrase, ...]:
    """All phrases that the glossary replaces."""
    found = []
    for term in (*GLOSSARY["term"], *GLOSSARY["plain"]):
        for ending in ("", "_zh"):
            name, allowed = term["zh" if ending else "en"], tuple(term.get("allowed" + ending, ()))
            for part in (term, *term.get("scoped", ())):
                within = tuple(part.get("paths", ()))
                texts = [one for text in part.get("replaces" + ending, ()) for one in begun(text)]
                found += [Phrase(text, name, allowed, within) for text in texts]
    for sentence in GLOSSARY["sentence"]:
        found.append(Phrase(re.escape(sentence["was"]).replace("\\ ", " "), sentence["is"]))
    return tuple(found)


def begun(phrase: str) -> list[str]:
    """A phrase that begins with (a|b), once with each."""
    if group := re.match(r"\(([^()?]*)\)(?!\?)", phrase):
        return [word + phrase[group.end() :] for word in group[1].split("|")]
    return [phrase]


def head(phrase: str) -> str:
    """The letters that a phrase surely begins with."""
    literal = re.match(r"[^(?\[\\|]*", phrase)
    assert literal, phrase
    surely = literal[0][:-1] if phrase[literal.end() :].startswith("?") else literal[0]
    return surely.strip().lower()


@cache
def _by_head() -> tuple["re.Pattern[str]", dict[str, list[Phrase]]]:
    """A pattern of where phrases may begin, and those that begin so."""
    heads: dict[str, list[Phrase]] = {}
    for phrase in phrases():
        heads.setdefault(head(phrase.text), []).append(phrase)
    initials: dict[str, list[str]] = {}  # each letter is compared once, which is faster
    for word in sorted(heads, key=len, reverse=True):
        rest = re.escape(word[1:]).replace(r"\ ", r"\s+")
        initials.setdefault(word[0], []).append(rest)
    tree = "|".join(f"{re.escape(one)}(?:{'|'.join(rests)})" for one, rests in initials.items())
    return re.compile(rf"(?:(?<![a-z0-9_])|(?=[^ -~]))(?=({tree}))"), heads


def uses_in(text: str, path: str) -> Iterator[Use]:
    """The replaced phrases in a text of a file, the longest of those that begin at one position."""
    begins, heads = _by_head()
    at = end = 0
    line = 1
    for begin in begins.finditer(text.lower()):
        start, word = begin.start(), " ".join(begin[1].split())
        matches = [
            (match.end(), phrase)
            for n in range(1, len(word) + 1)
            for phrase in heads.get(word[:n], ())
            if phrase.is_for(path) and (match := phrase.pattern.match(text, start))
        ]
        if start < end or not matches:
            continue
        stop, phrase = max(matches, key=lambda pair: pair[0])
        if phrase.is_allowed(text, start, stop):
            continue
        line, at, end = line + text.count("\n", at, start), start, stop
        yield Use(path, line, re.sub(r"\s+", " ", text[start:stop]), phrase.term)


def uses(path: Path) -> list[Use]:
    """The replaced phrases in a file."""
    return list(uses_in(TEXT_OF[path.suffix](path.read_text("utf-8")), name_of(path)))


CLAUSE = (
    r"((?:What|Whether|Whatever|Those|Who|Whose|Whoever|Which|How(?! to\b)|Where|When"
    r"|That|(?:So|As) (?:many|much|few|long|large|far|often)|All (?:that|what|who)|Of what)\b)"
)
OPENINGS = {
    ".py": re.compile(rf"^ *[rf]?\"\"\"{CLAUSE}", re.MULTILINE),
    ".js": re.compile(rf"(?:\A//|\A/\*|^ */\*\*)[\s*]*{CLAUSE}", re.MULTILINE),
}
OPENINGS[".mjs"] = OPENINGS[".js"]
PARTICIPLES = {"found", "given", "said", "told"}


def clauses(path: Path) -> list[Use]:
    """First lines of docstrings and JSDoc that open with a clause in place of a noun or a verb."""
    text = path.read_text("utf-8")
    return [
        Use(
            name_of(path), text.count("\n", 0, opening.start(1)) + 1, opening[1], "a noun or a verb"
        )
        for opening in OPENINGS[path.suffix].finditer(text)
    ]


def variables(path: Path) -> list[Use]:
    """Local variables named by a participle in place of what they hold."""

    def within(scope: symtable.SymbolTable) -> Iterator[Use]:
        for inner in scope.get_children():
            if isinstance(inner, symtable.Function):
                for word in sorted(PARTICIPLES & {*inner.get_locals()}):
                    symbol = inner.lookup(word)
                    if symbol.is_assigned() and not symbol.is_parameter():
                        yield Use(name_of(path), inner.get_lineno(), word, "a noun")
            yield from within(inner)

    return [*within(symtable.symtable(path.read_text("utf-8"), str(path), "exec"))]


def all_uses(path: Path) -> list[Use]:
    """Everything to be replaced in a file: words, clauses, local variables, its own name."""
    name = name_of(path)
    replaced = [*uses(path)]
    if path.suffix == ".py" and name.startswith("src/"):
        replaced += [*clauses(path), *variables(path)]
    if path.suffix in (".js", ".mjs") and name.startswith("web/"):
        replaced += clauses(path)
    if new := GLOSSARY["files"].get(name):
        replaced.append(Use(name, 1, path.name, new + path.suffix))
    return sorted(replaced, key=lambda use: use.line)


def main(arguments: list[str]) -> None:
    """Print each use in the files and folders named, or in all."""
    chosen = [Path(name).resolve() for name in arguments] or [ROOT]
    for path in files():
        if any(path.is_relative_to(one) for one in chosen):
            for use in all_uses(path):
                print(use)


if __name__ == "__main__":
    main(sys.argv[1:])
