"""The link checker: every link, anchor and image of a written site exists."""

import html
import re
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote

TAG = re.compile(r'<[A-Za-z](?:"[^"]*"|[^">])*>')
REFERENCE = re.compile(r'\b(?:href|src)="([^"]*)"')
SCRIPT = re.compile(r"<script\b.*?</script>", re.S)
NAME = re.compile(r'\bid="([^"]*)"')


def broken_links(site: Path) -> list[str]:
    """Return links without a target and external links, each with its page."""
    files = {path for path in site.rglob("*") if path.is_file()}
    pages = {
        path: SCRIPT.sub("", path.read_text("utf-8"))
        for path in sorted(files)
        if path.suffix == ".html"
    }
    names = {path: {html.unescape(n) for n in NAME.findall(text)} for path, text in pages.items()}
    wrong = []
    for page, text in pages.items():
        references = {t for tag in TAG.findall(text) for t in REFERENCE.findall(tag)}
        for target in sorted(map(html.unescape, references)):
            if target.startswith("data:"):
                continue
            path, _, anchor = target.partition("#")
            there = Path(normpath(page.parent / unquote(path))) if path else page
            if re.match(r"\w+:", target):
                wrong.append(f"{page.relative_to(site)}: {target} leads out of the site")
            elif there not in files:
                wrong.append(f"{page.relative_to(site)}: {target} is not there")
            elif anchor and there.name != PLAYGROUND and unquote(anchor) not in names[there]:
                wrong.append(f"{page.relative_to(site)}: {target}: no such place on that page")
    return wrong


# Its fragment is a setting, not an anchor.
PLAYGROUND = "play.html"
