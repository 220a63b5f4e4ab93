"""A model as one HTML page that predicts, from a form with a field a column; needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources

from markupsafe import Markup

from handgrad._version import __version__
from handgrad.exporting.page_data import page_data
from handgrad.exporting.subject import Subject
from handgrad.html import page

# In the order in which they need each other; the net comes before the last.
MODULES = ("dates", "numbers", "table", "words", "form", "answer", "main")
IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=const|function)", re.MULTILINE)


def page_of(subject: Subject, net: str) -> str:
    """The page of a model; `net` is the module of its net, which exports `net`."""
    data = page_data(subject)
    return page(
        "exporting/page/page.html",
        kind=subject.kind,
        title=subject.title,
        words=data["words"],
        version=__version__,
        read_as=subject.features.read_as().items() if subject.features else (),
        data=_inline_json(data),
        script=Markup(_one_module(net)),
        hashed=_hashed,
    )


def _one_module(net: str) -> str:
    """The modules of the page as one, the net's own before the last."""
    texts = [_file(f"{name}.js") for name in MODULES]
    texts[-1:] = [net, texts[-1]]
    return "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts)


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("page", name).read_text("utf-8")


def _inline_json(data: Mapping[str, object]) -> Markup:
    """JSON as it may stand within a page: no text in it ends the script that it is in."""
    return Markup(json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def _hashed(text: str) -> Markup:
    """The name of a script or style for the policy that allows it and no other."""
    digest = hashlib.sha256(text.encode()).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode()}'")
