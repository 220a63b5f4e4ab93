"""Files of a folder, as a server of pages gives them away."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from urllib.parse import unquote

PIECE = 2**16
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".ipynb": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".wasm": "application/wasm",
    ".pdf": "application/pdf",
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
}
OTHER = "application/octet-stream"


def site_file(root: Path, path: str) -> Path | None:
    """The file of a URL's path within `root`, a resolved folder; None if there is none.

    Hidden files, and links that lead out of the folder, are not given away. A folder is its
    `index.html`.
    """
    try:
        names = unquote(path, errors="strict").strip("/").split("/")
    except UnicodeDecodeError:
        return None
    if names == [""]:
        names = ["index.html"]
    if any(not name or name.startswith(".") or set(name) & set("\\:\0") for name in names):
        return None
    try:
        file = root.joinpath(*names).resolve(strict=True)
        if file.is_dir():
            file = (file / "index.html").resolve(strict=True)
        inside = file.is_relative_to(root) and not any(
            part.startswith(".") for part in file.relative_to(root).parts
        )
        return file if inside and file.is_file() else None
    except (OSError, ValueError):
        return None


def kind_of_file(file: Path) -> str:
    """MIME type of a file, by its suffix."""
    return KINDS.get(file.suffix.lower(), OTHER)


def pieces(file: Path) -> Generator[bytes]:
    """The bytes of a file, a piece at a time."""
    with file.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece
