"""Standard output, as Rich writes to it."""

from typing import Any

from rich.console import Console

from handgrad.cli.standard_output import told_if_unwritable


class Screen(Console):
    """A console that tells where it cannot be written to."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, at once."""
        with told_if_unwritable():
            super().print(*objects, **options)
