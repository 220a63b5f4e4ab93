"""The playground under hands that know no plan, and after the button that froze it once."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.browser.random_walk import BROWSERS, STRETCH, check, driven, walk

pytestmark = pytest.mark.browser
# What may follow upon "One layer": a selector to press, or one with the value to choose.
AFTER_LAYER = (
    ("[data-control=plane_tests]",),
    ("[data-control=plane_discretize]",),
    ("[data-control=gradients]",),
    (".languages [lang=zh]",),
    ("[data-control=speed]", "500"),
    ("[data-control=stop_loss] ~ .step",),
    ("[data-set=xor]",),
    ("[data-control=step_layer]",),
)


def commit_number() -> int:
    """A number that the commit decides: each one is walked over another way."""
    command = ["git", "rev-parse", "HEAD"]
    here = Path(__file__).parent
    found = subprocess.run(command, cwd=here, capture_output=True, text=True)
    return int(found.stdout[:7] or "0", 16)


@pytest.mark.parametrize("browser_name", BROWSERS)
def test_it_trains_on_whatever_follows_upon_one_layer(browser_name: str, address: str) -> None:
    with driven(browser_name, address) as driver:
        driver.do("press", "[data-control=more]")
        for control in AFTER_LAYER:
            check(driver.do("seen"))
            driver.do("press", "[data-control=reset]")  # the loss is beyond each rule to stop
            driver.do("press", "[data-control=step_layer]")
            driver.do("choose" if control[1:] else "press", *control)
            driver.do("press", "[data-control=play]")
            assert driver.do("trains"), control


@pytest.mark.parametrize("browser_name", BROWSERS)
def test_after_random_clicks_and_keys_a_page_shows_what_its_link_makes(
    browser_name: str, address: str, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED", commit_number()))
    walk(browser_name, address, seed, STRETCH, tmp_path / "walk.png")
