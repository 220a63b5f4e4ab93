"""Table rows in C: a struct with a field for each column, and their encoding."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from handgrad.engines.loops.functions.function import Function
from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.engines.loops.ir import Call, Expression, Let, Statement, Var
from handgrad.engines.loops.program import Program
from handgrad.engines.portable.functions import DOUBLE_SUFFIX, functions_of
from handgrad.engines.portable.printing.c import PREFIX, c_number, comment_text
from handgrad.engines.portable.printing.c_family import wrapped
from handgrad.engines.portable.printing.c_module import RowsInC
from handgrad.exchange.exporting.model_spec import ModelSpec, Piece
from handgrad.files.features import (
    CYCLES,
    HUGE,
    LIMIT,
    Binary,
    Category,
    Code,
    Columns,
    Date,
    Feature,
    Number,
)
from handgrad.textbook.layers import Array

WIDEST = 96
BENT = f"""\
/* Robust z-score (median, IQR), outliers squashed: z / sqrt(1 + (z / 3)^2); 0 if missing. */
static double $bent(double value, double center, double factor) {{
  const double z = value == value ? (value - center) * factor : 0;
  const double clipped = z < -{HUGE:g} ? -{HUGE:g} : z > {HUGE:g} ? {HUGE:g} : z;
  const double turned = clipped / {LIMIT};
  return clipped / SQRT(1 + turned * turned);
}}"""
# Words of C and C++, which name no field.
WORDS = """
alignas alignof and asm auto bitand bitor bool break case catch char class compl concept const
constexpr continue decltype default delete do double else enum explicit export extern false float
for friend goto if inline int int32_t int64_t long mutable namespace new noexcept not nullptr
operator or private protected public register requires restrict return short signed sizeof static
struct switch template this throw true try typedef typeid typename typeof uint32_t uint64_t uint8_t
union unsigned using virtual void volatile wchar_t while xor
"""
TAKEN = frozenset(WORDS.split())


class CTable:
    """C source of the encoding of table columns."""

    def __init__(self, spec: ModelSpec) -> None:
        self.pieces, self.dtype = spec.pieces, spec.net.dtype
        self.single = bool(spec.net.dtype == np.float32)
        self.fields = field_names([piece.column for piece in self.pieces])
        doubles = DOUBLE_SUFFIX if self.single else ""
        self.names = {name: name + doubles for name in ("sqrt", "sin", "cos")}

    def rows(self, table: Columns) -> RowsInC:
        """C source of the row struct, the encoding, and the test rows."""
        has_hands = any(isinstance(p.feature, Date) and p.feature.cycles for p in self.pieces)
        numbers = any(isinstance(p.feature, Number | Date) for p in self.pieces)
        columns = [_cells(piece.feature, table[piece.column]) for piece in self.pieces]
        return RowsInC(
            self.text(),
            self._functions() if has_hands else (),
            [self.names["sqrt"]] if numbers else (),
            [f"  {{{', '.join(cells)}}}," for cells in zip(*columns, strict=True)],
        )

    def _functions(self) -> Sequence[Function]:
        """Sine and cosine in float64."""
        t: Expression = Var("t", "double")
        lines: list[Statement] = [Let(name, Call(name, (t,), "double")) for name in ("sin", "cos")]
        return functions_of(Program("hands", (), lines, self.dtype))

    def text(self) -> str:
        """Struct of a row, and the function that encodes it to x."""
        bent = BENT.replace("SQRT", f"{PREFIX}{self.names['sqrt']}")
        lines = [line for piece in self.pieces for line in self._encoded(piece)]
        number = "float" if self.single else "double"
        encode = [
            "/* Encode a row of the table as the input features x of the net. */",
            f"void {PREFIX}encode(const {PREFIX}row *row, {number} *x) {{",
            *(f"  {line}" for line in lines),
            "}",
        ]
        needs = any(isinstance(p.feature, Number | Date) for p in self.pieces)
        return "\n\n".join([self._struct(), *[bent] * needs, "\n".join(encode)])

    def _struct(self) -> str:
        lines = []
        for piece in self.pieces:
            field, feature, name = self.fields[piece.column], piece.feature, repr(piece.column)
            if isinstance(feature, Binary | Category):
                known = [f"{k} {value!r}" for k, value in enumerate(feature.values)]
                words = [f"{name}:", *(f"{one}," for one in known[:-1]), known[-1]]
                lines += wrapped(map(comment_text, words), WIDEST, "  // ")
                lines.append(f"  int32_t {field};")
            else:
                days = ", days since 1970 began" if isinstance(feature, Date) else ""
                lines.append(f"  double {field}; // {comment_text(name)}{days}")
        comment = (
            "/* A row of the table. NaN is a missing number, -1 a missing or unknown value. */"
        )
        return "\n".join([comment, "typedef struct {", *lines, f"}} {PREFIX}row;"])

    def _encoded(self, piece: Piece) -> list[str]:
        """Lines that encode a column."""
        field, at, feature = f"row->{self.fields[piece.column]}", piece.place, piece.feature
        match feature:
            case Number():
                return _of_number(field, at, feature)
            case Date(time, cycles):
                lines = _of_number(field, at, time)
                at += len(lines)
                for cycle in cycles:
                    turn = f"{2 * math.pi!r} * {field} / {CYCLES[cycle]!r}"
                    for hand in ("sin", "cos"):
                        value = (
                            f"{field} == {field} ? (float){PREFIX}{self.names[hand]}({turn}) : 0"
                        )
                        lines.append(f"x[{at}] = {value};")
                        at += 1
                return lines
            case Binary():
                return [f"x[{at}] = {field} == 1 ? 1 : {field} == 0 ? -1 : 0;"]
            case Code(values, _):
                known = f"{field} >= 0 && {field} < {len(values)}"
                first = piece.first_code
                code = f"(float)({known} ? {field} + {first + 1} : {first})"
                return [f"x[{at}] = {code};"]
            case Category(values, _):
                loop = f"for (int32_t k = 0; k < {len(values)}; k++)"
                return [f"{loop} x[{at} + k] = {field} == k ? 1 : 0;"]
        raise TypeError(f"{feature} makes no numbers")

    def encoded(self, table: Columns, x: Array) -> Array:
        """Rows x of a table as encoded by C, whose sine may differ in the last digit."""
        x = x.copy()
        for piece in self.pieces:
            if isinstance(piece.feature, Date):
                column = table[piece.column]
                days = np.where(column.missing, 0, column.values)
                at = piece.place + len(piece.feature.time.names(""))
                for cycle in piece.feature.cycles:
                    turn = 2 * np.pi * days / CYCLES[cycle]
                    for hand in ("sin", "cos"):
                        values = value_of(hand, turn) * ~column.missing
                        x[:, at] = values.astype(np.float32)
                        at += 1
        return x


def _of_number(field: str, at: int, feature: Number) -> list[str]:
    arguments = (
        f"{field}, {c_number(np.float64(feature.center))}, {c_number(np.float64(feature.factor))}"
    )
    lines = [f"x[{at}] = (float){PREFIX}bent({arguments});"]
    return lines + [f"x[{at + 1}] = {field} == {field} ? 0 : 1;"] * feature.marks_missing


def _cells(feature: Feature, column: object) -> list[str]:
    """Values of a column as C constants."""
    values, missing = column.values.tolist(), column.missing.tolist()  # type: ignore[attr-defined]
    if isinstance(feature, Binary | Category):
        places = {value: k for k, value in enumerate(feature.values)}
        return [
            str(-1 if gap else places.get(v, -1)) for v, gap in zip(values, missing, strict=True)
        ]
    return [
        c_number(np.float64(np.nan if gap else value))
        for value, gap in zip(values, missing, strict=True)
    ]


def field_names(columns: Sequence[str]) -> Mapping[str, str]:
    """Field names in C for columns: letters, digits and underscores, without duplicates.

    >>> field_names(["age", "a b", "a-b", "2nd", "int", "größe"])
    {'age': 'age', 'a b': 'a_b', 'a-b': 'a_b_2', '2nd': 'x2nd', 'int': 'int_', 'größe': 'gr__e'}
    """
    fields: dict[str, str] = {}
    for column in columns:
        name = re.sub(r"[^A-Za-z0-9_]", "_", str(column)).lstrip("_") or "x"
        name = f"x{name}" if name[0].isdigit() else name
        name = f"{name}_" if name in TAKEN else name
        free, k = name, 2
        while free in fields.values():
            free, k = f"{name}_{k}", k + 1
        fields[column] = free
    return fields
