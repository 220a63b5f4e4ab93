"""The options of the commands, and what each says of itself."""

from pathlib import Path
from typing import Annotated

import typer

from handgrad.cli.config import take_config
from handgrad.cli.settings import EstimatorName
from handgrad.data import BUNDLED
from handgrad.data.table_options import DateOrder
from handgrad.data.targets import Task
from handgrad.engines.choice import EngineName

FIT, SCORES, RUN = "The model", "What is told of it", "The run"
FILE = "How the file is written, where it is not to be found out"

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
Separator = Annotated[
    str | None,
    typer.Option(
        help="What stands between columns: comma, semicolon, tab, bar, or a sign.",
        rich_help_panel=FILE,
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(help="The decimal sign: . or , (point or comma).", rich_help_panel=FILE),
]
Encoding = Annotated[
    str | None, typer.Option(help="As in cp1252, latin-1, utf-16.", rich_help_panel=FILE)
]
Order = Annotated[
    DateOrder | None,
    typer.Option(
        help="31.12.2024 is dmy, 12/31/2024 is mdy, where the days do not show it.",
        rich_help_panel=FILE,
    ),
]
Category = Annotated[
    list[str] | None,
    typer.Option(
        help="A column of names or codes, as 01067; may be given several times.",
        rich_help_panel=FILE,
    ),
]
Number = Annotated[
    list[str] | None,
    typer.Option(
        help="A column of numbers; other cells are missing. May be given several times.",
        rich_help_panel=FILE,
    ),
]
Date = Annotated[
    list[str] | None,
    typer.Option(
        help="A column of dates; other cells are missing. May be given several times.",
        rich_help_panel=FILE,
    ),
]
Header = Annotated[
    bool,
    typer.Option(
        "--header/--no-header",
        help="Whether the first line has names; else they are called column_1 and so on",
        rich_help_panel=FILE,
    ),
]
Target = Annotated[str | None, typer.Option(help="The column to predict; 'target' if not given.")]
TaskName = Annotated[
    Task | None, typer.Option(help="Classes or a number; the target says it if not given.")
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(help="A column to leave out; may be given several times."),
]
Estimator = Annotated[
    EstimatorName,
    typer.Option(
        help="tabular: several nets, no tuning; mlp: one net, by the options that follow.",
        rich_help_panel=FIT,
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(
        help="mlp: units of the hidden layers, an activation after them if not relu, as in "
        "64,tanh,32; '' for none.",
        rich_help_panel=FIT,
    ),
]
Epochs = Annotated[
    int | None, typer.Option(help="The most passes over the rows.", rich_help_panel=FIT)
]
BatchSize = Annotated[
    int | None, typer.Option(help="mlp: rows in a minibatch.", rich_help_panel=FIT)
]
LearningRate = Annotated[
    float | None, typer.Option(help="mlp: Adam's learning rate.", rich_help_panel=FIT)
]
Patience = Annotated[
    int | None,
    typer.Option(
        help="mlp: hold rows out, stop after so many epochs without a better score there.",
        rich_help_panel=FIT,
    ),
]
ClassWeight = Annotated[
    str | None,
    typer.Option(
        help="How much rows of a class count: balanced, or as in yes=5,no=1.",
        rich_help_panel=FIT,
    ),
]
Engine = Annotated[
    EngineName,
    typer.Option(help="What runs the steps; auto compiles where that pays.", rich_help_panel=FIT),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same model.", rich_help_panel=FIT)]
TestSize = Annotated[
    float,
    typer.Option(help="The share of the rows held out for the scores.", rich_help_panel=SCORES),
]
Folds = Annotated[
    int | None,
    typer.Option(
        help="Cross-validate: so many folds of the rows that are not held out.",
        rich_help_panel=SCORES,
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        help="A score to tell; may be given several times. The first chooses the epochs, if "
        "the estimator can watch it.",
        rich_help_panel=SCORES,
    ),
]
WithReport = Annotated[
    bool,
    typer.Option("--report/--no-report", help="Write report.html too.", rich_help_panel=SCORES),
]
RunFolder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help="The run's folder; runs/NAME-1, -2 … if not given.",
        rich_help_panel=RUN,
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with a run that was interrupted.", rich_help_panel=RUN),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        callback=take_config,
        is_eager=True,
        help="A TOML file with options by their names; those typed here overrule it.",
        rich_help_panel=RUN,
    ),
]
