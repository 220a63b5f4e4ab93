"""The API reference: pdoc's pages, one for each group of names, with links to the source."""

import html
import inspect
import posixpath
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import handgrad as hg
from docs.reference.build import build, named, namespaces
from docs.site.contents import Content
from docs.site.tree import ROOT, WORDS, Page

MAIN = re.compile(r'<main class="pdoc">(.*?)</main>', re.S)
SECTION = re.compile(r'<section id="(\w+)">(.*?)</section>', re.S)
LINK = re.compile(r'<a([^>]*? )href="([^"]*)">(.*?)</a>', re.S)
GROUP = re.compile(r"^### (.+?)\n(.*?)(?=^##)", re.M | re.S)
TITLES = {
    "Layers": "层",
    "Losses": "损失函数",
    "Optimizers": "优化器",
    "Training": "训练",
    "Metrics": "指标",
    "Estimators and tables": "估计器与表格",
    "Checks and recording": "检验与记录",
    "Learning": "学习",
    "Data": "数据",
    "Pictures": "图",
    "Files and other libraries": "文件与其他库",
    "Errors and warnings": "错误与警告",
}


@dataclass(frozen=True)
class Reference:
    """The pages of the reference, in order, their content, and the location of each name."""

    pages: tuple[Page, ...]
    contents: Mapping[str, Content]
    names: Mapping[str, str]


def read_reference() -> Reference:
    """Run pdoc, and split its pages by the groups of docs/api.md."""
    sections, modules = _sections()
    groups = {
        title: re.findall(r"^\| `([\w.]+)` \|", table, re.M)
        for title, table in GROUP.findall((ROOT / "docs" / "api.md").read_text("utf-8"))
    }
    names = {
        name: f"page:reference/{_slug(title)}#{name}"
        for title, listed in groups.items()
        for name in listed
    }

    def linked(name: str) -> str:
        module = name if name in modules.values() else name.rpartition(".")[0]

        def link(found: re.Match[str]) -> str:
            target = html.unescape(found[2])
            if re.match(r"\w+:", target):  # links in docstrings of other libraries
                return found[3]
            address = _address(target, module, modules, names, sections)
            return f'<a{found[1]}href="{html.escape(address)}">{found[3]}</a>'

        return LINK.sub(link, sections[name])

    pages, contents = [], {}
    for title, listed in groups.items():
        page = f"reference/{_slug(title)}"
        body = "\n".join(_named(name, linked(name)) for name in listed if name in sections)
        contents[page] = Content(title, f'<div class="pdoc">{body}</div>', "en")
        pages.append(Page(page, {"en": title, "zh": TITLES.get(title, title)}, {}))
    return Reference(tuple(pages), contents, names)


def _sections() -> tuple[dict[str, str], dict[str, str]]:
    """Return pdoc's text for each public name, and the modules by page path."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), sources=False)
        made = {
            path.relative_to(folder).as_posix(): path.read_text("utf-8")
            for path in sorted(Path(folder).rglob("*.html"))
        }
    modules = {f"{named(name).__name__.replace('.', '/')}.html": name for name in namespaces(hg)}
    modules["handgrad.html"] = ""
    sections = {}
    for path, module in modules.items():
        prefix = f"{module}." if module else ""
        main = MAIN.search(made[path])
        if module:
            said = inspect.getdoc(named(module)) or ""
            sections[module] = f"<p>{html.escape(said.partition(chr(10) * 2)[0])}</p>"
        for name, body in SECTION.findall(main[1] if main else ""):
            sections[prefix + name] = re.sub(r'\bid="', f'id="{prefix}', body)
    return sections, modules


def _named(name: str, body: str) -> str:
    """Return a section of the reference, with the name as heading and a link to the source."""
    # pdoc's headings within a section would skip levels below the name's
    body = re.sub(r"<(h[56])[^>]*>(.*?)</\1>", r"<p><strong>\2</strong></p>", body)
    body = re.sub(r'\s*<a class="headerlink".*?</a>', "", body)
    return f'<section><h2 class="name" id="{name}">{name}{_source(name)}</h2>{body}</section>'


def _source(name: str) -> str:
    found: object = named(name)
    found = inspect.unwrap(found) if callable(found) else found
    try:
        file = Path(inspect.getsourcefile(found) or "")  # type: ignore[arg-type]
        line = max(1, inspect.getsourcelines(found)[1])  # type: ignore[arg-type]
    except TypeError:  # a value, not a class or function
        return ""
    path = file.relative_to(ROOT).as_posix()
    return f' <a class="source" href="page:source/{path}#L{line}">{WORDS["en"]["source"]}</a>'


def _address(
    target: str,
    module: str,
    modules: Mapping[str, str],
    names: Mapping[str, str],
    sections: Mapping[str, str],
) -> str:
    """Return the target in the site of a link on pdoc's page of a module."""
    here = next(path for path, name in modules.items() if name == module)
    path, _, anchor = target.partition("#")
    there = posixpath.normpath(posixpath.join(posixpath.dirname(here), path)) if path else here
    whole = ".".join(filter(None, [modules[there], anchor]))
    first = anchor.partition(".")[0]
    if f"{modules[there]}.{first}" not in names and first in names:
        whole = anchor  # a namespace also contains names of hg
    top = next(
        (n for n in sorted(names, reverse=True) if whole == n or whole.startswith(f"{n}.")), ""
    )
    if not top:
        return "page:api"
    shown = (
        whole if f'id="{whole}"' in sections[top] else top
    )  # pdoc also links to names that it omits
    return f"{names[top].partition('#')[0]}#{shown}"


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")
