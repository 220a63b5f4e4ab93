"""docs/api.md lists the public names, each once, and says of each what its docstring says."""

import inspect
import re
from types import ModuleType

from docs.reference.build import named as public
from docs.reference.build import namespaces

import handgrad as hg
from tests.docs.documents import ROOT

ROW = re.compile(r"^\| `([\w.]+)` \| (.+) \|$", re.MULTILINE)
TEXT = (ROOT / "docs" / "api.md").read_text("utf-8")
LISTED = ROW.findall(TEXT.partition("## How a name is replaced")[0])


def expected_names(module: ModuleType = hg, prefix: str = "") -> list[str]:
    """All of `__all__`, each namespace followed by those names that are only in it."""
    names = []
    for name in module.__all__:
        found = getattr(module, name)
        if prefix and name in hg.__all__ and found is getattr(hg, name):
            continue
        names.append(prefix + name)
        if inspect.ismodule(found):
            names += expected_names(found, f"{prefix}{name}.")
    return names


def moved_names() -> str:
    """The names of the release before, by where they are now, as a table."""
    places: dict[str, list[str]] = {}
    for name, place in hg.MOVED.items():
        namespace, _, rest = place.rpartition(".")
        places.setdefault(f"hg.{namespace}" if namespace else "hg", []).append(
            f"`{name}`" if rest == name else f"`{name}`, now `{rest}`"
        )
    rows = [f"| `{namespace}` | {', '.join(names)} |" for namespace, names in places.items()]
    return "\n".join(["| now in | what was `handgrad.NAME` |", "|---|---|", *rows])


def test_every_public_name_is_listed_once_in_the_order_of_all() -> None:
    assert [name for name, _ in LISTED] == expected_names()
    assert len(set(hg.__all__)) == len(hg.__all__)


def test_each_line_says_what_the_docstring_says() -> None:
    for name, said in LISTED:
        if name in ("data.BUNDLED", "layers.Array"):  # no docstrings of their own
            continue
        first = (inspect.getdoc(public(name)) or "").split("\n")[0].replace("|", r"\|")
        assert said == first, f"the line should be: | `{name}` | {first} |"


def test_every_namespace_says_what_of_it_is_public() -> None:
    for name in namespaces(hg):
        names = public(name).__all__
        assert names, name
        assert len(set(names)) == len(names), name
        assert {n for n in dir(public(name)) if not n.startswith("_")} >= {*names}, name


def test_the_names_that_moved_are_listed_by_where_they_are() -> None:
    table = moved_names()
    assert table in (ROOT / "docs" / "api.md").read_text("utf-8"), (
        f"docs/api.md should have\n{table}"
    )
