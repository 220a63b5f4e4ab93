"""Export to one JavaScript module, and its check in Node."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.exchange.exporting.model_spec import ModelSpec, plain_classes
from handgrad.exchange.exporting.portable.node import ABSENT, node_version, run_in_node
from handgrad.exchange.exporting.portable.page_data import MOST, PAGE, columns_of
from handgrad.exchange.exporting.portable.programs import (
    AGAINST,
    PORTABLE,
    encoder_of,
    encoding_module,
    portable_of,
    portable_rows,
    proved_epoch,
)
from handgrad.exchange.exporting.proof import Check, compared
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.files.cell_patterns import reading
from handgrad.files.features import Columns
from handgrad.files.scripts import inlined, json_in_script
from handgrad.textbook.layers import Array
from handgrad.textbook.version import __version__

WIDEST = 94
LARGEST = 2**53 - 1
CLASSIFY = """\
/** The class of each row: the first one with the largest output. */
export const classify = (rows) => predict(rows).map((p) => classes[p.indexOf(Math.max(...p))]);
"""
BY_THRESHOLDS = """\
/** The class of each row: the first one with the largest ratio of its output to its threshold. */
export const classify = (rows) =>
  predict(rows)
    .map((p) => p.map((value, i) => value / thresholds[i]))
    .map((p) => classes[p.indexOf(Math.max(...p))]);
"""
TRAINS = "parameters: trained(data).map(toJSON),"
MAIN = """
const toJSON = (value) => (Number.isFinite(value) && !Object.is(value, -0) ? value : asText(value));
const asText = (value) => (value === 0 ? "-0" : String(value));
const read = (row) => (Array.isArray(row) ? row.map(Number) : row);
const main = (data) => ({{
  predictions: predict(data.rows.map(read)).map((p) => [p].flat(Infinity).map(toJSON)),
  {trains}
}});
function trained({{ x, y }}) {{
  const training = new Training(x.map(read), y.map(read));
  training.epoch();
  return Array.from(training.parameters);
}}
"""


def write_javascript(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Write the module; run its test rows and an epoch of training in Node, if installed."""
    text = javascript_text(spec, path.name, train_spec)
    path.write_text(text, "utf-8", newline="\n")
    node, shape = node_version(), spec.answers.shape
    answers = np.asarray(spec.net.predict(portable_rows(spec), engine=PORTABLE)).reshape(shape)
    most = MOST[answers.dtype.name]
    if not node:
        here = compared(AGAINST, answers, spec.answers, "predict", most)
        return [Check("node", AGAINST, not_run=ABSENT), here]
    rows = _rows(spec.example) if spec.table is None else _records(spec.table)
    epoch = None if train_spec is None else proved_epoch(spec, train_spec)
    training_rows = {} if epoch is None else {"x": _rows(epoch.x), "y": _rows(epoch.y)}
    main = MAIN.format(trains=TRAINS * bool(epoch))
    outputs = run_in_node(text + main, {"rows": rows} | training_rows)
    predictions = np.array(outputs["predictions"], float).astype(answers.dtype).reshape(shape)
    checks = [
        compared(node, predictions, answers, AGAINST),
        compared(node, predictions, spec.answers, "predict", most),
    ]
    if epoch is not None:
        weights = np.array([outputs["parameters"]], float).astype(answers.dtype)
        checks.append(epoch.check(node, weights))
    return checks


def javascript_text(spec: ModelSpec, name: str, train_spec: TrainSpec | None = None) -> str:
    """Source of the module."""
    net = javascript_module(portable_of(spec, train_spec))
    parts = [_head(spec, name, train_spec)]
    if spec.classes is not None:
        parts += [f"export const classes = {_classes(spec.classes)};\n"]
        if spec.thresholds is None:
            parts += [CLASSIFY]
        else:
            thresholds = json.dumps(spec.thresholds.tolist())
            parts += [f"export const thresholds = {thresholds};\n", BY_THRESHOLDS]
    if spec.features is None:
        return "\n".join([*parts, net])
    read_as = json_in_script(reading())
    columns = (
        f"export const columns = {_lines(columns_of(spec))};\nexport const reading = {read_as};\n"
    )
    net += "export const net = { predict };\n"
    made = {"net": net, "columns": columns, "encoding": encoding_module(encoder_of(spec))}
    modules = {f"{PAGE}/{name}.js": text for name, text in made.items()}
    return "\n".join([*parts, f"export {inlined(f'{PAGE}/records.js', modules)}"])


def _classes(classes: Array) -> str:
    """Classes as an array; integers beyond float64 precision as BigInt."""
    values = plain_classes(classes)
    if any(isinstance(value, int) and abs(value) > LARGEST for value in values):
        return f"[{', '.join(f'{value}n' for value in values)}]"
    return json.dumps(values)


def _head(spec: ModelSpec, name: str, train_spec: TrainSpec | None) -> str:
    """Opening comment of the module, with its use."""
    row = f"[{', '.join(spec.names[:6])}{', …' * (len(spec.names) > 6)}]"
    if spec.features is not None:
        fields = [f"{json.dumps(name, ensure_ascii=False)}: …" for name in spec.columns]
        row = f"{{ {', '.join(fields)} }}"
    names = ["predict", *["classify"] * (spec.classes is not None)]
    names += ["Training"] * (train_spec is not None)
    of_classes = "" if spec.classes is None else " of classes"
    lines = [
        *wrap(f"{spec.title}, written by handgrad {__version__}.", WIDEST),
        "",
        f"    import {{ {', '.join(names)} }} from {json.dumps(f'./{name}', ensure_ascii=False)};",
        *wrap(f"predict([{row}])", WIDEST, initial_indent="    ", subsequent_indent="      "),
        "",
        f"gives an array with the {spec.output}{of_classes} for each row: the same bits in each",
        'browser, and as handgrad\'s engine "portable".',
    ]
    if train_spec is not None:
        lines += [
            "",
            "    const training = new Training(rows, targets);",
            "    for (let i = 0; i < 100; i++) console.log(training.epoch()); // the loss",
            "    training.predict(rows);",
        ]
    # JavaScript has line ends that editors do not show, and names of columns may have them
    return "".join(f"// {' '.join(line.splitlines())}".rstrip() + "\n" for line in lines)


def _lines(columns: Sequence[object]) -> str:
    """Columns as JSON, one per line."""
    return "[\n" + "".join(f"  {json_in_script(c)},\n" for c in columns) + "]"


def _rows(rows: Array) -> list[list[Any]]:
    """Rows for JSON; non-finite numbers as text."""
    return [
        [value if math.isfinite(value) else str(value).replace("inf", "Infinity") for value in row]
        for row in rows.reshape(len(rows), -1).tolist()
    ]


def _records(table: Columns) -> list[dict[str, Any]]:
    """Rows of a table as objects, dates as days."""
    columns = {
        name: [
            None if gap else value
            for value, gap in zip(column.values.tolist(), column.missing.tolist(), strict=True)
        ]
        for name, column in table.items()
    }
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
