"""The output of the commands: a run, predictions, an evaluation, a model file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.cells import cell_len

from handgrad import runs
from handgrad.cli.output import Output, figure
from handgrad.saving import FileEstimator, Tensor, inspect, shown

MOST_COLUMNS_SHOWN = 16  # of a run; of a file
MOST_COLUMNS = 100


def show_run(run: runs.Run, output: Output) -> None:
    """Show a finished run: what was made of the columns, the scores, where it is."""
    record, folder = run.record, run.folder
    files = sorted(path.name for path in folder.iterdir())
    output.result({**record, "run": str(folder), "written": files})
    width = max(map(cell_len, record["columns"]))
    read = [*record["columns"].items()]
    for name, words in read[:MOST_COLUMNS_SHOWN]:
        output.say(f"  {name}{' ' * (width - cell_len(name))}  {words}")
    if len(read) > MOST_COLUMNS_SHOWN:
        more = len(read) - MOST_COLUMNS_SHOWN
        output.say(f"  … {more} more column{'s' * (more > 1)}: in {folder / runs.RECORD}")
    scores, columns = record["scores"], dict[str, Mapping[str, float | str]]()
    if folds := scores.get("folds"):
        columns[f"{len(folds)} folds"] = _over_folds(folds)
    columns |= {"training": scores["training"], "held out": scores["held_out"]}
    _show_scores(columns | {"guessing": scores["guessing"]}, output)
    for note in runs.notes_on_few_rows(record["classes"]):
        output.say(f"note: {note}")
    by, n = record["epochs_chosen_by"], record["epochs"]
    best = f", of which the best by {by.replace('_', ' ')} is kept" if by and n > 1 else ""
    epochs = f"{n} epoch{'s' * (n > 1)}{best}"
    rows = record["rows"]
    output.say(f"{rows['training']:,} rows learned from, {rows['held_out']:,} held out; {epochs}")
    if (judged := record["judged"]["training"]) < rows["training"]:
        output.say(f"the scores of the training are those of {judged:,} of its rows")
    output.say("written to ", (str(folder), "bold"), f": {', '.join(files)}")


def show_predictions(rows: int, to: Path, output: Output, *, on_screen: bool) -> None:
    """Show the predictions in the file `to`, or where they were written."""
    if output.as_json and on_screen:
        from pyarrow import csv

        predictions = csv.read_csv(to).to_pylist()
        output.result({"rows": rows, "predictions": predictions, "notes": output.notes})
    elif on_screen:
        output.copy(to)
    else:
        output.result({"rows": rows, "written": str(to), "notes": output.notes})
        output.say(f"{rows:,} rows predicted, written to ", (str(to), "bold"))


def show_evaluation(found: runs.Evaluation, output: Output) -> None:
    """Show the scores of a model."""
    output.result(vars(found) | {"notes": output.notes})
    what = f": {found.rows:,} rows; {found.target} is predicted by "
    output.say((found.data, "bold"), what, (found.model, "bold"))
    _show_scores({"score": found.scores, "guessing": found.guessing}, output)
    if found.classes:
        headings = ["class", "precision", "recall", "f1", "rows"]
        numbers = [(c["precision"], c["recall"], c["f1"], f"{c['rows']:,}") for c in found.classes]
        names = [str(row["class"]) for row in found.classes]
        rows = [[name, *(figure(n) for n in of)] for name, of in zip(names, numbers, strict=True)]
        output.table(headings, rows, numbers=True)


def _show_scores(columns: Mapping[str, Mapping[str, float | str]], output: Output) -> None:
    """A table with a row for each metric and a column for each set of rows."""
    metrics = [*columns.values()][-1]
    rows = [[m.replace("_", " "), *(figure(c[m]) for c in columns.values())] for m in metrics]
    output.table(["", *columns], rows, numbers=True)


def _over_folds(folds: Sequence[runs.Scores]) -> dict[str, str]:
    """Mean ± standard deviation over the folds."""
    found = {}
    for name in folds[0]:
        values = [value for fold in folds if (value := fold[name]) is not None]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
        spread = f"{deviation:.2g}" if deviation < 100 else figure(deviation)
        found[name] = f"{figure(float(np.mean(values)))} ± {spread}" if values else "–"
    return found


def show_file(path: Path, output: Output) -> None:
    """Show what the file says of itself, nothing of which can be more than words."""
    found = inspect(path)
    output.result(found.as_dict())
    kind = "weights without a net"
    if found.format_version is not None:
        what = found.estimators[0].name if found.estimators else "a net"
        kind = f"{what}, format version {found.format_version}"
    numbers = f"{found.numbers:,} numbers, {found.bytes:,} bytes"
    output.say((str(path), "bold"), f": {kind}, {numbers}")
    for estimator in found.estimators:
        _show_estimator(estimator, output)
    rows = []
    for layer in found.layers:
        settings = ", ".join(f"{shown(k)}={_short(v)}" for k, v in layer.settings.items())
        frozen = ", frozen" if layer.place in found.frozen else ""
        own = ", not one of handgrad's" if layer.own else ""
        name = f"{shown(layer.layer)}({settings}){frozen}{own}"
        rows.append((layer.place or "the net", name, _shapes(layer.tensors)))
    if found.other_tensors:
        rows.append(("", "", _shapes(found.other_tensors)))
    if rows:
        output.table(["place", "layer", "tensors"], rows)
    about = found.about if isinstance(found.about, dict) else {"about": found.about}
    for name, value in about.items():
        output.say(f"{shown(name)}: {_short(value)}")


def _show_estimator(estimator: FileEstimator, output: Output) -> None:
    """An estimator in lines, its columns as a table."""
    settings = ", ".join(f"{shown(k)}={_setting(v)}" for k, v in estimator.settings.items())
    step = f"step {shown(estimator.step)}: " if estimator.step else ""
    output.say(f"{step}{estimator.name}({settings})")
    if estimator.classes is not None:
        output.say(f"classes: {_short(estimator.classes)}")
    if estimator.target is not None:
        target = ", ".join(f"{name} {_short(value)}" for name, value in estimator.target.items())
        output.say(f"target: {target}")
    if columns := [*estimator.columns.items()]:
        rows = [(shown(name), shown(words)) for name, words in columns[:MOST_COLUMNS]]
        output.table(["column", "read as"], rows)
        if len(columns) > MOST_COLUMNS:
            output.say(f"… {len(columns)} columns in all")


def _setting(value: object) -> str:
    """A setting of an estimator, as the file writes it, in short."""
    if not isinstance(value, dict):
        return _short(value)
    kind, inner = next(iter(value.items()), ("", ""))
    return f"({_short(inner)})" if kind == "tuple" else _short(inner)


def _shapes(tensors: dict[str, Tensor]) -> str:
    return "\n".join(f"{shown(name)} {t.shape} {t.dtype}" for name, t in tensors.items())


def _short(value: object) -> str:
    if isinstance(value, list):
        first = ", ".join(map(_short, value[:10]))
        return f"{first}, … {len(value)} in all" if len(value) > 10 else first
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
