"""The page of a package index: links lead to the repository, and what it shows is true."""

import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

import handgrad as hg
from tests.docs.documents import ROOT
from tests.house.test_install import PROJECT
from tests.house.wheels import PYTHONS

HOOK = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["metadata"][
    "hooks"
]["custom"]
REPOSITORY = "https://forge.example/somebody/handgrad"


class HookInterface:
    """Stand-in for the base class of hatchling's metadata hooks."""

    def __init__(self, root: str, config: dict[str, str]) -> None:
        self.root, self.config = root, config


def metadata(repository: str, monkeypatch: pytest.MonkeyPatch, root: Path = ROOT) -> dict[str, Any]:
    """Metadata that the build hook adds for a repository address."""
    interface = ModuleType("hatchling.metadata.plugin.interface")
    vars(interface)["MetadataHookInterface"] = HookInterface
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    for name in ("hatchling", "hatchling.metadata", "hatchling.metadata.plugin"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    spec = importlib.util.spec_from_file_location("hook", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    found: dict[str, Any] = {"version": hg.__version__}
    hook.IndexPage(str(root), {"repository": repository}).update(found)
    return found


def links(text: str) -> Iterator[str]:
    """Addresses of a document's links and pictures."""

    def those_of(tokens: list[Token]) -> Iterator[str]:
        for token in tokens:
            yield from (str(token.attrs[key]) for key in ("href", "src") if key in token.attrs)
            yield from those_of(token.children or [])

    yield from those_of(MarkdownIt().enable("table").parse(text))
    assert not re.search(r"(?:href|src)\s*=", text)  # HTML, which an index may drop


@pytest.mark.parametrize("ending", ["", "/"])
def test_every_link_of_the_index_s_readme_is_absolute_and_leads_to_a_file(
    ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [*links((ROOT / "README.md").read_text("utf-8"))]
    page = metadata(REPOSITORY + ending, monkeypatch)["readme"]
    assert page["content-type"] == "text/markdown"
    there = [*links(page["text"])]
    assert len(there) == len(here) > 20
    for before, after in zip(here, there, strict=True):
        base, path = re.fullmatch(rf"({REPOSITORY}/(?:blob|raw)/v[\d.]+)/(.+)", after).groups()  # type: ignore[union-attr]
        assert path == before
        assert base.endswith(f"/v{hg.__version__}")
        assert ("/raw/" in base) == path.endswith((".gif", ".png", ".svg"))
        assert (ROOT / path.partition("#")[0]).exists()


def test_a_link_elsewhere_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = "[a](https://a.example/b) [c](#d) [e](mailto:f@g.example) [h](docs/i.md#j) `k[0](l)`\n"
    (tmp_path / "README.md").write_text(text, "utf-8")
    found = metadata(REPOSITORY, monkeypatch, tmp_path)["readme"]["text"]
    assert found == text.replace("docs/i.md", f"{REPOSITORY}/blob/v{hg.__version__}/docs/i.md")


def test_links_of_the_project_lead_into_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    found = metadata(REPOSITORY, monkeypatch)["urls"]
    assert {*found} == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    for link in found.values():
        _, _, path = link.removeprefix(REPOSITORY).partition("/blob/main/")
        assert link.startswith(REPOSITORY)
        assert (ROOT / path).exists()


def test_without_an_address_nothing_is_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    found = metadata("", monkeypatch)
    assert found["urls"] == {}
    assert found["readme"]["text"] == (ROOT / "README.md").read_text("utf-8")


def test_the_hook_fills_in_what_the_project_leaves_to_it() -> None:
    assert PROJECT["dynamic"] == ["readme", "urls"]
    (repository,) = HOOK.values()
    citation = re.findall(
        r"^repository-code: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE
    )
    assert citation == [repository] * bool(repository)


def test_the_classifiers_name_the_versions_of_python_that_are_tried() -> None:
    version = "Programming Language :: Python :: "
    named = [line.removeprefix(version) for line in PROJECT["classifiers"] if version in line]
    assert [name for name in named if "." in name] == [*PYTHONS]
    tried = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert f'python: ["{PYTHONS[0]}", "{PYTHONS[-1]}"]' in tried
