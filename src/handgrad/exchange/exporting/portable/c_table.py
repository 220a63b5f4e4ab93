"""Table rows in C: a struct with a field for each column, and its encoding."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from handgrad.engines.portable.model import PortableModel
from handgrad.engines.portable.printing.c import PREFIX, c_number, comment_text
from handgrad.engines.portable.printing.c_family import wrapped
from handgrad.engines.portable.printing.c_module import RowsInC
from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.files.features import Column, Cyclic, Feature, TextFeature

WIDEST = 96
ENCODE = """\
/* Encode a row of the table as the input features x of the net. */
void $encode(const $row *row, {number} *x) {{
  const double columns[] = {{{fields}}};
  double numbers[{n}];
  $encoding_predict(columns, numbers);
  for (int k = 0; k < {n}; k++) x[k] = (float)numbers[k];
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


def c_rows(spec: ModelSpec, encoder: PortableModel) -> RowsInC:
    """C source of the row struct, the encoding, and the test rows."""
    features, table = spec.of_table
    fields = field_names([name for name, _ in features.in_turn() if name in features.used])
    text = ENCODE.format(
        number="float" if spec.net.dtype == np.float32 else "double",
        fields=", ".join(f"row->{fields[name]}" for name in features.used),
        n=features.n_out,
    )
    columns = [_cells(features.used[name], table[name]) for name in fields]
    return RowsInC(
        f"{_struct(fields, features.used)}\n\n{text}",
        encoder,
        [f"  {{{', '.join(cells)}}}," for cells in zip(*columns, strict=True)],
    )


def _struct(fields: Mapping[str, str], features: Mapping[str, Feature]) -> str:
    """Struct of a row."""
    lines = []
    for column, field in fields.items():
        feature, name = features[column], repr(column)
        if isinstance(feature, TextFeature):
            known = [f"{k} {value!r}" for k, value in enumerate(feature.values)]
            words = [f"{name}:", *(f"{one}," for one in known[:-1]), known[-1]]
            lines += wrapped(map(comment_text, words), WIDEST, "  // ")
            lines.append(f"  int32_t {field};")
        else:
            unit = ", days since 1970 began" if feature.kind == "date" else ""
            if isinstance(feature, Cyclic):
                unit = f", {feature.cycle.number}"
            lines.append(f"  double {field}; // {comment_text(name)}{unit}")
    comment = "/* A row of the table. NaN is a missing number, -1 a missing or unknown value. */"
    return "\n".join([comment, "typedef struct {", *lines, f"}} {PREFIX}row;"])


def _cells(feature: Feature, column: Column) -> list[str]:
    """Values of a column as C constants."""
    numbers = feature.parsed(column)
    if feature.kind == "text":
        return [str(int(number)) for number in numbers]
    return [c_number(number) for number in numbers]


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
