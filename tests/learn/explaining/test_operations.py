"""Every operation of a graph, and random ones on each other: each written line is right."""

import numpy as np
import pytest
from hypothesis import given, settings

import handgrad as hg
from tests.graph.one_liners import ONE_LINERS, Page, page_of, random_pages
from tests.learn.explaining.test_lines import DIGITS, check_lines

MORE = {
    "concatenated": lambda x: np.concatenate([x, 2 * x[:, :1]], axis=1) + 1,
    "stacked": lambda x: np.stack([x, -x], axis=1) * 3,
    "padded": lambda x: np.pad(x, [(0, 0), (1, 2)]) + 1,
    "padded by its edge": lambda x: np.pad(x, [(0, 0), (1, 0)], mode="edge") + 1,
    "repeated": lambda x: np.repeat(x, 2, axis=1) + 1,
    "tiled": lambda x: np.tile(x, (1, 2)) + 1,
    "taken": lambda x: np.take(x, np.array([3, 0]), axis=1) + 1,
    "tensordot": lambda x: np.tensordot(x, x.T @ x, axes=1),
    "tensordot of axes": lambda x: np.tensordot(x, x.T @ x, axes=([1], [0])),
    "dot": lambda x: np.dot(x, x.T @ x),
    "einsum, implicit": lambda x: np.einsum("ij,jk", x, x.T @ x),
    "einsum with an ellipsis": lambda x: np.einsum("...i,ij->...j", x, x.T @ x),
    "whole numbers": lambda x: x * np.floor(3 * x).astype(np.int64),
    "clipped below": lambda x: np.clip(x, 0, None) + 1,
    "clipped above": lambda x: np.clip(x, None, 0) + 1,
    "argmin": lambda x: x + x.argmin(axis=1)[:, None],
    "truths": lambda x: x * ((x > 0) & (x < 1) | (x < -1)),
    "not": lambda x: x * ~(x > 0),
    "less than what is compared": lambda x: x * ((x > 0) == (x < 1)),
    "differences of differences": lambda x: (
        (x - (1 - (x - 2))) * (x - (3 - x)) / (2 / (1 / (x * x + 1)))
    ),
    "powers of powers": lambda x: ((x**2) ** 3) ** 0.5 - (-x) ** 2,
    "minus of minus": lambda x: 2 * -np.negative(-x) - np.negative(x),
    "many columns": lambda x: (x @ np.ones_like(x).T @ x).sum(axis=1) + x.sum(axis=1),
    "smallest of many": lambda x: x - np.repeat(x, 3, axis=1).min(axis=1, keepdims=True),
    "largest of many": lambda x: x - np.repeat(x, 3, axis=1).max(axis=1, keepdims=True),
    "product of many": lambda x: np.repeat(x, 3, axis=1).prod(axis=1),
    "place of the largest of many": lambda x: x + np.repeat(x, 3, axis=1).argmax(axis=1)[:, None],
    "filled": lambda x: x + np.full_like(x, x.shape[1]),
}


def lines_of(page: Page, rows: int, digits: int) -> int:
    net = hg.Net(Page(page.page), dtype=np.float64)
    x = np.random.default_rng(rows).standard_normal((rows, 4))
    return check_lines(hg.explain(net, x, digits=digits), digits)


# Of 4 digits the reader makes intervals, which are never exactly 0: it cannot see a NaN made so.
CASES = [
    (name, digits)
    for name in (*ONE_LINERS, *MORE)
    for digits in DIGITS
    if digits > 4 or name != "NaN made and seen"
]


@pytest.mark.parametrize(("name", "digits"), CASES)
def test_an_operation_is_written_as_it_is(name: str, digits: int) -> None:
    page = Page((ONE_LINERS | MORE)[name])
    assert lines_of(page, 3, digits)
    assert lines_of(page, 6, digits)


@pytest.mark.slow
@settings(max_examples=150, derandomize=True)
@given(random_pages())
def test_a_random_page_is_written_as_it_is(text: str) -> None:
    for digits in DIGITS:
        lines_of(page_of(text), 5, digits)
