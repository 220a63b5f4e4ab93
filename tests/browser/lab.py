"""A real JupyterLab: its server in a folder of its own, and a notebook of it in the browser."""

import json
import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

TOKEN = "handgrad"
# On a busy machine: where a drawing takes three seconds, the next one is half a minute later.
PATIENCE = 120_000
SETTINGS = {
    "ServerApp.ip": "127.0.0.1",
    "ServerApp.port": "0",
    "ServerApp.open_browser": "False",
    "ServerApp.allow_root": "True",
    "IdentityProvider.token": TOKEN,
    "LabApp.extension_manager": "readonly",
    "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
}

# What each cell showed from now on: its outputs, and the pictures in them, after every change.
WATCH = """() => {
  const cells = [...document.querySelectorAll(".jp-CodeCell")];
  window.shown = cells.map(() => []);
  new MutationObserver(() => cells.forEach((cell, i) => window.shown[i].push({
    outputs: cell.querySelectorAll(".jp-OutputArea-child").length,
    pictures: [...cell.querySelectorAll(".jp-OutputArea-output img")].map((e) => e.src),
  }))).observe(document.querySelector(".jp-Notebook"),
    { subtree: true, childList: true, attributes: true, attributeFilter: ["src"] });
}"""
SEEN = "new Set(window.shown[%d].flatMap((now) => now.pictures)).size >= %d"


@dataclass(frozen=True)
class Lab:
    """A server that runs: where it is, and the folder it shows."""

    url: str
    folder: Path

    @contextmanager
    def notebook(self, browser: "Browser", name: str, cells: list[str]) -> Iterator["Notebook"]:
        """A new notebook with these cells, opened."""
        content: Any = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],  # type: ignore[no-untyped-call]
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(content, self.folder / name)  # type: ignore[no-untyped-call]
        with self.reopened(browser, name) as notebook:
            yield notebook

    @contextmanager
    def reopened(self, browser: "Browser", name: str) -> Iterator["Notebook"]:
        """A notebook as it was saved, opened in a window of its own."""
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.set_default_timeout(PATIENCE)
        try:
            page.goto(f"{self.url}doc/tree/{name}?token={TOKEN}")
            cells = json.loads((self.folder / name).read_text("utf-8"))["cells"]
            page.locator(".jp-CodeCell").nth(len(cells) - 1).wait_for()
            page.evaluate(WATCH)
            yield Notebook(page)
        finally:
            page.close()


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """A server, whose settings, kernels and files all live in this folder."""
    files = folder / "files"
    files.mkdir()
    own = {name: str(folder / name) for name in ("RUNTIME", "CONFIG", "DATA")}
    variables = {f"JUPYTER_{name}_DIR": place for name, place in own.items()}
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *settings, f"--ServerApp.root_dir={files}"],
            env={**os.environ, **variables, "IPYTHONDIR": str(folder / "ipython")},
            stdout=log,
            stderr=log,
        )
        try:
            yield Lab(_address(server, Path(own["RUNTIME"]), folder / "log"), files)
        finally:
            server.terminate()
            server.wait()


def _address(server: "subprocess.Popen[bytes]", runtime: Path, log: Path) -> str:
    """Where the server answers, once it says so."""
    while not (found := [*runtime.glob("jpserver-*.json")]):
        try:
            server.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(log.read_text())
    address: str = json.loads(found[0].read_text())["url"]
    return address


@dataclass(frozen=True)
class Notebook:
    """A notebook in the browser, used as one would by hand."""

    page: "Page"

    def run_all(self) -> None:
        """Run ▸ Run All Cells, once the line at the bottom says that the kernel rests.

        What is asked for before may be dropped.
        """
        self.page.get_by_text("(ipykernel) | Idle").wait_for()
        for item in ("Run", "Run All Cells"):
            self.page.get_by_role("menuitem", name=item, exact=True).click()

    def stop(self) -> None:
        """The button with the square."""
        self.page.get_by_role("button", name="Interrupt the kernel").click()

    def outputs(self, cell: int) -> "Locator":
        """The outputs of a cell."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-child")

    def wait_for_pictures(self, cell: int, count: int) -> None:
        """Until so many different pictures have been seen in a cell."""
        self.page.wait_for_function(SEEN % (cell, count))

    def wait_for_text(self, cell: int, text: str) -> str:
        """All that a cell put out in words, once this is in it."""
        output = self.outputs(cell).filter(has_text=text)
        output.wait_for()
        return output.inner_text().strip()

    def shown(self, cell: int) -> list[dict[str, Any]]:
        """What the cell showed, after each change."""
        found: list[dict[str, Any]] = self.page.evaluate(f"window.shown[{cell}]")
        return found

    def picture(self, cell: int) -> bytes:
        """The one picture that a cell shows, as PNG."""
        image = self.outputs(cell).locator("img")
        assert image.count() == 1
        assert image.evaluate("e => e.complete && e.naturalWidth") == 945
        source = image.get_attribute("src")
        assert source is not None
        return b64decode(source.removeprefix("data:image/png;base64,"))
