"""Folders of images: one folder for each class."""

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

# Extensions that Pillow may open; not PostScript, for example, which it would run.
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
# Table of the classes of the images in a folder.
LABELS = "labels.csv"
# Names of folders with training images and with test images.
TRAINING = ("train", "training")
HELD_OUT = ("test", "testing", "valid", "val", "validation")


@dataclass(frozen=True)
class PictureFolder:
    """Image files of each class, by the class's name.

    `inner` are the folders inside those of classes, whose images are included; `left_out` are the
    files without an image extension, `unlabelled` the images without a class.
    """

    classes: dict[str, list[Path]]
    inner: tuple[str, ...]
    left_out: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        """All images, class by class."""
        return [*chain.from_iterable(self.classes.values())]


@dataclass(frozen=True)
class DividedFolder:
    """Folder with training images and held-out images in separate folders.

    `others` are the names of the other folders in it.
    """

    training: Path
    held_out: Path
    others: tuple[str, ...]


def divided(folder: Path) -> DividedFolder | None:
    """Training and held-out folders of a folder that has both, by their usual names; else None."""
    names = {path.name.casefold(): path for path in entries(folder) if path.is_dir()}
    training = [names[name] for name in TRAINING if name in names]
    held_out = [names[name] for name in HELD_OUT if name in names]
    if not training or not held_out:
        return None
    others = sorted(path.name for path in {*names.values()} - {training[0], held_out[0]})
    return DividedFolder(training[0], held_out[0], tuple(others))


def pictures_in_folders(folder: Path) -> PictureFolder:
    """Image files of each class, in the folder of the class and in folders inside."""
    if parts := divided(folder):
        raise DataError(
            f"{folder}: folders {parts.training.name} and {parts.held_out.name}, which are not "
            "classes",
            "a folder for each class, two or more, with its pictures",
            f"{parts.training} for training, or {parts.held_out} for testing",
        )
    paths = entries(folder)
    names = [path.name for path in paths if path.is_dir()]
    if len(names) < 2:
        came = f"only one folder, {names[0]!r}" if names else "no folder in it"
        raise DataError(
            f"{folder}: {came}",
            "a folder for each class, two or more, with its pictures",
            f"{folder / 'cat'} and {folder / 'dog'}, each with its pictures",
        )
    classes, inner = dict[str, list[Path]](), list[Path]()
    left_out = [path for path in paths if not path.is_dir()]
    for name in names:
        files = [*files_within(folder / name)]
        classes[name] = [path for path in files if is_picture(path)]
        inner += sorted({path.parent for path in classes[name]} - {folder / name})
        left_out += [path for path in files if not is_picture(path)]
        if not classes[name]:
            raise DataError(
                f"{folder / name}: no picture in it",
                f"files that end in {', '.join(ENDINGS)}",
                "add pictures of that class, or remove the folder",
            )
    return PictureFolder(classes, _within(folder, inner), _within(folder, left_out))


def has_pictures(folder: str | Path) -> bool:
    """Return True for a folder that contains images at any depth; bundled data sets excluded."""
    if str(folder) in BUNDLED or kind_of(folder) != "folder":
        return False
    return any(map(is_picture, files_within(Path(folder))))


def is_picture(path: Path | RemoteFile) -> bool:
    """Return True for a file with an image extension."""
    return path.suffix.lower() in ENDINGS and kind_of(str(path)) != "folder"


def files_within(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the files in a folder and the folders inside, sorted by name.

    Hidden files are skipped, and links to an enclosing folder.
    """
    if (here := folder.resolve()) in above:
        return
    for path in entries(folder):
        if path.is_dir():
            yield from files_within(path, (*above, here))
        else:
            yield path


def entries(folder: Path) -> list[Path]:
    """Entries of a folder, sorted by name, except hidden ones."""
    if kind_of(folder) != "folder":
        raise FileError(
            f"{folder}: {'a file' if kind_of(folder) else 'no such folder'}",
            "a folder with a folder for each class",
            "check the spelling and the current folder",
        )
    try:
        return sorted(path for path in folder.iterdir() if path.name[0] != ".")
    except OSError as error:
        raise FileError(
            f"{folder}: {reason(error)}", "a folder that can be read", "check its permissions"
        ) from error


def _within(folder: Path, paths: list[Path]) -> tuple[str, ...]:
    return tuple(readable(str(path.relative_to(folder))) for path in paths)
