"""Output of the story in a terminal."""

import re

from rich.cells import cell_len
from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from handgrad.learn.story.chapters import Picture

WIDEST = 100
INDENT = 4

# Between ideographs a line may end anywhere, but not before or behind certain marks.
IDEOGRAPH, OPENING, CLOSING = "\u2e80-\uffef", "“（《", "，。、；：！？）》”"
PIECE = re.compile(
    rf"[{OPENING}]*(?:`[^`]*`|[{IDEOGRAPH}]|[^\s`{IDEOGRAPH}{OPENING}]+)[{CLOSING}]*|\s+"
)


def print_markdown(console: Console, text: str) -> None:
    """Print Markdown, no wider than is good to read."""
    width = min(WIDEST, console.width)
    console.print(Markdown(broken(text, width)), width=width)
    console.print()


def print_output(console: Console, printed: str) -> None:
    """Print what a block printed, set in a little."""
    console.print(Padding(Text(printed.rstrip("\n"), style="cyan"), (0, 0, 1, INDENT)))


def print_picture(console: Console, picture: Picture, name: str) -> None:
    """Say which picture was made, and what it shows."""
    width = min(WIDEST, console.width)
    words = Text("\n".join(_lines(f"{name}: {picture.caption}", width - INDENT)))
    words.stylize("bold", 0, len(name))
    console.print(Padding(words, (0, 0, 1, INDENT)), width=width)


def broken(text: str, width: int) -> str:
    """Markdown with the line breaks that Rich, which breaks at spaces only, would not find.

    >>> print(broken("把它们放在一起，就是梯度。", 16))
    把它们放在一起，\\
    就是梯度。
    """
    return "\n\n".join(_broken(block, width) for block in text.split("\n\n"))


def _broken(block: str, width: int) -> str:
    if block.startswith(("#", "```")) or not re.search(f"[{IDEOGRAPH}]", block):
        return block
    if not block.startswith("- "):
        return "\\\n".join(_lines(block, width))
    items = ("\\\n".join(_lines(line, width - INDENT)) for line in block.splitlines())
    return "\n".join(item.replace("\\\n", "\\\n  ") for item in items)


def _lines(text: str, width: int) -> list[str]:
    lines = [""]
    for piece in PIECE.findall(text):
        if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]
