"""Loading the series of a table, and holding out their end."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np

from handgrad.files.paths import readable
from handgrad.tables.data import TableOptions
from handgrad.tables.data.files import Table, check_asked, check_columns, stem_of
from handgrad.tables.data.picture_folders import has_pictures
from handgrad.tables.data.table_options import option
from handgrad.tables.data.targets import is_text
from handgrad.tables.data.time_series import SeriesTable, series_in
from handgrad.tables.forecasting.origins import first_held_out, held_out_steps
from handgrad.tables.forecasting.reading import read_series, time_at
from handgrad.tables.forecasting.series import Roles, SeriesSet
from handgrad.tables.runs.load_table import read_table_named, target_column
from handgrad.tables.runs.settings import OF_FORECASTS, RunSettings, setting_beside
from handgrad.textbook.errors import SettingError


@dataclass(frozen=True)
class SeriesSplit:
    """Series of a table, whose end from the position `first` on is held out."""

    name: str
    table: Table
    source: SeriesTable
    series: SeriesSet
    roles: Roles
    horizon: int
    first: int

    @classmethod
    def of(cls, settings: RunSettings) -> Self:
        """Load the series of the settings; settings for other models are an error."""
        horizon = _checked_horizon(settings)
        table = read_table_named(settings.data, settings)
        check_asked(settings.data, table.names, settings)
        target = target_column(settings, table.names)
        roles = Roles(target, settings.time or "", settings.group or "")
        columns = [name for name in (target, roles.time, roles.group) if name]
        check_columns(settings.data, table.names, *columns)
        source = series_in(table.with_columns(table.columns.select(columns)), settings.data)
        series = read_series(source, roles)
        first = first_held_out(series, horizon, settings.test_size)
        stem = readable(stem_of(settings.data, table.files))
        return cls(stem, table, source, series, roles, horizon, first)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of known values in training and in the held-out end."""
        steps = held_out_steps(self.series.series, self.first, self.horizon)
        known = [~np.isnan(one.values) for one in self.series.until(self.first).series]
        return {
            "training": int(sum(one.sum() for one in known)),
            "held_out": sum(len(part.ahead) for part in steps),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the file, and on steps without a value."""
        return (*self.table.notes, *self.series.notes)

    @property
    def size_in_words(self) -> str:
        """Number of series, their length and their times, in words."""
        series, step = self.series.series, self.series.step.words()
        sizes = sorted(len(one.values) for one in series)
        several = f"{len(series):,} series by {self.roles.group}, " if self.roles.group else ""
        span = f"{sizes[0]:,} to " * (sizes[0] < sizes[-1]) + f"{sizes[-1]:,}"
        begin, end = min(one.start for one in series), max(one.end for one in series) - 1
        times = f"{time_at(self.series, begin)} to {time_at(self.series, end)}"
        return f"{several}{span} steps of {step}, {times}"

    @property
    def horizon_in_words(self) -> str:
        """The horizon in words."""
        return self.series.step.several_in_words(self.horizon)

    @property
    def held_out_in_words(self) -> str:
        """The held-out end, in words."""
        n_steps = max(one.end for one in self.series.series) - self.first
        n_origins = n_steps // self.horizon
        origins = f"{n_origins} origins, {self.horizon} steps apart"
        if n_origins == 1:
            origins = "the step before"
        begin = time_at(self.series, self.first)
        return f"the last {n_steps:,} steps, from {begin} on, forecast from {origins}"

    def reading(self, settings: RunSettings) -> dict[str, Any]:
        """Options for reading other tables in the same way."""
        columns = {name for name in vars(self.roles).values() if name}
        schema, group = self.table.columns.schema, self.roles.group
        codes = [group] if group and is_text(schema.field(group).type) else []
        return {
            "date_order": self.table.date_order or settings.date_order,
            "category": sorted(columns & {*settings.category, *codes}),
            "number": sorted(columns & {*settings.number}),
            "date": sorted(columns & {*settings.date}),
            **({"header_row": settings.header_row} if settings.header_row else {}),
            **({"missing": [*settings.missing]} if settings.missing else {}),
        }


def _checked_horizon(settings: RunSettings) -> int:
    """The horizon; settings that forecasts do not have, or lack, are an error."""
    known = (*OF_FORECASTS, *(field.name for field in fields(TableOptions)))
    if name := setting_beside(settings, known):
        value = getattr(settings, name)
        raise SettingError(
            f"{option(name, value[0] if isinstance(value, tuple) else value)}, for forecasts",
            "settings for forecasts: "
            + ", ".join(map(option, ("time", "group", "season", "epochs", "test_size"))),
            f"without {option(name)}; without {option('horizon')}, to predict single rows",
        )
    if has_pictures(settings.data):
        raise SettingError(
            f"{option('horizon', settings.horizon)}, for {settings.data}, a folder of pictures",
            "a table with a row for each time",
            f"without {option('horizon')}",
        )
    if settings.horizon is None:
        raise SettingError(
            f"{option('estimator', 'forecast')} without {option('horizon')}",
            "the number of steps to forecast",
            option("horizon", 14),
        )
    if settings.time is None:
        raise SettingError(
            f"{option('horizon', settings.horizon)} without {option('time')}",
            "the column with the time of each row",
            option("time", "COLUMN"),
        )
    return settings.horizon
