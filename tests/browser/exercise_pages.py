"""A page with one exercise, as the site has it: the frame of all pages, one script, no network."""

import json
from importlib.resources import files
from pathlib import Path

from handgrad.exercises import exercise
from handgrad.html.scripts import inlined

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"


def write_page(folder: Path, name: str, language: str) -> str:
    """Write the page, and give its address."""
    styles = [
        files("handgrad.html") / "page.css",
        files("handgrad.exercises") / "page/exercise.css",
    ]
    data = json.dumps(exercise(name, language).data()).replace("<", "\\u003c")
    path = folder / f"{name}.{language}.html"
    path.write_text(
        f'<!DOCTYPE html><html lang="{language}"><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<style>{''.join(style.read_text('utf-8') for style in styles)}</style>"
        f"<body><main><h1>{name}</h1><h2>{name}</h2>"
        f'<section data-exercise><script type="application/json">{data}</script></section></main>'
        f"<script>{inlined('exercises/page/main.js')}</script></body></html>",
        "utf-8",
    )
    return path.as_uri()
