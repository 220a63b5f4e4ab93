"""The commands of `handgrad` and their parameters."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from typer.rich_utils import rich_format_error

from handgrad.cli.language import CLI, Commands
from handgrad.cli.options import (
    Background,
    ConfigFile,
    Data,
    DataOrNone,
    Json,
    Language,
    Memory,
    Model,
    Start,
    Truth,
    with_options_of,
)
from handgrad.cli.output import (
    SCREEN,
    Output,
    show_evaluation,
    show_evaluations,
    show_explanation,
    show_file,
    show_predictions,
    show_proof,
    show_run,
    show_runs,
    show_runs_of_targets,
    show_tuning,
    show_writing,
)
from handgrad.tables import runs
from handgrad.tables.data import TableOptions
from handgrad.tables.runs import (
    NOT_TUNED,
    RunSettings,
    TuningSettings,
    on_the_command_line,
    one_target,
)
from handgrad.textbook.errors import checked_language
from handgrad.textbook.install import require
from handgrad.textbook.version import __version__

UsageError: Any = typer.BadParameter.__base__  # not public in every version of Typer
EXIT_CODES = (
    "Exit codes: 0 success, 1 error in the data or the settings, 2 error in the command line, "
    "130 interrupted."
)

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Neural networks you can read: from a table to a model and its report, in seconds.",
    epilog="Start with: [bold]handgrad demo[/bold], or "
    f"[bold]handgrad train breast_cancer[/bold]\n\n{EXIT_CODES}",
)


def _version(asked: bool) -> None:
    if asked:
        print(f"handgrad {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.with_resource(on_the_command_line())


@app.command()
@with_options_of(RunSettings, make=runs.settings_of_targets)
def train(
    settings: RunSettings | dict[str, RunSettings],
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Train a model on a table. Text, dates and missing values are fine.

    DATA may also be a folder of pictures, for a classifier, or a text, for a
    language model. With --horizon the next steps of time series are forecast.
    With several --target a model of each is trained, without the other targets.

    Some rows are held out to evaluate the model; it is trained on the others.
    The folder of the run has the model, a report, the training history and
    everything needed to repeat the run.
    """
    output = Output(as_json=as_json)
    if isinstance(settings, RunSettings):
        show_run(runs.train_with(settings, output), output)
    else:
        show_runs_of_targets(runs.train_targets(settings, output), output)


@app.command()
@with_options_of(TuningSettings, without=NOT_TUNED)
def tune(settings: TuningSettings, config: ConfigFile = None, as_json: Json = False) -> None:
    """Search for the settings of an mlp on a table, and train with the best.

    Hidden layers, learning rate and batch size are drawn from the seed and
    compared on validation rows, a part of the training rows. All trials run a
    few epochs, the best third continues three times as long, and so on. An
    option that is given is not searched. The rest is as in train.
    """
    output = Output(as_json=as_json)
    run = runs.tune_with(settings, output)
    show_run(run, output)
    show_tuning(run, output)


@app.command()
@with_options_of(TableOptions)
def predict(
    options: TableOptions,
    model: Model,
    data: DataOrNone = None,
    out: Annotated[
        str,
        typer.Option("--out", "-o", help="Output file, .csv or .parquet; - is standard output."),
    ] = SCREEN,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add the probability of each class.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Column of DATA to copy to the output. May be repeated."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Add the contribution of each column to the prediction; they add up to its "
            "difference from the mean.",
        ),
    ] = False,
    background: Background = None,
    interval: Annotated[
        float | None,
        typer.Option(
            help="Coverage, such as 0.9: add columns low and high, the interval that has the true "
            "number with this probability."
        ),
    ] = None,
    sets: Annotated[
        float | None,
        typer.Option(
            help="Coverage, such as 0.9: add a column set_CLASS for each class, whether it is in "
            "the set that has the true class with this probability."
        ),
    ] = None,
    allow_missing_columns: Annotated[
        bool,
        typer.Option(
            "--allow-missing-columns",
            help="Predict although DATA lacks columns of the training, as if their cells were "
            "empty.",
        ),
    ] = False,
    memory: Memory = RunSettings.memory,
    as_json: Json = False,
) -> None:
    """Predict every row of a table, in order. The table may be larger than memory.

    A forecaster continues the series of DATA, or those of its training. For the
    folder of a run of several targets, all of them are predicted.
    """
    output = Output(as_json=as_json)
    answers = runs.Answers(
        probabilities=probabilities,
        keep=(*(keep or ()),),
        explain=explain,
        background=background,
        interval=interval,
        sets=sets,
        allow_missing_columns=allow_missing_columns,
    )
    with TemporaryDirectory() as folder:
        to = Path(out) if out != SCREEN else Path(folder) / "predictions.csv"
        if (forecaster := runs.ForecastModel.of(model)) is not None:
            rows = forecaster.predict(data, to, options, output, answers)
        else:
            runs.refuse_of_texts(model, data, None)
            of_several = runs.TargetModels.of(model)
            table_model = runs.TableModel.of(model) if of_several is None else of_several
            rows = table_model.predict(data or "", to, options, answers, memory, output)
        show_predictions(rows, to, output, on_screen=out == SCREEN)


@app.command()
def write(
    model: Model,
    start: Annotated[str, typer.Option(help="Text to continue; may be empty.")] = "",
    length: Annotated[int, typer.Option(help="Number of characters to generate.")] = 400,
    temperature: Annotated[float, typer.Option(help="Sampling temperature; 0 is greedy.")] = 0.8,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    out: Annotated[
        str, typer.Option("--out", "-o", help="Output file; - is standard output.")
    ] = SCREEN,
    as_json: Json = False,
) -> None:
    """Generate text with a language model trained on a text."""
    writing = runs.TextModel.named(model).write(start, length, temperature, seed)
    show_writing(writing, Output(as_json=as_json), out)


@app.command()
@with_options_of(TableOptions)
def evaluate(
    options: TableOptions,
    model: Model,
    data: Data,
    target: Truth = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Metric to compute. May be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate a model on a table, a language model on a text, or a forecaster on later values.

    For the folder of a run of several targets, the model of each is evaluated.
    """
    output, asked = Output(as_json=as_json), {"metric": metric or (), **vars(options)}
    if target is None and (of_several := runs.TargetModels.of(model)) is not None:
        show_evaluations(of_several.evaluate(data, messages=output, **asked), output)
        return
    evaluation = runs.evaluate_table(model, data, one_target(target), messages=output, **asked)
    show_evaluation(evaluation, output)


@app.command()
@with_options_of(TableOptions)
def compare(
    options: TableOptions,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Table with new rows.")],
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD", help="Table with old rows; or the folder of a run, or its model file."
        ),
    ],
    html: Annotated[
        Path | None,
        typer.Option(help="Write the comparison to this HTML file, with both distributions."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a table with an older one, or with the training data of a run.

    Columns, types, missing values, categories and distributions are compared.
    A difference is reported if it is large, and significant among all columns.
    With a run its predictions are compared too, and its scores if NEW has the
    target.
    """
    from handgrad.cli.comparison import show_comparison

    output = Output(as_json=as_json)
    output.progress("comparing the tables")
    comparison = runs.compare_tables(new, old, html=html, messages=output, **vars(options))
    show_comparison(comparison, output, page=html)


@app.command()
@with_options_of(TableOptions)
def explain(
    options: TableOptions,
    model: Model,
    data: DataOrNone = None,
    row: Annotated[
        int | None, typer.Option(help="Row to explain, from 0; the first by default.")
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Trace one number back, such as loss or 0.dW[2,0]."),
    ] = None,
    target: Truth = None,
    background: Background = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the explanation to this HTML file.")
    ] = None,
    language: Language = None,
    start: Start = None,
    as_json: Json = False,
) -> None:
    """Explain one prediction, number by number.

    First come the contributions of the columns: how much each moves the
    prediction away from the mean of the rows of DATA, or of --background.
    Then each line of the layers' code with the numbers of this row: formula,
    values, result, file and line. The forward pass comes first, then the
    backward pass, if the table has the target. A language model is explained
    on the text of --start.
    """
    from handgrad.learn.explained_files import explain_row, explain_text

    output, name = Output(as_json=as_json), one_target(target)
    if (writer := runs.TextModel.of(model)) is not None:
        runs.refuse_of_tables(options, data=data, row=row, target=name)
        explanation = explain_text(writer, start, language)
    else:
        runs.refuse_of_texts(model, data, start)
        reading = vars(options)
        explanation = explain_row(
            model,
            data or "",
            row or 0,
            name,
            background=background,
            language=language,
            messages=output,
            **reading,
        )
    show_explanation(explanation, output, of=of, page=html)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file, .safetensors.")],
    as_json: Json = False,
) -> None:
    """Show the layers, arrays and metadata of a model file.

    Only the header is read: no model is built and no array is loaded.
    """
    show_file(model, Output(as_json=as_json))


@app.command()
def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file, .safetensors.")],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Output file: *.py, *_torch.py, *.onnx, *.sql, *.html, *.wasm, *.js, *.rs or *.c.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Export a model to a file that runs without handgrad.

    The file extension selects the format. The file is then run on test rows,
    with extreme, missing and unseen values, and its outputs are compared with
    the model's; the test rows are part of the file. That of a language model,
    *.py, *.js or *.c, generates text.
    """
    from handgrad.exchange.exporting import export
    from handgrad.files import load

    about = runs.facts_of(model) if file.suffix.lower() == ".html" else {}
    show_proof(export(load(model), file, about=about), Output(as_json=as_json))


@app.command()
def play(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="CSV or Parquet file, bundled data set such as iris, or net (.safetensors).",
        ),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Column to predict; the last one by default.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is any free port.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    language: Annotated[
        str | None, typer.Option(help="Language: en or zh; the browser's by default.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="Write the page to this HTML file instead of serving it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Open the playground: a page where you train a net and change its numbers.

    The page is served to this machine only, until Ctrl-C. Without DATA it
    starts with generated rows.
    """
    from handgrad.learn.playground import playground_of

    output, named = Output(as_json=as_json), one_target(target)
    page = playground_of(data, target=named, language=language)
    if save is not None:
        size = page.save(save).stat().st_size
        output.result({"page": str(save), "bytes": size})
        output.say("written: ", (str(save), "bold"), f", {size / 1e3:,.0f} kB")
        return
    url = page.open(port=port, browser=browser)
    with suppress(KeyboardInterrupt):
        output.result({"url": url})
        output.say("playground: ", (url, "bold"))
        output.say("press Ctrl-C to stop")
        page.wait()


@app.command()
def serve(
    model: Model,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 is every address of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is any free port.")] = 8000,
    as_json: Json = False,
) -> None:
    """Predict rows sent over HTTP, until Ctrl-C.

    POST /predict takes {"rows": [{"age": 30}]}, for example; GET /openapi.json
    describes it. Requests are logged on standard error.
    """
    require("handgrad serve", serve=["starlette", "uvicorn"])
    from handgrad.tables.service import serve as serve_model

    output = Output(as_json=as_json)

    def ready(url: str) -> None:
        output.result({"url": url})
        output.say("predictions: POST ", (f"{url}/predict", "bold"))
        output.say("press Ctrl-C to stop")

    with suppress(KeyboardInterrupt):
        serve_model(model, host, port, when_ready=ready)


@app.command("class")
def serve_class(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]", help="Folder of the site, written by make site; none: exercises."
        ),
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder for handed-in.jsonl and marks.csv.")] = Path(
        "hand-ins"
    ),
    exercise: Annotated[
        list[Path] | None,
        typer.Option(help="TOML file with an exercise of your own; may be given several times."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Other numbers and names in the exercises, for each seed."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 is every address of this machine.")
    ] = "0.0.0.0",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is any free port.")] = 8000,
    language: Annotated[
        str | None, typer.Option(help="Language of the remarks in marks.csv: en or zh.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve the site and the exercises to a class, and take hand-ins, until Ctrl-C.

    Learners open the address in a browser, without an account. Each hand-in is
    on disk before it is confirmed; marks.csv follows. Nothing leaves the room.
    """
    from handgrad.learn.classroom import class_server

    output = Output(as_json=as_json)
    server = class_server(folder, to, port, host, exercise or (), seed, language, output.note)
    output.result({"urls": server.urls, "marks": str(server.marking.path)})
    for url in server.urls:
        output.say("for the class: ", (url, "bold"))
    output.say("marks: ", (str(server.marking.path), "bold"))
    output.say("press Ctrl-C to stop")
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, written by train.")],
    as_json: Json = False,
) -> None:
    """Write the report of a run again.

    The data is read again; it is an error if it has changed since the run.
    """
    output = Output(as_json=as_json)
    output.progress("writing the report")
    path = runs.report_run(run)
    output.result({"report": str(path)})
    output.say("written: ", (str(path), "bold"))


@app.command("runs")
def compare_runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Folder with the folders of runs.")
    ] = Path("runs"),
    as_json: Json = False,
) -> None:
    """List the runs of a folder, the best score first.

    Runs with the same data, target and metric are compared: held-out rows,
    score with its 95 % confidence interval, and the settings that differ.
    """
    show_runs(runs.list_runs(folder), Output(as_json=as_json))


@app.command()
def demo(
    language: Annotated[
        list[str] | None,
        typer.Option(
            help="Language: en or zh, as in HANDGRAD_LANGUAGE or the locale by default. Given "
            "twice: both, with links."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Output folder; runs/demo-1, -2 … by default."),
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser when done.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how a neural network works, from the first row of data to over-fitting.

    Every number and picture is computed on the fly. The output is a folder with
    the pictures and a page, index.html, that works offline.
    """
    import matplotlib

    from handgrad.learn.story import PAGE, PHRASES, tell

    languages = [*dict.fromkeys(map(checked_language, language or []))] or [checked_language(None)]
    matplotlib.use("agg")  # no windows
    output, first, pictures = Output(as_json=as_json), languages[0], 0
    places = {name: Path() if name == first else Path(name) for name in languages}
    with runs.whole_folder(out, "demo") as (folder, new):
        for name, place in places.items():
            others = {
                other: Path(os.path.relpath(there / PAGE, place)).as_posix()
                for other, there in places.items()
                if other != name
            }
            pictures += tell(name, new / place, output.console, version=__version__, others=others)
    page, phrases = folder / PAGE, PHRASES[first]
    output.result({"folder": str(folder), "page": str(page), "pictures": pictures})
    output.say(phrases["written"].format(pictures, folder))
    output.say((phrases["look"].format(page), "bold"))
    if languages == [first]:
        output.say(phrases["elsewhere"])
    if open_page:
        import webbrowser

        webbrowser.open(page.absolute().as_uri())


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete all of it.")] = False,
    as_json: Json = False,
) -> None:
    """Show or clear the cache of compiled machine code."""
    from handgrad.engines.compiled import cache

    output, place = Output(as_json=as_json), cache.folder()
    if place is None:
        output.result({"folder": None})
        output.say(f"disabled by {cache.VARIABLE}")
        return
    files = cache.files()
    size = sum(file.stat().st_size for file in files)
    removed = cache.clear() if clear else 0
    output.result({"folder": str(place), "programs": len(files), "bytes": size, "removed": removed})
    output.say(f"{len(files)} compiled programs, {size / 1e6:.1f} MB, in {place}")
    if clear:
        output.say(f"{removed} removed")


def show_usage_error(error: UsageError, output: Output) -> None:
    """Show a usage error on standard error, and as JSON on standard output with `--json`."""
    came = error.format_message()
    error.format_message = lambda: CLI.translated(came)
    rich_format_error(error)
    if error.ctx is not None:
        usage = " ".join(error.ctx.get_usage().split())
        hint = f"{error.ctx.command_path} --help"
        output.result({"error": {"came": came, "expected": usage, "try": hint}})
