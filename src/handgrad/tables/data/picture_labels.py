"""Folders of images with a table of their classes, labels.csv."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from handgrad.files.paths import readable
from handgrad.tables.data.files import Table, listed
from handgrad.tables.data.picture_folders import (
    LABELS,
    PictureFolder,
    files_within,
    is_picture,
)
from handgrad.tables.data.table_options import TableOptions
from handgrad.tables.data.tables import table_of
from handgrad.textbook.errors import DataError


def labelled_pictures(folder: Path) -> PictureFolder:
    """Image files of each class, by labels.csv."""
    table = _as_written(folder / LABELS)
    names, labels = (table.columns[name].to_pylist() for name in _columns_of(table))
    files = [*files_within(folder)]
    pictures = {readable(p.relative_to(folder).as_posix()): p for p in files if is_picture(p)}
    stems = defaultdict[str, list[str]](list)
    for name in pictures:
        stems[name.rpartition(".")[0]].append(name)
    classes, labelled = dict[str, list[Path]](), dict[Path, int]()
    for row, (name, label) in enumerate(zip(names, labels, strict=True)):
        path = _named(table, row, name, pictures, stems)
        if not label:
            raise table.refused(row, f"no class of {name!r}", "a class for each file", "add it")
        if path in labelled:
            places = table.place(labelled[path])
            raise table.refused(
                row, f"{name!r}, which is also in {places}, again", "each file once", "remove a row"
            )
        labelled[path] = row
        classes.setdefault(label, []).append(path)
    if len(classes) < 2:
        came = f"only the class {next(iter(classes))!r}" if classes else "no rows"
        raise DataError(
            f"{table.source}: {came}",
            "two classes or more",
            "add pictures of another class",
        )
    others = [p for p in files if not is_picture(p) and p != folder / LABELS]
    return PictureFolder(
        {label: sorted(paths) for label, paths in sorted(classes.items())},
        (),
        tuple(readable(str(path.relative_to(folder))) for path in others),
        tuple(name for name, path in pictures.items() if path not in labelled),
    )


def _as_written(path: Path) -> Table:
    """Table with all columns as text, such as names with leading zeros."""
    names = table_of(path).names
    return table_of(path, TableOptions(category=tuple(names)))


def _columns_of(table: Table) -> tuple[str, str]:
    """Columns of the file and of the class."""
    if len(table.names) == 2:
        return table.names[0], table.names[1]
    if {"file", "class"} <= {*table.names}:
        return "file", "class"
    raise DataError(
        f"{table.source}: the columns {listed(table.names)}",
        "two columns, the file and its class; or more, with two named file and class",
        "rename two columns, or remove the others",
    )


def _named(
    table: Table,
    row: int,
    name: str | None,
    pictures: dict[str, Path],
    stems: Mapping[str, Sequence[str]],
) -> Path:
    """Image of a row, by its path in the folder, or by that without extension, of `stems`."""
    if name in pictures:
        return pictures[name]
    matches = stems.get(name, ()) if name else ()
    if len(matches) == 1:
        return pictures[matches[0]]
    came = f"several files: {listed(matches)}" if matches else "no picture of that name"
    raise table.refused(
        row,
        f"{name or ''!r}: {came}",
        "the path of a picture in the folder",
        "check the spelling, and add its extension",
    )
