"""The navigation tree: order, titles and source documents of pages."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from handgrad.learn.story.chapters import TEXT

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORDS: dict[str, dict[str, str]] = tomllib.loads((HERE / "words.toml").read_text("utf-8"))
LANGUAGES = tuple(WORDS)
# Pages whose documents are at another path.
ELSEWHERE: dict[str, dict[str, str]] = {
    "index": {"en": "docs/start.md", "zh": "docs/zh/start.md"},
    "overview": {"en": "docs/tour.md", "zh": "docs/zh/tour.md"},
    "story": {
        name: (Path(str(TEXT)) / f"{name}.md").relative_to(ROOT).as_posix() for name in LANGUAGES
    },
    "measurements": {"en": "benchmarks/results/results.md"},
    "contributing": {"en": "CONTRIBUTING.md"},
    "changes": {"en": "CHANGELOG.md"},
}

# Documents in this folder are for teachers.
ANSWERS = "docs/lessons/answers/"


@dataclass(frozen=True)
class Page:
    """A page: its path in the site, and its title and document in each language."""

    name: str
    titles: Mapping[str, str]
    sources: Mapping[str, Path]

    @property
    def runs(self) -> bool:
        """Return True if its Python blocks are run and their output shown."""
        return self.name == "story" or self.name.startswith("lessons/")

    @property
    def for_teachers(self) -> bool:
        """Return True if it contains answers, which are only for teachers."""
        return self.name.startswith("answers/")


@dataclass(frozen=True)
class Group:
    """A group of pages under one heading."""

    name: str
    titles: Mapping[str, str]
    pages: tuple[Page, ...]


def read_tree(root: Path = ROOT, tree: Path = HERE / "tree.toml") -> list[Group]:
    """Return the groups of tree.toml, with lessons and documents in none of them added.

    A page whose document is not there yet is left out.
    """
    groups = []
    for group in tomllib.loads(tree.read_text("utf-8"))["group"]:
        pages = [_page(root, *entry) for entry in group["pages"]]
        pages += [_untitled(root, name) for name in _found(root, group["name"])]
        titles = {language: group[language] for language in LANGUAGES}
        groups.append(Group(group["name"], titles, tuple(page for page in pages if page.sources)))
    taken = {source for group in groups for page in group.pages for source in page.sources.values()}
    others = [path for path in sorted((root / "docs").glob("*.md")) if path not in taken]
    added = tuple(_untitled(root, path.stem) for path in others)
    return [
        Group(group.name, group.titles, (*group.pages, *added * (group.name == "guides")))
        for group in groups
    ]


def title_of(document: Path) -> str:
    """Return the document's first-level heading."""
    lines = document.read_text("utf-8").splitlines()
    return next((line[2:].strip() for line in lines if line.startswith("# ")), document.stem)


def _found(root: Path, group: str) -> list[str]:
    """Return the pages of a folder."""
    lessons = root / "docs" / "lessons"
    if group == "lessons":
        return sorted({f"lessons/{path.stem}" for path in lessons.glob("??/*.md")})
    if group == "teachers":
        answers = sorted((lessons / "answers").glob("*.md"))
        return [f"answers/{path.stem}" for path in answers if not path.stem.endswith(".zh")]
    return []


def _page(root: Path, name: str, english: str, chinese: str) -> Page:
    return Page(name, {"en": english, "zh": chinese}, _sources(root, name))


def _untitled(root: Path, name: str) -> Page:
    sources = _sources(root, name)
    any_source = next(iter(sources.values()))
    titles = {language: title_of(sources.get(language, any_source)) for language in LANGUAGES}
    return Page(name, titles, sources)


def _sources(root: Path, name: str) -> dict[str, Path]:
    if name in ELSEWHERE:
        places = {language: root / path for language, path in ELSEWHERE[name].items()}
    elif name.startswith("lessons/"):
        stem = name.removeprefix("lessons/")
        places = {
            language: root / "docs" / "lessons" / language / f"{stem}.md" for language in LANGUAGES
        }
    elif name.startswith("answers/"):
        beside = root / "docs" / "lessons"
        places = {"en": beside / f"{name}.md", "zh": beside / f"{name}.zh.md"}
    else:
        file = f"{name.removesuffix('index')}README.md" if name.endswith("/index") else f"{name}.md"
        places = {"en": root / "docs" / file, "zh": root / "docs" / "zh" / file}
    return {language: path for language, path in places.items() if path.exists()}
