"""Marks of what is handed in: graded, listed, written as CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from itertools import count
from pathlib import Path
from typing import IO, TypeAlias, overload

from handgrad.files.paths import as_path, write_whole
from handgrad.files.tensors import shown
from handgrad.learn.exercises.exercise import Exercise
from handgrad.learn.exercises.hand_ins import (
    MOST_FORMULA,
    RECORDS,
    HandIn,
    is_link,
    of_link,
    of_notebook,
    of_records,
    plain_name,
)
from handgrad.learn.exercises.i18n import sentence, words
from handgrad.learn.exercises.tasks import NAMES
from handgrad.textbook.display import shown_whole
from handgrad.textbook.errors import (
    DataError,
    HandgradError,
    SettingError,
    checked_language,
    described,
    did_you_mean,
)

Source: TypeAlias = str | os.PathLike[str]
HINT = 'hg.grade("notebooks"), hg.grade(["class.html#answers&name=Ada&tanh.dx=…"])'
# Spreadsheets run a cell that begins like this as a formula.
RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Mark:
    """Mark of one exercise of one person: `right` of `of` formulas are correct.

    Parameters
    ----------
    name : str
        Name of the person; the second of the same name is Ada (2).
    exercise : str
        Id of the exercise: tanh, or tanh@7 with the seed 7.
    right, of : int
        Number of correct formulas, and of all.
    remark : str
        What is wrong, formula by formula.
    time : str
        Time of the hand-in, in ISO 8601; empty if unknown.
    """

    name: str
    exercise: str
    right: int
    of: int
    remark: str
    time: str


@dataclass(frozen=True)
class Marks(Sequence[Mark]):
    """Marks, one for each person and exercise.

    Parameters
    ----------
    marks : tuple of Mark
        The marks, in the order of the sources.
    """

    marks: tuple[Mark, ...]

    @overload
    def __getitem__(self, index: int) -> Mark: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Mark, ...]: ...
    def __getitem__(self, index: int | slice) -> Mark | tuple[Mark, ...]:
        return self.marks[index]

    def __len__(self) -> int:
        return len(self.marks)

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the columns name, exercise, right, of, remark and time, and return the path.

        The file is UTF-8 with a byte order mark, for spreadsheets. A cell that a spreadsheet would
        run as a formula has an apostrophe in front.
        """

        def write(file: IO[str]) -> None:
            table = csv.writer(file, lineterminator="\r\n")
            file.write("\ufeff")
            table.writerow(column.name for column in fields(Mark))
            for mark in self.marks:
                table.writerow([_cell(value) for value in astuple(mark)])

        return write_whole(as_path(path), write)

    def __str__(self) -> str:
        rows = [[m.name, m.exercise, f"{m.right} of {m.of}", m.remark] for m in self.marks]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:3]
        return "\n".join(
            "  ".join([*map(str.ljust, row[:3], widths), row[3]]).rstrip() for row in rows
        )

    def __repr__(self) -> str:
        return f"<Marks: {len(self.marks)}>"

    _repr_pretty_ = shown_whole


def _cell(value: object) -> object:
    text = str(value)
    return f"'{text}" if text.startswith(RUN_BY_SPREADSHEETS) else value


def grade(
    sources: Source | Iterable[Source] | Mapping[str, Source],
    exercises: Iterable[Source] = (),
    language: str | None = None,
) -> Marks:
    """Marks of notebooks, or of links with answers in them.

    Formulas are parsed, not run, and so is the code of notebooks: a class of a notebook is named in
    the remark and has no mark.

    Parameters
    ----------
    sources : str, Path, iterable of them, or dict
        Links of pages with exercises; notebooks, whose last check of each exercise counts; folders
        with notebooks, or the folder of a class, with its hand-ins. The name is that in the link,
        that of the notebook or its path below the folder, or the key of a dict.
    exercises : iterable of str or Path, optional
        TOML files of exercises of your own.
    language : {"en", "zh"}, optional
        Language of the remarks; that of texts by default, see `hg.defaults`.

    Returns
    -------
    Marks
        A sequence with one entry for each person and exercise; `to_csv` writes them.

    Raises
    ------
    DataError
        If a source is neither a link nor a notebook nor a folder with some.
    FileError
        If a file cannot be read.

    Examples
    --------
    >>> import handgrad as hg
    >>> links = {"Ada": "#answers&tanh.dx=(1-y**2)*dy", "Carl": "#answers&linear.db=dz.sum(axis=0)"}
    >>> print(hg.grade(links))
    Ada   tanh    1 of 1  All correct.
    Carl  linear  1 of 3  dW: no answer yet. dx: no answer yet.
    """
    graded = Grader(exercises, checked_language(language))
    named = sources if isinstance(sources, Mapping) else None
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    handed_in = list[HandIn]()
    for source in sources:
        one = source if named is None else named[source]  # type: ignore[index]
        for hand_in in _hand_ins(one):
            handed_in.append(hand_in if named is None else replace(hand_in, name=str(source)))
    return graded(handed_in)


class Grader:
    """Grades hand-ins; `exercises` are TOML files beside the built-in exercises."""

    def __init__(self, exercises: Iterable[Source], language: str) -> None:
        self.language = language
        self._graded = dict[tuple[str, frozenset[tuple[str, str]]], Mark]()
        self.own = {Exercise(path, language).name: path for path in exercises}

    def exercise(self, key: str, language: str | None = None) -> Exercise:
        """The exercise of an id such as tanh or tanh@7; a HandgradError if there is none."""
        name, at, seed = key.partition("@")
        number = int(seed) if seed.isascii() and seed.isdigit() and len(seed) < 9 else -1
        if name not in self.own and name not in NAMES:  # no path of a file
            known = (*NAMES, *self.own)
            raise SettingError(
                f"exercise {shown(name)!r}",
                f"one of {', '.join(known)}",
                did_you_mean(name, known, "tanh"),
            )
        return Exercise(self.own.get(name, name), language or self.language, number if at else None)

    def __call__(self, handed_in: Iterable[HandIn]) -> Marks:
        """Marks of hand-ins, in their order; people of the same name get a number."""
        handed_in = [*handed_in]
        names = _distinct_names(handed_in)
        return Marks(
            tuple(
                replace(self._marked(one), name=name, time=one.time)
                for one, name in zip(handed_in, names, strict=True)
            )
        )

    def _marked(self, one: HandIn) -> Mark:
        """The mark of a hand-in, which is computed once for the same answers."""
        if one.has_class:
            return self._mark(one)
        key = one.exercise, frozenset(one.answers.items())
        if key not in self._graded:
            self._graded[key] = self._mark(one)
        return self._graded[key]

    def _mark(self, one: HandIn) -> Mark:
        texts = words(self.language)
        try:
            exercise = self.exercise(one.exercise)
        except HandgradError as error:
            return Mark(one.name, plain_name(one.exercise), 0, 0, error.came, one.time)
        if one.has_class:
            remark = texts["class_not_run"]
            return Mark(one.name, exercise.id, 0, len(exercise.holes), remark, one.time)
        answers = {hole or exercise.holes[0]: text for hole, text in one.answers.items()}
        kept = {hole: answers.get(hole, "")[:MOST_FORMULA] for hole in exercise.holes}
        grade = exercise.check(**kept)
        wrong = [
            sentence(hole, remarks, self.language)
            for hole, remarks in grade.remarks.items()
            if [r.key for r in remarks] != ["right"]
        ]
        remark = texts["between"].join(wrong) or texts["done"]
        return Mark(one.name, exercise.id, grade.right, grade.of, remark, one.time)


def _distinct_names(handed_in: Sequence[HandIn]) -> Iterator[str]:
    """The name of each hand-in; the second person of a name is Ada (2)."""
    known: dict[tuple[str, str], str] = {}
    taken = set[str]()
    for one in handed_in:
        key = one.name, one.who
        if key not in known:
            numbered = (f"{one.name} ({i})" for i in count(2))
            known[key] = (
                one.name
                if one.name not in taken
                else next(name for name in numbered if name not in taken)
            )
            taken.add(known[key])
        yield known[key]


def _hand_ins(source: object) -> Iterator[HandIn]:
    if isinstance(source, str) and is_link(source):
        yield from of_link(source)
        return
    if not isinstance(source, str | os.PathLike):
        raise DataError(described(source), "a link, a notebook or a folder of notebooks", HINT)
    path = as_path(source)
    if path.is_dir():
        records, notebooks = path / RECORDS, sorted(path.rglob("*.ipynb"))
        notebooks = [one for one in notebooks if ".ipynb_checkpoints" not in one.parts]
        if not notebooks and not records.exists():
            raise DataError(f"{path} without notebooks", f"notebooks, or {RECORDS}", HINT)
        if records.exists():
            yield from of_records(records)
        for notebook in notebooks:
            name = notebook.relative_to(path).with_suffix("").as_posix()
            yield from of_notebook(notebook, plain_name(name))
    elif path.suffix == ".ipynb":
        yield from of_notebook(path, plain_name(path.stem))
    elif path.name == RECORDS:
        yield from of_records(path)
    else:
        came = described(source)
        raise DataError(came, "a link with #answers, a notebook or a folder of notebooks", HINT)
