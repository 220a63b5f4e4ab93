"""The files of constraints pin all that is installed: the usual versions, and the lowest ones."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.docs.documents import ROOT


def brought(name: str, extras: set[str], found: set[str]) -> None:
    """Add what `name` with its extras requires, as far as it is installed here."""
    for line in distribution(name).requires or []:
        needed = Requirement(line)
        wanted = any(
            needed.marker is None or needed.marker.evaluate({"extra": extra})
            for extra in extras | {""}
        )
        key = canonicalize_name(needed.name)
        if wanted and key not in found:
            try:
                distribution(key)
            except PackageNotFoundError:
                continue
            found.add(key)
            brought(key, needed.extras, found)


def pinned(name: str) -> dict[str, str]:
    """The versions in a file of constraints, by canonical name."""
    lines = (ROOT / name).read_text("utf-8").splitlines()[1:]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+(; .+)?", line) for line in lines)
    pins = [pin for pin in map(Requirement, lines) if not pin.marker or pin.marker.evaluate()]
    found: dict[str, str] = {canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in pins}
    assert len(found) == len(pins)
    return found


def test_the_lowest_versions_are_those_that_the_project_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    (whole,) = map(Requirement, extras["all"])
    lines = [*project["dependencies"], *extras["test"]]
    lines += [line for extra in sorted(whole.extras) for line in extras[extra]]
    found, lowest = {}, pinned("constraints-lowest.txt")
    for needed in map(Requirement, lines):
        if needed.name == "handgrad":
            continue
        (bound,) = (part.version for part in needed.specifier if part.operator == ">=")
        found[canonicalize_name(needed.name)] = Version(bound)
    assert {name: Version(lowest[name]) for name in found} == found


def test_whatever_is_installed_for_handgrad_is_pinned() -> None:
    names = pinned("constraints.txt")
    found: set[str] = set()
    brought(
        "handgrad", set(distribution("handgrad").metadata.get_all("Provides-Extra") or []), found
    )
    assert {"numpy", "pytest"} < found
    assert found <= {*names}, f"not in constraints.txt: {sorted(found - {*names})}"
