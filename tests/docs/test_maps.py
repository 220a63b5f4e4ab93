"""The maps of the house are true: the levels of the architecture, and the reading order."""

import re

from tests.docs.documents import ROOT, blocks
from tests.house.test_levels import LEVELS

ARCHITECTURE = ROOT / "docs" / "architecture.md"
READING_ORDER = ROOT / "docs" / "reading-order.md"
IN_CHINESE = ROOT / "docs" / "zh" / "reading-order.md"
LIBRARY = ROOT / "src" / "handgrad"
ENTRY = re.compile(r"^\d+\. \[`([^`]+)`\]\(\.\./src/handgrad/([^)]+)\), (\d+) lines: \S", re.M)


def test_the_levels_are_those_that_the_imports_keep() -> None:
    drawn = next(block.text for block in blocks(ARCHITECTURE) if block.language == "text")
    rows = [line.split("   ")[0] for line in drawn.splitlines() if re.match(r"\w", line)]
    assert [set(row.split(" · ")) for row in reversed(rows)] == LEVELS


def entries() -> list[tuple[str, int]]:
    """The files of the reading order, each with the number of lines it is said to have."""
    text = READING_ORDER.read_text("utf-8")
    found = ENTRY.findall(text)
    assert len(found) == len(re.findall(r"^\d+\. ", text, re.MULTILINE))
    assert all(shown == path for shown, path, _ in found)
    return [(path, int(lines)) for _, path, lines in found]


def test_the_reading_order_is_the_same_in_chinese() -> None:
    chinese = re.findall(
        r"^\d+\. \[`([^`]+)`\]\(\.\./\.\./src/handgrad/\1\)，(\d+) 行：",
        IN_CHINESE.read_text("utf-8"),
        re.MULTILINE,
    )
    assert [(path, int(lines)) for path, lines in chinese] == entries()
    named = [
        re.findall(r"`[\w/]+\.py`", file.read_text("utf-8")) for file in (READING_ORDER, IN_CHINESE)
    ]
    assert named[0] == named[1]


def number_of_lines(path: str) -> int:
    return len((LIBRARY / path).read_text("utf-8").splitlines())


def test_the_reading_order_is_complete_for_the_textbook() -> None:
    files = {str(path.relative_to(LIBRARY)) for path in LIBRARY.rglob("*.py")}
    textbook = {
        file for file in files if file.startswith("textbook/") and not file.endswith("__init__.py")
    }
    listed = [path for path, _ in entries()]
    assert len(listed) == len(set(listed))
    assert textbook <= set(listed), f"not in the list: {sorted(textbook - set(listed))}"


def test_the_reading_order_says_how_long_the_files_are() -> None:
    """Within a fifth, or fifteen lines: a small change needs no second one here."""
    for path, lines in entries():
        measured = number_of_lines(path)
        assert abs(measured - lines) <= max(15, measured // 5), f"{path} has {measured} lines"
    core = READING_ORDER.read_text("utf-8").split("## The rest of the textbook")[0]
    total = re.search(r"about ([\d,]+) lines", core)
    assert total
    measured = sum(number_of_lines(path) for _, path, _ in ENTRY.findall(core))
    assert abs(int(total[1].replace(",", "")) - measured) <= measured // 10, f"{measured} in all"
