"""Draws docs/images/playground.png: the playground after some training, as Chromium shows it."""

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from tests.browser.browsers import chromium

from handgrad.learn.playground.document import write_document

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1240, 800
STATE = (
    "data=spiral&noise=5&inputs=x1;x2;sin(x1);sin(x2)&layers=8,6&optimizer=Adam:learning_rate=0.01"
)


def main() -> None:
    """Let the playground train on two spirals for a while, and take its picture."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "playground.html"
        write_document(file)
        arguments = ["--no-sandbox"] if sys.platform == "linux" else []
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"{file.as_uri()}#{STATE}&language=en")
        page.wait_for_timeout(6000)
        page.keyboard.press("Space")
        page.wait_for_timeout(500)
        page.screenshot(path=HERE / "playground.png")
        browser.close()
    picture = Image.open(HERE / "playground.png").convert("RGB")
    picture.quantize(128).save(HERE / "playground.png", optimize=True)


if __name__ == "__main__":
    main()
