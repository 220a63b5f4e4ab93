"""What is done of a run is kept until all of it is, so that a run that was stopped can go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handgrad.cli.output import plain
from handgrad.cli.places import IDENTITY, RUN, clear, parts_in, put, unfinished
from handgrad.errors import SettingError
from handgrad.files import FileError, kind_of, write_whole


class Unfinished:
    """The parts of a run that are done: whole files in a hidden folder beside the run's own.

    `identity` is all that decides what comes out: only a run that is the same in it goes on.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder, self.place, self.identity = folder, unfinished(folder), plain(identity)

    def check(self, *, resume: bool) -> None:
        """Refuse parts of another run, and parts of this one if it is not to go on."""
        if not self.parts:
            clear(self.place)  # what a kill left before the first was whole
            return
        if not resume:
            raise FileError(
                f"{self.folder} was begun and is not finished",
                "a new folder, or a run that goes on",
                "--resume, to go on; another --out, to begin anew",
            )
        before = self._read(self.place / IDENTITY)
        if before != self.identity:
            names = sorted({*before, *self.identity})
            other = next(n for n in names if before.get(n) != self.identity.get(n))
            raise SettingError(
                f"--resume of {self.folder}, where {other} was {_short(before.get(other))} and "
                f"now is {_short(self.identity.get(other))}",
                "the same command, data and versions as before, so that the same comes out",
                "the command as it was, with --resume; or another --out",
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

    def json(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What the part `name` says, made if it is not there yet."""
        path = self.place / name
        if name not in self.parts:
            content = json.dumps(plain(make()), allow_nan=False)
            self._begin()
            write_whole(path, lambda file: file.write(content))
        return self._read(path)

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

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise FileError(
                f"{path} cannot be read",
                "what a run left there when it was stopped",
                f"another --out; or take {self.place} away, and begin anew",
            )
        return found

    def _begin(self) -> None:
        if kind_of(self.place / IDENTITY) != "file":
            content = json.dumps(self.identity, allow_nan=False)
            write_whole(self.place / IDENTITY, lambda file: file.write(content))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
