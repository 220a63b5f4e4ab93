"""Settings of a search for the settings of a perceptron, and the candidates it tries."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, ClassVar

import numpy as np

from handgrad.tables.data.table_options import option
from handgrad.tables.reporting.tuning import DEFAULT, SETTINGS
from handgrad.tables.runs.settings import EstimatorName, RunSettings, check_between
from handgrad.textbook.errors import SettingError

Choice = dict[str, str | float | int]  # values of some settings
# Settings of a run that a search does not have, since they belong to other estimators; `patience`
# is replaced by the best epoch.
NOT_TUNED = (
    *("from_", "horizon", "season", "size", "augment", "tokens", "text", "threshold", "quantile"),
    *("loss", "exposure", "patience", "workers", "ray"),
)
WIDTHS, DEPTHS = (16, 32, 64, 128, 256), (1, 2, 3)
ACTIVATIONS = ("relu", "tanh", "silu", "gelu")
LOWEST_RATE, HIGHEST_RATE = 3e-4, 3e-2
BATCH_SIZES = (16, 32, 64, 128, 256)
DRAWS = 20  # for each candidate, as some are drawn twice


@dataclass(frozen=True, kw_only=True)
class TuningSettings(RunSettings):
    """Settings of `handgrad tune`: those of a run, of which the ones that are given stay."""

    verb: ClassVar[str] = "tune"
    estimator: Annotated[EstimatorName, "Estimator to tune: mlp, a multilayer perceptron."] = "mlp"
    trials: Annotated[int, "Number of settings to try; the default ones are always among them."] = (
        27
    )
    epochs: Annotated[
        int | None, "Maximum number of epochs, 200 by default; the best epoch is chosen."
    ] = None
    time_limit: Annotated[
        float | None, "Seconds of the search; the result then depends on the machine."
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between(self, {"trials": (1, 10_001, "an integer from 2 to 10000", 27)})
        if self.estimator != "mlp":
            raise SettingError(
                f"{option('estimator', self.estimator)}",
                f"{option('estimator', 'mlp')}, the estimator that is tuned",
                f"without {option('estimator')}; or handgrad train, for {self.estimator}",
            )
        if not self.searched:
            raise SettingError(
                ", ".join(option(name, getattr(self, name)) for name in SETTINGS),
                "one of them to search",
                f"without {option('learning_rate')}; or handgrad train, for these settings",
            )

    @property
    def searched(self) -> list[str]:
        """Names of the settings that are not given."""
        return [name for name in SETTINGS if getattr(self, name) is None]

    def run_with(self, choice: Choice) -> RunSettings:
        """Settings of a run, with the values of a choice."""
        own = {field.name: getattr(self, field.name) for field in fields(RunSettings)}
        return RunSettings(**own | {"time_limit": None} | choice)

    def candidates(self, rows: int) -> dict[str, Choice]:
        """Choices by name for so many training rows, the default one first; by the seed."""
        rng = np.random.default_rng(self.seed)
        drawn = [self._drawn(rng, rows) for _ in range(DRAWS * self.trials)]
        distinct = {str(choice): choice for choice in drawn}
        chosen = [*distinct.values()][: self.trials - 1]
        return {DEFAULT: {}} | {str(i): choice for i, choice in enumerate(chosen, 1)}

    def _drawn(self, rng: np.random.Generator, rows: int) -> Choice:
        """Values of the searched settings, each drawn independently."""
        width, activation = rng.choice(WIDTHS), rng.choice(ACTIVATIONS)
        layer = f"{width}" if activation == "relu" else f"{width},{activation}"
        rate = np.exp(rng.uniform(np.log(LOWEST_RATE), np.log(HIGHEST_RATE)))
        sizes = [size for size in BATCH_SIZES if size <= rows] or [rows]
        values: Choice = {
            "layers": ",".join([layer] * int(rng.choice(DEPTHS))),
            "learning_rate": float(f"{rate:.2g}"),
            "batch_size": int(rng.choice(sizes)),
        }
        return {name: values[name] for name in self.searched}
