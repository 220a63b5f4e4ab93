"""The options of the commands, made of the fields of their settings, and their TOML file."""

import inspect
import tomllib
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from handgrad.files.paths import reason
from handgrad.tables.data import TableOptions
from handgrad.tables.runs import RunSettings
from handgrad.textbook.errors import FileError, SettingError, did_you_mean

T = TypeVar("T", bound=TableOptions)

FILE, RUN = "How the file is written, where it is not to be found out", "The run"
TEXTS = "A language model, in place of DATA"
PANELS = {
    **{field.name: FILE for field in fields(TableOptions)},
    **dict.fromkeys(("estimator", "layers", "epochs", "batch_size", "learning_rate"), "The model"),
    **dict.fromkeys(("patience", "class_weight", "engine", "seed"), "The model"),
    **dict.fromkeys(("test_size", "folds", "metric", "report"), "Evaluation"),
    **dict.fromkeys(("out", "resume", "workers", "ray"), RUN),
}
FLAGS = {"out": ("--out", "-o"), "resume": ("--resume",)}
NOT_IN_A_FILE = ("config", "help", "as_json", "resume", "data")
HINTS = get_type_hints(RunSettings, include_extras=True)
WORDS: dict[str, str] = {name: hint.__metadata__[0] for name, hint in HINTS.items()}


def _parameter(field: "Field[object]") -> inspect.Parameter:
    name, default, kind = field.name, field.default, HINTS[field.name].__origin__
    if default == () or name == "target":  # several targets are refused, where one would be lost
        default, kind = None, list[str] | None
    option = typer.Option(*FLAGS.get(name, ()), help=WORDS[name], rich_help_panel=PANELS.get(name))
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=Data if name == "data" else Annotated[kind, option],
    )


def take_config(context: typer.Context, path: Path | None) -> Path | None:
    """Make the options in the file the defaults of this command."""
    if path is None:
        return None
    known = {
        max(option.opts, key=len).removeprefix("--"): option
        for option in context.command.params
        if option.name not in NOT_IN_A_FILE
    }
    defaults: dict[str, Any] = {}
    for key, value in _read(path).items():
        if key not in known:
            raise SettingError(
                f"{path}: {key!r}",
                f"options of handgrad {context.info_name}: {', '.join(known)}",
                did_you_mean(key, known, "the option's name, without its dashes"),
            )
        option = known[key]
        many = getattr(option, "multiple", False)
        value = [value] if many and not isinstance(value, list) else value
        try:
            if isinstance(value, list) != many or isinstance(value, dict):
                raise ValueError("a list" if isinstance(value, list) else "a table")
            option.process_value(context, value)
        except (typer.BadParameter, ValueError, TypeError) as error:
            raise SettingError(
                f"{path}: {key} = {value!r}, {error}",
                "a value as the command line takes it",
                f"handgrad {context.info_name} --help",
            ) from error
        defaults[option.name or key] = value
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise FileError(
            f"{path}: {reason(error)}", "a TOML file", "check the spelling, and the folder"
        ) from error
    except (ValueError, RecursionError) as error:
        told = "brackets within brackets" if isinstance(error, RecursionError) else str(error)
        raise FileError(
            f"{path}: {told}", "a TOML file in UTF-8: name = value, one a line", 'target = "price"'
        ) from error


Json = Annotated[bool, typer.Option("--json", help="For machines: one JSON object.")]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A .safetensors file that train wrote.")
]
Data = Annotated[str, typer.Argument(metavar="DATA", help=WORDS["data"])]
DataOrNone = Annotated[str | None, typer.Argument(metavar="[DATA]", help=WORDS["data"])]
Start = Annotated[
    str | None,
    typer.Option(help="The text to go on with, which may be none.", rich_help_panel=TEXTS),
]
Truth = Annotated[
    list[str] | None, typer.Option(help="The column with the truth; the model file says it.")
]
Memory = Annotated[str, typer.Option(help=WORDS["memory"])]
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
            given = {option.name: words.pop(option.name) for option in options}
            asked = {name: value for name, value in given.items() if value is not None}
            command(kind(**asked), **words)  # type: ignore[arg-type]

        own = [*inspect.signature(command).parameters.values()][1:]
        own = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in own]
        parameters = sorted(options + own, key=lambda option: PANELS.get(option.name) == FILE)
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_options

    return decorate
