"""Forecasts of time series in tables."""

from typing import TYPE_CHECKING, Any

from handgrad.tables.packages import require_packages

if TYPE_CHECKING:
    from handgrad.tables.forecasting.backtest import Backtest
    from handgrad.tables.forecasting.files import SUMMARIES as SUMMARIES
    from handgrad.tables.forecasting.forecaster import Forecaster

__all__ = ["Backtest", "Forecaster"]


def __getattr__(name: str) -> Any:
    if name not in (*__all__, "SUMMARIES"):
        raise AttributeError(f"module 'handgrad.tables.forecasting' has no attribute {name!r}")
    require_packages("a Forecaster" if name == "SUMMARIES" else name)
    from handgrad.tables.forecasting import files, forecaster

    return getattr(files if name == "SUMMARIES" else forecaster, name)
