"""The workflows for GitHub call what there is: tasks and scripts."""

import re
import subprocess
from pathlib import Path

import pytest
from tasks import SETTINGS, TASKS

import handgrad as hg
from tests.docs.documents import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def commands(workflow: Path) -> list[str]:
    """Commands of the steps of a workflow."""
    return re.findall(r"^ +- run: (.+)$", workflow.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_step_runs_a_task_or_a_script_that_exists(workflow: Path) -> None:
    assert commands(workflow)
    for command in commands(workflow):
        first = command.removeprefix("sudo ").split()[0]
        if found := re.match(r"(?:make|python -m tasks) ([\w-]+)(?: (\w+)=|$)", command):
            assert found[1] in TASKS
            assert found[2] in (None, *SETTINGS)
        elif first != "git":
            script = ROOT / first
            assert script.is_relative_to(ROOT / ".ci")
            assert script.stat().st_mode & 0o111, f"{first} cannot be run"


def test_the_parts_of_nightly_are_all_run() -> None:
    text = (ROOT / ".github" / "workflows" / "nightly.yml").read_text("utf-8")
    (parts,) = re.findall(r"part: \[([\d, ]+)\]", text)
    (of,) = re.findall(r"PART=\$\{\{ matrix\.part \}\}/(\d+)", text)
    assert [int(part) for part in parts.split(",")] == [*range(1, int(of) + 1)]


def test_no_workflow_may_write_but_where_it_says() -> None:
    for workflow in WORKFLOWS:
        text = workflow.read_text("utf-8")
        assert "\npermissions:\n  contents: read\n" in text
        assert "secrets." not in text


VERSION = hg.__version__


@pytest.mark.parametrize(
    ("version", "repository", "heading", "published", "told"),
    [
        ("9.9.9", "", "unreleased", False, f"expected v{VERSION}, the version in pyproject.toml"),
        (VERSION, "", "2026-12-31", True, "write the repository's address"),
        (f"{VERSION}a1", "", "2026-12-31", True, "write the repository's address"),
        (VERSION, "https://a.example", "unreleased", False, "write the day of the release"),
        (VERSION, "https://a.example", "2026-12-31", False, "set PUBLISHED = True"),
        (VERSION, "https://a.example", "2026-12-31", True, "make: wheel"),
        (f"{VERSION}a1", "https://a.example", "unreleased", False, "make: wheel"),
    ],
)
def test_a_release_needs_version_address_day_and_switch(
    version: str, repository: str, heading: str, published: bool, told: str, tmp_path: Path
) -> None:
    names = ("pyproject.toml", ".ci/release", "src/handgrad/textbook/install.py")
    for copy, text in ((tmp_path / name, (ROOT / name).read_text("utf-8")) for name in names):
        copy.parent.mkdir(exist_ok=True, parents=True)
        if "a" in version:
            text = text.replace(f'version = "{VERSION}"', f'version = "{version}"')
        text = re.sub(r'(?m)^repository = ".*"$', f'repository = "{repository}"', text)
        copy.write_text(re.sub(r"(?m)^PUBLISHED = \w+$", f"PUBLISHED = {published}", text), "utf-8")
    (tmp_path / "CHANGELOG.md").write_text(f"## [{VERSION}] - {heading}\n", "utf-8")
    (tmp_path / "Makefile").write_text("wheel:\n\t@echo make: wheel >&2; exit 1\n", "utf-8")
    command = ["bash", str(tmp_path / ".ci" / "release"), f"v{version}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert told in ended.stderr
