"""Builds the site into a folder: `python -m docs.site build/site`, for teachers `--teachers`."""

import argparse
import shutil
import sys
from pathlib import Path

from docs.site.assets import bytes_of
from docs.site.building import build
from docs.site.errors import SiteError


def main(folder: Path, *, teachers: bool) -> str | None:
    """Build the site, with the answers for `teachers`; return the problems."""
    if folder.exists():
        shutil.rmtree(folder)
    try:
        wrong = build(folder, teachers=teachers)
    except SiteError as fault:
        return str(fault)
    if wrong:
        return "\n".join([*wrong, f"{len(wrong)} links lead nowhere"])
    every, pictures = bytes_of(folder)
    pages = sum(1 for _ in folder.rglob("*.html"))
    print(f"{folder / 'index.html'}: {pages} pages, {every / 1e6:.1f} MB in all,", end=" ")
    print(f"{(every - pictures) / 1e6:.1f} MB without pictures")
    return None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the site of all documents.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--teachers", action="store_true", help="with the answers")
    asked = parser.parse_args()
    sys.exit(main(asked.folder.resolve(), teachers=asked.teachers))
