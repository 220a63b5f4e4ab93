"""Settings of the runs of several targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from handgrad.tables.data.table_options import option
from handgrad.tables.runs.settings import RunSettings
from handgrad.textbook.errors import SettingError

# Settings that belong to one target.
OF_ONE_TARGET = ("horizon", "from_", "event", "exposure", "positive", "threshold", "class_weight")


def settings_of_targets(
    target: Sequence[str] | None = None, **settings: object
) -> RunSettings | dict[str, RunSettings]:
    """Settings of a run; or, of several targets, of the run of each, without the other targets."""
    targets = [*dict.fromkeys(target or ())]
    if len(targets) < 2:
        return RunSettings(target=targets[0] if targets else None, **settings)  # type: ignore[arg-type]
    common = RunSettings(**settings)  # type: ignore[arg-type]
    for name in OF_ONE_TARGET:
        if (value := getattr(common, name)) is not None:
            raise SettingError(
                f"{option(name, value)} with {len(targets)} targets",
                "settings that suit every target",
                f"without {option(name)}; or a run of {targets[0]} only",
            )
    if common.estimator not in ("tabular", "mlp"):
        raise SettingError(
            f"{option('estimator', common.estimator)} with {len(targets)} targets",
            "a table with a column for each target",
            f"without {option('estimator')}",
        )
    ignored = {name: [other for other in targets if other != name] for name in targets}
    return {
        name: replace(common, target=name, ignore=(*common.ignore, *others))
        for name, others in ignored.items()
    }
