"""How results show themselves: in a few words, and whole as the last line of a notebook's cell."""

import sys
from collections.abc import Iterable
from typing import Protocol


class Printer(Protocol):
    """IPython's pretty printer, as far as it is used."""

    def text(self, obj: str, /) -> None:
        """Print the text."""


def shown_whole(result: object, printer: Printer, cycle: bool) -> None:
    """A class's `_repr_pretty_`: where a notebook shows the value of a cell, what `print` shows.

    IPython looks for it in the class that has the `__repr__`, not in those it derives from.
    """
    printer.text(str(result))


class Text(str):
    """A text that shows itself as it reads, without quotes and backslashes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def in_words(values: Iterable[tuple[str, float | None]]) -> str:
    """`loss 0.6931, accuracy 0.75`: named numbers, without those that are None."""
    return ", ".join(f"{name} {value:.4g}" for name, value in values if value is not None)


def in_a_notebook() -> bool:
    """Whether this is the kernel of a notebook: JupyterLab's, VS Code's and their like."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


def at_a_prompt() -> bool:
    """Whether someone types line by line: into Python, `python -i` included, or into IPython."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive)
