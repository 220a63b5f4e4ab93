"""A page of one operation, or of a random few, is after all passes what NumPy computes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import handgrad as hg
from handgrad.graph import interpret
from handgrad.graph.passes import optimized
from tests.graph.one_liners import ONE_LINERS, Page, page_of, random_pages


def rows(n: int) -> Any:
    return np.random.default_rng(n).standard_normal((n, 4))


def assert_says_what_the_page_says(page: Page, *sizes: int) -> None:
    net = hg.Net(page, dtype=np.float64)
    with np.errstate(all="ignore"):
        graph = optimized(hg.trace(net, x=rows(4), training=False))
        for n in sizes:
            found = interpret(graph, {"x": rows(n)}, n).named()["prediction"]
            expected = page.forward(rows(n))
            assert found.dtype == np.asarray(expected).dtype
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ONE_LINERS)
def test_an_operation_is_itself_after_all_passes(name: str) -> None:
    assert_says_what_the_page_says(Page(ONE_LINERS[name]), 2, 5, 9)


@settings(max_examples=150, derandomize=True)
@given(random_pages())
def test_a_random_page_is_itself_after_all_passes(text: str) -> None:
    assert_says_what_the_page_says(page_of(text), 1, 2, 7)
