"""The commands of `handgrad` and their parameters."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from typer.rich_utils import rich_format_error

from handgrad.cli.options import (
    ConfigFile,
    Data,
    DataOrNone,
    Json,
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
    show_explanation,
    show_file,
    show_predictions,
    show_proof,
    show_run,
    show_writing,
)
from handgrad.tables import runs
from handgrad.tables.data import TableOptions
from handgrad.tables.runs import RunSettings, on_the_command_line, one_target
from handgrad.textbook.version import __version__

UsageError: Any = typer.BadParameter.__base__  # which has no public name in every Typer
EXIT_CODES = (
    "Exit codes: 0 done, 1 the data or what was asked for cannot be used, 2 the command line was "
    "not understood, 130 interrupted."
)

app = typer.Typer(
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
@with_options_of(RunSettings)
def train(settings: RunSettings, config: ConfigFile = None, as_json: Json = False) -> None:
    """Make a model of a table: columns of any kind, values missing; no tuning.

    Of a folder of pictures it makes a model that tells them apart, of a text
    one that goes on with it.

    Some rows are held out, the model learns from the others and is judged on
    those held out. What is left is a folder with the model, its report, the
    history of the training and all that is needed to repeat the run.
    """
    output = Output(as_json=as_json)
    show_run(runs.train_with(settings, output), output)


@app.command()
@with_options_of(TableOptions)
def predict(
    options: TableOptions,
    model: Model,
    data: Data,
    out: Annotated[
        str,
        typer.Option("--out", "-o", help="A .csv or .parquet file to write; - for the screen."),
    ] = SCREEN,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add the probability of each class.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="A column of DATA to write too; may be given several times."),
    ] = None,
    memory: Memory = RunSettings.memory,
    as_json: Json = False,
) -> None:
    """Predict each row of a table, in order; the file may be larger than memory."""
    output, named = Output(as_json=as_json), runs.TableModel.of(model)
    with TemporaryDirectory() as folder:
        to = Path(out) if out != SCREEN else Path(folder) / "predictions.csv"
        rows = named.predict(data, to, options, memory, output, probabilities, keep or ())
        show_predictions(rows, to, output, on_screen=out == SCREEN)


@app.command()
def write(
    model: Model,
    start: Annotated[str, typer.Option(help="The text to continue; may be empty.")] = "",
    length: Annotated[int, typer.Option(help="Number of characters to generate.")] = 400,
    temperature: Annotated[float, typer.Option(help="Sampling temperature; 0 is greedy.")] = 0.8,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    out: Annotated[
        str, typer.Option("--out", "-o", help="A file to write; - for the screen.")
    ] = SCREEN,
    as_json: Json = False,
) -> None:
    """Generate text with a language model, which train makes of a text."""
    writing = runs.Writer.named(model).write(start, length, temperature, seed)
    show_writing(writing, Output(as_json=as_json), out)


@app.command()
@with_options_of(TableOptions)
def evaluate(
    options: TableOptions,
    model: Model,
    data: Data,
    target: Truth = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="A score to tell; may be given several times.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell how good a model is on the rows of a table, or a language model on a text."""
    output = Output(as_json=as_json)
    found = runs.evaluate_table(
        model, data, one_target(target), metric=metric or (), messages=output, **vars(options)
    )
    show_evaluation(found, output)


@app.command()
@with_options_of(TableOptions)
def explain(
    options: TableOptions,
    model: Model,
    data: DataOrNone = None,
    row: Annotated[int | None, typer.Option(help="The row, counted from 0; the first.")] = None,
    of: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Follow one number back, as loss or 0.dW[2,0]."),
    ] = None,
    target: Truth = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page to this file; it needs nothing else.")
    ] = None,
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
    start: Start = None,
    as_json: Json = False,
) -> None:
    """Tell how a model comes to its answer for a row: every number of it.

    Each line of the pages with the numbers of this row, forward and, where the
    table has the truth, backward: formula, numbers, result, file and line.
    Of a language model it is a text that is explained, that of --start.
    """
    from handgrad.learn.explained_files import explain_row, explain_text

    output, name = Output(as_json=as_json), one_target(target)
    if (writer := runs.Writer.of(model)) is not None:
        runs.refuse_of_tables(options, data=data, row=row, target=name)
        found = explain_text(writer, start, language)
    else:
        runs.refuse_of_texts(model, data, start)
        words = vars(options)
        found = explain_row(
            model, data or "", row or 0, name, language=language, messages=output, **words
        )
    show_explanation(found, output, of=of, page=html)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .safetensors file.")],
    as_json: Json = False,
) -> None:
    """Show what is in a model file: its layers, their arrays, what it is about.

    Only the header is read: nothing is made, and no number is loaded.
    """
    show_file(model, Output(as_json=as_json))


@app.command()
def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .safetensors file.")],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="*.py, *_torch.py, *.onnx, *.html, *.wasm, *.js or *.c."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Write a model to a file that runs without handgrad.

    The kind is that of the ending, as model.py. It is run here on rows with
    edges, gaps and unseen values, which travel with it; how close it came is told.
    """
    from handgrad.exchange.exporting import export
    from handgrad.files import load

    show_proof(export(load(model), file), Output(as_json=as_json))


@app.command()
def play(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="A CSV or Parquet file, a bundled set as iris, or a net's .safetensors file.",
        ),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="The column to predict; the last one if not given.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    language: Annotated[
        str | None, typer.Option(help="en or zh; the browser's if not given.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="Write the page to this file instead; it needs nothing else."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Open a page in which a net trains, with all its numbers to see and to change.

    It is for this machine alone, and ends with Ctrl-C. Without DATA it begins
    with rows that are drawn for it.
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
        output.say("the playground is open at ", (url, "bold"))
        output.say("Ctrl-C ends it")
        page.wait()


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that train wrote.")],
    as_json: Json = False,
) -> None:
    """Write the report of a run anew.

    The rows are read again; if they changed since the run, that is refused.
    """
    output = Output(as_json=as_json)
    output.progress("the report")
    path = runs.report_run(run)
    output.result({"report": str(path)})
    output.say("written: ", (str(path), "bold"))


@app.command()
def demo(
    language: Annotated[
        list[str] | None,
        typer.Option(
            help="en or zh, as this machine's settings if not given; twice: both, with links."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The folder to write; runs/demo-1, -2 … if not given."),
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser at the end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell how a neural network works, from the first row of data to over-fitting.

    Every number and picture is computed while it is told. What stays is a folder
    with the pictures and a page, index.html, that needs no network.
    """
    import matplotlib

    from handgrad.learn.story import PAGE, PHRASES, check_language, language_here, tell

    languages = [*dict.fromkeys(language or [language_here()])]
    for name in languages:
        check_language(name)
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
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of it.")] = False,
    as_json: Json = False,
) -> None:
    """Show the machine code that is kept for later runs, or clear it."""
    from handgrad.engines.compiled import cache

    output, place = Output(as_json=as_json), cache.folder()
    if place is None:
        output.result({"folder": None})
        output.say("switched off by HANDGRAD_CACHE")
        return
    files = cache.files()
    size = sum(file.stat().st_size for file in files)
    removed = cache.clear() if clear else 0
    output.result({"folder": str(place), "programs": len(files), "bytes": size, "removed": removed})
    output.say(f"{len(files)} compiled programs, {size / 1e6:.1f} MB, in {place}")
    if clear:
        output.say(f"{removed} removed")


def explained(error: UsageError, output: Output) -> None:
    """Say what was not understood: on standard error, as JSON too if that is what was asked for."""
    rich_format_error(error)
    if error.ctx is not None:
        came, usage = error.format_message(), " ".join(error.ctx.get_usage().split())
        hint = f"{error.ctx.command_path} --help"
        output.result({"error": {"came": came, "expected": usage, "try": hint}})
