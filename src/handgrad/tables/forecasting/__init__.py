"""Forecasts of time series in tables."""

from typing import TYPE_CHECKING, Any

from handgrad.tables.forecasting.files import SUMMARIES as SUMMARIES
from handgrad.tables.packages import require_packages

if TYPE_CHECKING:
    from handgrad.tables.forecasting.backtest import Backtest
    from handgrad.tables.forecasting.forecaster import Forecaster

__all__ = ["Backtest", "Forecaster"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'handgrad.tables.forecasting' has no attribute {name!r}")
    require_packages(name)
    from handgrad.tables.forecasting import backtest, forecaster

    return getattr(backtest if name == "Backtest" else forecaster, name)
