"""The output of the commands: text for people or one JSON object, and notes on standard error."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handgrad.cli.language import CLI, styled
from handgrad.files import FileEstimator, Tensor, inspect, shown
from handgrad.files.paths import reason, write_whole
from handgrad.tables import runs
from handgrad.tables.runs import Messages, as_json
from handgrad.textbook.errors import FileError, HandgradError

if TYPE_CHECKING:
    from handgrad.check.doctor import Finding
    from handgrad.exchange.exporting import Proof
    from handgrad.learn.explaining import Explanation

SCREEN = "-"
MOST_COLUMNS_OF_RUN, MOST_COLUMNS_OF_FILE, MOST_CLASSES_NAMED = 16, 100, 6
WRITTEN_OUT, TOO_LONG = 1e4, 1e15  # numbers between them are shown in all their digits


class Output(Messages):
    """Standard output for results, standard error for notes and progress.

    With `as_json`, standard output has one JSON object and nothing else. Progress is shown only if
    standard error is a terminal. `notes` are the notes so far.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json, self.notes = as_json, list[str]()
        self.console: Console = CheckedConsole(emoji=False, highlight=False, quiet=as_json)
        self.side: Console = Console(stderr=True, emoji=False, highlight=False)
        self.shows_progress = self.side.is_terminal

    def say(self, *parts: str | tuple[str, str]) -> None:
        """Print a line of plain parts and styled pairs (text, style); no markup."""
        safe = [harmless(p) if isinstance(p, str) else (harmless(p[0]), p[1]) for p in parts]
        self.console.print(styled(Text.assemble(*safe)), soft_wrap=True)

    def table(
        self, headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False
    ) -> None:
        """Print a table; with `numbers`, all columns but the first are right-aligned."""
        table = Table()
        for i, heading in enumerate(headings):
            justify: Literal["right", "left"] = "right" if numbers and i else "left"
            table.add_column(CLI.translated(heading), justify=justify)
        for row in rows:
            table.add_row(*(Text(harmless(cell)) for cell in row))
        self.console.print(table)

    def note(self, *texts: str) -> None:
        """Print notes on standard error."""
        self.notes += texts
        for text in texts:
            self.side.print(styled(Text(f"note: {harmless(text)}")), soft_wrap=True)

    def table_loaded(self, table: runs.TrainingTable) -> None:
        """Show the size of the table, the target and its task, and the notes."""
        target, values = table.target, table.target.values
        chunks = ", read in chunks" * table.streamed
        self.say((table.name, "bold"), f": {table.size_in_words}{chunks}")
        classes = [str(name) for name in table.classes]
        kind = f"{len(classes)} classes, {', '.join(classes[:MOST_CLASSES_NAMED])}"
        kind += ", …" if len(classes) > MOST_CLASSES_NAMED else ""
        if not classes:
            kind = f"a number, {' to '.join(map(figure, table.range))}"
            if target.censored:
                n_events = f"{int((values > 0).sum()):,} events in {len(values):,} rows"
                kind = f"a time, {' to '.join(map(figure, table.range))}, {n_events}"
        self.say(f"predicting {target.name}: {kind} ({target.task}: {target.why})")
        for note in table.notes:
            self.say(f"note: {note}")

    def text_loaded(self, text: runs.TextSplit) -> None:
        """Show the size of the text."""
        self.say((text.name, "bold"), f": {text.size_in_words}, {len(text.held_out):,} held out")
        self.say("predicting the next character from those before it")

    def series_loaded(self, series: runs.SeriesSplit) -> None:
        """Show the number of series and of their steps, and what is forecast."""
        self.say((series.name, "bold"), f": {series.size_in_words}")
        self.say(f"forecasting {series.roles.target}: the next {series.horizon_in_words}")
        for note in series.table.notes:
            self.say(f"note: {note}")

    def finding(self, problem: str, where: str, evidence: str, advice: str) -> None:
        """Print a finding of a run or a comparison."""
        words = map(CLI.translated, (problem, where, evidence))
        self.say("note: {}, {}: {}".format(*words))
        self.say(f"  try: {CLI.translated(advice)}")

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Do nothing: findings are shown with the finished run."""

    def progress(self, text: str) -> None:
        """Show the current step, if standard error is a terminal."""
        if self.shows_progress:
            self.side.print(Text(CLI.translated(text), style="dim"))

    def result(self, value: object) -> None:
        """Print `value` as JSON, with `--json`."""
        if self.as_json and sys.stdout is not None:
            unicode = "utf" in sys.stdout.encoding.lower()
            with standard_output_errors():
                print(as_json(value, unicode=unicode), flush=True)

    def copy(self, path: Path) -> None:
        """Copy a file to standard output, byte for byte."""
        with standard_output_errors(), path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()

    def error(self, error: HandgradError) -> None:
        """Print an error on standard error, and as JSON on standard output with `--json`."""
        self.side.print(Text(harmless(f"{CLI.translated('error: ')}{error}")), soft_wrap=True)
        came = f"{error.where}: {error.came}" if error.where else error.came
        self.result({"error": {"came": came, "expected": error.expected, "try": error.hint}})

    @contextmanager
    def warnings_as_notes(self) -> Iterator[None]:
        """Context in which warnings of libraries become notes, each once."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            yield
        for text in (" ".join(str(warning.message).split()) for warning in caught):
            if text not in self.notes:
                self.note(text)


def figure(value: float | str | None) -> str:
    """Format a score."""
    if isinstance(value, str):
        return value
    if value is None or np.isnan(value):
        return "–"
    return f"{value:,.0f}" if WRITTEN_OUT <= abs(value) < TOO_LONG else f"{value:.4g}"


def harmless(text: str) -> str:
    """Escape characters that could control a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


class CheckedConsole(Console):
    """Rich console that raises a FileError if standard output cannot be written."""

    def print(self, *objects: object, **options: Any) -> None:
        """Print."""
        with standard_output_errors():
            super().print(*objects, **options)


@contextmanager
def standard_output_errors() -> Iterator[None]:
    """Context that raises a FileError if standard output cannot be written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:  # another file
            raise
        raise FileError(
            f"standard output could not be written: {reason(error)}",
            "a standard output that can be written, with free space",
            "redirect to another file",
        ) from error


def show_run(run: runs.Run, output: Output) -> None:
    """Show a finished run: its columns, scores, findings and files."""
    output.result(_as_dict(run))
    _show_run(run, output)


def show_runs_of_targets(finished: Iterable[runs.Run], output: Output) -> None:
    """Show the run of each of several targets as it finishes, and the folder of all."""
    records = dict[str, object]()
    for run in finished:
        _show_run(run, output)
        records[run.record["target"]["name"]] = _as_dict(run)
        folder = str(run.folder.parent)
    output.result({"run": folder, "targets": records})
    output.say(
        "to predict all targets: ", (shlex.join(["handgrad", "predict", folder, "DATA"]), "bold")
    )


def _as_dict(run: runs.Run) -> dict[str, object]:
    """The record of a finished run, with its folder and files, for JSON."""
    return {**run.record, "run": str(run.folder), "written": _files_of(run)}


def _files_of(run: runs.Run) -> list[str]:
    return sorted(path.name for path in run.folder.iterdir())


def _show_run(run: runs.Run, output: Output) -> None:
    record, folder = run.record, run.folder
    width = max(map(cell_len, record["columns"]))
    read = [*record["columns"].items()]
    for name, words in read[:MOST_COLUMNS_OF_RUN]:
        output.say(f"  {name}{' ' * (width - cell_len(name))}  {CLI.translated(words)}")
    if len(read) > MOST_COLUMNS_OF_RUN:
        more = len(read) - MOST_COLUMNS_OF_RUN
        output.say(f"  … {more} more column{'s' * (more > 1)}: in {folder / runs.RECORD}")
    _show_scores_of_run(run, output)
    if (threshold := record.get("threshold")) is not None:
        output.say(
            f"{record['positive']} is predicted above a probability of {threshold['value']:.3g} "
            f"(--threshold {threshold['chosen_by']})"
        )
    _show_coverage(record.get("coverage"), "held-out rows", output)
    _show_quantiles(record.get("quantiles") or [], output)
    for finding in record["findings"]:
        output.finding(**finding)
    if "checks" in record:
        _show_checks(record["checks"], len(record["findings"]), output)
    by, n = record["epochs_chosen_by"], record["epochs"]
    best = f", the best by {by.replace('_', ' ')} kept" if by and n > 1 else ""
    epochs = f"{n} epoch{'s' * (n > 1)}{best}"
    rows = record["rows"]
    of = {"text": "characters", "forecast": "values"}.get(record["target"]["task"], "rows")
    learned, held_out = f"{rows['training']:,}", f"{rows['held_out']:,}"
    at_random = record["split"]["by"] == "random"
    how = " held out at random" if at_random else " held out"
    output.say(f"trained on {learned} {of}, {held_out}{how}; {epochs}")
    if not at_random:
        output.say(f"held out: {record['split']['words']}")
    if record["target"]["task"] == "forecast":
        output.say("the model in the file is trained on all values, for the forecasts after them")
    if (judged := record["judged"]["training"]) < rows["training"] - (of == "characters"):
        output.say(f"training scores are of {judged:,} of these {of}")
    output.say("written to ", (str(folder), "bold"), f": {', '.join(_files_of(run))}")
    if record["target"]["task"] == "text":
        command = ["handgrad", "export", str(folder / runs.MODEL), "gpt.html"]
        output.say(
            "to export a page that generates text: ",
            (shlex.join(command), "bold"),
            ", or gpt.js, gpt.c, gpt.py",
        )


def show_tuning(run: runs.Run, output: Output) -> None:
    """Show the best trials of a search, and the command that trains with the chosen settings."""
    tuning = run.record["tuning"]
    output.say(runs.trials_in_words(tuning))
    output.table(*runs.table_of_trials(tuning), numbers=True)
    output.say("to train with these settings again: ", (shlex.join(tuning["command"]), "bold"))


def show_runs(listed: runs.RunList, output: Output) -> None:
    """Show the runs of a folder, a table for each data set, target and metric."""
    output.result(listed.as_dict())
    for group in listed.groups():
        first = group[0]
        output.say((first.data, "bold"), f": predicting {first.target}")
        rows = [
            [
                run.name,
                run.date[:16].replace("T", " "),
                CLI.translated(
                    f"{run.rows['held_out']:,} of {sum(run.rows.values()):,}, {run.split}"
                ),
                figure(run.score) + _ends(run.between),
                ", ".join(f"{name}={value}" for name, value in run.settings.items()) or "–",
                f"{run.seconds:,.0f} s",
            ]
            for run in group
        ]
        metric = first.metric.replace("_", " ")
        output.table(["run", "date", "held out", metric, "settings that differ", "time"], rows)
    output.note(*listed.notes)


def _ends(between: Sequence[float] | None) -> str:
    return "" if between is None else f" ({between[0]:.3g} to {between[1]:.3g})"


def show_predictions(rows: int, to: Path, output: Output, *, on_screen: bool) -> None:
    """Show the predictions, or the file they were written to."""
    if output.as_json and on_screen:
        from pyarrow import csv

        predictions = csv.read_csv(to).to_pylist()
        output.result({"rows": rows, "predictions": predictions, "notes": output.notes})
    elif on_screen:
        output.copy(to)
    else:
        output.result({"rows": rows, "written": str(to), "notes": output.notes})
        output.say(f"{rows:,} rows predicted, written to ", (str(to), "bold"))


def show_writing(written: runs.Writing, output: Output, out: str) -> None:
    """Show generated text, or the file it was written to."""
    if out != SCREEN:
        path = write_whole(out, lambda file: file.write(written.text))
        output.result({"written": str(path), "seed": written.seed})
        output.say(f"{len(written.text):,} characters, written to ", (str(path), "bold"))
        return
    output.result(vars(written))
    if not output.as_json:
        with standard_output_errors():
            print("".join(c if c == "\t" else harmless(c) for c in written.text), flush=True)


def show_evaluation(evaluation: runs.ModelEvaluation, output: Output) -> None:
    """Show the scores of a model."""
    output.result(vars(evaluation) | {"notes": output.notes})
    _show_evaluation(evaluation, output)


def show_evaluations(evaluations: Sequence[runs.ModelEvaluation], output: Output) -> None:
    """Show the scores of the models of several targets."""
    targets = {evaluation.target: vars(evaluation) for evaluation in evaluations}
    output.result({"targets": targets, "notes": output.notes})
    for evaluation in evaluations:
        _show_evaluation(evaluation, output)


def _show_evaluation(evaluation: runs.ModelEvaluation, output: Output) -> None:
    of = {"text": "characters", "forecast": "values"}.get(evaluation.task, "rows")
    baseline = "seasonal naive" if evaluation.task == "forecast" else "guessing"
    text = f": {evaluation.rows:,} {of}; {evaluation.target} is predicted by "
    output.say((evaluation.data, "bold"), text, (evaluation.model, "bold"))
    _show_scores({"score": evaluation.scores, baseline: evaluation.guessing}, output)
    _show_coverage(evaluation.coverage, of, output)
    _show_quantiles(evaluation.quantiles, output)
    if evaluation.classes:
        measures = ("precision", "recall", "f1")
        rows = [
            [str(c["class"]), *(figure(c[m]) for m in measures), f"{c['rows']:,}"]
            for c in evaluation.classes
        ]
        output.table(["class", *measures, "rows"], rows, numbers=True)


def show_explanation(
    explanation: Explanation, output: Output, *, of: str | None, page: Path | None
) -> None:
    """Show an explanation, the trace of one number, or the file its page was written to."""
    if of is not None:
        trail = explanation.of(of)
        lines = [{"line": link.text, "source": link.source} for link in trail.links]
        output.result({"of": of, "lines": lines, "factors": trail.factors})
        output.say(str(trail))
    elif page is not None:
        write_whole(page, lambda file: file.write(explanation.html()))
        size = page.stat().st_size
        output.result({"page": str(page), "bytes": size})
        output.say("written: ", (str(page), "bold"), f", {size / 1e3:,.0f} kB")
    else:
        output.result(
            {
                "title": explanation.title,
                "contributions": contributions_of(explanation),
                "steps": [
                    {
                        "address": step.address,
                        "way": step.way,
                        "formula": f"{step.name} = {step.formula}",
                        "source": f"{Path(step.file).name}:{step.line}",
                        "shape": step.shape,
                        "lines": [line.text(explanation.writer) for line in step.shown_lines()[0]],
                    }
                    for step in explanation.steps
                ],
            }
        )
        output.say(str(explanation))


def contributions_of(explanation: Explanation) -> dict[str, object] | None:
    """Contributions of the columns to the prediction of the first row, for JSON."""
    result = explanation.subject.contributions
    if result is None:
        return None
    k = result.explained(0)
    return {
        "output": result.outputs[k],
        "prediction": result.predictions[0, k],
        "mean": result.base[k],
        "columns": [
            {"column": name, "value": cell, "contribution": value, "error": error}
            for name, cell, value, error in zip(
                result.columns,
                result.cells[0],
                result.values[0, :, k].tolist(),
                result.errors[0, :, k].tolist(),
                strict=True,
            )
        ],
    }


def show_proof(proof: Proof, output: Output) -> None:
    """Show an exported file and the checks it passed."""
    checks = [vars(check) for check in proof.checks]
    output.result({"file": str(proof.path), "bytes": proof.size, "checks": checks})
    output.say((str(proof.path), "bold"), f", {proof.size:,} bytes")
    for check in proof.checks:
        output.say(f"  {check}")


def _show_scores_of_run(run: runs.Run, output: Output) -> None:
    """Show the scores of a run, and the difference to other models if it was asked for."""
    scores, columns = run.scores, dict[str, Mapping[str, float | str]]()
    if run.record["target"]["task"] == "forecast":
        _show_scores({name.replace("_", " "): scores[name] for name in scores}, output)
        return
    if folds := scores.get("folds"):
        columns[f"{len(folds)} folds"] = _over_folds(folds)
    columns |= {"training": scores["training"], "held out": scores["held_out"]}
    if counts := scores.get("n_gram"):
        columns[f"{counts['n']}-gram"] = counts
    if xz := scores.get("xz"):
        columns["xz"] = xz
    others = run.record["references"] if run.record["settings"]["compare"] else {}
    columns |= {name: one["scores"] for name, one in others.items()}
    _show_scores(columns | {"guessing": scores["guessing"]}, output)
    for sentence in runs.differences_in_words(others):
        output.say(sentence)


def _show_scores(columns: Mapping[str, Mapping[str, float | str]], output: Output) -> None:
    metrics = [*columns.values()][-1]
    rows = [[m.replace("_", " "), *(figure(c.get(m)) for c in columns.values())] for m in metrics]
    output.table(["", *columns], rows, numbers=True)


def _show_coverage(coverage: runs.CoverageRecord | None, rows: str, output: Output) -> None:
    """Show how often intervals or sets have the true value, beside the nominal coverage."""
    if coverage is None:
        return
    what, size = f"{coverage['nominal']:.0%} {coverage['of']}s", figure(coverage["mean_size"])
    has = "the true class" if coverage["of"] == "set" else "the true value"
    size = f"{size} classes on average" if coverage["of"] == "set" else f"mean width {size}"
    output.say(f"{what}: {has} is inside for {coverage['observed']:.1%} of the {rows}; {size}")


def _show_quantiles(quantiles: Sequence[runs.QuantileRecord], output: Output) -> None:
    """Show the fraction of the true values below each quantile, and its pinball loss."""
    rows = [[f"{q['level']:g}", f"{q['below']:.1%}", figure(q["pinball_loss"])] for q in quantiles]
    if rows:
        output.table(["quantile", "true values below", "pinball loss"], rows, numbers=True)


def _show_checks(checks: Sequence[Mapping[str, str]], found: int, output: Output) -> None:
    """Show how many checks were made, and those that were skipped with the reasons."""
    made = sum(check["state"] == "made" for check in checks)
    skipped = dict[str, list[str]]()
    for check in checks:
        if check["state"] == "skipped":
            skipped.setdefault(check["why"], []).append(check["name"])
    parts = [
        f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''} ({why})"
        for why, names in skipped.items()
    ]
    findings = f"{found or 'no'} finding{'s' * (found != 1)}"
    output.say(f"checks: {made} made, {findings}" + f"; skipped: {', '.join(parts)}" * bool(parts))


def _over_folds(folds: Sequence[runs.Scores]) -> dict[str, str]:
    """Mean ± standard deviation over the folds."""
    spreads = {}
    for name in folds[0]:
        values = [value for fold in folds if (value := fold[name]) is not None]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
        spread = f"{deviation:.2g}" if deviation < 100 else figure(deviation)
        spreads[name] = f"{figure(float(np.mean(values)))} ± {spread}" if values else "–"
    return spreads


def show_file(path: Path, output: Output) -> None:
    """Show the header of a model file; nothing of it is executed."""
    header = inspect(path)
    output.result(header.as_dict())
    kind = "weights without a net"
    if header.format_version is not None:
        name = header.estimators[0].name if header.estimators else "a net"
        kind = f"{name}, format version {header.format_version}"
    numbers = f"{header.numbers:,} numbers, {header.bytes:,} bytes"
    output.say((str(path), "bold"), f": {kind}, {numbers}")
    for estimator in header.estimators:
        _show_estimator(estimator, output)
    rows = []
    for layer in header.layers:
        settings = ", ".join(f"{shown(k)}={_short(v)}" for k, v in layer.settings.items())
        frozen = ", frozen" if layer.place in header.frozen else ""
        custom = ", custom layer" if layer.own else ""
        name = f"{shown(layer.layer)}({settings}){frozen}{custom}"
        rows.append((layer.place or "net", name, _shapes(layer.tensors)))
    if header.other_tensors:
        rows.append(("", "", _shapes(header.other_tensors)))
    if rows:
        output.table(["path", "layer", "tensors"], rows)
    about = header.about if isinstance(header.about, dict) else {"about": header.about}
    for name, value in about.items():
        output.say(f"{shown(name)}: {_short(value)}")


def _show_estimator(estimator: FileEstimator, output: Output) -> None:
    settings = ", ".join(f"{shown(k)}={_setting(v)}" for k, v in estimator.settings.items())
    step = f"step {shown(estimator.step)}: " if estimator.step else ""
    output.say(f"{step}{estimator.name}({settings})")
    if estimator.classes is not None:
        output.say(f"classes: {_short(estimator.classes)}")
    if estimator.target is not None:
        target = ", ".join(f"{name} {_short(value)}" for name, value in estimator.target.items())
        output.say(f"target: {target}")
    if columns := [*estimator.columns.items()]:
        rows = [
            (shown(name), CLI.translated(shown(words)))
            for name, words in columns[:MOST_COLUMNS_OF_FILE]
        ]
        output.table(["column", "read as"], rows)
        if len(columns) > MOST_COLUMNS_OF_FILE:
            output.say(f"… {len(columns)} columns in all")


def _setting(value: object) -> str:
    """Shortened setting of an estimator."""
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
