"""The playground's engine in the system's Chromium: the bits of the portable engine there too."""

import base64
from typing import TYPE_CHECKING

import numpy as np
import pytest

from handgrad.learn.playground.pages import traced_modules
from tests.learn.playground.engine_cases import MAIN, Case, engine_script
from tests.learn.playground.test_engine import CASES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
# What node has a class for.
BUFFER = """
const Buffer = {
  from: (what, begin, size) => typeof what === "string"
    ? Uint8Array.from(atob(what), (letter) => letter.charCodeAt(0))
    : { toString: () => btoa(String.fromCharCode(...new Uint8Array(what, begin, size))) },
};
"""
EVERY = 6  # of the cases that node runs


def test_the_engine_has_the_same_bits_in_a_browser(browser: "Browser") -> None:
    cases: dict[str, Case] = dict([*CASES.items()][::EVERY])
    given = {"pages": traced_modules(), "cases": [case.told() for case in cases.values()]}
    page = browser.new_page()
    found = page.evaluate(
        f"(given) => {{{BUFFER}{engine_script()}{MAIN} return main(given);}}", given
    )
    page.close()
    for (name, case), answer in zip(cases.items(), found, strict=True):
        for key, numbers in case.expected().items():
            told = np.frombuffer(base64.b64decode(answer[key]), numbers.dtype)
            np.testing.assert_array_equal(told, numbers, f"{name}: {key}")
