"""Ray Train's trainer and its setup of xgboost's collective, without their waits."""

from typing import Any

from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.train.xgboost import XGBoostConfig


class Trainer(DataParallelTrainer):  # type: ignore[misc]  # Ray has no types
    """Trainer without the actor for which Ray Train waits 12 s at the end without a dashboard.

    That actor releases the cores of an abandoned training: `leave` does so.
    """

    def _create_default_callbacks(self) -> list[Any]:
        usual: list[Any] = super()._create_default_callbacks()
        return [one for one in usual if type(one).__name__ != "PlacementGroupCleanerCallback"]


class RabitConfig(XGBoostConfig):  # type: ignore[misc]  # Ray has no types
    """Configuration of the collective that restarts at once after a worker has died."""

    @property
    def backend_cls(self) -> type:
        """Backend that does not wait 5 s for the tracker to end."""
        base: Any = super().backend_cls

        class Backend(base):  # type: ignore[misc]
            def on_shutdown(self, *_: object) -> None:
                """The tracker ends with its last worker, or with the process."""

        return Backend
