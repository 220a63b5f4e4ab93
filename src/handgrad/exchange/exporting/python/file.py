"""Parts of exported Python files: functions, table encoding and test rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from textwrap import indent

from handgrad.exchange.exporting.examples import records
from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.python import table_functions
from handgrad.exchange.exporting.python.copied import calls_of, copied
from handgrad.exchange.exporting.python.numpy_function import numpy_function
from handgrad.exchange.exporting.python.source import dtype_text
from handgrad.exchange.exporting.python.table_functions import CONSTANTS
from handgrad.exchange.exporting.python.text import array, classes_text, docstring, literal, stored
from handgrad.files.cell_patterns import NAMES
from handgrad.files.features import Cyclic, Feature, TextFeature
from handgrad.textbook.layers import Array
from handgrad.textbook.version import __version__

READERS: dict[str, Callable[..., object]] = {
    name: getattr(table_functions, name)
    for name in ("numbers", "places", "days", "indices", "cells", "is_missing", "text_of", "day_of")
}
IMPORTS_OF_TABLES = [
    "from collections.abc import Iterable",
    "from decimal import Decimal",
    "from numbers import Real",
]
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
        "encoding",
        "checked",
        "predict",
        "check",
        "sys",
        "b64decode",
        "array",
    }
    | READERS.keys()
    | CONSTANTS.keys()
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
    parts += _front(spec, any_places)
    lines = [] if spec.classes is None else [f"CLASSES = {classes_text(spec.classes)}"]
    if spec.table is not None:
        doc = "The input features, from numbers of the columns."
        encoding = numpy_function("encoding", spec.encoder_graph, {}, doc, TAKEN, "encoding")
        parts += [_encoded(spec.columns), encoding.text]
        lines += [f"{name} = {stored(values)}" for name, values in encoding.arrays.items()]
    parts += [*net, *(copied(READERS[name]) for name in _needed(spec.columns))]
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
        named = [f"{name!r}: [...]" for name in [*spec.columns][:2]]
        argument = f"{{{', '.join(named)}{', ...' * (len(spec.columns) > 2)}}}"
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
    lines = ["import datetime"] * (spec.table is not None)
    lines += [*standard, "import sys", "from base64 import b64decode"]
    lines += IMPORTS_OF_TABLES * (spec.table is not None)
    lines += ["", *others]
    if spec.table is not None:
        lines += ["", *(f"{name} = {value!r}" for name, value in CONSTANTS.items())]
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
            f"    return CLASSES[{_decided(spec, f'{answer}({x})')}.argmax(axis=1)]"
        )
    return parts if x == "table" else [*parts, _checked(spec, any_places)]


def _decided(spec: ModelSpec, outputs: str) -> str:
    """Expression of the outputs, divided by the thresholds of the classes."""
    if spec.thresholds is None:
        return outputs
    return f"({outputs} / np.array({spec.thresholds.tolist()}))"


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


def _encoded(columns: Mapping[str, Feature]) -> str:
    """Function that encodes a table."""
    lines = [
        line
        for name, feature in columns.items()
        for line in (f"# {feature.summary()}", *f"{_read(name, feature)},".split("\n"))
    ]
    return (
        f"def encoded(table):\n"
        f"    {docstring('The input features of each row of a table.')}\n"
        "    columns = [\n" + indent("\n".join(lines), " " * 8) + "\n    ]\n"
        '    with np.errstate(over="ignore"):\n'
        "        return encoding(np.stack(columns, axis=1)).astype(np.float32)"
    )


def _read(name: str, feature: Feature) -> str:
    """Call that reads a column."""
    column = f"table[{name!r}]"
    if isinstance(feature, TextFeature):
        return f"indices({column}, {literal([*feature.values])})"
    if isinstance(feature, Cyclic):
        return f"places({column}, {literal([*NAMES.get(feature.place.written, ())])})"
    return f"{'days' if feature.kind == 'date' else 'numbers'}({column})"


def _needed(columns: Mapping[str, Feature]) -> list[str]:
    """Functions that read the columns, callers first."""
    left = [_read(*column).split("(")[0] for column in columns.items()]
    names = set[str]()
    while left:
        if (name := left.pop()) not in names:
            names.add(name)
            left += calls_of(READERS[name]) & READERS.keys()
    return [name for name in READERS if name in names]


def _rows(spec: ModelSpec) -> str:
    """Test rows: columns, or an array."""
    if spec.table is None:
        return stored(spec.example)
    columns = records({name: spec.table[name] for name in spec.columns})
    return literal(
        {
            name: [value if isinstance(value, float | None) else str(value) for value in values]
            for name, values in columns.items()
        }
    )
