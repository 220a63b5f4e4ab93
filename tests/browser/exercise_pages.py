"""A page with exercises, as the site has them: the frame of all pages, one script, no network."""

import json
from pathlib import Path

from handgrad.files.scripts import inlined
from handgrad.files.web import PACKAGE, WEB
from handgrad.learn.exercises import exercise

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"


def write_page(folder: Path, names: str, language: str) -> str:
    """Write the page of some exercises, and give its address."""
    styles = [
        PACKAGE / "files/html/page.css",
        WEB / "exercises/exercise.css",
    ]
    path = folder / f"{names}.{language}.html"
    places = [
        f'<section data-exercise><script type="application/json">{_data(name, language)}</script>'
        "</section>"
        for name in names.split()
    ]
    path.write_text(
        f'<!DOCTYPE html><html lang="{language}"><meta charset="utf-8"><title>{names}</title>'
        f'<meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<style>{''.join(style.read_text('utf-8') for style in styles)}</style>"
        f"<body><main><h1>{names}</h1><h2>{names}</h2>"
        f"{''.join(places)}</main>"
        f"<script>{inlined('exercises/main.js')}</script></body></html>",
        "utf-8",
    )
    return path.as_uri()


def _data(name: str, language: str) -> str:
    return json.dumps(exercise(name, language).data()).replace("<", "\\u003c")
