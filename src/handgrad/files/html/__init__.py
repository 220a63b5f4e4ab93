"""Self-contained HTML files, by templates with autoescaping."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from handgrad.files.web import WEB
from handgrad.textbook.install import require

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = ("jinja2", "markupsafe")  # the packages that fill them in
# Characters that XML cannot have, invisible ones, and those that change the text direction.
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str) -> str:
    """Escape control characters that change how a text is shown.

    >>> print(visible("a bell\\x07, turned \\u202e round"))
    a bell\\x07, turned \\u202e round
    """
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def require_templates(what: str) -> None:
    """Refuse `what` where the packages that fill in templates are not installed."""
    require(what, learn=TEMPLATES)


@cache
def environment() -> Environment:
    """Jinja environment with templates by path in the package or `WEB`: `files/html/page.html`."""
    require_templates("an HTML page")
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader("handgrad", ""), FileSystemLoader(WEB)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )


def page(template: str, **values: object) -> str:
    """Render a template with `values`."""
    return visible(environment().get_template(template).render(values))


def json_in_page(data: Mapping[str, object]) -> Markup:
    """Dump JSON for a page, so that no text in it ends the script element.

    >>> print(json_in_page({"a": "</script>"}))
    {"a":"\\u003c/script>"}
    """
    from markupsafe import Markup

    return Markup(json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def hashed(text: str) -> Markup:
    """Hash of a script or style for a page's content security policy."""
    from markupsafe import Markup

    digest = hashlib.sha256(text.encode()).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode()}'")


def page_words(folder: str) -> dict[str, dict[str, str]]:
    """Texts of an exported page by language: those of all pages, and those in its `folder`."""
    shared, own = (
        json.loads((WEB / name).read_text("utf-8"))
        for name in ("shared/page_words.json", f"{folder}/words.json")
    )
    return {language: words | own[language] for language, words in shared.items()}
