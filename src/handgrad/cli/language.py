"""Texts of the command line in the language of texts: help, results, notes and progress."""

import re
from collections.abc import Mapping
from typing import Any

from rich.text import Text
from typer import rich_utils
from typer.core import TyperGroup

from handgrad.tables.language import REPORT
from handgrad.textbook.language import Catalogue, language

CLI = Catalogue("handgrad.cli", "texts.zh.toml", REPORT)
NOTE = "note: "  # before texts of any kind
PARAGRAPHS = re.compile(r"\n\s*\n")
# Texts of Typer around the help and the errors.
FRAME: Mapping[str, str] = {
    name: getattr(rich_utils, name)
    for name in (
        "ARGUMENTS_PANEL_TITLE",
        "OPTIONS_PANEL_TITLE",
        "COMMANDS_PANEL_TITLE",
        "ERRORS_PANEL_TITLE",
        "DEFAULT_STRING",
        "REQUIRED_LONG_STRING",
        "RICH_HELP",
    )
}


class Commands(TyperGroup):
    """The commands, with their help in the language of texts."""

    def __init__(self, **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]
        for name, english in FRAME.items():
            setattr(rich_utils, name, CLI.translated(english))
        if language() == "zh":
            for command in (self, *self.commands.values()):
                _translate(command)


def _translate(one: object) -> None:
    """Translate the help of a command and of its parameters."""
    command: Any = one  # its types are not public in every version of Typer
    command.help = paragraphs(command.help)
    command.epilog = paragraphs(command.epilog)
    help_option = command.get_help_option(command.context_class(command))
    for parameter in (*command.params, help_option):
        parameter.help = paragraphs(getattr(parameter, "help", None))
        panel = getattr(parameter, "rich_help_panel", None)
        if isinstance(panel, str):
            parameter.rich_help_panel = paragraphs(panel)


def paragraphs(text: str | None) -> str | None:
    """Translate paragraphs."""
    if text is None:
        return None
    joined = (" ".join(part.split()) for part in PARAGRAPHS.split(text))
    return "\n\n".join(map(CLI.translated, joined))


def styled(text: Text) -> Text:
    """Translate a line; its styled parts keep their styles."""
    head, colon, rest = text.plain.partition(NOTE)
    after_note = bool(colon) and not head
    chinese = (
        CLI.translated(NOTE) + CLI.translated(rest) if after_note else CLI.translated(text.plain)
    )
    if chinese == text.plain:
        return text
    new = Text(chinese)
    for span in text.spans:
        new.highlight_words([text.plain[span.start : span.end]], span.style)
    return new
