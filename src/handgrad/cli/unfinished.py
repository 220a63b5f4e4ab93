"""What is done of a run is kept until all of it is, so that a run that was stopped can go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handgrad.cli.output import plain
from handgrad.cli.places import unfinished
from handgrad.errors import SettingError
from handgrad.files import FileError, kind_of, reason, write_whole

IDENTITY, RUN = "asked.json", "run"


class Unfinished:
    """The parts of a run that are done: whole files in a hidden folder beside the run's own.

    Nothing is there before the first part is done. `identity` is all that decides what comes out:
    only a run that is the same in it goes on.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder, self.place, self.identity = folder, unfinished(folder), plain(identity)

    def check(self, *, resume: bool) -> None:
        """Refuse parts of another run, and parts of this one if it is not to go on."""
        if not self.parts:
            return
        if not resume:
            raise FileError(
                f"{self.folder} was begun and is not finished",
                "a new folder, or a run that goes on",
                "--resume, to go on; another --out, to begin anew",
            )
        if not self.is_this_run:
            before = self._before()
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
        return bool(self.parts) and self._before() == self.identity

    @property
    def parts(self) -> list[str]:
        """The names of the parts that are whole."""
        if kind_of(self.place / IDENTITY) != "file":
            return []
        files = (path for path in self.place.rglob("*") if path.is_file())
        return sorted(p.name for p in files if p.name[0] != "." and p.name != IDENTITY)

    def json(self, name: str, make: Callable[[], Any]) -> Any:
        """What the part `name` says, made if it is not there yet."""
        path = self.place / name
        if name not in self.parts:
            content = json.dumps(plain(make()), allow_nan=False)
            self._begin()
            write_whole(path, lambda file: file.write(content))
        return json.loads(path.read_text("utf-8"))

    def file(self, name: str, write: Callable[[Path], object]) -> Path:
        """The file `name` of the run's folder, written whole by `write` if it is not there yet."""
        path = self.place / RUN / name
        if name not in self.parts:
            self._begin()
            write(path)
        return path

    def finish(self) -> None:
        """Put the files in the run's folder, which is new or empty, and end."""
        run = self.place / RUN
        try:
            for path in run.glob(".*"):  # a file that was being written when the run was killed
                path.unlink()
            if self.folder.exists():
                for path in run.iterdir():
                    path.replace(self.folder / path.name)
            else:
                run.replace(self.folder)
            self.forget()
        except OSError as error:
            raise FileError(
                f"{self.folder} could not be written: {reason(error)}",
                "a folder in a place that can be written to, with space left",
                "another --out",
            ) from error

    def forget(self) -> None:
        """Remove what was kept."""
        shutil.rmtree(self.place, ignore_errors=True)

    def _before(self) -> Any:
        return json.loads((self.place / IDENTITY).read_text("utf-8"))

    def _begin(self) -> None:
        if kind_of(self.place / IDENTITY) != "file":
            content = json.dumps(self.identity, allow_nan=False)
            write_whole(self.place / IDENTITY, lambda file: file.write(content))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
