"""Folders of pictures as tables: a column for each number of a picture, and one for the class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from glob import glob, has_magic
from pathlib import Path
from typing import Literal, Self, cast

import numpy as np
import pyarrow as pa

from handgrad.files.paths import kind_of, readable
from handgrad.tables.data import Pictures, read_pictures
from handgrad.tables.data.files import Table, listed
from handgrad.tables.data.picture_folders import (
    ENDINGS,
    DividedFolder,
    divided,
    files_within,
    is_picture,
    pictures_by_class,
)
from handgrad.tables.data.pictures import (
    ALL_LEVELS,
    Levels,
    picture_rows,
    pixel_names,
    usual_size,
)
from handgrad.tables.data.predictions import file_to_write, predicted_columns, write_tables
from handgrad.tables.data.table_options import option
from handgrad.tables.data.targets import Target
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.training_table import TableInMemory
from handgrad.textbook.errors import DataError, FileError, SettingError
from handgrad.textbook.layers import Array
from handgrad.training.results import Classifier

Shape = tuple[int, int, int]  # channels, height, width
TARGET = "class"
WHY = "each has a folder"
AT_ONCE = 1024
OF_TABLES = ("task", "ignore", "category", "number", "date")


@dataclass(frozen=True)
class PicturesInMemory(TableInMemory):
    """Pictures of one `shape` (channels, height, width), each a row, with the class of each.

    `levels` are the numbers in files of more than 8 bits that are 0 and 1 in rows; `apart` the rows
    that a folder of their own holds out.
    """

    shape: Shape
    levels: Levels | None
    apart: Array

    @property
    def size_in_words(self) -> str:
        return f"{self.n_rows:,} pictures of {in_words(self.shape)}"

    def split(self, test_size: float, seed: int) -> tuple[Self, Self]:
        """The rows to learn from, and those held out: in their own folder, if there is one."""
        if not len(self.apart):
            return super().split(test_size, seed)
        return replace(self, rows=np.setdiff1d(self.rows, self.apart)), replace(
            self, rows=self.apart
        )


def in_words(shape: Sequence[int]) -> str:
    """The shape of a picture as people say it."""
    return f"{shape[1]} by {shape[2]} pixels, {'grey' if shape[0] == 1 else 'in colour'}"


def load_pictures(settings: RunSettings) -> PicturesInMemory:
    """The pictures of a folder that settings name; what is said of columns is refused."""
    for name in OF_TABLES:
        if value := getattr(settings, name):
            value = value[0] if isinstance(value, tuple) else value
            raise SettingError(
                f"{option(name, value)}, for a folder of pictures",
                "a table beside it: pictures have no columns, and their folders are the classes",
                f"without {option(name)}",
            )
    if settings.target not in (None, TARGET):
        raise SettingError(
            f"{option('target', settings.target)}, for a folder of pictures",
            f"{TARGET!r}, which the folders in it say",
            f"without {option('target')}",
        )
    folder = Path(settings.data)
    parts = divided(folder)
    pictures = _pictures_of(folder) if parts is None else _both(folder, parts, settings)
    table = _table_of(settings.data, pictures)
    if parts is not None:
        table = replace(table, notes=(*_on_parts(parts), *table.notes))
    n = len(pictures.y)
    if (pictures.x == pictures.x[:1]).all():
        raise DataError(
            f"{folder}: {n:,} pictures that are all alike, number for number",
            "pictures that differ from class to class",
            "look at some of them: are these the files that were meant?",
        )
    target = Target(TARGET, "classification", WHY, _labels(pictures))
    features = table.columns.drop_columns([TARGET])
    apart = [] if parts is None else [parts.held_out in file.parents for file in pictures.files]
    return PicturesInMemory(
        pictures.name,
        target,
        table.notes,
        table,
        features,
        np.arange(n),
        pictures.shape,
        pictures.levels,
        np.flatnonzero(apart),
    )


def _pictures_of(folder: Path) -> Pictures:
    return read_pictures(folder, size=usual_size(pictures_by_class(folder).files))


def _both(folder: Path, parts: DividedFolder, settings: RunSettings) -> Pictures:
    """The pictures to learn from and those held out, which have a folder each, in one."""
    if settings.test_size != type(settings).test_size:
        raise SettingError(
            f"{option('test_size', settings.test_size)}, for {folder}, which has "
            f"{parts.held_out.name}",
            "pictures of which some are to be held out, or a folder of those held out",
            f"without {option('test_size')}",
        )
    training, held_out = map(pictures_by_class, (parts.training, parts.held_out))
    if training.classes.keys() != held_out.classes.keys():
        odd = sorted(training.classes.keys() ^ held_out.classes.keys())[0]
        has, lacks = (parts.training, parts.held_out)[:: 1 if odd in training.classes else -1]
        raise DataError(
            f"{folder}: the class {odd!r} is in {has.name}, and not in {lacks.name}",
            "the same classes in both",
            f"{lacks / odd}, with pictures; or without {has / odd}",
        )
    size = usual_size([*training.files, *held_out.files])
    first = read_pictures(parts.training, size=size)
    channels = cast("Literal[1, 3]", first.shape[0])
    levels = first.levels or ALL_LEVELS
    second = read_pictures(parts.held_out, size=size, channels=channels, levels=levels)
    both = first, second
    return replace(
        first,
        name=readable(folder.resolve().name),
        x=np.concatenate([part.x for part in both]),
        y=np.concatenate([part.y for part in both]),
        files=(*first.files, *second.files),
        inner=tuple(str(Path(part.name, path)) for part in both for path in part.inner),
        left_out=tuple(str(Path(part.name, path)) for part in both for path in part.left_out),
    )


def _on_parts(parts: DividedFolder) -> list[str]:
    """What is told of a folder whose pictures are divided."""
    notes = [
        f"learned from {parts.training.name}, held out {parts.held_out.name}, as the folders say"
    ]
    if parts.others:
        notes.append(f"folders beside these, left out: {listed(parts.others)}")
    return notes


def pictures_for(shape: Shape, levels: Levels, folder: str) -> Table:
    """The pictures of a folder with a folder for each class, as a model has them.

    The model takes pictures of this `shape`; `levels` are those of its training.
    """
    channels, *size = shape
    pictures = read_pictures(
        folder,
        size=(size[0], size[1]),
        channels=cast("Literal[1, 3]", channels),
        levels=levels,
    )
    return _table_of(folder, pictures)


def pictures_named(data: str) -> list[Path]:
    """The picture of that name, or all that match a pattern, or that are in a folder, in order.

    Those in folders within are among them. Raises a FileError where `data` names none.
    """
    path = Path(data)
    if kind_of(path) == "folder":
        found = sorted(filter(is_picture, files_within(path)))
        if not found:
            raise DataError(
                f"{data}: no picture in it",
                f"files that end in {', '.join(ENDINGS)}",
                "check the folder; a table is named by its file",
            )
        return found
    if has_magic(data) and not kind_of(path):
        found = [Path(name) for name in sorted(glob(data)) if is_picture(Path(name))]  # noqa: PTH207
    else:
        found = [path] if is_picture(path) else []
    if not found:
        raise FileError(
            f"{data}: {'no picture' if kind_of(path) or has_magic(data) else 'no such folder'}, "
            "for a model of pictures",
            f"a folder of pictures, or files that end in {', '.join(ENDINGS)}",
            "check the spelling; a table is for a model that learned from a table",
        )
    return found


def predict_pictures(
    model: Classifier,
    shape: Shape,
    levels: Levels,
    files: Sequence[Path],
    to: Path,
    *,
    probabilities: bool,
) -> int:
    """Write the file of each picture and what is predicted for it; the number of pictures."""
    names, (channels, *size) = pixel_names(shape), shape
    kind = cast("Literal[1, 3]", channels)

    def predicted() -> Iterator[pa.Table]:
        for start in range(0, len(files), AT_ONCE):
            part = files[start : start + AT_ONCE]
            x, *_ = picture_rows(part, (size[0], size[1]), kind, levels)
            X = pa.table(dict(zip(names, x.T, strict=True)))
            p = np.asarray(model.predict_proba(X)) if probabilities else None
            found = predicted_columns(np.asarray(model.predict(X)), p, model.classes_)
            yield found.add_column(0, "file", pa.array(map(str, part)))

    write_tables(predicted(), file_to_write(to), len(files))
    return len(files)


def _labels(pictures: Pictures) -> Array:
    return np.asarray(pictures.class_names)[pictures.y]


def _table_of(folder: str, pictures: Pictures) -> Table:
    columns = [*pictures.x.T.copy(), _labels(pictures)]
    table = pa.table(columns, [*pictures.feature_names, TARGET])
    n = len(pictures.y)
    told = (
        ("no pictures, and left out", pictures.left_out),
        ("folders within those of classes, whose pictures count as of that class", pictures.inner),
    )
    notes = [f"{what}: {listed(names)}" for what, names in told if names]
    if pictures.levels is not None:
        low, high = pictures.levels
        notes.append(f"files of more than 8 bits: {low:g} in them becomes 0, {high:g} becomes 1")
    return Table(folder, pictures.files, (1,) * n, table, np.arange(n), tuple(notes))
