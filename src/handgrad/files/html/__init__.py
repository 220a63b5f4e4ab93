"""One HTML file that needs nothing else, by templates that escape what is not marked as HTML."""

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
# What no XML may hold or no eye sees, and what turns the direction of the text that follows.
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str) -> str:
    """The text, in which characters that steer what is shown are escapes.

    >>> print(visible("a bell\\x07, turned \\u202e round"))
    a bell\\x07, turned \\u202e round
    """
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def require_templates(what: str) -> None:
    """Refuse `what` where the packages that fill in templates are not installed."""
    require(what, learn=TEMPLATES)


@cache
def environment() -> Environment:
    """The templates, by their paths within the package or `WEB`: `files/html/page.html`."""
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
    """The page that a template makes of `values`."""
    return visible(environment().get_template(template).render(values))


def json_in_page(data: Mapping[str, object]) -> Markup:
    """JSON as it may stand within a page: no text in it ends the script that it is in.

    >>> print(json_in_page({"a": "</script>"}))
    {"a":"\\u003c/script>"}
    """
    from markupsafe import Markup

    return Markup(json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def hashed(text: str) -> Markup:
    """The name of a script or style for the policy of a page that allows it and no other."""
    from markupsafe import Markup

    digest = hashlib.sha256(text.encode()).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode()}'")
