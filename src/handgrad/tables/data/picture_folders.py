"""Folders of pictures: which files are pictures, and of which class, by the folder they are in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from handgrad.files.paths import kind_of, readable, reason
from handgrad.textbook.errors import DataError, FileError
from handgrad.training.datasets import BUNDLED

if TYPE_CHECKING:
    from handgrad.files.remote_files import RemoteFile

# By their endings, and those that Pillow may read: no other one, as PostScript, which it runs.
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
# Names of folders that divide pictures into those to learn from and those to judge by.
TRAINING = ("train", "training")
HELD_OUT = ("test", "testing", "valid", "val", "validation")


@dataclass(frozen=True)
class PictureFolder:
    """The pictures of each class, by name.

    `inner` are the folders within those of classes, whose pictures count too, `left_out` the files
    that are no pictures by their endings.
    """

    classes: dict[str, list[Path]]
    inner: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """All pictures, class after class."""
        return [*chain.from_iterable(self.classes.values())]


@dataclass(frozen=True)
class DividedFolder:
    """A folder whose pictures are divided: the folder to learn from, and the one held out.

    `others` are the names of folders beside these two.
    """

    training: Path
    held_out: Path
    others: tuple[str, ...]


def divided(folder: Path) -> DividedFolder | None:
    """The parts of a folder that has `train` and `test`, by these names or like ones."""
    names = {path.name.casefold(): path for path in entries(folder) if path.is_dir()}
    training = [names[name] for name in TRAINING if name in names]
    held_out = [names[name] for name in HELD_OUT if name in names]
    if not training or not held_out:
        return None
    others = sorted(path.name for path in {*names.values()} - {training[0], held_out[0]})
    return DividedFolder(training[0], held_out[0], tuple(others))


def pictures_by_class(folder: Path) -> PictureFolder:
    """The pictures of each class: those in its folder, and in the folders within that."""
    if parts := divided(folder):
        raise DataError(
            f"{folder}: folders {parts.training.name} and {parts.held_out.name}, which are no "
            "classes",
            "a folder for each class, two or more, with its pictures",
            f"{parts.training}, to learn from; or {parts.held_out}, to judge by",
        )
    own = entries(folder)
    names = [path.name for path in own if path.is_dir()]
    if len(names) < 2:
        found = f"one folder only, {names[0]!r}" if names else "no folder in it"
        raise DataError(
            f"{folder}: {found}",
            "a folder for each class, two or more, with its pictures",
            f"{folder / 'cat'} and {folder / 'dog'}, each with its pictures",
        )
    classes, inner = dict[str, list[Path]](), list[Path]()
    left_out = [path for path in own if not path.is_dir()]
    for name in names:
        files = [*files_within(folder / name)]
        classes[name] = [path for path in files if is_picture(path)]
        inner += sorted({path.parent for path in classes[name]} - {folder / name})
        left_out += [path for path in files if not is_picture(path)]
        if not classes[name]:
            raise DataError(
                f"{folder / name}: no picture in it",
                f"files that end in {', '.join(ENDINGS)}",
                "pictures of that class, or without the folder",
            )
    return PictureFolder(classes, _within(folder, inner), _within(folder, left_out))


def has_pictures(folder: str | Path) -> bool:
    """Whether it is a folder with pictures in it, or in folders within, and no bundled set."""
    if str(folder) in BUNDLED or kind_of(folder) != "folder":
        return False
    return any(map(is_picture, files_within(Path(folder))))


def is_picture(path: Path | RemoteFile) -> bool:
    """Whether it is a file with the name of a picture."""
    return path.suffix.lower() in ENDINGS and kind_of(str(path)) != "folder"


def files_within(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The files in a folder and in the folders within, in the order of the names.

    What is hidden is not among them, nor a link to a folder that it lies in.
    """
    if (here := folder.resolve()) in above:
        return
    for path in entries(folder):
        if path.is_dir():
            yield from files_within(path, (*above, here))
        else:
            yield path


def entries(folder: Path) -> list[Path]:
    """What is in a folder, in the order of the names, but for what is hidden."""
    if kind_of(folder) != "folder":
        raise FileError(
            f"{folder}: {'a file' if kind_of(folder) else 'no such folder'}",
            "a folder with a folder for each class",
            "check the spelling, and the folder you are in",
        )
    try:
        return sorted(path for path in folder.iterdir() if path.name[0] != ".")
    except OSError as error:
        raise FileError(
            f"{folder}: {reason(error)}", "a folder that can be read", "check its permissions"
        ) from error


def _within(folder: Path, paths: list[Path]) -> tuple[str, ...]:
    return tuple(readable(str(path.relative_to(folder))) for path in paths)
