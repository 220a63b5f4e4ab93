"""Runs `docs/pictures.md`, which saves its pictures: `python -m docs.images.pictures`."""

from docs.images.document import run_document

if __name__ == "__main__":
    run_document("pictures.md")
