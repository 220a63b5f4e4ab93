"""Shared files of the pages: styles, scripts, search index, images; the size of the site."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from docs.site.tree import HERE
from handgrad.files.scripts import inlined
from handgrad.files.web import PACKAGE, WEB

PICTURES = (".png", ".gif", ".svg", ".jpg")


def write_assets(
    folder: Path, root: Path, copied: Iterable[str], made: Mapping[str, bytes], index: str
) -> None:
    """Write all files except pages; files of the repository go below `files`, by path."""
    styles = [PACKAGE / "files/html/page.css", WEB / "exercises/exercise.css"]
    styles += [HERE / "site.css", HERE / "code.css"]
    (folder / "site.css").write_text("\n".join(s.read_text("utf-8") for s in styles), "utf-8")
    (folder / "exercises.js").write_text(inlined("exercises/main.js"), "utf-8")
    modules = {path.name: path.read_text("utf-8") for path in HERE.glob("*.js")}
    scripts = "\n".join(inlined(name, modules) for name in ("site.js", "search.js"))
    (folder / "site.js").write_text(scripts, "utf-8")
    (folder / "search-index.js").write_text(index, "utf-8")
    for path in sorted(copied):
        to = folder / "files" / path
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, to)
    for name, data in made.items():
        to = folder / name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(data)


def bytes_of(folder: Path) -> tuple[int, int]:
    """Return the bytes of the site, and of its images."""
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return sum(sizes.values()), sum(n for path, n in sizes.items() if path.suffix in PICTURES)
