"""Draws docs/images/report.png: the top of a report, as Chromium shows it."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from playwright.sync_api import sync_playwright
from tests.browser.browsers import chromium

import handgrad as hg

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1180, 860


def main() -> None:
    """Make the report of a model of breast_cancer, and take its picture."""
    data = hg.data.load("breast_cancer")
    names = np.array(data.class_names)[data.y]
    rows = np.arange(len(names))
    held = np.random.default_rng(0).random(len(names)) < 0.2
    table = pa.table(dict(zip(data.feature_names, data.x.T, strict=True)))
    x, x_test = (table.take(rows[part]) for part in (~held, held))
    y, y_test = names[~held], names[held]
    model = hg.TabularClassifier(random_state=0).fit(x, y)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        about = {"target": "diagnosis"}
        to = hg.tables.write_report(
            model, x_test, y_test, to=f"{folder}/report.html", training=(x, y), about=about
        )
        arguments = ["--no-sandbox"] if sys.platform == "linux" else []
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(to.as_uri())
        page.screenshot(path=HERE / "report.png")
        browser.close()


if __name__ == "__main__":
    main()
