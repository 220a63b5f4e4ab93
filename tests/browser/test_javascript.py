"""Modules of JavaScript in a real browser: the bits of portable machine code, trained too."""

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.textbook.layers import Array
from tests.exchange.exporting.portable_nets import (
    EPOCHS,
    case,
    names,
    predicted,
    same_bits,
    trained,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

RUN = """async ({ module, x, y, epochs }) => {
  const { predict, Training } = await import(`data:text/javascript;base64,${module}`);
  const before = predict(x).flat();
  const training = new Training(x, y);
  const losses = Array.from({ length: epochs }, () => training.epoch());
  const [parameters, order] = [training.parameters, training.order].map((a) => Array.from(a));
  return { before, losses, parameters, order, after: training.predict(x).flat() };
}"""


def rows(array: Array) -> Any:
    """Rows as a list of lists."""
    return array.reshape(len(array), -1).tolist()


@pytest.mark.parametrize("name", [*names()][::4], ids=" ".join)
def test_a_browser_has_the_same_bits(name: tuple[str, ...], browser: "Browser") -> None:
    c = case(*name)
    model = c.model()
    text = base64.b64encode(javascript_module(model).encode()).decode()
    given = {"module": text, "x": rows(c.x), "y": rows(c.y), "epochs": EPOCHS}
    page = browser.new_page()
    found = page.evaluate(RUN, given)
    page.close()
    expected = trained(model, c.x, c.y)
    weights = expected["parameters"], expected["state"]
    expected |= {"before": predicted(model, c.x), "after": predicted(model, c.x, weights)}
    for key, numbers in found.items():
        assert same_bits(np.array(numbers, expected[key].dtype), expected[key]), key
