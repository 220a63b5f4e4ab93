"""The command line: `handgrad train DATA --target COLUMN`, and what goes with it."""

from handgrad.cli.process import main

__all__ = ["main"]
