"""The commands and their options; what they do is in a file each."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from handgrad import __version__
from handgrad.cli.config import take_config
from handgrad.cli.output import Output
from handgrad.cli.settings import EstimatorName, Settings
from handgrad.data import BUNDLED
from handgrad.data.targets import Task
from handgrad.engines.choice import EngineName
from handgrad.errors import HandgradError

DATA_ERROR, INTERRUPTED = 1, 130
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

Json = Annotated[bool, typer.Option("--json", help="For machines: one JSON object.")]
Memory = Annotated[str, typer.Option(help="What the process may take; more is read in pieces.")]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A .safetensors file that train wrote.")
]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A CSV file with a header, a Parquet file, a pattern for several in quotes, "
        f"or one of {', '.join(BUNDLED)}.",
    ),
]
FIT, SCORES, RUN = "The model", "What is told of it", "The run"


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
    target: Annotated[
        str | None, typer.Option(help="The column to predict; 'target' if not given.")
    ] = None,
    task: Annotated[
        Task | None, typer.Option(help="Classes or a number; the target says it if not given.")
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="A column to leave out; may be given several times."),
    ] = None,
    estimator: Annotated[
        EstimatorName,
        typer.Option(
            help="tabular: several nets, no tuning; mlp: one net, by the options that follow.",
            rich_help_panel=FIT,
        ),
    ] = Settings.estimator,
    layers: Annotated[
        str | None,
        typer.Option(
            help="mlp: units of the hidden layers, an activation after them if not relu, as in "
            "64,tanh,32; '' for none.",
            rich_help_panel=FIT,
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="The most passes over the rows.", rich_help_panel=FIT)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="mlp: rows in a minibatch.", rich_help_panel=FIT)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="mlp: Adam's learning rate.", rich_help_panel=FIT)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="mlp: hold rows out, stop after so many epochs without a better score there.",
            rich_help_panel=FIT,
        ),
    ] = None,
    class_weight: Annotated[
        str | None,
        typer.Option(
            help="How much rows of a class count: balanced, or as in yes=5,no=1.",
            rich_help_panel=FIT,
        ),
    ] = None,
    engine: Annotated[
        EngineName,
        typer.Option(
            help="What runs the steps; auto compiles where that pays.", rich_help_panel=FIT
        ),
    ] = Settings.engine,
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same model.", rich_help_panel=FIT)
    ] = Settings.seed,
    memory: Memory = Settings.memory,
    test_size: Annotated[
        float,
        typer.Option(help="The share of the rows held out for the scores.", rich_help_panel=SCORES),
    ] = Settings.test_size,
    folds: Annotated[
        int | None,
        typer.Option(
            help="Cross-validate: so many folds of the rows that are not held out.",
            rich_help_panel=SCORES,
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="A score to tell; may be given several times. The first chooses the epochs, if "
            "the estimator can watch it.",
            rich_help_panel=SCORES,
        ),
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report/--no-report", help="Write report.html too.", rich_help_panel=SCORES),
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The run's folder; runs/NAME-1, -2 … if not given.",
            rich_help_panel=RUN,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with a run that was interrupted.", rich_help_panel=RUN
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            callback=take_config,
            is_eager=True,
            help="A TOML file with options by their names; those typed here overrule it.",
            rich_help_panel=RUN,
        ),
    ] = None,
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
    as_json: Json = False,
) -> None:
    """Predict each row of a table, in order; the file may be larger than memory."""
    from handgrad.cli.prediction import run_prediction

    run_prediction(
        model,
        data,
        out,
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
    as_json: Json = False,
) -> None:
    """Tell how good a model is on the rows of a table."""
    from handgrad.cli.evaluation import run_evaluation

    run_evaluation(model, data, target, metric or [], Output(as_json=as_json))


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


def main() -> None:
    """Run the command line; mistakes end with a message and exit code 1, not a traceback."""
    as_json = "--json" in sys.argv[1:]
    try:
        app()
    except HandgradError as error:
        Output(as_json=as_json).error(error)
        sys.exit(DATA_ERROR)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # who reads the output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DATA_ERROR)
