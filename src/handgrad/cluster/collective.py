"""The collective of the workers, as Ray Train sets it up: Rabit, xgboost's."""

from typing import Any

from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.train.xgboost import XGBoostConfig


class Trainer(DataParallelTrainer):  # type: ignore[misc]  # Ray has no types
    """Ray Train's, without what it waits for 12 s at the end where there is no dashboard.

    That is an actor which looks whether the training is left and gives back its cores: `leave`
    does so.
    """

    def _create_default_callbacks(self) -> list[Any]:
        usual: list[Any] = super()._create_default_callbacks()
        return [one for one in usual if type(one).__name__ != "PlacementGroupCleanerCallback"]


class RabitConfig(XGBoostConfig):  # type: ignore[misc]  # Ray has no types
    """Ray Train's, which goes on at once where a worker has died, and has left its tracker."""

    @property
    def backend_cls(self) -> type:
        """Ray Train's, but for the 5 s that it waits for the tracker to end by itself."""
        base: Any = super().backend_cls

        class Backend(base):  # type: ignore[misc]
            def on_shutdown(self, *_: object) -> None:
                """The tracker ends with its last worker, or with the process."""

        return Backend
