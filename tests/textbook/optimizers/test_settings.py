"""Settings of optimizers and schedules reach their rules."""

import numpy as np
import pytest

import handgrad as hg


@pytest.mark.parametrize("kind", [hg.Adam, hg.AdamW, hg.optimizers.NAdam])
def test_eps_is_the_one_that_is_asked_for(kind: type[hg.Adam]) -> None:
    optimizer = kind(0.1, betas=(0.5, 0.25), eps=0.125)
    assert (optimizer.beta1, optimizer.beta2, optimizer.eps) == (0.5, 0.25, 0.125)


def test_weights_decay_by_default_in_adamw_only() -> None:
    assert hg.AdamW(0.1).weight_decay > 0
    assert hg.Adam(0.1).weight_decay == 0
    assert hg.AdamW(0.1, weight_decay=0.5).weight_decay == 0.5


def test_velocity_is_kept_with_momentum_only() -> None:
    assert hg.SGD(0.1).state_names == ()
    assert hg.SGD(0.1, momentum=0.9).state_names == ("v",)


def test_cycles_of_a_cosine_grow() -> None:
    """Of lengths 1 and 3: the second begins at a quarter, and is half done at 5/8."""
    factor = hg.schedules.cyclic_cosine(2, growth=3.0, end=0.5)
    np.testing.assert_allclose(factor(np.array([0, 0.125, 0.25, 0.625])), [1, 0.75, 1, 0.75])
    assert factor(0.24999) == pytest.approx(0.5, abs=1e-3)
