"""Learning rates of the playground's steps: schedules as formulas, the same bits as in the page."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from handgrad.learn.playground.formulas import formula_values
from handgrad.learn.playground.kinds import is_number
from handgrad.textbook.layers import Array

ROUNDING = "1e-9"  # where a share like 0.7/0.1 comes out just below a border, it is taken as there


def _wave(begin: str, end: str, share: str) -> str:
    """Half a wave of a cosine from one number to another."""
    return f"({end}) + (({begin}) - ({end})) * (1 + cos(pi * ({share}))) / 2"


_GROWN = f"growth ** floor(log(1 + progress * (growth ** cycles - 1)) / log(growth) + {ROUNDING})"
_ALIKE = f"progress * cycles - floor(progress * cycles + {ROUNDING})"
_GROWING = f"((1 + progress * (growth ** cycles - 1)) / {_GROWN} - 1) / (growth - 1)"

# The factor by `progress`, the share of the training that is done, and by the settings.
FACTORS: Mapping[str, str] = {
    "step": f"gamma ** floor(progress / every + {ROUNDING})",
    "exponential": "end ** progress",
    "cosine": _wave("1", "end", "progress"),
    "cyclic_cosine": _wave("1", "end", f"max(0, where(growth == 1, {_ALIKE}, {_GROWING}))"),
    "coslog": "(1 - cos(2 * pi * log(1 + (2 ** cycles - 1) * progress) / log(2))) / 2",
    "one_cycle": (
        f"where(progress < rise, {_wave('start', '1', 'progress / rise')}, "
        f"{_wave('1', 'end', '(progress - rise) / (1 - rise)')})"
    ),
    "warm_up": "where(progress < share, start + (1 - start) * progress / share, 1)",
}
# The settings of each where they are not given.
USUAL: Mapping[str, Mapping[str, float]] = {
    "step": {"every": 1 / 3, "gamma": 0.1},
    "exponential": {"end": 0.01},
    "cosine": {"end": 0.0},
    "cyclic_cosine": {"cycles": 4, "growth": 1.0, "end": 0.0},
    "coslog": {"cycles": 4},
    "one_cycle": {"rise": 0.3, "start": 0.04, "end": 4e-6},
    "warm_up": {"share": 0.1, "start": 1 / 3},
}


def factors(schedule: Mapping[str, object] | None, steps: Array, per_epoch: int) -> Array:
    """The factors of the learning rate for these steps, counted from 0, (n,) in float64.

    After the epochs of the schedule it stays as it was in their last step.

    >>> schedule = {"name": "cosine", "epochs": 2}
    >>> factors(schedule, np.array([0, 2, 3, 9]), 2).round(4).tolist()
    [1.0, 0.5, 0.1464, 0.1464]
    """
    if schedule is None:
        return np.ones(len(steps))
    given = {key: value for key, value in schedule.items() if is_number(value)}
    name, epochs = str(schedule["name"]), float(str(given.pop("epochs")))
    all_steps = epochs * per_epoch
    columns = {"progress": np.minimum(steps, all_steps - 1) / all_steps}
    for key, value in {**USUAL[name], **given}.items():
        columns[key] = np.full(len(steps), float(str(value)))
    return formula_values(FACTORS[name], columns)
