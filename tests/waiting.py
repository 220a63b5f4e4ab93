"""How long tests wait for others: so long that only what never comes is given up, at any load."""

from typing import Any

from nbclient import NotebookClient

HANG = 600.0  # seconds; below the time-out of a whole test, so that what did not come is named


def run_notebook(content: Any) -> None:
    """Run all cells of a notebook in a kernel of their own; their outputs are then in it."""
    client = NotebookClient(content, timeout=HANG, startup_timeout=HANG, kernel_name="python3")
    client.execute()
