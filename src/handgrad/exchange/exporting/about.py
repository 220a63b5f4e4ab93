"""Facts of a model on its page: target, data and score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np

from handgrad.textbook.errors import SettingError, did_you_mean, is_number

EXAMPLE = "about={'target': 'left', 'data': 'customers'}"


@dataclass(frozen=True)
class ModelFacts:
    """Names of the target and of the data, and the score on held-out rows, where they are known.

    `between` is the confidence interval of the score.
    """

    target: str = ""
    data: str = ""
    metric: str = ""
    score: float | None = None
    between: tuple[float, float] | None = None
    rows: int | None = None

    @classmethod
    def of(cls, about: Mapping[str, object]) -> Self:
        """Check facts by name; a SettingError for an unknown name or a value of another type."""
        known = [*vars(cls())]
        for name, value in about.items():
            if name not in known:
                raise SettingError(
                    f"about has {name!r}",
                    f"some of {', '.join(known)}",
                    did_you_mean(name, known, EXAMPLE),
                )
            if not (value is None or _fits(name, value)):
                raise SettingError(
                    f"about has {name} = {value!r}", f"{EXPECTED[name]}, or None", EXAMPLE
                )
        facts = {name: value for name, value in about.items() if value is not None}
        return cls(**facts)  # type: ignore[arg-type]


EXPECTED = {
    **dict.fromkeys(("target", "data", "metric"), "a name"),
    "score": "a number",
    "between": "two numbers",
    "rows": "a number of rows",
}


def _fits(name: str, value: object) -> bool:
    match EXPECTED[name]:
        case "a name":
            return isinstance(value, str)
        case "two numbers":
            return isinstance(value, Sequence) and len(value) == 2 and all(map(_is_finite, value))
        case _:
            return _is_finite(value)


def _is_finite(value: object) -> bool:
    return is_number(value) and bool(np.isfinite(cast("float", value)))
