"""Predictions of rows that arrive as JSON, the same as those of a file with these rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import pyarrow as pa

from handgrad.files.features import Features, TextFeature
from handgrad.files.tensors import shown
from handgrad.tables.data.marked_values import without_marked
from handgrad.tables.data.predictions import predictions_of, refuse_without
from handgrad.tables.data.spellings import respelled
from handgrad.tables.data.table_options import TableOptions
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.runs.table_model import TableModel
from handgrad.textbook.errors import (
    DataError,
    SettingError,
    between_0_and_1,
    did_you_mean,
)
from handgrad.training.results import is_classifier

Cell = str | int | float | bool | None
OPTIONS = ("probabilities", "interval", "sets")
EXAMPLE = '{"rows": [{"age": 30, "town": "Ulm"}]}'


@dataclass(frozen=True)
class PredictionRequest:
    """Request: rows to predict, each with its cells by column name, and options.

    `probabilities`, `interval` and `sets` are those of `handgrad predict`.
    """

    rows: list[dict[str, Cell]]
    probabilities: bool = False
    interval: float | None = None
    sets: float | None = None

    @classmethod
    def of(cls, document: object, most_rows: int) -> Self:
        """Check a JSON document of a request for at most so many rows.

        Raises
        ------
        SettingError
            If it is not an object with rows, or an option is unknown or of another type.
        DataError
            If a row is not an object of plain cells, or there are too many rows.
        """
        if not isinstance(document, dict) or "rows" not in document:
            raise SettingError(
                _described(document), "a JSON object with the rows to predict", EXAMPLE
            )
        options = {name: value for name, value in document.items() if name != "rows"}
        for name, value in options.items():
            if name not in OPTIONS:
                raise SettingError(
                    f"{name!r} in the request",
                    f"rows, and {', '.join(OPTIONS)} where wanted",
                    did_you_mean(name, OPTIONS, f"without {name!r}"),
                )
            if name != "probabilities" and value is not None:
                between_0_and_1(name, value)
            elif name == "probabilities" and not isinstance(value, bool):
                raise SettingError(f"probabilities = {value!r}", "true or false", "true")
        return cls(_rows(document["rows"], most_rows), **options)


def _rows(rows: object, most: int) -> list[dict[str, Cell]]:
    if not isinstance(rows, list) or not rows:
        raise DataError(f"rows: {_described(rows)}", "a list of at least one row", EXAMPLE)
    if len(rows) > most:
        raise DataError(
            f"{len(rows):,} rows in one request", f"at most {most:,}", "several requests"
        )
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(
                f"{_described(row)} as row {i}, counted from 0", "an object", EXAMPLE, row=i
            )
        for name, cell in row.items():
            if not isinstance(cell, Cell):
                raise DataError(
                    f"column {name!r}: {_described(cell)} in row {i}, counted from 0",
                    "a text, a number, true, false or null",
                    "null, where the value is missing",
                    row=i,
                )
    return rows


def _described(value: object) -> str:
    """A JSON value in few words: lists and objects may be long and deep."""
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    return "null" if value is None else shown(value)


class RowPredictor:
    """Predicts the rows of requests by a model of tables.

    Parameters
    ----------
    model : TableModel
        Loaded model; one of pictures is refused.
    """

    def __init__(self, model: TableModel) -> None:
        if model.shape:
            raise SettingError(
                f"{model.path}, a model of pictures",
                "a model of tables",
                f"handgrad export {model.path} page.html, for a page where pictures are dropped",
            )
        self.model = model
        estimator = model.estimator
        encoder = estimator if hasattr(estimator, "features_") else estimator[0]  # type: ignore[index]
        features: Features = encoder.features_
        self.features = features.features
        self.options = model.options(TableOptions())

    def __call__(self, request: PredictionRequest) -> dict[str, object]:
        """Predict the rows of a request.

        Returns
        -------
        dict
            `rows`: for each row the columns that `handgrad predict` writes, by name. `warnings`:
            sentences on columns and values that training did not have.

        Raises
        ------
        HandgradError
            If a column of the training is missing, a cell cannot be read, or the model has no such
            intervals or sets.
        """
        model = self.model.estimator
        if request.probabilities and not is_classifier(model):
            raise SettingError(
                "probabilities of a model that predicts a number",
                "a model that predicts classes",
                "without probabilities",
            )
        refuse_without(model, interval=request.interval, sets=request.sets)
        sent = dict.fromkeys(name for row in request.rows for name in row)
        known = {*self.features, *self.model.beside_features}
        others = [name for name in sent if name not in known]
        columns = {
            name: [row.get(name) for row in request.rows] for name in self.features if name in sent
        }
        with no_unseen_warnings() as collected:
            answers = predictions_of(
                model, request.probabilities, request.interval, request.sets, self._table(columns)
            )
        warnings = collected.sentences()
        if others:
            named = ", ".join(map(repr, others[:5])) + ", …" * (len(others) > 5)
            warnings.append(f"columns that training did not have are ignored: {named}")
        return {"rows": answers.to_pylist(), "warnings": warnings}

    def _table(self, columns: dict[str, list[Cell]]) -> object:
        """The columns, with missing values and spellings as in the training."""
        if not self.model.reading.missing and not self.model.spellings:
            return columns
        try:
            table = pa.table(columns)
        except pa.ArrowException as error:
            raise DataError(
                f"a column with cells of several types: {error}",
                "numbers, text, or true and false in each column",
                "text for all of its cells",
            ) from error
        return respelled(without_marked(table, self.options), self.model.spellings)

    def warm_up(self) -> None:
        """Predict a row of missing values, so that the first request is as fast as later ones."""
        row: dict[str, Cell] = dict.fromkeys(self.features)
        self(PredictionRequest([row], probabilities=is_classifier(self.model.estimator)))

    def cells(self) -> dict[str, dict[str, object]]:
        """The JSON schema of a cell of each column, by name."""
        schemas: dict[str, dict[str, object]] = {}
        for name, feature in self.features.items():
            schemas[name] = {"description": feature.summary()}
            if isinstance(feature, TextFeature):
                schemas[name]["examples"] = [*feature.values[:5]]
        return schemas
