"""Parts of exported Python files: functions, table encoding and test rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from keyword import iskeyword
from textwrap import indent

from handgrad.exchange.exporting.examples import records
from handgrad.exchange.exporting.model_spec import ModelSpec, Piece
from handgrad.exchange.exporting.python import table_functions
from handgrad.exchange.exporting.python.copied import calls_of, copied
from handgrad.exchange.exporting.python.source import dtype_text
from handgrad.exchange.exporting.python.text import array, classes_text, docstring, literal, stored
from handgrad.files.features import CYCLES, Binary, Category, Code, Date, Number
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.version import __version__

OF_COLUMNS: dict[str, Callable[..., object]] = {
    name: getattr(table_functions, name)
    for name in (
        "cells",
        "is_gap",
        "number",
        "texts",
        "one_of_two",
        "category",
        "code",
        "days",
        "date",
    )
}
# Name of the prediction function, and its result.
ANSWERS = {
    "output": ("predict", "The output of the net"),
    "probabilities": ("predict_proba", "The probability of each of CLASSES"),
    "scores": ("decision_function", "The score of each of CLASSES"),
    "values": ("predict", "The predicted values"),
}
CHECK = '''def check():
    """Compare the outputs for ROWS with ANSWERS, the model's predictions."""
    with np.errstate(all="ignore"):  # some rows are extreme
        outputs = {answer}(ROWS).reshape(ANSWERS.shape)
        same = (outputs == ANSWERS) | (np.isnan(outputs) & np.isnan(ANSWERS))
        error = np.where(same, 0, abs(outputs - ANSWERS)).max()
    error /= abs(ANSWERS[np.isfinite(ANSWERS)]).max(initial=1e-300)
    result = "same bits" if same.all() else f"largest relative error {{error:.2g}}"
    print(f"{{len(outputs)}} rows: {{result}}")
    return error <= {most}'''
# Reserved names, which lines of a net do not assign.
TAKEN = frozenset(
    {
        "np",
        "math",
        "n",
        "net",
        "encoded",
        "checked",
        "predict",
        "check",
        "sys",
        "b64decode",
        "array",
    }
    | OF_COLUMNS.keys()
)


def python_file(
    spec: ModelSpec,
    module: str,
    net: Sequence[str],
    data: Sequence[str],
    *,
    most: float,
    any_places: bool = False,
    needs: str = "Requires NumPy only",
    imports: Sequence[str] = ("import numpy as np",),
) -> str:
    """Source of a file; `module` is its name in the usage example.

    `net` are the functions of the prediction for an array of rows, `data` the arrays and lines
    after them; `most` is the relative tolerance of its check. With `any_places` rows may have more
    axes than the test rows.
    """
    standard = ["import math"] * any("math." in part for part in net)
    parts = [f"{_opening(spec, module, needs)}\n\n{_imports(spec, standard, imports)}"]
    parts += [*_front(spec, any_places), *_encoded(spec.pieces), *net]
    parts += [copied(OF_COLUMNS[name]) for name in _needed(spec.pieces)]
    lines = [] if spec.classes is None else [f"CLASSES = {classes_text(spec.classes)}"]
    lines += [*data, "# Test rows of check()", f"ROWS = {_rows(spec)}"]
    lines += [f"ANSWERS = {stored(spec.by_layers(spec.example))}"]
    check = CHECK.format(answer=answer_of(spec), most=most)
    main = 'if __name__ == "__main__":\n    sys.exit(0 if check() else 1)'
    return "\n\n\n".join([*parts, copied(array), "\n".join(lines), check, main]) + "\n"


def answer_of(spec: ModelSpec) -> str:
    """Name of the prediction function."""
    return ANSWERS[spec.output][0]


def _opening(spec: ModelSpec, module: str, needs: str) -> str:
    """Opening docstring of the file, with its use."""
    answer, x = answer_of(spec), spec.example
    argument, description = "x", f"x {shape_text(x)} {x.dtype}: {', '.join(spec.names[:20])}"
    if spec.table is not None:
        named = [f"{piece.column!r}: [...]" for piece in spec.pieces[:2]]
        argument = f"{{{', '.join(named)}{', ...' * (len(spec.pieces) > 2)}}}"
        description = "a dict of columns, or a data frame"
    importable = module.isidentifier() and not iskeyword(module)
    asked = answer if spec.classes is None else f"{answer}, predict"
    return docstring(
        f"{spec.title}\n\nWritten by handgrad {__version__}. {needs}:\n\n"
        f"    from {module if importable else 'model'} import {asked}\n\n"
        f"    {answer}({argument})  # {description}\n\n"
        "Run as a script, it checks its predictions for the test rows at its end.\n"
    )


def shape_text(rows: Array) -> str:
    """Shape of n rows, as text."""
    return f"(n{''.join(f', {size}' for size in rows.shape[1:])}{',' * (rows.ndim == 1)})"


def _imports(spec: ModelSpec, standard: Sequence[str], others: Sequence[str]) -> str:
    dated = any(isinstance(piece.feature, Date) for piece in spec.pieces)
    lines = ["import datetime"] * (spec.table is not None)
    lines += [*standard, "import sys", "from base64 import b64decode"]
    lines += ["from collections.abc import Iterable"] * (spec.table is not None)
    lines += ["", *others]
    lines += ["", "START = datetime.datetime(1970, 1, 1)"] * dated
    return "\n".join(lines)


def _front(spec: ModelSpec, any_places: bool) -> list[str]:
    """Public functions of the file."""
    answer, words = ANSWERS[spec.output]
    x = "x" if spec.table is None else "table"
    dtype = dtype_text(spec.example.dtype)
    rows = "checked(x)" if x == "x" else f"encoded(table).astype({dtype})"
    alone = spec.kind == "regressor" and spec.answers.shape[1] == 1
    shape = "(n,)" if alone else shape_text(spec.answers)
    argument = f"{shape_text(spec.example)}" if x == "x" else "a dict of columns or a data frame"
    parts = [
        f"def {answer}({x}):\n    {docstring(f'{words}, {shape}, for the rows {x}, {argument}.')}\n"
        f"    return net({rows}){'[:, 0]' * alone}"
    ]
    if spec.classes is not None:
        parts.append(
            f"def predict({x}):\n    {docstring(f'The class of each row of {x}, (n,).')}\n"
            f"    return CLASSES[{answer}({x}).argmax(axis=1)]"
        )
    return parts if x == "table" else [*parts, _checked(spec, any_places)]


def _checked(spec: ModelSpec, any_places: bool) -> str:
    """Function that validates rows, as the model does."""
    dtype, n_in, sizes = spec.example.dtype, spec.net.n_in, spec.example.shape[1:]
    if dtype.kind in "iu":
        lines = [
            "x = np.asarray(x)",
            'if x.dtype.kind not in "iu" or x.min(initial=0) < 0:',
            '    raise ValueError(f"codes of type {x.dtype}; expected whole numbers from 0 on")',
        ]
    else:
        lines = [f"x = np.asarray(x, {dtype_text(dtype)})"]
    misfit = f"x.ndim < 2 or x.shape[-1] != {n_in}" if any_places else f"x.shape[1:] != {sizes}"
    width = n_in if any_places else sizes[0] if len(sizes) == 1 else None
    expected = f"rows of shape {sizes}" if width is None else f"rows of {width} numbers"
    if not any_places or n_in is not None:
        lines += [
            f"if {misfit}:",
            f'    raise ValueError(f"x of shape {{x.shape}}; expected {expected}")',
        ]
    if dtype.kind not in "iu":
        lines += [
            "if not np.isfinite(x).all():",
            '    raise ValueError("NaN or infinity in x; expected finite numbers")',
        ]
    doc = docstring(f"The rows x, {shape_text(spec.example)}, validated for the model.")
    return "def checked(x):\n" + indent("\n".join([doc, *lines, "return x"]), "    ")


def _encoded(pieces: Sequence[Piece]) -> list[str]:
    """Function that encodes a table, if there is one."""
    if not pieces:
        return []
    lines = [
        line
        for piece in pieces
        for line in (f"# {piece.feature.summary()}", *_column(piece).split("\n"))
    ]
    size = pieces[-1].place + pieces[-1].size
    return [
        f"def encoded(table):\n"
        f"    {docstring(f'The input features of each row of a table, (n, {size}).')}\n"
        "    columns = [\n" + indent("\n".join(lines), " " * 8) + "\n    ]\n"
        "    return np.concatenate(columns, axis=1).astype(np.float32)"
    ]


def _column(piece: Piece) -> str:
    """Call that encodes a column."""
    column, feature = f"table[{piece.column!r}]", piece.feature
    match feature:
        case Number():
            return f"number({column}, {_scale(feature)}),"
        case Date(time=time):
            cycles = [CYCLES[name] for name in feature.cycles]
            return f"date({column}, {_scale(time)}, {cycles}),"
        case Binary():
            return f"one_of_two({column}, {feature.values[0]!r}, {feature.values[1]!r}),"
        case Code():
            return f"code({column}, {literal([*feature.values])}, {piece.first_code}),"
        case Category():
            return f"category({column}, {literal([*feature.values])}),"
    raise SettingError(
        f"column {piece.column!r}, which is read as {type(feature).__name__}",
        "a number, a category, a code or a date",
        "a column of those kinds",
    )


def _scale(feature: Number) -> str:
    return f"{feature.center!r}, {feature.factor!r}, {feature.marks_missing}"


def _needed(pieces: Sequence[Piece]) -> list[str]:
    """Functions for the encoding, callers first."""
    left = [_column(piece).split("(")[0] for piece in pieces]
    names = set[str]()
    while left:
        if (name := left.pop()) not in names:
            names.add(name)
            left += calls_of(OF_COLUMNS[name]) & OF_COLUMNS.keys()
    return [name for name in OF_COLUMNS if name in names]


def _rows(spec: ModelSpec) -> str:
    """Test rows: columns, or an array."""
    if spec.table is None:
        return stored(spec.example)
    columns = records({piece.column: spec.table[piece.column] for piece in spec.pieces})
    return literal(
        {
            name: [value if isinstance(value, float | None) else str(value) for value in values]
            for name, values in columns.items()
        }
    )
