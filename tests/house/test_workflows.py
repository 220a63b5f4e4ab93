"""The workflows for GitHub call what there is: targets of the Makefile, and scripts."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import handgrad as hg
from tests.docs.documents import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def commands(workflow: Path) -> list[str]:
    """Commands of the steps of a workflow."""
    return re.findall(r"^ +- run: (.+)$", workflow.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_step_runs_a_target_or_a_script_that_exists(workflow: Path) -> None:
    assert commands(workflow)
    for command in commands(workflow):
        first, *rest = command.removeprefix("sudo ").split()
        if first == "make":
            assert rest[0] in TARGETS
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


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("v9.9.9", f"expected v{hg.__version__}, the version in pyproject.toml"),
        (f"v{hg.__version__}", "write the day of the release"),
    ],
)
def test_a_release_needs_its_version_and_its_day(tag: str, told: str, tmp_path: Path) -> None:
    for name in ("pyproject.toml", ".ci/release"):
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy)
    (tmp_path / "CHANGELOG.md").write_text(f"## [{hg.__version__}] - unreleased\n", "utf-8")
    command = [str(tmp_path / ".ci" / "release"), tag]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert told in ended.stderr
