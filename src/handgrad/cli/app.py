"""The commands and their options; what they do is in `job`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from handgrad import __version__
from handgrad.cli.demo import run_demo
from handgrad.cli.inspection import run_inspection
from handgrad.cli.job import run_training
from handgrad.cli.settings import Settings
from handgrad.data import BUNDLED
from handgrad.engines.choice import EngineName
from handgrad.engines.compiled import cache as machine_code_cache
from handgrad.errors import HandgradError

DATA_ERROR = 1


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Neural networks you can read: train one on a table, in seconds.",
    epilog="Start with: [bold]handgrad demo[/bold], or [bold]handgrad train breast_cancer[/bold]",
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
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A CSV file with a header, a Parquet file, a pattern for several in quotes, "
            f"or one of {', '.join(BUNDLED)}.",
        ),
    ],
    target: Annotated[
        str | None, typer.Option(help="The column to predict; bundled sets need none.")
    ] = None,
    layers: Annotated[
        str,
        typer.Option(
            help="Hidden layers: numbers of units and activations "
            "(relu, leaky_relu, tanh, sigmoid), as in 64,tanh,32,relu; '' for none."
        ),
    ] = Settings.layers,
    epochs: Annotated[
        int, typer.Option(help="The most passes over the training rows.")
    ] = Settings.epochs,
    batch_size: Annotated[int, typer.Option(help="Rows in a minibatch.")] = Settings.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="The step down the gradient.")
    ] = Settings.learning_rate,
    validation: Annotated[
        float, typer.Option(help="The share of the rows held out.")
    ] = Settings.validation,
    patience: Annotated[
        int, typer.Option(help="Stop when the validation loss has not improved for so many epochs.")
    ] = Settings.patience,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric to report; may be given several times."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same net.")] = Settings.seed,
    engine: Annotated[
        EngineName, typer.Option(help="What runs the steps; auto compiles where that pays.")
    ] = Settings.engine,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run's folder; runs/NAME-1, -2 … if not given."),
    ] = None,
) -> None:
    """Train a net on a table; leaves the net, history and a picture in one folder.

    Features are brought to one scale, a share of the rows is held out, and the
    weights of the epoch with the best validation loss are kept. A column of
    text, of true and false or of few whole numbers is predicted as classes,
    any other as a number.
    """
    settings = Settings(
        data,
        target,
        layers,
        epochs,
        batch_size,
        learning_rate,
        validation,
        patience,
        tuple(metric or ()),
        seed,
        engine,
        out,
    )
    run_training(settings, Console(emoji=False))


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
) -> None:
    """Tell how a neural network works, from the first row of data to over-fitting.

    Every number and picture is computed while it is told. What stays is a folder
    with the pictures and a page, index.html, that needs no network.
    """
    run_demo(language or ["en"], out, Console(emoji=False), open_page=open_page)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .safetensors file.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one JSON object.")] = False,
) -> None:
    """Show what is in a model file: its layers, their arrays, what it is about.

    Only the header is read: nothing is made, and no number is loaded.
    """
    run_inspection(model, Console(emoji=False), as_json=as_json)


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of it.")] = False,
) -> None:
    """Show the machine code that is kept for later runs, or clear it."""
    console = Console(emoji=False)
    place = machine_code_cache.folder()
    if place is None:
        console.print("switched off by HANDGRAD_CACHE")
        return
    files = machine_code_cache.files()
    size = sum(file.stat().st_size for file in files) / 1e6
    console.print(f"{len(files)} compiled programs, {size:.1f} MB, in {place}", soft_wrap=True)
    if clear:
        console.print(f"{machine_code_cache.clear()} removed")


def main() -> None:
    """Run the command line; mistakes end with a message and exit code 1, not a traceback."""
    try:
        app()
    except HandgradError as error:
        Console(stderr=True, highlight=False, markup=False, emoji=False).print(
            f"error: {error}", soft_wrap=True
        )
        sys.exit(DATA_ERROR)
    except KeyboardInterrupt:
        sys.exit(130)
