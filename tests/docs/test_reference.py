"""The reference: built without a warning, with every public name and no other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs.reference.build import named, namespaces
from docs.site.reference import read_reference

import handgrad as hg
from tests.docs.documents import ROOT

pytestmark = pytest.mark.slow  # the reference is built first
NAMESPACES = [*namespaces(hg)]


def page_of(module: str) -> str:
    return f"{named(module).__name__.replace('.', '/')}.html"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages that `make docs` builds, by name."""
    folder = tmp_path_factory.mktemp("reference")
    command = [sys.executable, str(ROOT / "docs" / "reference" / "build.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = folder.rglob("*.html")
    return {page.relative_to(folder).as_posix(): page.read_text("utf-8") for page in found}


def sections(page: str) -> list[str]:
    """The names with a section of their own, in order."""
    return re.findall(r'<section id="(\w+)">', page)


@pytest.mark.slow
def test_there_is_a_page_for_each_public_module(pages: dict[str, str]) -> None:
    inside = map(page_of, NAMESPACES)
    assert sorted(pages) == sorted(["index.html", "handgrad.html", *inside])


@pytest.mark.slow
def test_every_public_name_has_its_section(pages: dict[str, str]) -> None:
    names = [name for name in hg.__all__ if name not in NAMESPACES]
    assert sections(pages["handgrad.html"]) == names


@pytest.mark.slow
@pytest.mark.parametrize("module", NAMESPACES)
def test_every_public_name_of_a_module_has_its_section(pages: dict[str, str], module: str) -> None:
    names = [name for name in named(module).__all__ if f"{module}.{name}" not in NAMESPACES]
    assert sections(pages[page_of(module)]) == names


def test_formulas_and_examples_stand_as_they_are_written(pages: dict[str, str]) -> None:
    blocks = re.findall(r"<pre>.*?</pre>", pages["handgrad.html"], re.DOTALL)
    shown = [re.sub(r"<[^>]+>", "", block) for block in blocks]
    assert any("forward     z = x Wᵀ + b\nbackward    dx = dz W" in block for block in shown)
    assert any("compiled_source(net" in block for block in shown)


def test_an_example_after_a_list_is_no_parameter(pages: dict[str, str]) -> None:
    assert [name for name, page in pages.items() if "<strong>&gt;&gt;&gt;" in page] == []


@pytest.mark.slow
def test_the_site_has_no_heading_that_skips_levels() -> None:
    headings = {
        heading
        for content in read_reference().contents.values()
        for heading in re.findall(r"<h\d", content.html)
    }
    assert headings == {"<h2"}


def test_signatures_name_what_they_take_by_short_names(pages: dict[str, str]) -> None:
    linear = pages["handgrad.html"].partition('id="Linear.__init__"')[2].partition("</section>")[0]
    shown = re.sub(r"<[^>]+>|\s", "", linear)
    assert "dtype:DTypeLike|None" in shown or "dtype:DTypeLike=" in shown
    assert "->Array:" in shown
    signatures = re.findall(
        r'<span class="signature.*?</span></span>', pages["handgrad.html"], re.S
    )
    assert not [s for s in signatures if "_dtype_like" in s or "ndarray" in s]


def test_no_page_names_the_machine_it_was_built_on(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert str(Path(ROOT)) not in page
        assert not re.search(r"at 0x[0-9a-f]{6,}", page)
