"""The command line, `handgrad train DATA --target COLUMN`: streams, signals and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from handgrad.textbook.errors import FileError, HandgradError
from handgrad.textbook.install import MissingPackageError, require

__all__ = ["main"]
DATA_ERROR, NOT_UNDERSTOOD, INTERRUPTED = 1, 2, 130


def main() -> None:
    """Run the command line; errors end with a message and an exit code, not a traceback."""
    try:
        code = _run(as_json="--json" in sys.argv[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe
        code = DATA_ERROR
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # else the interpreter flushes once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _run(*, as_json: bool) -> int:
    _prepare()
    try:
        require("the command line", cli=["typer", "rich"])
    except MissingPackageError as error:
        print(f"error: {error}", file=sys.stderr)
        return DATA_ERROR
    from handgrad.cli.app import UsageError, app, show_usage_error
    from handgrad.cli.output import Output, standard_output_errors

    try:
        if sys.stdout is None:
            raise FileError(
                "standard output is closed", "an open standard output", "without >&-, or > FILE"
            )
        with standard_output_errors():
            return app(standalone_mode=False, prog_name="handgrad") or 0
    except UsageError as error:
        show_usage_error(error, Output(as_json=as_json))
        return NOT_UNDERSTOOD
    except HandgradError as error:
        with suppress(FileError):  # the output itself may be the error
            Output(as_json=as_json).error(error)
        return DATA_ERROR


def _prepare() -> None:
    """Escape characters the terminal cannot encode; exit cleanly on SIGTERM and SIGHUP."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    """Exit as after Ctrl-C, so that no half-written file is left."""
    sys.exit(128 + number)
