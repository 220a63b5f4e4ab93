"""Slopes measured by small steps: the forward pass of an exercise, line by line, moved a little."""

from collections.abc import Sequence

import numpy as np

from handgrad.learn.exercises.formulas import Environment, value_of
from handgrad.textbook.layers import Array

STEP = 6e-6  # the cube root of the precision: truncation and rounding errors are alike
Line = tuple[str, str]


def run(lines: Sequence[Line], arrays: Environment) -> dict[str, object]:
    """All that is known after the lines `name = formula`, what was given included."""
    known = dict(arrays)
    for name, formula in lines:
        known[name] = value_of(formula, known)
    return known


def slopes(
    lines: Sequence[Line], arrays: Environment, output: str, upstream: str | None, of: str
) -> Array:
    """d output / d `of`, each output weighted by `upstream`, by a step to each side in float64.

    `of` is given or computed on the way; what is computed is moved after its line.
    """
    start = np.asarray(run(lines, arrays)[of], np.float64)
    at = next((i for i, (name, _) in enumerate(lines) if name == of), -1)
    known = run(lines[: at + 1], arrays)

    def value(moved: Array) -> float:
        out = run(lines[at + 1 :], known | {of: moved})
        weights = 1.0 if upstream is None else np.asarray(arrays[upstream])
        return float((np.asarray(out[output]) * weights).sum())

    found = np.empty(start.shape)
    for index in np.ndindex(start.shape):
        step = STEP * max(1.0, abs(float(start[index])))
        up, down = start.copy(), start.copy()
        up[index] += step
        down[index] -= step
        found[index] = (value(up) - value(down)) / (up[index] - down[index])
    return found
