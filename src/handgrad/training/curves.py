"""What many runs came to, at several capacities or numbers of rows: tables of figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from handgrad.errors import SettingError, did_you_mean
from handgrad.layers import Array


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class RunsCurve:
    """The figures of many runs on training and validation rows, by name: "loss" and the metrics.

    Each is an array (points, seeds), taken in prediction mode with the weights that a run ended
    with; NaN where it diverged. `missing` (points,) is how many have no finite loss.
    """

    train: Mapping[str, Array]
    validation: Mapping[str, Array]

    @property
    def missing(self) -> Array:
        finite = np.isfinite(self.train["loss"]) & np.isfinite(self.validation["loss"])
        return (~finite).sum(axis=1)

    def quartiles(self, side: Literal["train", "validation"], what: str = "loss") -> Array:
        """The lower quartile, the median and the upper quartile over the seeds, (3, points).

        Of the runs with a finite figure; NaN where half of the runs or more have none.
        """
        if side not in ("train", "validation"):
            raise SettingError(f"side = {side!r}", "'train' or 'validation'", "'validation'")
        figures = self.train if side == "train" else self.validation
        if what not in figures:
            known = [*figures]
            hint = did_you_mean(what, known, "metrics=[...], where the curve is computed")
            raise SettingError(f"{what!r} is not in this curve", f"one of {', '.join(known)}", hint)
        quartiles = np.full((3, len(figures[what])), np.nan)
        for i, runs in enumerate(figures[what]):
            finite = runs[np.isfinite(runs)]
            if 2 * len(finite) > len(runs):
                quartiles[:, i] = np.quantile(finite, (0.25, 0.5, 0.75))
        return quartiles


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CapacityCurve(RunsCurve):
    """Figures of many runs by capacity: `train["loss"]` is an array (capacities, seeds).

    `capacities` (n,) ascend. `best` is the one with the lowest median validation loss. What else
    there is stands with `LearningCurve`, and is the same.
    """

    capacities: Array

    def __repr__(self) -> str:
        return f"<CapacityCurve: {described_runs(self, self.capacities, 'capacities')}>"

    @property
    def best(self) -> float:
        medians = self.quartiles("validation")[1]
        if np.isnan(medians).all():
            raise SettingError(
                "no capacity at which most runs have a finite validation loss",
                "at least one",
                "a smaller learning rate, or smaller capacities",
            )
        best: float = self.capacities[np.nanargmin(medians)].item()
        return best


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LearningCurve(RunsCurve):
    """Figures of many runs by number of training rows: `train["loss"]` is (sizes, seeds).

    `rows` (n,) ascend. `train` and `validation` have "loss" and the metrics, each in prediction
    mode with the weights that a run ended with, NaN where it diverged. `missing` (n,) is how many
    runs have no finite loss, `quartiles("validation", "accuracy")` are those of the other seeds.
    """

    rows: Array

    def __repr__(self) -> str:
        return f"<LearningCurve: {described_runs(self, self.rows, 'numbers of rows')}>"


def described_runs(curve: RunsCurve, points: Array, kind: str) -> str:
    """How many runs there are, over which points."""
    _, seeds = curve.train["loss"].shape
    return f"{len(points)} {kind} from {points[0]} to {points[-1]}, {seeds} seeds each"
