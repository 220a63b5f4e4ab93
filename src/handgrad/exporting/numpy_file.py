"""A model as one file of Python that needs NumPy alone, with the bits of its pages."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import indent

import numpy as np

from handgrad._version import __version__
from handgrad.base.errors import SettingError
from handgrad.base.functions import ERF, ERF_END, series_of_erf
from handgrad.exporting import table_functions
from handgrad.exporting.copied import calls_of, copied
from handgrad.exporting.examples import records
from handgrad.exporting.learning import Learning
from handgrad.exporting.proof import Check, compared
from handgrad.exporting.python_source import Source, dtype_text
from handgrad.exporting.python_text import array, classes_text, docstring, literal, stored
from handgrad.exporting.subject import Piece, Subject
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op, add_at, setitem
from handgrad.layers import Array
from handgrad.tabular.features import CYCLES, Binary, Category, Code, Date, Number

# How far a prediction may be off, of the largest, where exp and its like have other last digits.
MOST = {"float32": 1e-5, "float64": 1e-12}
HELPERS: dict[str, Callable[..., object]] = {"setitem": setitem, "add_at": add_at}
OF_COLUMNS: dict[str, Callable[..., object]] = {
    name: getattr(table_functions, name)
    for name in ("cells", "number", "texts", "one_of_two", "category", "code", "days", "date")
}
TAKEN = {"np", "n", "net", "encoded", "predict", "check", "sys", "b64decode", "array", "erf"}
# What a file calls the answer, and what it is.
ANSWERS = {
    "output": ("predict", "The output of the net"),
    "probabilities": ("predict_proba", "The probability of each of CLASSES"),
    "scores": ("decision_function", "The score of each of CLASSES"),
    "values": ("predict", "The numbers predicted"),
}
CHECK = '''def check():
    """Predict ROWS anew, and print how close that is to what the model said of them."""
    found = {answer}(ROWS).reshape(ANSWERS.shape)
    same = (found == ANSWERS) | (np.isnan(found) & np.isnan(ANSWERS))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0, abs(found - ANSWERS)).max()
    apart /= abs(ANSWERS[np.isfinite(ANSWERS)]).max(initial=1e-300)
    told = "same bits" if same.all() else f"{{apart:.2g}} of the largest apart"
    print(f"{{len(found)}} rows: {{told}}")
    return apart <= {most}'''


def write_numpy(subject: Subject, path: Path, learning: Learning | None) -> Sequence[Check]:
    """Write the file and run it: in this NumPy, on the rows that stand in it."""
    path.write_text(numpy_source(subject, path.stem), "utf-8", newline="\n")
    space = runpy.run_path(str(path))
    found = space[ANSWERS[subject.output][0]](space["ROWS"]).reshape(subject.answers.shape)
    ran, most = f"NumPy {np.__version__}", MOST[subject.net.dtype.name]
    return [
        compared(ran, found, subject.by_pages(subject.example), "the pages"),
        compared(ran, found, subject.answers, "predict", most),
    ]


def numpy_source(subject: Subject, module: str = "model") -> str:
    """The text of the file, which calls itself `module` where it says how it is used."""
    net, weights, called = _net(subject)
    parts = [f"{_opening(subject, module)}\n\n{_imports(subject)}", *_front(subject)]
    parts += [*_encoded(subject.pieces), net]
    parts += [copied(HELPERS[name]) for name in sorted(called & HELPERS.keys())]
    parts += [_erf(subject.net.dtype)] if "erf" in called else []
    parts += [copied(OF_COLUMNS[name]) for name in _needed(subject.pieces)]
    parts += [copied(array)]
    answer, most = ANSWERS[subject.output][0], MOST[subject.net.dtype.name]
    data = [] if subject.classes is None else [f"CLASSES = {classes_text(subject.classes)}"]
    data += [f"{name} = {stored(values)}" for name, values in weights.items()]
    data += ["# what check() compares", f"ROWS = {_rows(subject)}"]
    data += [f"ANSWERS = {stored(subject.by_pages(subject.example))}"]
    main = 'if __name__ == "__main__":\n    sys.exit(0 if check() else 1)'
    parts += ["\n".join(data), CHECK.format(answer=answer, most=most), main]
    return "\n\n\n".join(parts) + "\n"


def _opening(subject: Subject, module: str) -> str:
    """What the file is, and how it is called."""
    answer, _ = ANSWERS[subject.output]
    x = subject.example
    given, meant = "x", f"x {_shape(x)} {x.dtype}: {', '.join(subject.names[:20])}"
    if subject.table is not None:
        named = [f"{piece.column!r}: [...]" for piece in subject.pieces[:2]]
        given = f"{{{', '.join(named)}{', ...' * (len(subject.pieces) > 2)}}}"
        meant = "a dict of columns, or a data frame"
    asked = answer if subject.classes is None else f"{answer}, predict"
    return docstring(
        f"{subject.title}\n\nWritten by handgrad {__version__}. NumPy is all it needs:\n\n"
        f"    from {module if module.isidentifier() else 'model'} import {asked}\n\n"
        f"    {answer}({given})  # {meant}\n\n"
        "Run as a script, it predicts the rows that stand at its end anew, and compares.\n"
    )


def _shape(rows: Array) -> str:
    return f"(n{''.join(f', {size}' for size in rows.shape[1:])}{',' * (rows.ndim == 1)})"


def _imports(subject: Subject) -> str:
    dated = any(isinstance(piece.feature, Date) for piece in subject.pieces)
    lines = ["import datetime"] * (subject.table is not None)
    lines += ["import sys", "from base64 import b64decode", "", "import numpy as np"]
    lines += ["", "START = datetime.datetime(1970, 1, 1)"] * dated
    return "\n".join(lines)


def _front(subject: Subject) -> list[str]:
    """The functions that are called from elsewhere."""
    answer, words = ANSWERS[subject.output]
    x = "x" if subject.table is None else "table"
    dtype = dtype_text(subject.example.dtype)
    rows = f"np.asarray(x, {dtype})" if x == "x" else f"encoded(table).astype({dtype})"
    alone = subject.kind == "regressor" and subject.answers.shape[1] == 1
    shape = "(n,)" if alone else _shape(subject.answers)
    given = f"{_shape(subject.example)}" if x == "x" else "a dict of columns or a data frame"
    parts = [
        f"def {answer}({x}):\n    {docstring(f'{words}, {shape}, for the rows {x}, {given}.')}\n"
        f"    return net({rows}){'[:, 0]' * alone}"
    ]
    if subject.classes is not None:
        parts.append(
            f"def predict({x}):\n    {docstring(f'The class of each row of {x}, (n,).')}\n"
            f"    return CLASSES[{answer}({x}).argmax(axis=1)]"
        )
    return parts


def _encoded(pieces: Sequence[Piece]) -> list[str]:
    """The function that makes the rows of the net of a table, if there is one."""
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
        f"    {docstring(f'The numbers that are made of each row of a table, (n, {size}).')}\n"
        "    columns = [\n" + indent("\n".join(lines), " " * 8) + "\n    ]\n"
        "    return np.concatenate(columns, axis=1).astype(np.float32)"
    ]


def _column(piece: Piece) -> str:
    """The call that makes the numbers of a column."""
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
    """The functions that the columns need, those that call others first."""
    left = [_column(piece).split("(")[0] for piece in pieces]
    found = set[str]()
    while left:
        if (name := left.pop()) not in found:
            found.add(name)
            left += calls_of(OF_COLUMNS[name]) & OF_COLUMNS.keys()
    return [name for name in OF_COLUMNS if name in found]


def _net(subject: Subject) -> tuple[str, dict[str, Array], set[str]]:
    """The function that is the recorded prediction, the arrays and the functions that it names."""
    called = set[str]()

    def call(node: Node, given: Sequence[str], options: Mapping[str, str]) -> str:
        match node.operation:
            case Op.ASTYPE:
                return f"{given[0]}.astype({', '.join(given[1:])})"
            case Op.TRANSPOSE if len(given) == 1 and not options:
                return f"{given[0]}.T"
            case Op.ERF | Op.SETITEM | Op.ADD_AT as own:
                called.add(own.value)
                name = own.value
            case Op.SLIDING_WINDOW_VIEW:
                name = "np.lib.stride_tricks.sliding_window_view"
            case other:
                name = f"np.{other.value}"
        return f"{name}({', '.join([*given, *(f'{k}={v}' for k, v in options.items())])})"

    graph = subject.graph
    source = Source(graph, call, TAKEN | HELPERS.keys() | OF_COLUMNS.keys())
    lines = source.lines()
    weights = {
        source.names[i]: subject.net.state()[name]
        for kind in (graph.leaves.parameters, graph.leaves.state)
        for name, i in kind.items()
    }
    counted = ["n = len(x)"] if source.follows_n else []
    told = docstring(f"The net: x {_shape(subject.example)} to {_shape(subject.answers)}.")
    body = [
        told,
        *counted,
        *lines,
        f"return {', '.join(source.names[i] for i in graph.outputs.all())}",
    ]
    text = "def net(x):\n" + indent("\n".join(body), "    ")
    return text, weights | source.constants, called


def _erf(dtype: np.dtype[np.generic]) -> str:
    """The error function, with its coefficients for numbers of this type."""
    series = f"ERF_END = {ERF_END}\nERF = {literal({dtype.name: ERF[dtype.name]})}"
    return f"{series}\n\n\n{copied(series_of_erf).replace('series_of_erf', 'erf')}"


def _rows(subject: Subject) -> str:
    """The rows to compare: columns as they would come, or an array."""
    if subject.table is None:
        return stored(subject.example)
    columns = records({piece.column: subject.table[piece.column] for piece in subject.pieces})
    return literal(
        {
            name: [value if isinstance(value, float | None) else str(value) for value in values]
            for name, values in columns.items()
        }
    )
