"""Gradient checks, the diagnosis of trainings, and the versions of what is installed."""

from typing import TYPE_CHECKING, Any

from handgrad.check.gradient_check import GradientReport, check_gradients

if TYPE_CHECKING:
    from handgrad.check.doctor import Diagnosis, Finding, diagnose, diagnosing
    from handgrad.engines.environment import show_versions

__all__ = [
    "Diagnosis",
    "Finding",
    "GradientReport",
    "check_gradients",
    "diagnose",
    "diagnosing",
    "show_versions",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """The doctor and the list of versions are imported on first use."""
        if name not in __all__:
            raise AttributeError(f"module 'handgrad.check' has no attribute {name!r}")
        from handgrad.check import doctor
        from handgrad.engines import environment

        return getattr(environment if name == "show_versions" else doctor, name)


def __dir__() -> list[str]:
    return __all__
