"""The documents of the repository, the fenced blocks in them, and the steps they tell to take."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "README.zh-CN.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CODE_OF_CONDUCT.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

FENCE = re.compile(r"^```(\w*)(?: ([^\n`]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEP = re.compile(
    r"(?:Create `(?P<new>[^`]+)`"
    r"|In `(?P<old>[^`]+)`, (?P<how>after|in place of) the line\s`(?P<line>[^`]+)`,"
    r"\s(?:add|write)):\s*\Z"
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and title, its text, where it starts, what stands before it."""

    language: str
    title: str
    text: str
    line: int
    before: str

    @property
    def step(self) -> "re.Match[str] | None":
        """The phrase before the block, if it tells to put the block into a file."""
        return STEP.search(self.before)


def blocks(document: Path) -> list[Block]:
    """All fenced blocks of a document, in order."""
    text, end, found = document.read_text("utf-8"), 0, []
    for fence in FENCE.finditer(text):
        line = text.count("\n", 0, fence.start(3)) + 1
        found.append(Block(fence[1], fence[2] or "", fence[3], line, text[end : fence.start()]))
        end = fence.end()
    return found


def prose(document: Path) -> str:
    """The document without its fenced blocks."""
    return FENCE.sub("", document.read_text("utf-8"))


def code_spans(document: Path) -> list[str]:
    """What stands in single backticks."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def commands(document: Path) -> list[str]:
    """The command lines of the document's shell blocks, and of its code spans."""
    lines = [
        line.partition("  #")[0].strip()
        for block in blocks(document)
        if block.language == "shell"
        for line in block.text.splitlines()
    ]
    return [line for line in (*lines, *code_spans(document)) if line and not line.startswith("#")]


def name(document: Path) -> str:
    """How a test's name calls a document."""
    return str(document.relative_to(ROOT))
