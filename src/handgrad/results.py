"""Records of how a model uses its columns: importances and dependences."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from handgrad.layers import Array

Kind = Literal["number", "date", "category"]


@dataclass(frozen=True, repr=False)
class PermutationImportance:
    """How much worse a score became when a column was shuffled: `decreases` (n_columns, n_repeats).

    `score` is that of `n_rows` rows as they are, by `scoring`; larger is better.

    >>> found = PermutationImportance(("a", "b"), np.array([[0.0, 0.1], [0.2, 0.4]]), 0.9, "r2", 50)
    >>> found.mean, found.std.round(2), found.strongest
    (array([0.05, 0.3 ]), array([0.05, 0.1 ]), ['b', 'a'])
    """

    columns: tuple[str, ...]
    decreases: Array
    score: float
    scoring: str
    n_rows: int

    def __repr__(self) -> str:
        first = ", ".join(f"{self.columns[i]} {self.mean[i]:.4g}" for i in self.order[:3])
        rest = f", … of {len(self.columns)} columns" if len(self.columns) > 3 else ""
        return f"<PermutationImportance: {first}{rest}>"

    @property
    def mean(self) -> Array:
        """The mean over the repeats, (n_columns,)."""
        mean: Array = self.decreases.mean(axis=1)
        return mean

    @property
    def std(self) -> Array:
        """The standard deviation over the repeats, (n_columns,)."""
        std: Array = self.decreases.std(axis=1)
        return std

    @property
    def order(self) -> Array:
        """The numbers of the columns, the strongest first."""
        return np.argsort(-self.mean, kind="stable")

    @property
    def strongest(self) -> list[str]:
        """The names of the columns, the strongest first."""
        return [self.columns[i] for i in self.order]


@dataclass(frozen=True, repr=False)
class PartialDependence:
    """What a model says on average if `column` has one of `values` in all rows.

    `average` is (n_values, n_outputs), over `n_rows` rows. `values` are numbers, dates as NumPy's
    datetime64, or text, by `kind`. `outputs` names the classes whose probabilities are averaged,
    or is ("prediction",). `shares` (n_values,) says of text how many of the rows have it; of others
    it is NaN.
    """

    column: str
    kind: Kind
    values: Array
    average: Array
    outputs: tuple[str, ...]
    shares: Array
    n_rows: int

    def __repr__(self) -> str:
        return f"<PartialDependence: {self.column}, at {len(self.values)} values>"
