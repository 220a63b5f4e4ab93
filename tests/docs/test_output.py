"""The comparison of outputs is neither blind nor too strict."""

import pytest

from tests.docs.output import assert_shown


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("loss 0.198\n", "loss 0.199\n"),
        ("a\n...\nd", "a\nb\nc\nd"),
        ("y = 2 * x   linear.py:53", "y = 2 * x   linear.py:61"),
        ("63 epochs: done; weights of epoch 43", "60 epochs: done; weights of epoch 40"),
        ("│  0.1581 │", "│  0.158 │"),
    ],
)
def test_what_may_differ(shown: str, printed: str) -> None:
    assert_shown(printed, shown)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("loss 0.198", "loss 0.298"),
        ("loss 0.198", "loss -0.198"),
        ("loss 0.198", "cost 0.198"),
        ("150 rows", "151 rows"),
        ("a\n...\nd", "a\nb\nc"),
        ("linear.py:53", "softmax.py:53"),
        ("two lines", "two lines\nand a third"),
    ],
)
def test_what_may_not(shown: str, printed: str) -> None:
    with pytest.raises(AssertionError):
        assert_shown(printed, shown)
