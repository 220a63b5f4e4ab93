"""Options from a TOML file, each by its name; the command line overrules them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import typer

from handgrad.base.errors import SettingError, did_you_mean
from handgrad.files import FileError, reason

NOT_IN_A_FILE = ("config", "help", "as_json", "resume", "data")


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
