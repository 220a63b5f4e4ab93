"""The page of a report of forecasts, and its pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from handgrad import plots
from handgrad.plots.style import FIRST, SECOND, line_of, name_axes, show_dates, tidy
from handgrad.tables.language import REPORT
from handgrad.tables.reporting import sections
from handgrad.tables.reporting.forecasts import NAMES, DrawnForecasts, DrawnSeries, ForecastEvidence
from handgrad.tables.reporting.writing import INK, write_framed
from handgrad.textbook.layers import Array

BAND = 0.2  # opacity of intervals


def write_forecast_page(evidence: ForecastEvidence, path: Path) -> Path:
    """Write the report of a forecaster as one HTML file."""
    return write_framed(
        "forecast_report.html",
        path,
        evidence=evidence,
        draw_series=partial(draw_series, evidence),
        draw_steps=draw_steps,
        names=NAMES,
        plots=plots,
        helpers=sections,
    )


def draw_series(evidence: ForecastEvidence, series: DrawnSeries, ax: Axes) -> None:
    """Plot the last values of a series, and its forecasts with their intervals."""
    tidy(ax)
    ax.plot(series.times, series.values, color=INK, linewidth=1, label=REPORT.translated("actual"))
    _draw(series.held_out, ax, FIRST, "forecast, held-out end")
    _draw(series.ahead, ax, SECOND, "forecast, next steps")
    if evidence.series.dates:
        show_dates(ax.xaxis)
    name_axes(ax, evidence.model.roles_.time, evidence.target)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, borderaxespad=0.2)


def _draw(forecasts: DrawnForecasts, ax: Axes, colour: str, label: str) -> None:
    times, one = forecasts.times, len(forecasts.times) == 1
    ax.fill_between(times, forecasts.low, forecasts.high, color=colour, alpha=BAND, linewidth=0)
    ax.plot(
        times, forecasts.forecast, color=colour, linewidth=1.4, marker="o" if one else "",
        label=REPORT.translated(label),
    )  # fmt: skip
    if one:
        ax.vlines(times, forecasts.low, forecasts.high, color=colour, alpha=2 * BAND)


def draw_steps(errors: dict[str, Array], ax: Axes) -> None:
    """Plot the mean scaled error by steps ahead, of each model."""
    tidy(ax)
    for i, (name, means) in enumerate(errors.items()):
        steps = np.arange(1, len(means) + 1)
        ax.plot(steps, means, label=REPORT.translated(NAMES[name]), **line_of(i))
    ax.set_xlabel(REPORT.translated("steps ahead"))
    ax.set_ylabel(REPORT.translated("mean scaled error"))
    ax.set_ylim(bottom=0)
    ax.legend()
