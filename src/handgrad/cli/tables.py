"""The output of the commands on tables: a run, predictions, an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.cells import cell_len

from handgrad.cli.output import Output
from handgrad.runs import RECORD, Evaluation, Run, Scores, TrainingTable, notes_on_few_rows

SCREEN = "-"
MOST_COLUMNS_SHOWN, MOST_CLASSES_NAMED = 16, 6
WRITTEN_OUT, TOO_LONG = 1e4, 1e15  # numbers between them are shown in all their digits


class TrainingOutput(Output):
    """The output of a run, which begins with its table."""

    def began(self, table: TrainingTable) -> None:
        """Show what is to be learned from, what is predicted, and why it was taken so."""
        d, target, values = len(table.feature_names), table.target, table.target.values
        columns = f"{table.n_rows:,} rows, {d} column{'s' * (d > 1)} to learn from"
        self.say((table.name, "bold"), f": {columns}{', read in pieces' * table.streamed}")
        classes = [str(name) for name in table.classes]
        what = f"{len(classes)} classes, {', '.join(classes[:MOST_CLASSES_NAMED])}"
        what += ", …" if len(classes) > MOST_CLASSES_NAMED else ""
        if not classes:
            what = f"a number, {shown(values.min())} to {shown(values.max())}"
        self.say(f"predicting {target.name}: {what} ({target.task}: {target.why})")
        for note in table.notes:
            self.say(f"note: {note}")


def show_run(run: Run, output: Output) -> None:
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
        output.say(f"  … {more} more column{'s' * (more > 1)}: in {folder / RECORD}")
    scores, columns = record["scores"], dict[str, Mapping[str, float | str]]()
    if folds := scores.get("folds"):
        columns[f"{len(folds)} folds"] = _over_folds(folds)
    columns |= {"training": scores["training"], "held out": scores["held_out"]}
    _show_scores(columns | {"guessing": scores["guessing"]}, output)
    for note in notes_on_few_rows(record["classes"]):
        output.say(f"note: {note}")
    by, n = record["epochs_chosen_by"], record["epochs"]
    best = f", of which the best by {by.replace('_', ' ')} is kept" if by and n > 1 else ""
    epochs = f"{n} epoch{'s' * (n > 1)}{best}"
    rows = record["rows"]
    output.say(f"{rows['training']:,} rows learned from, {rows['held_out']:,} held out; {epochs}")
    if (judged := record["judged"]["training"]) < rows["training"]:
        output.say(f"the scores of the training are those of {judged:,} of its rows")
    output.say("written to ", (str(folder), "bold"), f": {', '.join(files)}")


def show_predictions(predict: Callable[[Path], int], out: str, output: Output) -> None:
    """Show predictions, which `predict` writes to the file `out`, or to the screen at the end."""
    with TemporaryDirectory() as folder:
        to = Path(out) if out != SCREEN else Path(folder) / "predictions.csv"
        rows = predict(to)
        if output.as_json and out == SCREEN:
            from pyarrow import csv

            predictions = csv.read_csv(to).to_pylist()
            output.result({"rows": rows, "predictions": predictions, "notes": output.notes})
        elif out == SCREEN:
            output.copy(to)
        else:
            output.result({"rows": rows, "written": str(to), "notes": output.notes})
            output.say(f"{rows:,} rows predicted, written to ", (str(to), "bold"))


def show_evaluation(found: Evaluation, output: Output) -> None:
    """Show the scores of a model."""
    output.result(vars(found) | {"notes": output.notes})
    what = f": {found.rows:,} rows; {found.target} is predicted by "
    output.say((found.data, "bold"), what, (found.model, "bold"))
    _show_scores({"score": found.scores, "guessing": found.guessing}, output)
    if found.classes:
        headings = ["class", "precision", "recall", "f1", "rows"]
        numbers = [(c["precision"], c["recall"], c["f1"], f"{c['rows']:,}") for c in found.classes]
        names = [str(row["class"]) for row in found.classes]
        rows = [[name, *(shown(n) for n in of)] for name, of in zip(names, numbers, strict=True)]
        output.table(headings, rows, numbers=True)


def shown(value: float | str | None) -> str:
    """A score as people read it."""
    if isinstance(value, str):
        return value
    if value is None or np.isnan(value):
        return "–"
    return f"{value:,.0f}" if WRITTEN_OUT <= abs(value) < TOO_LONG else f"{value:.4g}"


def _show_scores(columns: Mapping[str, Mapping[str, float | str]], output: Output) -> None:
    """A table with a row for each metric and a column for each set of rows."""
    metrics = [*columns.values()][-1]
    rows = [[m.replace("_", " "), *(shown(c[m]) for c in columns.values())] for m in metrics]
    output.table(["", *columns], rows, numbers=True)


def _over_folds(folds: Sequence[Scores]) -> dict[str, str]:
    """Mean ± standard deviation over the folds."""
    found = {}
    for name in folds[0]:
        values = [value for fold in folds if (value := fold[name]) is not None]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
        spread = f"{deviation:.2g}" if deviation < 100 else shown(deviation)
        found[name] = f"{shown(float(np.mean(values)))} ± {spread}" if values else "–"
    return found
