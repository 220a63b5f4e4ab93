"""`TableEncoder`: a table as it comes as numbers for a net, a step of a scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from handgrad.layers import Array
from handgrad.net import Net
from handgrad.tabular.base import TakesTables, refuse_one_row
from handgrad.tabular.features import Features
from handgrad.tabular.files import checked
from handgrad.tabular.merged_rows import merged


class TableEncoder(TransformerMixin, TakesTables):  # type: ignore[misc]
    """A table as it comes as a matrix of numbers for a net, decided once and kept.

    `X` is a data frame of pandas, polars or pyarrow, or an array: numbers, text, categories,
    truth values and dates, with values missing. What comes out, float32, lies around 0,
    numbers first; what each column was read as says `summary()`. Columns are found by name: another
    order, further columns and values never seen change nothing. It is what `TabularClassifier`
    gives its nets, but that no category is a code: the 256 most frequent values are features.

    `features_` are what the columns were read as, `n_features_in_` is their number.

    >>> import pyarrow as pa, handgrad as hg
    >>> table = pa.table({"age": [20, 30, 40, 50], "town": ["Ulm", "Bonn", "Ulm", "Bonn"]})
    >>> encoder = hg.TableEncoder().fit(table)
    >>> print(encoder.summary())
    age   number
    town  one of two, 'Bonn' or 'Ulm'
    >>> encoder.transform(table)[:, 1].tolist(), encoder.get_feature_names_out().tolist()
    ([1.0, -1.0, 1.0, -1.0], ['age', 'town'])
    """

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> Self:
        """Decide what is made of each column of `X` (n, n_features), of rows that weigh (n,).

        `y` is not looked at. Raises a DataError for a table in which nothing differs.
        """
        with self._as_it_was_if_it_fails():
            table = self._table(X, reset=True)
            w = self._weights(table, sample_weight)
            rows = merged(table, np.zeros(len(w)), w)
            refuse_one_row(rows)
            self.features_ = Features.of(rows.table, rows.w)
        return self

    def transform(self, X: object) -> Array:
        """The numbers for each row of `X`: (n, n_numbers), float32."""
        check_is_fitted(self)
        return self._encoded(X)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> Array:
        """What the columns of the matrix are called: `town_Ulm` is 1 where the town is Ulm."""
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        given = None if input_features is None else [str(name) for name in input_features]
        return np.array(self.features_.names(given), object)

    def summary(self) -> str:
        """A table of the columns and what each was read as."""
        check_is_fitted(self)
        return self.features_.summary()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = []
        return tags

    # in a file

    def _to_file(self) -> tuple[dict[str, Any], Net | None]:
        return self._columns_to_file(), None

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        self._columns_from_file(checked(fitted, self._in_file))
