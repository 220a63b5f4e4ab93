"""Folders of pictures as tables: a column for each value of a pixel, and one for the class."""

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
    LABELS,
    DividedFolder,
    divided,
    files_within,
    is_picture,
)
from handgrad.tables.data.pictures import (
    ALL_LEVELS,
    Levels,
    picture_rows,
    pictures_by_class,
    pixel_names,
    usual_size,
)
from handgrad.tables.data.predictions import file_to_write, predicted_columns, write_tables
from handgrad.tables.data.table_options import option
from handgrad.tables.data.targets import Target
from handgrad.tables.runs.settings import OF_ROWS, RunSettings
from handgrad.tables.runs.training_table import TableInMemory
from handgrad.textbook.errors import DataError, FileError, SettingError
from handgrad.textbook.layers import Array
from handgrad.training.results import Classifier

Shape = tuple[int, int, int]  # channels, height, width
Side = tuple[int, int] | None  # height and width asked for
TARGET = "class"
AT_ONCE = 1024
OF_TABLES = (
    *("loss", "task", "ignore", "category", "number", "date", "header_row", "missing"),
    *("merge_case", "quantile"),
    *OF_ROWS,
    "test",
)


@dataclass(frozen=True)
class PicturesInMemory(TableInMemory):
    """Pictures of one `shape` (channels, height, width) as rows, with their classes.

    `levels` are the pixel values scaled to 0 and 1, for files of more than 8 bits; `apart` are the
    rows of the folder of held-out pictures.
    """

    shape: Shape
    levels: Levels | None
    apart: Array

    @property
    def size_in_words(self) -> str:
        return f"{self.n_rows:,} pictures of {in_words(self.shape)}"

    @property
    def row_files(self) -> Sequence[str]:
        files, folder = self.table.files, self.table.source
        return [
            readable(Path(files[row]).relative_to(folder).as_posix()) for row in self.rows.tolist()
        ]

    @property
    def places(self) -> Sequence[str]:
        return self.row_files

    def split(self, test_size: float, seed: int) -> tuple[Self, Self]:
        """Training and held-out rows; the latter from their own folder, if there is one."""
        if not len(self.apart):
            return super().split(test_size, seed)
        return replace(self, rows=np.setdiff1d(self.rows, self.apart)), replace(
            self, rows=self.apart
        )


def in_words(shape: Sequence[int]) -> str:
    """Format the shape of a picture in words."""
    return f"{shape[1]} by {shape[2]} pixels, {'grey' if shape[0] == 1 else 'in colour'}"


def load_pictures(settings: RunSettings) -> PicturesInMemory:
    """Load the folder of pictures of the settings; options for columns are an error."""
    for name in OF_TABLES:
        if (value := getattr(settings, name)) and value != getattr(RunSettings, name):
            value = value[0] if isinstance(value, tuple) else value
            raise SettingError(
                f"{option(name, value)}, for a folder of pictures",
                "a table: pictures have no columns, and their folders are the classes",
                f"without {option(name)}",
            )
    if settings.target not in (None, TARGET):
        raise SettingError(
            f"{option('target', settings.target)}, for a folder of pictures",
            f"{TARGET!r}, the names of the folders",
            f"without {option('target')}",
        )
    folder = Path(settings.data)
    parts = divided(folder)
    side = None if settings.size is None else (settings.size, settings.size)
    pictures = _pictures_of(folder, side) if parts is None else _both(folder, parts, settings, side)
    table = _table_of(settings.data, pictures)
    if parts is not None:
        table = replace(table, notes=(*_on_parts(parts), *table.notes))
    n = len(pictures.y)
    if (pictures.x == pictures.x[:1]).all():
        raise DataError(
            f"{folder}: all {n:,} pictures are identical",
            "pictures that differ between classes",
            "check that these are the right files",
        )
    labels = (folder if parts is None else parts.training) / LABELS
    why = f"from {LABELS}" if labels.is_file() else "each has a folder"
    target = Target(TARGET, "classification", why, _labels(pictures))
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


def _pictures_of(folder: Path, side: Side) -> Pictures:
    return read_pictures(folder, size=side or usual_size(pictures_by_class(folder).files))


def _both(folder: Path, parts: DividedFolder, settings: RunSettings, side: Side) -> Pictures:
    """Read training and held-out pictures from their two folders."""
    if settings.test_size != type(settings).test_size:
        raise SettingError(
            f"{option('test_size', settings.test_size)}, for {folder}, which has a folder "
            f"{parts.held_out.name}",
            "either a fraction to hold out or a folder of held-out pictures",
            f"without {option('test_size')}",
        )
    training, held_out = map(pictures_by_class, (parts.training, parts.held_out))
    if training.classes.keys() != held_out.classes.keys():
        name = sorted(training.classes.keys() ^ held_out.classes.keys())[0]
        has, lacks = (parts.training, parts.held_out)[:: 1 if name in training.classes else -1]
        raise DataError(
            f"{folder}: the class {name!r} is in {has.name} but not in {lacks.name}",
            "the same classes in both",
            f"add {lacks / name} with pictures, or remove {has / name}",
        )
    size = side or usual_size([*training.files, *held_out.files])
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
        unlabelled=tuple(str(Path(part.name, path)) for part in both for path in part.unlabelled),
    )


def _on_parts(parts: DividedFolder) -> list[str]:
    """Notes on a folder with training and held-out pictures."""
    notes = [f"trained on the folder {parts.training.name}, held out {parts.held_out.name}"]
    if parts.others:
        notes.append(f"other folders, ignored: {listed(parts.others)}")
    return notes


def pictures_for(shape: Shape, levels: Levels, folder: str) -> Table:
    """Read a folder of pictures by class, in the `shape` and with the `levels` of a model."""
    channels, *size = shape
    pictures = read_pictures(
        folder,
        size=(size[0], size[1]),
        channels=cast("Literal[1, 3]", channels),
        levels=levels,
    )
    return _table_of(folder, pictures)


def pictures_named(data: str) -> list[Path]:
    """List the pictures that `data` names: a file, a pattern, or a folder with its subfolders.

    Raises a FileError if there are none.
    """
    path = Path(data)
    if kind_of(path) == "folder":
        files = sorted(filter(is_picture, files_within(path)))
        if not files:
            raise DataError(
                f"{data}: no pictures in this folder",
                f"files that end in {', '.join(ENDINGS)}",
                "check the folder; for a table, give its file",
            )
        return files
    if has_magic(data) and not kind_of(path):
        files = [Path(name) for name in sorted(glob(data)) if is_picture(Path(name))]  # noqa: PTH207
    else:
        files = [path] if is_picture(path) else []
    if not files:
        raise FileError(
            f"{data}: {'not a picture' if kind_of(path) or has_magic(data) else 'no such folder'}, "
            "for a picture classifier",
            f"a folder of pictures, or files that end in {', '.join(ENDINGS)}",
            "check the spelling; for a table, use a model trained on a table",
        )
    return files


def predict_pictures(
    model: Classifier,
    shape: Shape,
    levels: Levels,
    files: Sequence[Path],
    to: Path,
    *,
    probabilities: bool,
) -> int:
    """Write the name and the prediction of each picture; return the number of pictures."""
    names, (channels, *size) = pixel_names(shape), shape
    kind = cast("Literal[1, 3]", channels)

    def predicted() -> Iterator[pa.Table]:
        for start in range(0, len(files), AT_ONCE):
            part = files[start : start + AT_ONCE]
            x, *_ = picture_rows(part, (size[0], size[1]), kind, levels)
            X = pa.table(dict(zip(names, x.T, strict=True)))
            p = np.asarray(model.predict_proba(X)) if probabilities else None
            columns = predicted_columns(np.asarray(model.predict(X)), p, model.classes_)
            yield columns.add_column(0, "file", pa.array(map(str, part)))

    write_tables(predicted(), file_to_write(to), len(files))
    return len(files)


def _labels(pictures: Pictures) -> Array:
    return np.asarray(pictures.class_names)[pictures.y]


def _table_of(folder: str, pictures: Pictures) -> Table:
    columns = [*pictures.x.T.copy(), _labels(pictures)]
    table = pa.table(columns, [*pictures.feature_names, TARGET])
    n = len(pictures.y)
    lists = (
        ("files that are not pictures, ignored", pictures.left_out),
        ("pictures that labels.csv does not name, ignored", pictures.unlabelled),
        ("subfolders of classes, whose pictures belong to the class", pictures.inner),
    )
    notes = [f"{text}: {listed(names)}" for text, names in lists if names]
    if pictures.levels is not None:
        low, high = pictures.levels
        notes.append(
            f"files of more than 8 bits: pixel values {low:g} to {high:g} are scaled to 0 to 1"
        )
    return Table(folder, pictures.files, (1,) * n, table, np.arange(n), tuple(notes))
