"""Encoder of raw tables for nets of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from handgrad.exchange.exporting.model_spec import ModelParts
from handgrad.tables.tabular.base import TableEstimator, refuse_one_row
from handgrad.tables.tabular.features import features_of, merged
from handgrad.tables.tabular.files import checked
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net


class TableEncoder(TransformerMixin, TableEstimator):  # type: ignore[misc]
    """Encoder of a table as a float32 matrix for a net: fitted once, then fixed.

    `X` is a data frame of pandas, polars or pyarrow, or an array: numbers, text, categories,
    booleans and dates, with missing values. Numbers become robust z-scores and come first;
    `summary()` shows the type inferred for each column. Columns are matched by name: their order,
    further columns and unseen values do not matter. `TabularClassifier` encodes tables in the same
    way, except that it embeds categories; here the 256 most frequent values are one-hot encoded.

    `features_` has the encoders of the columns, `n_features_in_` is their number.

    >>> import pyarrow as pa, handgrad as hg
    >>> table = pa.table({"age": [20, 30, 40, 50], "town": ["Ulm", "Bonn", "Ulm", "Bonn"]})
    >>> encoder = hg.tables.TableEncoder().fit(table)
    >>> print(encoder.summary())
    age   number
    town  binary, 'Bonn' or 'Ulm'
    >>> encoder.transform(table)[:, 1].tolist(), encoder.get_feature_names_out().tolist()
    ([1.0, -1.0, 1.0, -1.0], ['age', 'town'])
    """

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> Self:
        """Fit an encoder to each column of a table.

        Parameters
        ----------
        X : data frame or array-like, (n, n_features)
            Rows of the table.
        y : None
            Ignored.
        sample_weight : array-like, (n,), optional
            Weight of each row.

        Returns
        -------
        self

        Raises
        ------
        DataError
            If all rows are the same.
        """
        with self._as_it_was_if_it_fails():
            table = self._table(X, reset=True)
            w = self._weights(table, sample_weight)
            rows = merged(table, np.zeros(len(w)), w)
            refuse_one_row(rows)
            self.features_ = features_of(rows.table, rows.w)
        return self

    def transform(self, X: object) -> Array:
        """Encode each row of `X`: (n, n_numbers), float32."""
        check_is_fitted(self)
        return self._encoded(X)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> Array:
        """Names of the encoded columns: `town_Ulm` is 1 where the town is Ulm."""
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        names = None if input_features is None else [str(name) for name in input_features]
        return np.array(self.features_.names(names), object)

    def summary(self) -> str:
        """Table of the columns and their types."""
        check_is_fitted(self)
        return self.features_.summary()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _exported_before(self, parts: ModelParts) -> ModelParts:
        names, predict = tuple(self.features_.names()), self._quietly(parts.predict)
        return replace(parts, features=self.features_, names=names, predict=predict)

    # in a file

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        self._columns_from_file(checked(fitted, self._in_file))
