"""The command line: `handgrad train DATA --target COLUMN`."""

from handgrad.cli.app import main

__all__ = ["main"]
