"""The options of the commands, made of the fields of their settings."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, TypeVar, get_type_hints

import typer

from handgrad.cli.config import take_config
from handgrad.data import TableOptions
from handgrad.runs import RunSettings

T = TypeVar("T", bound=TableOptions)

FILE, RUN = "How the file is written, where it is not to be found out", "The run"
PANELS = {
    **{field.name: FILE for field in fields(TableOptions)},
    **dict.fromkeys(("estimator", "layers", "epochs", "batch_size", "learning_rate"), "The model"),
    **dict.fromkeys(("patience", "class_weight", "engine", "seed"), "The model"),
    **dict.fromkeys(("test_size", "folds", "metric", "report"), "Evaluation"),
    **dict.fromkeys(("out", "resume"), RUN),
}
FLAGS = {"out": ("--out", "-o"), "resume": ("--resume",)}


HINTS = get_type_hints(RunSettings, include_extras=True)


def _words(name: str) -> str:
    """What a setting says of itself."""
    words: str = HINTS[name].__metadata__[0]
    return words


def _parameter(field: "Field[object]") -> inspect.Parameter:
    """A setting as a parameter of a command."""
    name, default, kind = field.name, field.default, HINTS[field.name].__origin__
    if default == ():
        default, kind = None, list[str] | None
    option = typer.Option(*FLAGS.get(name, ()), help=_words(name), rich_help_panel=PANELS.get(name))
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=Data if name == "data" else Annotated[kind, option],
    )


Json = Annotated[bool, typer.Option("--json", help="For machines: one JSON object.")]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A .safetensors file that train wrote.")
]
Data = Annotated[str, typer.Argument(metavar="DATA", help=_words("data"))]
Memory = Annotated[str, typer.Option(help=_words("memory"))]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        callback=take_config,
        is_eager=True,
        help="A TOML file with options by their names; those typed here overrule it.",
        rich_help_panel=RUN,
    ),
]


def with_options_of(kind: type[T]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose first parameter is made of options, one for each field of `kind`.

    Options for reading tables come last.
    """
    options = [_parameter(field) for field in fields(kind)]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_options(**words: object) -> None:
            asked = {option.name: words.pop(option.name) for option in options}
            lists = {field.name for field in fields(kind) if field.default == ()}
            asked |= {name: asked[name] or () for name in lists}
            command(kind(**asked), **words)  # type: ignore[arg-type]

        own = [*inspect.signature(command).parameters.values()][1:]
        parameters = [
            *(option for option in options if PANELS.get(option.name) != FILE),
            *(option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in own),
            *(option for option in options if PANELS.get(option.name) == FILE),
        ]
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_options

    return decorate
