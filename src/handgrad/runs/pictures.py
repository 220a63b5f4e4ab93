"""Folders of pictures as tables: a column for each number of a picture, and one for the class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pyarrow as pa

from handgrad.base.errors import DataError, SettingError
from handgrad.data import Pictures, read_pictures
from handgrad.data.files import Table, listed
from handgrad.data.picture_files import ENDINGS, is_picture, picture_rows, pixel_names, usual_size
from handgrad.data.predictions import file_to_write, predicted_columns, write_tables
from handgrad.data.table_options import option
from handgrad.data.targets import Target
from handgrad.files import FileError, kind_of
from handgrad.layers import Array
from handgrad.results import Classifier
from handgrad.runs.settings import RunSettings
from handgrad.runs.training_table import TableInMemory

Shape = tuple[int, int, int]  # channels, height, width
TARGET = "class"
WHY = "each has a folder"
AT_ONCE = 1024
OF_TABLES = ("task", "ignore", "category", "number", "date")


@dataclass(frozen=True)
class PicturesInMemory(TableInMemory):
    """Pictures of one `shape` (channels, height, width), each a row, with the class of each."""

    shape: Shape

    @property
    def size_in_words(self) -> str:
        return f"{self.n_rows:,} pictures of {in_words(self.shape)}"


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
    pictures = read_pictures(settings.data, size=usual_size(settings.data))
    table = _table_of(settings.data, pictures)
    target = Target(TARGET, "classification", WHY, _labels(pictures))
    features = table.columns.drop_columns([TARGET])
    rows = np.arange(len(pictures.y))
    return PicturesInMemory(
        pictures.name, target, table.notes, table, features, rows, pictures.shape
    )


def pictures_for(shape: Shape, folder: str) -> Table:
    """The pictures of a folder with a folder for each class, as a model of this shape has them."""
    channels, *size = shape
    pictures = read_pictures(
        folder, size=(size[0], size[1]), channels=cast("Literal[1, 3]", channels)
    )
    return _table_of(folder, pictures)


def pictures_named(data: str) -> list[Path]:
    """The picture of that name, or all that match a pattern, or that are in a folder, in order.

    Those in the folders of a folder are among them. Raises a FileError where `data` names none.
    """
    path = Path(data)
    if kind_of(path) == "folder":
        inner = (folder for folder in path.iterdir() if folder.is_dir() and _is_seen(folder))
        files = (file for folder in (path, *inner) for file in folder.iterdir())
        found = sorted(file for file in files if is_picture(file) and _is_seen(file))
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
    model: Classifier, shape: Shape, files: Sequence[Path], to: Path, *, probabilities: bool
) -> int:
    """Write the file of each picture and what is predicted for it; the number of pictures."""
    names, (channels, *size) = pixel_names(shape), shape

    def predicted() -> Iterator[pa.Table]:
        for start in range(0, len(files), AT_ONCE):
            part = files[start : start + AT_ONCE]
            x, _ = picture_rows(part, (size[0], size[1]), cast("Literal[1, 3]", channels))
            X = pa.table(dict(zip(names, x.T, strict=True)))
            p = np.asarray(model.predict_proba(X)) if probabilities else None
            found = predicted_columns(np.asarray(model.predict(X)), p, model.classes_)
            yield found.add_column(0, "file", pa.array(map(str, part)))

    write_tables(predicted(), file_to_write(to), len(files))
    return len(files)


def _is_seen(path: Path) -> bool:
    return path.name[0] != "."


def _labels(pictures: Pictures) -> Array:
    return np.asarray(pictures.class_names)[pictures.y]


def _table_of(folder: str, pictures: Pictures) -> Table:
    columns = [*pictures.x.T.copy(), _labels(pictures)]
    table = pa.table(columns, [*pictures.feature_names, TARGET])
    n, left_out = len(pictures.y), pictures.left_out
    deeper = [name for name in left_out if kind_of(Path(folder) / name) == "folder"]
    others = [name for name in left_out if name not in deeper]
    told = (
        ("no pictures, and left out", others),
        ("folders in the folder of a class, left out with all that is in them", deeper),
    )
    notes = tuple(f"{what}: {listed(names)}" for what, names in told if names)
    return Table(folder, pictures.files, (1,) * n, table, np.arange(n), notes)
