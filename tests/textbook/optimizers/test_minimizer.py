"""Parts of L-BFGS beside their definitions."""

import numpy as np
import pytest

from handgrad.textbook.optimizers.minimizer import LinePoint, _cubic, _parabola, _secant
from handgrad.textbook.optimizers.minimizer import _times_inverse as times_inverse


@pytest.mark.parametrize("n_steps", [0, 1, 2, 5])
def test_the_two_loops_multiply_by_the_inverse_hessian_of_bfgs(n_steps: int) -> None:
    """Nocedal and Wright, 2006: H ← (I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ, from γ I."""
    rng, n = np.random.default_rng(n_steps), 6
    steps = rng.normal(size=(n_steps, n))
    curvature = rng.normal(size=(n, n))
    changes = steps @ (curvature @ curvature.T + np.eye(n))
    H = np.eye(n)
    if n_steps:
        H *= steps[-1] @ changes[-1] / (changes[-1] @ changes[-1])
    for s, y in zip(steps, changes, strict=True):
        rho = 1 / (s @ y)
        left = np.eye(n) - rho * np.outer(s, y)
        H = left @ H @ left.T + rho * np.outer(s, s)
    gradient = rng.normal(size=n)
    before = gradient.copy()
    np.testing.assert_allclose(times_inverse(gradient, steps, changes), H @ gradient, rtol=1e-9)
    np.testing.assert_array_equal(gradient, before)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (1.0, 0.5), (2.0, 7.0), (5.0, 4.0)])
def test_polynomials_through_two_points_of_a_parabola_have_its_minimum(a: float, b: float) -> None:
    first, second = (LinePoint(x, 2 * (x - 3) ** 2 + 1, 4 * (x - 3)) for x in (a, b))
    for minimum in (_parabola, _secant, _cubic):
        assert minimum(first, second) == pytest.approx(3)


def test_a_cubic_has_its_own_minimum() -> None:
    """x³ − 12 x falls to 2 and rises then."""
    first, second = (LinePoint(x, x**3 - 12 * x, 3 * x**2 - 12) for x in (1.0, 4.0))
    assert _cubic(first, second) == pytest.approx(2)
