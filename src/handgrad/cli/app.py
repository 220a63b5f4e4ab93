"""The commands and their options; what they do is in a file each."""

from pathlib import Path
from typing import Annotated, Any

import typer

from handgrad._version import __version__
from handgrad.cli.options import (
    BatchSize,
    Category,
    ClassWeight,
    ConfigFile,
    Data,
    Date,
    Decimal,
    Encoding,
    Engine,
    Epochs,
    Estimator,
    Folds,
    Header,
    Ignore,
    Json,
    Layers,
    LearningRate,
    Memory,
    Metrics,
    Model,
    Number,
    Order,
    Patience,
    Resume,
    RunFolder,
    Seed,
    Separator,
    Target,
    TaskName,
    TestSize,
    WithReport,
)
from handgrad.cli.output import Output
from handgrad.cli.settings import Settings
from handgrad.data.table_options import TableOptions

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
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def train(
    data: Data,
    target: Target = None,
    task: TaskName = None,
    ignore: Ignore = None,
    estimator: Estimator = Settings.estimator,
    layers: Layers = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    patience: Patience = None,
    class_weight: ClassWeight = None,
    engine: Engine = Settings.engine,
    seed: Seed = Settings.seed,
    memory: Memory = Settings.memory,
    test_size: TestSize = Settings.test_size,
    folds: Folds = None,
    metric: Metrics = None,
    report: WithReport = True,
    out: RunFolder = None,
    resume: Resume = False,
    config: ConfigFile = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    date_order: Order = None,
    category: Category = None,
    number: Number = None,
    date: Date = None,
    header: Header = True,
    as_json: Json = False,
) -> None:
    """Make a model of a table: columns of any kind, values missing; no tuning.

    Some rows are held out, the model learns from the others and is judged on
    those held out. What is left is a folder with the model, its report, the
    history of the training and all that is needed to repeat the run.
    """
    from handgrad.cli.training import run_training

    settings = Settings(
        data,
        target,
        task,
        tuple(ignore or ()),
        estimator,
        layers,
        epochs,
        batch_size,
        learning_rate,
        patience,
        test_size,
        folds,
        tuple(metric or ()),
        class_weight,
        seed,
        engine,
        memory,
        out,
        resume,
        report,
        separator,
        decimal,
        encoding,
        date_order,
        tuple(category or ()),
        tuple(number or ()),
        tuple(date or ()),
        header,
    )
    run_training(settings, Output(as_json=as_json))


@app.command()
def predict(
    model: Model,
    data: Data,
    out: Annotated[
        str,
        typer.Option("--out", "-o", help="A .csv or .parquet file to write; - for the screen."),
    ] = "-",
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add the probability of each class.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="A column of DATA to write too; may be given several times."),
    ] = None,
    memory: Memory = Settings.memory,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    date_order: Order = None,
    category: Category = None,
    number: Number = None,
    date: Date = None,
    header: Header = True,
    as_json: Json = False,
) -> None:
    """Predict each row of a table, in order; the file may be larger than memory."""
    from handgrad.cli.prediction import run_prediction

    asked = TableOptions(
        separator, decimal, encoding, date_order, category or (), number or (), date or (), header
    )
    run_prediction(
        model,
        data,
        out,
        asked,
        Output(as_json=as_json),
        probabilities=probabilities,
        keep=keep or [],
        memory=memory,
    )


@app.command()
def evaluate(
    model: Model,
    data: Data,
    target: Annotated[
        str | None, typer.Option(help="The column with the truth; the model file says it.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A score to tell; may be given several times."),
    ] = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    date_order: Order = None,
    category: Category = None,
    number: Number = None,
    date: Date = None,
    header: Header = True,
    as_json: Json = False,
) -> None:
    """Tell how good a model is on the rows of a table."""
    from handgrad.cli.evaluation import run_evaluation

    asked = TableOptions(
        separator, decimal, encoding, date_order, category or (), number or (), date or (), header
    )
    run_evaluation(model, data, target, metric or [], asked, Output(as_json=as_json))


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .safetensors file.")],
    as_json: Json = False,
) -> None:
    """Show what is in a model file: its layers, their arrays, what it is about.

    Only the header is read: nothing is made, and no number is loaded.
    """
    from handgrad.cli.inspection import run_inspection

    run_inspection(model, Output(as_json=as_json))


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that train wrote.")],
    as_json: Json = False,
) -> None:
    """Write the report of a run anew.

    The rows are read again; if they changed since the run, that is refused.
    """
    from handgrad.cli.reporting import run_report

    run_report(run, Output(as_json=as_json))


@app.command()
def demo(
    language: Annotated[
        list[str] | None,
        typer.Option(help="en or zh; given twice, both are told, with links between."),
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
    from handgrad.cli.demo import run_demo

    run_demo(language or ["en"], out, Output(as_json=as_json), open_page=open_page)


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of it.")] = False,
    as_json: Json = False,
) -> None:
    """Show the machine code that is kept for later runs, or clear it."""
    from handgrad.cli.caching import run_cache

    run_cache(Output(as_json=as_json), clear=clear)


def explained(error: UsageError, output: Output) -> None:
    """Say what was not understood: on standard error, as JSON too if that is what was asked for."""
    from typer.rich_utils import rich_format_error

    rich_format_error(error)
    if error.ctx is not None:
        came, usage = error.format_message(), " ".join(error.ctx.get_usage().split())
        hint = f"{error.ctx.command_path} --help"
        output.result({"error": {"came": came, "expected": usage, "try": hint}})
