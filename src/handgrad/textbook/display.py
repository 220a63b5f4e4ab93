"""Display of results: short texts, and full ones in notebooks."""

import sys
from collections.abc import Iterable
from typing import Protocol


class Printer(Protocol):
    """Interface of IPython's pretty printer."""

    def text(self, obj: str, /) -> None:
        """Print the text."""


def shown_whole(result: object, printer: Printer, cycle: bool) -> None:
    """Implement `_repr_pretty_`: a notebook shows a value as `print` does.

    Set it in the class with the `__repr__`; IPython does not look into base classes.

    Parameters
    ----------
    result : object
        The value.
    printer : Printer
        IPython's pretty printer.
    cycle : bool
        Not used.
    """
    printer.text(str(result))


class Text(str):
    """String with a `repr` without quotes and escapes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def in_words(values: Iterable[tuple[str, float | None]]) -> str:
    """Format named numbers, `loss 0.6931, accuracy 0.75`, without those that are None."""
    return ", ".join(f"{name} {value:.4g}" for name, value in values if value is not None)


def in_a_notebook() -> bool:
    """Return whether this process is the kernel of a notebook, in JupyterLab or VS Code."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


def at_a_prompt() -> bool:
    """Return whether Python or IPython runs interactively, `python -i` included."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive)
