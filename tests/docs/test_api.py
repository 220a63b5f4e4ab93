"""docs/api.md lists the public names, each once, and says of each what its docstring says."""

import inspect
import re
from typing import Any

import handgrad as hg
from tests.docs.documents import ROOT

ROW = re.compile(r"^\| `([\w.]+)` \| (.+) \|$", re.MULTILINE)
LISTED = ROW.findall((ROOT / "docs" / "api.md").read_text("utf-8"))


def public(name: str) -> Any:
    """What the name stands for: `data.load` is the function in the module."""
    found: Any = hg
    for part in name.split("."):
        found = getattr(found, part)
    return found


def expected_names() -> list[str]:
    """All of `__all__`, each module followed by those names that are only in it."""
    names = []
    for name in hg.__all__:
        inside = public(name).__all__ if inspect.ismodule(public(name)) else []
        others = (
            part for part in inside if public(f"{name}.{part}") is not getattr(hg, part, None)
        )
        names += [name, *(f"{name}.{part}" for part in others)]
    return names


def test_every_public_name_is_listed_once_in_the_order_of_all() -> None:
    assert [name for name, _ in LISTED] == expected_names()
    assert len(set(hg.__all__)) == len(hg.__all__)


def test_each_line_says_what_the_docstring_says() -> None:
    for name, said in LISTED:
        if name == "data.BUNDLED":  # a constant: it has no docstring
            continue
        first = (inspect.getdoc(public(name)) or "").split("\n")[0].replace("|", r"\|")
        assert said == first, f"the line should be: | `{name}` | {first} |"


def test_every_submodule_says_what_of_it_is_public() -> None:
    for name in hg.__all__:
        if inspect.ismodule(public(name)):
            assert public(name).__all__, name
            assert len(set(public(name).__all__)) == len(public(name).__all__)
