"""Times of day and names of months and weekdays in text, as numbers in a cycle."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.files.cell_patterns import NAMES, TIME
from handgrad.tables.data.text_formats import FEW, parts_of, plain, whole
from handgrad.textbook.layers import Array

# Fewest different places of a cycle: with fewer, the texts are as good as categories, and may be
# something else, such as first names (April, May and June).
FEWEST = 4


def places_in(texts: pa.Array, cycle: str) -> Array:
    """Hours of times of day, or places of names from 1, (n,); NaN for other texts."""
    if cycle == "time":
        return _hours(texts)
    names = pc.utf8_rtrim(pc.utf8_lower(plain(texts)), characters=".").to_pylist()
    places = {name: i for i, same in enumerate(NAMES[cycle], 1) for name in same.split()}
    return np.array([places.get(name, np.nan) for name in names], float)


def is_cycle(texts: pa.Array, cycle: str) -> bool:
    """Return True if all texts are in a cycle, at enough different places."""
    if np.isnan(places_in(texts[:FEW], cycle)).any():
        return False
    places = np.unique(places_in(texts, cycle))
    return len(places) >= FEWEST and not np.isnan(places).any()


def _hours(texts: pa.Array) -> Array:
    """Hours of times such as 14:30, 14:30:05.5, 2:30 pm and 14:30 Uhr; 24:00 is one too."""
    part = parts_of(texts, TIME)
    hour, minute = (whole(part[name], -1) for name in ("hour", "minute"))
    second = pc.if_else(pc.equal(part["second"], ""), "0", part["second"])
    seconds = np.asarray(pc.fill_null(second.cast(pa.float64()), 0.0).to_numpy(False))
    unit = pc.fill_null(pc.utf8_lower(part["unit"]), "")
    am, pm, clock = (np.asarray(pc.starts_with(unit, sign).to_numpy(False)) for sign in "apu")
    fits = (hour >= 0) & (hour <= np.where(am | pm, 12, 24)) & (minute < 60) & (seconds < 60)
    fits &= (minute >= 0) | am | pm | clock
    hour = np.where(am | pm, hour % 12 + 12 * pm, hour)
    total = 3600 * hour + 60 * minute.clip(0) + seconds
    return np.where(fits & (total <= 86400), total / 3600, np.nan)
