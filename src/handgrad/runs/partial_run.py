"""The finished parts of a run that is under way, so that one that was stopped can go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

from handgrad.base.errors import SettingError
from handgrad.data.table_options import option
from handgrad.files import FileError, kind_of, write_whole
from handgrad.runs.messages import plain
from handgrad.runs.run_folder import (
    IDENTITY,
    RUN,
    check_folder,
    claim,
    claim_next,
    clear,
    hidden_place,
    parts_in,
    put,
    unwritable,
)

T = TypeVar("T")
Identity = dict[str, object]


class PartialRun:
    """The parts of a run that are done: whole files in a hidden folder beside the run's own.

    `identity` is all that decides what comes out: only a run that is the same in it goes on.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self.folder, self.place = folder, hidden_place(folder)
        self.identity = cast("Identity", plain(identity))

    def check(self, *, resume: bool) -> None:
        """Refuse parts of another run, and parts of this one if it is not to go on."""
        if not self.parts:
            clear(self.place)  # what a kill left before the first was whole
            return
        if not resume:
            raise FileError(
                f"{self.folder} was begun and is not finished",
                "a new folder, or a run that goes on",
                f"{option('resume', True)}, to go on; another {option('out')}, to begin anew",
            )
        before = self._read(self.place / IDENTITY)
        if before != self.identity:
            names = sorted({*before, *self.identity})
            other = next(n for n in names if before.get(n) != self.identity.get(n))
            raise SettingError(
                f"{option('resume', True)} of {self.folder}, where {other} was "
                f"{_short(before.get(other))} and now is {_short(self.identity.get(other))}",
                "the same command, data and versions as before, so that the same comes out",
                f"the command as it was, with {option('resume', True)}; or another {option('out')}",
            )

    @property
    def is_this_run(self) -> bool:
        """Whether there are parts, and they are of a run that was asked for the same."""
        try:
            return bool(self.parts) and self._read(self.place / IDENTITY) == self.identity
        except FileError:
            return False

    @property
    def parts(self) -> list[str]:
        """The names of the parts that are whole."""
        return parts_in(self.place)

    def json(self, name: str, make: Callable[[], T]) -> T:
        """What the part `name` says, made if it is not there yet."""
        path = self.place / name
        if name not in self.parts:
            content = json.dumps(plain(make()), allow_nan=False)
            self._begin()
            write_whole(path, lambda file: file.write(content))
        return cast("T", self._read(path))

    def file(self, name: str, write: Callable[[Path], object]) -> Path:
        """The file `name` of the run's folder, written whole by `write` if it is not there yet."""
        path = self.place / RUN / name
        if name not in self.parts:
            self._begin()
            write(path)
        return path

    def finish(self) -> None:
        """Put the files in the run's folder, which is new or empty, and end."""
        put(self.place / RUN, self.folder)
        clear(self.place)

    def _read(self, path: Path) -> Identity:
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise FileError(
                f"{path} cannot be read",
                "what a run left there when it was stopped",
                f"another {option('out')}; or take {self.place} away, and begin anew",
            )
        return found

    def _begin(self) -> None:
        if kind_of(self.place / IDENTITY) != "file":
            content = json.dumps(self.identity, allow_nan=False)
            write_whole(self.place / IDENTITY, lambda file: file.write(content))


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"


@contextmanager
def whole_folder(folder: Path | None, name: str) -> Iterator[tuple[Path, Path]]:
    """A folder that appears whole, or not at all: its path, and where to write meanwhile.

    Without a folder that is asked for it is runs/NAME-1, -2 …
    """
    if folder is not None:
        check_folder(folder)
    with claim(folder) if folder else claim_next(Path("runs"), name) as claimed:
        parts = PartialRun(claimed.folder, {})
        parts.check(resume=False)
        try:
            yield claimed.folder, claimed.place / RUN
        except BrokenPipeError:  # the reader of the output has had enough
            raise
        except OSError as error:
            raise unwritable(claimed.folder, error) from error
        parts.finish()
