"""Availability of wheels: for each system, Python version and extra.

    make wheels    # asks the package index anew and writes wheels.json and docs/install.md

A resolver chooses the versions for that system; packages without a wheel are refused.
"""

import json
import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

STORED = Path(__file__).with_name("wheels.json")
ROOT = STORED.parents[2]
PAGE = ROOT / "docs" / "install.md"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "Windows x64": "x86_64-pc-windows-msvc",
    "Windows arm64": "aarch64-pc-windows-msvc",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
    "Alpine x86-64": "x86_64-unknown-linux-musl",
}
PROMISED = ("Linux x86-64", "Linux aarch64", "Windows x64", "macOS arm64", "macOS x86-64")
FOR_DEVELOPERS = ("test", "bench", "browser", "release")
MARKS = ("<!-- wheels -->", "<!-- end -->")


def requirements() -> dict[str, list[str]]:
    """Declared requirements of the core and of each extra for users."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    return {"core": project["dependencies"]} | {
        extra: needs for extra, needs in extras.items() if extra not in FOR_DEVELOPERS
    }


def stored() -> dict[str, Any]:
    """Stored table of the last query."""
    table: dict[str, Any] = json.loads(STORED.read_text("utf-8"))
    return table


def missing(extra: str, system: str, python: str) -> str:
    """Package without a wheel on a system; empty if there is none."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--quiet"]
    command += ["--python-version", python, "--python-platform", SYSTEMS[system]]
    command += ["--only-binary", ":all:", *(["--extra", extra] if extra != "core" else [])]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if told.returncode == 0:
        return ""
    text = re.sub(r"\{.*?\}", "", " ".join(told.stderr.split()))  # without markers
    found = re.search(r"\b([a-z][\w-]*)\S* has no (?:usable )?wheels", text)
    if found is None:
        raise RuntimeError(f"{extra}, {system}, Python {python}: {text}")
    return found[1]


def table() -> dict[str, Any]:
    """Requirements, and for each extra the package without a wheel, by system and Python."""
    cases = [*product(requirements(), SYSTEMS, PYTHONS)]
    lacking: dict[str, dict[str, str]] = {}
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(missing, *zip(*cases, strict=True))
        for (extra, system, python), package in zip(cases, answers, strict=True):
            print(f"{extra}, {system}, Python {python}: {package or 'wheels'}", flush=True)
            if package:
                lacking.setdefault(extra, {})[f"{system}, Python {python}"] = package
    return {"requirements": requirements(), "lacking": lacking}


def lines(answers: dict[str, Any]) -> list[str]:
    """The table of docs/install.md: for each system what the core, all and the extras lack."""
    found = ["| system | core | `all` | other extras without wheels |", "|---|---|---|---|"]
    named = ("core", "all", *_parts_of_all())
    extras = [extra for extra in answers["requirements"] if extra not in named]
    for system in SYSTEMS:
        lacking = {extra: _lacking(answers, extra, system) for extra in ("core", "all", *extras)}
        others = ", ".join(f"`{extra}` ({lacking[extra]})" for extra in extras if lacking[extra])
        core, whole = (f"no: {lacking[extra]}" if lacking[extra] else "yes" for extra in named[:2])
        if lacking["core"] and not lacking["all"]:
            whole = "no, as the core"
        found.append(f"| {system} | {core} | {whole} | {others or 'none'} |")
    return found


def _parts_of_all() -> list[str]:
    (whole,) = requirements()["all"]
    return whole.partition("[")[2].rstrip("]").split(",")


def _lacking(answers: dict[str, Any], extra: str, system: str) -> str:
    """Packages beyond the core's without wheels there, with the Pythons unless these are all."""
    by_package: dict[str, list[str]] = {}
    of_core = answers["lacking"].get("core", {}) if extra != "core" else {}
    for python in PYTHONS:
        place = f"{system}, Python {python}"
        package = answers["lacking"].get(extra, {}).get(place)
        if package and place not in of_core:
            by_package.setdefault(package, []).append(python)
    return ", ".join(
        package if len(found) == len(PYTHONS) else f"{package} for {_span(found)}"
        for package, found in by_package.items()
    )


def _span(pythons: list[str]) -> str:
    """Versions in a row, as `3.12 to 3.14`."""
    return pythons[0] if len(pythons) == 1 else f"{pythons[0]} to {pythons[-1]}"


def with_table(page: str, answers: dict[str, Any]) -> str:
    """The text of a page with the table between its marks."""
    before, _, rest = page.partition(MARKS[0])
    rest = rest.partition(MARKS[1])[2]
    table_lines = "\n".join(lines(answers))
    return f"{before}{MARKS[0]}\n\n{table_lines}\n\n{MARKS[1]}{rest}"


if __name__ == "__main__":
    STORED.write_text(json.dumps(table(), indent=1) + "\n", "utf-8", newline="\n")
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), stored()), "utf-8", newline="\n")
