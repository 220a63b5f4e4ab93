"""`constraints.txt` pins all that the extras bring, so that every machine gets the same."""

import re
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def test_whatever_is_installed_for_handgrad_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()[1:]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", line) for line in lines)
    names = [canonicalize_name(line.split("==")[0]) for line in lines]
    assert len(names) == len(set(names))
    found: set[str] = set()
    brought(
        "handgrad", set(distribution("handgrad").metadata.get_all("Provides-Extra") or []), found
    )
    assert {"numpy", "pytest"} < found
    assert found <= {*names}, f"not in constraints.txt: {sorted(found - {*names})}"
