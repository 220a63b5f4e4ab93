"""Encoding of table columns in ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from handgrad.exchange.exporting.model_spec import Piece
from handgrad.exchange.exporting.onnx.functions import function
from handgrad.exchange.exporting.onnx.model import (
    OF_TABLES,
    ModelBuilder,
    NodeOrigin,
    described,
    tensor_type,
)
from handgrad.files.features import (
    CYCLES,
    DAY,
    HUGE,
    LIMIT,
    Binary,
    Category,
    Code,
    Date,
    Feature,
    Number,
)
from handgrad.textbook.errors import SettingError

if TYPE_CHECKING:
    import onnx

DOUBLE = np.float64
# Maximum of values of a category in a description.
SHOWN = 20


def inputs_of(pieces: Sequence[Piece]) -> list[onnx.ValueInfoProto]:
    """Input (n, 1) of each column, with a description."""
    inputs = []
    for piece in pieces:
        if not piece.column:
            raise SettingError(
                "a column with an empty name",
                "a name for each column",
                "rename the column, and fit again",
            )
        kind = object if isinstance(piece.feature, Binary | Category) else DOUBLE
        inputs.append(described(piece.column, kind, ("n", 1), _taken(piece.feature)))
    return inputs


def _taken(feature: Feature) -> str:
    """Description of the values of a column."""
    form = "NaN where it is missing"
    if isinstance(feature, Date):
        form = "seconds since 1970-01-01, NaN where it is missing"
    if isinstance(feature, Binary | Category):
        known = ", ".join(map(repr, feature.values[:SHOWN])) + ", …" * (len(feature.values) > SHOWN)
        form = f"text, '' where it is missing, one of {known}"
    return f"{feature.summary()}; {form}"


class EncodingBuilder:
    """Builder of the encoding; `parts` are values and their positions in a row."""

    def __init__(self, model: ModelBuilder) -> None:
        self.model, self.put = model, model.put
        self.parts: list[tuple[str, list[int]]] = []

    def number(self, value: float) -> str:
        """Name of a constant number."""
        return self.model.constant(value, DOUBLE)

    def cast(self, value: str, dtype: type) -> str:
        """Cast to another dtype."""
        return self.put("Cast", value, to=tensor_type(dtype), step=np.dtype(dtype).name)

    def joined(self, values: Sequence[str], step: str) -> str:
        """Concatenate columns."""
        return values[0] if len(values) == 1 else self.put("Concat", *values, axis=1, step=step)

    def rows(self, pieces: Sequence[Piece]) -> str:
        """Encoded columns, (n, n_in), float32, in the order of the net."""
        self._texts(pieces)
        days = self._dates(pieces)
        self._numbers(pieces, days)
        self.model.place = NodeOrigin("features", "", "input features of the net")
        order = [place for _, places in self.parts for place in places]
        whole = self.joined([value for value, _ in self.parts], "columns")
        if order != sorted(order):
            turn = self.model.constant(np.argsort(order), np.int64, "order")
            whole = self.put("Gather", whole, turn, axis=1)
        return self.model.named(self.put("Cast", whole, to=tensor_type(np.float32)))

    def _texts(self, pieces: Sequence[Piece]) -> None:
        """Binary columns as −1 and 1, categories one-hot, codes as integers."""
        for piece in pieces:
            column, feature = piece.column, piece.feature
            self.model.place = NodeOrigin(f"{column} encoded", "", f"{column}: {feature.summary()}")
            if isinstance(feature, Binary):
                value = self._encoded(column, feature.values, (-1, 1), 0)
            elif isinstance(feature, Code):
                unknown = piece.first_code
                codes = range(unknown + 1, unknown + feature.n_codes)
                value = self._encoded(column, feature.values, codes, unknown)
            elif isinstance(feature, Category):
                n = len(feature.values)
                code = self._encoded(column, feature.values, range(n), -1)
                value = self.put("Equal", code, self.model.constant([range(n)], np.int64, "codes"))
            else:
                continue
            places = [*range(piece.place, piece.place + piece.size)]
            self.parts.append((self.model.named(self.cast(value, DOUBLE)), places))

    def _encoded(
        self, column: str, values: Sequence[str], codes: Sequence[int], unknown: int
    ) -> str:
        """Code of each text; `unknown` for others."""
        return self.model.put(
            "LabelEncoder",
            column,
            domain=OF_TABLES,
            keys_strings=[*values],
            values_int64s=[*codes],
            default_int64=unknown,
        )

    def _dates(self, pieces: Sequence[Piece]) -> dict[str, str]:
        """Days since 1970 of date columns, and their cyclic encoding."""
        days = {}
        for piece in pieces:
            column, feature = piece.column, piece.feature
            if not isinstance(feature, Date):
                continue
            doc = f"{column}: {feature.summary()}"
            self.model.place = NodeOrigin(f"{column} in days", "", doc)
            days[column] = self.model.named(self.put("Div", column, self.number(DAY)))
            if feature.cycles:
                self._hands(piece, feature, days[column], doc)
        return days

    def _hands(self, piece: Piece, feature: Date, days: str, doc: str) -> None:
        """Cyclic encoding: sine and cosine of each cycle; 0 if the date is missing."""
        self.model.place = place = NodeOrigin(f"{piece.column} hands", "", doc)
        missing = self.put("IsNaN", days)
        there = self.put("Where", missing, self.number(0), days)
        angle = self.put("Mul", there, self.number(2 * np.pi))
        hands, names = list[str](), feature.names(piece.column)[-2 * len(feature.cycles) :]
        for i, cycle in enumerate(feature.cycles):
            turn = self.put("Div", angle, self.number(CYCLES[cycle]), step=cycle)
            sine, cosine = names[2 * i : 2 * i + 2]
            self.model.place = NodeOrigin(sine, "", doc)
            hands.append(self.model.named(self.put("Sin", turn)))
            self.model.place = NodeOrigin(cosine, "", doc)
            hands.append(self.model.named(self.model.call(function("Cos"), turn)))
            self.model.place = place
        shown = self.put("Where", missing, self.number(0), self.joined(hands, "all"))
        last = piece.place + piece.size
        self.parts.append((self.model.named(shown), [*range(last - len(hands), last)]))

    def _numbers(self, pieces: Sequence[Piece], days: dict[str, str]) -> None:
        """Robust z-scores of all numbers and dates, squashed, and missing-value flags."""
        numbers = [(p, f) for p in pieces if (f := _number_in(p))]
        if not numbers:
            return
        doc = "(x − center) · factor, then z / √(1 + (z/3)²); 0 where x is missing"
        self.model.place = NodeOrigin("numbers", "", doc)
        centers = [[f.center for _, f in numbers]]
        factors = [[f.factor for _, f in numbers]]
        center = self.model.constant(centers, DOUBLE, "center")
        factor = self.model.constant(factors, DOUBLE, "factor")
        x = self.joined([days.get(p.column, p.column) for p, _ in numbers], "x")
        missing = self.put("IsNaN", x, step="missing")
        there = self.put("Where", missing, center, x)
        z = self.put("Mul", self.put("Sub", there, center), factor)
        z = self.put("Max", self.put("Min", z, self.number(HUGE)), self.number(-HUGE), step="z")
        third = self.put("Div", z, self.number(LIMIT))
        square = self.put("Mul", third, third, step="square")
        bent = self.put("Div", z, self.put("Sqrt", self.put("Add", square, self.number(1))))
        self.parts.append((self.model.named(bent), [p.place for p, _ in numbers]))
        marked = [i for i, (_, f) in enumerate(numbers) if f.marks_missing]
        if marked:
            self.model.place = NodeOrigin("missing", "", "1 where a number is missing")
            which = self.model.constant(marked, np.int64, "columns")
            marks = self.put("Gather", missing, which, axis=1)
            places = [numbers[i][0].place + 1 for i in marked]
            self.parts.append((self.model.named(self.cast(marks, DOUBLE)), places))


def _number_in(piece: Piece) -> Number | None:
    """Numeric encoding of a column, for a date that of its time; None if it has none."""
    feature = piece.feature.time if isinstance(piece.feature, Date) else piece.feature
    return feature if isinstance(feature, Number) else None
