"""What axe finds in a page that some people cannot use: it is one of the packages of npm here."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => (await axe.run()).violations.map(({ id, nodes }) =>
  `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(" | ")}`)"""


def violations(page: "Page") -> list[str]:
    """What axe says of the page as it is: each rule that it breaks, and where."""
    if not AXE.exists():
        pytest.skip("no axe-core: npm ci brings it")
    page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = page.evaluate(RUN)
    return found
