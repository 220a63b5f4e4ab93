"""The maps of the house are true: the levels of the architecture, and the reading order."""

import re

from tests.docs.documents import ROOT, blocks
from tests.house.test_levels import LEVELS

ARCHITECTURE = ROOT / "docs" / "architecture.md"
READING_ORDER = ROOT / "docs" / "reading-order.md"
IN_CHINESE = ROOT / "docs" / "zh" / "reading-order.md"
LIBRARY = ROOT / "src" / "handgrad"
ENTRY = re.compile(r"^\d+\. \[`([^`]+)`\]\(\.\./src/handgrad/\1\): \S", re.M)
MOST_LINES_OF_THE_CORE = 2600  # what half an hour is enough for
# Lists of parameters in docstrings: they are looked up, not read in order.
LISTS = re.compile(
    r'\n( +)(?:Parameters|Returns|Raises)\n\1-+\n(?:\1[^\n]*\n|\n(?=\1 ))*?(?=\n|\1""")'
)


def test_the_levels_are_those_that_the_imports_keep() -> None:
    drawn = next(block.text for block in blocks(ARCHITECTURE) if block.language == "text")
    rows = [line.split("   ")[0] for line in drawn.splitlines() if re.match(r"\w", line)]
    assert [set(row.split(" · ")) for row in reversed(rows)] == LEVELS


def entries(text: str) -> list[str]:
    """The files of the reading order, in order."""
    listed = ENTRY.findall(text)
    assert len(listed) == len(re.findall(r"^\d+\. ", text, re.MULTILINE))
    return listed


def test_the_reading_order_is_the_same_in_chinese() -> None:
    chinese = re.findall(
        r"^\d+\. \[`([^`]+)`\]\(\.\./\.\./src/handgrad/\1\)：",
        IN_CHINESE.read_text("utf-8"),
        re.MULTILINE,
    )
    assert chinese == entries(READING_ORDER.read_text("utf-8"))
    named = [
        re.findall(r"`[\w/]+\.py`", file.read_text("utf-8")) for file in (READING_ORDER, IN_CHINESE)
    ]
    assert named[0] == named[1]


def test_the_reading_order_is_complete_for_the_textbook() -> None:
    files = {str(path.relative_to(LIBRARY)) for path in LIBRARY.rglob("*.py")}
    textbook = {
        file for file in files if file.startswith("textbook/") and not file.endswith("__init__.py")
    }
    listed = entries(READING_ORDER.read_text("utf-8"))
    assert len(listed) == len(set(listed))
    assert textbook <= set(listed), f"not in the list: {sorted(textbook - set(listed))}"


def test_the_core_can_be_read_in_half_an_hour() -> None:
    core = READING_ORDER.read_text("utf-8").split("## The rest of the textbook")[0]
    texts = (LISTS.sub("\n", (LIBRARY / path).read_text("utf-8")) for path in entries(core))
    assert sum(len(text.splitlines()) for text in texts) <= MOST_LINES_OF_THE_CORE
