"""Options of the commands, built from the fields of their settings, and the `--config` file."""

import inspect
import tomllib
from collections.abc import Callable, Collection
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

FILE, RUN = "File format (overrides detection)", "The run"
TEXTS = "Language models (instead of DATA)"
PANELS = {
    **{field.name: FILE for field in fields(TableOptions)},
    **dict.fromkeys(
        ("estimator", "from_", "horizon", "season", "size", "augment", "tokens"), "The model"
    ),
    **dict.fromkeys(
        ("layers", "epochs", "time_limit", "batch_size", "learning_rate", "patience"), "The model"
    ),
    **dict.fromkeys(("class_weight", "weight", "exposure", "event", "text"), "The model"),
    **dict.fromkeys(("quantile", "loss", "engine", "seed", "trials"), "The model"),
    **dict.fromkeys(("test_size", "group", "time", "test", "folds"), "Evaluation"),
    **dict.fromkeys(("metric", "compare", "report"), "Evaluation"),
    **dict.fromkeys(("out", "resume", "workers", "ray"), RUN),
}
FLAGS = {
    "out": ("--out", "-o"),
    "from_": ("--from",),
    **{name: (f"--{name.replace('_', '-')}",) for name in ("resume", "merge_case", "compare")},
}
NOT_IN_A_FILE = ("config", "help", "as_json", "resume", "data")


def _descriptions(settings: type[TableOptions]) -> dict[str, tuple[object, str]]:
    """Type and description of each field."""
    hints = get_type_hints(settings, include_extras=True)
    of_fields = {field.name: hints[field.name] for field in fields(settings)}
    return {name: (hint.__origin__, hint.__metadata__[0]) for name, hint in of_fields.items()}


HELP = {name: words for name, (_, words) in _descriptions(RunSettings).items()}


def _parameter(field: "Field[object]", kind: object, words: str) -> inspect.Parameter:
    name, default = field.name, field.default
    if default == () or name == "target":  # a list, so that a second target is an error
        default, kind = None, list[float] | None if name == "quantile" else list[str] | None
    if name == "sheet":
        kind = str | None
    option = typer.Option(*FLAGS.get(name, ()), help=words, rich_help_panel=PANELS.get(name))
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=Data if name == "data" else Annotated[kind, option],
    )


def take_config(context: typer.Context, path: Path | None) -> Path | None:
    """Make the options of the file the defaults of this command."""
    if path is None:
        return None
    names = {
        max(option.opts, key=len).removeprefix("--"): option
        for option in context.command.params
        if option.name not in NOT_IN_A_FILE
    }
    defaults: dict[str, Any] = {}
    for key, value in _read(path).items():
        if key not in names:
            raise SettingError(
                f"{path}: {key!r}",
                f"options of handgrad {context.info_name}: {', '.join(names)}",
                did_you_mean(key, names, "the option's name, without its dashes"),
            )
        option = names[key]
        many = getattr(option, "multiple", False)
        value = [value] if many and not isinstance(value, list) else value
        try:
            if isinstance(value, list) != many or isinstance(value, dict):
                raise ValueError("a list" if isinstance(value, list) else "a table")
            option.process_value(context, value)
        except (typer.BadParameter, ValueError, TypeError) as error:
            raise SettingError(
                f"{path}: {key} = {value!r}, {error}",
                "a value the command line accepts",
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
            f"{path}: {reason(error)}", "a TOML file", "check the spelling and the folder"
        ) from error
    except (ValueError, RecursionError) as error:
        detail = "brackets nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise FileError(
            f"{path}: {detail}",
            "a TOML file in UTF-8: name = value, one per line",
            'target = "price"',
        ) from error


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Model file written by train, .safetensors.")
]
Data = Annotated[str, typer.Argument(metavar="DATA", help=HELP["data"])]
DataOrNone = Annotated[str | None, typer.Argument(metavar="[DATA]", help=HELP["data"])]
Start = Annotated[
    str | None,
    typer.Option(help="Text to explain; may be empty.", rich_help_panel=TEXTS),
]
Truth = Annotated[
    list[str] | None, typer.Option(help="Column with the true values; the model file names it.")
]
Background = Annotated[
    str | None,
    typer.Option(
        help="Table with the rows to compare with, for contributions; DATA itself by default."
    ),
]
Language = Annotated[
    str | None,
    typer.Option(help="Language: en or zh, as in HANDGRAD_LANGUAGE or the locale by default."),
]
Memory = Annotated[str, typer.Option(help=HELP["memory"])]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        callback=take_config,
        is_eager=True,
        help="TOML file of options by name; the command line takes precedence.",
        rich_help_panel=RUN,
    ),
]


def with_options_of(
    kind: type[T], without: Collection[str] = (), make: Callable[..., object] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: builds a command's first argument from options, one for each field of `kind`.

    Fields in `without` keep their default; `make` replaces the constructor of `kind`. Options for
    reading tables come last in the help.
    """
    described = _descriptions(kind)
    shown = [field for field in fields(kind) if field.name not in without]
    options = [_parameter(field, *described[field.name]) for field in shown]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_options(**values: object) -> None:
            settings = {option.name: values.pop(option.name) for option in options}
            settings = {name: value for name, value in settings.items() if value is not None}
            command((make or kind)(**settings), **values)  # type: ignore[arg-type]

        others = [*inspect.signature(command).parameters.values()][1:]
        others = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in others]
        parameters = sorted(options + others, key=lambda option: PANELS.get(option.name) == FILE)
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_options

    return decorate
