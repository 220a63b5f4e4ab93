"""WebAssembly in a real browser: trainings come to the bits of portable machine code."""

from typing import TYPE_CHECKING

import pytest

from tests.engines.in_javascript import SOURCE, trained
from tests.engines.portable_cases import assert_same, cases, training

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

EVERY = 61


def test_a_browser_comes_to_the_same_bits(browser: "Browser") -> None:
    trainings = [training(*case) for case in [*cases()][11::EVERY]]
    page = browser.new_page()
    function = f"given => {{ {SOURCE}\nreturn given.map(run); }}"
    for case, found in zip(
        trainings, trained(trainings, lambda given: page.evaluate(function, given)), strict=True
    ):
        assert_same(found, case.here())
    page.close()
