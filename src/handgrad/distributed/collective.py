"""The collective of the workers, as Ray Train sets it up: Rabit, xgboost's."""

from typing import Any

from ray.train.xgboost import XGBoostConfig


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
