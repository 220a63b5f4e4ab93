"""The site builder: reads the documents, runs their blocks, writes every page in each language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from docs.site.assets import write_assets
from docs.site.checking import PLAYGROUND, broken_links
from docs.site.contents import Content
from docs.site.documents import Document, read_document
from docs.site.framing import write_page
from docs.site.reference import Reference, read_reference
from docs.site.rendering import Rendering, beside, coloured, render
from docs.site.running import run_all
from docs.site.search import Indexed, index_script
from docs.site.tree import ANSWERS, LANGUAGES, ROOT, Group, read_tree
from handgrad.learn.playground.document import write_document
from handgrad.learn.story.page import Outcome

# Files that are shown as pages with syntax colours; others are copied unchanged.
SHOWN = {".py": "python", ".md": "markdown", ".toml": "toml", ".txt": "text", "": "text"}


@dataclass
class Library:
    """The content of all pages, and the targets of their links."""

    root: Path
    groups: list[Group]
    documents: Mapping[tuple[str, str], Document]
    reference: Reference
    files: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)

    def address(self, document: Document, target: str) -> str:
        """Return the path in the site of a document's `target`; LookupError if there is none."""
        path, _, anchor = target.partition("#")
        there = beside(document, path) if path else document.path
        for (name, language), other in self.documents.items():
            if other.path == there:
                if anchor and anchor not in other.anchors:
                    raise LookupError(f"{target}: no such heading in {there}")
                itself = self.documents.get((name, document.language)) == document
                tongue = f"@{language}" * (itself and language != document.language)
                return f"page:{name}{tongue}" + (f"#{other.anchors[anchor]}" if anchor else "")
        if there.startswith(ANSWERS):
            raise LookupError(f"{target} is for teachers, and this page for learners, too")
        file = self.root / there
        if not file.is_file():
            raise LookupError(f"{target} is not there")
        if file.suffix in SHOWN:
            self.sources.add(there)
            return f"page:source/{there}" + (f"#{anchor}" if anchor else "")
        self.files.add(there)
        return f"file:{there}"


def build(
    folder: Path,
    root: Path = ROOT,
    reference: Reference | None = None,
    *,
    teachers: bool = False,
) -> list[str]:
    """Write the site into `folder`; return the broken links, which should be none.

    The site for `teachers` has the answers to the exercises and lessons, too.
    """
    groups = [
        Group(g.name, g.titles, tuple(p for p in g.pages if teachers or not p.for_teachers))
        for g in read_tree(root)
    ]
    documents = _documents(root, groups)
    reference = reference or read_reference()
    groups = [
        Group(g.name, g.titles, (*g.pages, *reference.pages * (g.name == "reference")))
        for g in groups
    ]
    library = Library(root, groups, documents, reference)
    scripts = [document.script for document in documents.values()]
    outcomes = run_all([script for script in scripts if script.steps])
    contents = {
        key: _content(library, key[0], document, outcomes.get(document.path, []))
        for key, document in documents.items()
    }
    contents |= {(name, "en"): content for name, content in reference.contents.items()}
    titles = {page.name: page.titles for group in groups for page in group.pages}
    indexed = [Indexed(name, content, titles[name]) for (name, _), content in contents.items()]
    contents |= {
        (f"source/{path}", "en"): _source(root, path) for path in _shown(library, contents)
    }
    for name in {name for name, _ in contents}:
        for language in LANGUAGES:
            write_page(folder, name, language, contents, groups)
    made = {name: data for content in contents.values() for name, data in content.files.items()}
    write_assets(folder, root, library.files, made, index_script(indexed))
    if any(f"file:{PLAYGROUND}" in content.html for content in contents.values()):
        write_document(folder / PLAYGROUND)
    return broken_links(folder)


def _documents(root: Path, groups: list[Group]) -> dict[tuple[str, str], Document]:
    documents = dict[tuple[str, str], Document]()
    for page in chain.from_iterable(group.pages for group in groups):
        for language, path in page.sources.items():
            document = read_document(path, root, language, page.runs)
            first = documents.get((page.name, LANGUAGES[0]))
            documents[page.name, language] = document.with_anchors_of(first) if first else document
    return documents


def _content(library: Library, name: str, document: Document, outcomes: list[Outcome]) -> Content:
    public = library.reference.names
    rendering = Rendering(document, name, iter(outcomes), library.address, public)
    text = render(rendering)
    return Content(document.title, text.html, document.language, text.files)


def _shown(library: Library, contents: Mapping[tuple[str, str], Content]) -> set[str]:
    """Return the files of the repository that pages link to."""
    prefix = 'href="page:source/'
    found = {
        part.split('"')[0].split("#")[0]
        for content in contents.values()
        for part in content.html.split(prefix)[1:]
    }
    return library.sources | found


def _source(root: Path, path: str) -> Content:
    """Return a file as HTML with syntax colours, line numbers and anchors."""
    code = coloured((root / path).read_text("utf-8"), SHOWN[Path(path).suffix])
    lines = "\n".join(
        f'<span id="L{number}">{line}</span>' for number, line in enumerate(code.split("\n"), 1)
    )
    return Content(path, f'<pre class="source"><code>{lines}</code></pre>', "en")
