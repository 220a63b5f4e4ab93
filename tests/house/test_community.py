"""Community files: citation, issue forms and line endings of a clone."""

import re
import shutil
import subprocess

import pytest

import handgrad as hg
from tests.docs.documents import ROOT
from tests.house.test_install import PROJECT

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("title", PROJECT["name"]),
        ("version", hg.__version__),
        ("abstract", f'"{PROJECT["description"]}"'),
        ("license", PROJECT["license"]),
        ("  - name", f'"{PROJECT["authors"][0]["name"]}"'),
    ],
)
def test_the_citation_is_of_this_version(key: str, value: str) -> None:
    assert f"\n{key}: {value}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


@pytest.mark.parametrize("name", ["bug.yml", "idea.yml"])
def test_issue_forms_ask_for_versions_by_a_name_that_exists(name: str) -> None:
    (form,) = (path for path in FORMS if path.name == name)
    (asked,) = re.findall(r"hg\.(check\.\w+)\(\)", form.read_text("utf-8"))
    assert asked == "check.show_versions"
    assert hg.check.show_versions.__name__ in hg.check.__all__


@pytest.mark.skipif(
    not shutil.which("git") or not (ROOT / ".git").exists(), reason="not a clone by git"
)
def test_no_clone_changes_the_ends_of_lines() -> None:
    asked = [
        "README.md",
        "web/shared/words.js",
        "tests/house/lines.toml",
        "docs/images/spirals.gif",
    ]
    command = ["git", "-C", str(ROOT), "check-attr", "eol", "text", "--", *asked]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"^(.+: \w+): (\w+)$", told, re.MULTILINE))
    for name in asked:
        expected = "unset" if name.endswith(".gif") else "auto"
        assert found[f"{name}: text"] == expected
        assert found[f"{name}: eol"] == "lf"
