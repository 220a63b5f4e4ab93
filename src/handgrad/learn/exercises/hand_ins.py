"""Answers that are handed in: links, notebooks, and the file that the server of a class writes."""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

from handgrad.files.paths import opened
from handgrad.textbook.errors import DataError, FileError

RECORDS = "handed-in.jsonl"
MOST_BYTES = 64 * 2**20  # of a notebook
MOST_NAME, MOST_FORMULA = 80, 2000  # characters


@dataclass(frozen=True)
class HandIn:
    """Formulas of one exercise by one person.

    `who` tells people of the same name apart, `id` one hand-in from the same sent twice.
    """

    name: str
    exercise: str
    answers: Mapping[str, str] = field(default_factory=dict)
    time: str = ""
    who: str = ""
    id: str = ""
    has_class: bool = False


def plain_name(text: str) -> str:
    """A name on one line, without control characters, at most 80 characters long."""
    text = unicodedata.normalize("NFC", text)
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return " ".join(shown.split())[:MOST_NAME].strip()


def is_link(text: str) -> bool:
    """True for an address, or its fragment, with answers."""
    return bool(re.search(r"#answers(&|$)", text))


def of_link(link: str) -> Iterator[HandIn]:
    """The hand-ins in an address, one for each exercise, as `web/exercises/address.js` reads it."""
    fragment = link.strip().partition("#")[2].replace("+", "%2B")
    try:
        pairs = parse_qsl(fragment, keep_blank_values=True, max_num_fields=1000)
    except ValueError as error:
        raise DataError(
            "a link with more than 1000 answers", "a link of one page", "a link for each page"
        ) from error
    values = dict(pairs)
    name, answers = plain_name(values.get("name", "")), dict[str, dict[str, str]]()
    for key, formula in values.items():
        exercise, dot, hole = key.rpartition(".")
        if dot:
            answers.setdefault(exercise, {})[hole] = formula
    for exercise, formulas in answers.items():
        yield HandIn(name, exercise, formulas)


def of_notebook(path: Path, name: str) -> Iterator[HandIn]:
    """The last check of each exercise in a notebook, whose code is read and not run."""
    with opened(path, "a notebook", "a file of Jupyter, .ipynb") as (file, size):
        if size > MOST_BYTES:
            came = f"{size:,} bytes"
            raise FileError(came, f"at most {MOST_BYTES:,}", "without its outputs", str(path))
        try:
            cells = json.loads(file.read())["cells"]
            sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            hint = "save it in Jupyter"
            raise FileError("no notebook", "JSON with cells", hint, str(path)) from error
    time = datetime.fromtimestamp(path.stat().st_mtime, UTC).astimezone().isoformat("T", "seconds")
    reader = _NotebookReader()
    for source in sources:
        reader.read(source)
    for exercise, (answers, has_class) in reader.checks.items():
        yield HandIn(name, exercise, answers, time, str(path), has_class=has_class)


class _NotebookReader(ast.NodeVisitor):
    """Finds `hg.exercise("tanh", seed=7).check(…)`, with names that were assigned before."""

    def __init__(self) -> None:
        self.exercises, self.texts = dict[str, str](), dict[str, str]()
        self.checks = dict[str, tuple[dict[str, str], bool]]()

    def read(self, source: str) -> None:
        """Read a cell, without lines of IPython (%run, !ls); one that does not parse is skipped."""
        lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
        try:
            self.visit(ast.parse("\n".join(lines)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                if exercise := self._exercise(node.value):
                    self.exercises[target.id] = exercise
                if (text := self._text(node.value)) is not None:
                    self.texts[target.id] = text
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "check":
            of = node.func.value
            known = self.exercises.get(of.id) if isinstance(of, ast.Name) else self._exercise(of)
            if known:
                values = {keyword.arg or "": keyword.value for keyword in node.keywords}
                values |= {"": node.args[0]} if node.args else {}
                answers = {hole: self._text(value) for hole, value in values.items()}
                known_texts = {hole: text for hole, text in answers.items() if text is not None}
                self.checks.pop(known, None)  # in the order of the last checks
                has_class = bool(node.args) and "" not in known_texts
                self.checks[known] = known_texts, has_class
        self.generic_visit(node)

    def _exercise(self, node: ast.expr) -> str:
        """Name of the exercise that a call makes, with its seed; '' if it makes none."""
        if not isinstance(node, ast.Call):
            return ""
        name = node.func
        called = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
        if called != "exercise" or not node.args or not (text := self._text(node.args[0])):
            return ""
        seeds = [k.value for k in node.keywords if k.arg == "seed"] + node.args[2:3]
        seed = getattr(seeds[0], "value", None) if seeds else None
        exercise = Path(text).stem if text.endswith(".toml") else text
        return exercise if seed is None else f"{exercise}@{seed}"

    def _text(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self.texts.get(node.id)
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        return node.value if is_text else None  # type: ignore[attr-defined]


def of_records(path: Path) -> list[HandIn]:
    """The last hand-in of each exercise by each person, from the file of a class.

    Lines that are no hand-in are skipped: the last one is cut off if the power failed.
    """
    last: dict[tuple[str, str], HandIn] = {}
    with opened(path, "the hand-ins of a class", RECORDS) as (file, _):
        for line in file:
            if one := of_record(line):
                last.pop((one.who, one.exercise), None)
                last[one.who, one.exercise] = one
    return [*last.values()]


def of_record(line: bytes) -> HandIn | None:
    """The hand-in of a line, or None."""
    try:
        record = json.loads(line)
        texts = [record[key] for key in ("name", "exercise", "time", "who", "id")]
        name, exercise, time, who, number = texts
        answers = {**record["answers"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not all(isinstance(text, str) for text in (*texts, *answers, *answers.values())):
        return None
    return HandIn(name, exercise, answers, time, who, number)


def as_record(one: HandIn) -> bytes:
    """The line of a hand-in."""
    record = {name: value for name, value in vars(one).items() if name != "has_class"}
    return json.dumps(record, ensure_ascii=True).encode() + b"\n"
