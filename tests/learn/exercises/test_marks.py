"""Marks of links, notebooks and the hand-ins of a class, and the CSV file of them."""

import csv
import json
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.learn.exercises.hand_ins import HandIn, plain_name
from handgrad.learn.exercises.marks import Grader
from handgrad.textbook.errors import DataError, FileError
from tests.bad_input.refused import refused

LINK = "http://teacher/03.html#answers&name=Ada&linear.dW=dz.T%20%40%20x&linear.db=dz.mean(axis=0)"


def notebook(path: Path, *cells: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "#"}, *written]}))
    return path


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [*csv.reader(file)]


def test_a_link_has_a_mark_for_each_exercise() -> None:
    marks = hg.grade(LINK + "&tanh.dx=(1-y**2)*dy")
    assert [(m.name, m.exercise, m.right, m.of) for m in marks] == [
        ("Ada", "linear", 1, 3),
        ("Ada", "tanh", 1, 1),
    ]
    assert marks[0].remark.startswith("db: wrong at 4 of 4 entries.")
    assert marks[0].remark.endswith("dx: no answer yet.")
    assert marks[1].remark == "All correct."
    assert "Ada  tanh    1 of 1  All correct." in str(marks)


def test_a_plus_in_a_link_is_a_plus() -> None:
    assert hg.grade("#answers&relu.dx=(x>0)*dy+0")[0].right == 1


def test_a_seed_in_a_link_is_graded_with_its_numbers_and_names() -> None:
    assert hg.grade("#answers&tanh@7.du=(1 - z**2) * dz")[0].right == 1
    assert hg.grade("#answers&tanh@8.du=(1 - z**2) * dz")[0].right == 0


def test_what_is_no_exercise_has_no_mark_and_stops_nothing() -> None:
    names = ("nothing", "tanh@x", "tanh@99999999999", "../../own.toml.toml", "")
    marks = hg.grade([f"#answers&{name}.dx=1&relu.dx=(x > 0) * dy" for name in names])
    assert [mark.of for mark in marks] == [0, 1] * len(names)
    assert "exercise 'nothing'" in marks[0].remark


def test_notebooks_of_a_folder_are_read_and_not_run(tmp_path: Path) -> None:
    notebook(
        tmp_path / "in/ada/a.ipynb",
        "%matplotlib inline\nimport handgrad as hg\nopen('ran', 'w')",
        "tanh = hg.exercise('tanh')\nprint(tanh.check('y'))",
        "answer = '(1 - y**2) * dy'\nprint(tanh.check(dx=answer))",
        "this is no Python",
        "hg.exercise('linear', seed=7).check(dP='1')",
    )
    notebook(tmp_path / "in/blaise.ipynb", "class T(hg.Layer): ...\nhg.exercise('tanh').check(T)")
    saved = tmp_path / "in/.ipynb_checkpoints/blaise-checkpoint.ipynb"
    notebook(saved, "hg.exercise('relu').check('1')")
    marks = hg.grade(tmp_path / "in")
    assert [(m.name, m.exercise, m.right, m.of) for m in marks] == [
        ("ada/a", "tanh", 1, 1),
        ("ada/a", "linear@7", 0, 3),
        ("blaise", "tanh", 0, 1),
    ]
    assert marks[2].remark.startswith("A class: it is code, and was not run.")
    assert not Path("ran").exists()
    assert marks[0].time


def test_a_dict_gives_the_names(tmp_path: Path) -> None:
    one = notebook(tmp_path / "x.ipynb", "hg.exercise('tanh').check('dy')")
    marks = hg.grade({"Ada": LINK, "Blaise": one})
    assert [mark.name for mark in marks] == ["Ada", "Blaise"]


def test_exercises_of_ones_own_are_graded(tmp_path: Path) -> None:
    own = tmp_path / "square.toml"
    own.write_text(
        'forward = ["y = x**2"]\noutput = "y"\n[arrays]\nx = [1.0, 2.0]\n'
        '[[holes]]\nname = "dx"\nof = "x"\n[zh]\ntitle = "平方"\n'
    )
    [other] = hg.exercise(own, seed=3).holes
    link = f"#answers&name=李&square.dx=2*x&square@3.{other}=2*{other[1:]}"
    assert other != "dx"
    assert [mark.right for mark in hg.grade(link, [own], "zh")] == [1, 1]
    assert [mark.of for mark in hg.grade(link)] == [0, 0]


def test_the_csv_file_can_be_opened_by_a_spreadsheet(tmp_path: Path) -> None:
    names = ["=cmd|' /C calc'!A0", "李明", 'Ada "A", B', "../../x", "-1", "@x"]
    marks = hg.grade(dict.fromkeys(names, "#answers&tanh.dx=dy"))
    path = marks.to_csv(tmp_path / "marks.csv")
    head, *written = rows(path)
    assert head == ["name", "exercise", "right", "of", "remark", "time"]
    assert [row[0] for row in written] == [
        "'=cmd|' /C calc'!A0", "李明", 'Ada "A", B', "../../x", "'-1", "'@x"
    ]  # fmt: skip
    assert path.read_bytes().startswith(b"\xef\xbb\xbfname,exercise,right,of,remark,time\r\n")


def test_two_people_of_one_name_are_two() -> None:
    wei = [HandIn("Li Wei", "tanh", {"dx": f}, "", who) for f, who in (("1", "a"), ("2", "b"))]
    third = HandIn("Li Wei (2)", "relu", {}, "", "c")
    marks = Grader((), "en")([*wei, third, HandIn("Li Wei", "relu", {}, "", "b")])
    assert [mark.name for mark in marks] == ["Li Wei", "Li Wei (2)", "Li Wei (2) (2)", "Li Wei (2)"]


def test_the_last_hand_in_of_a_class_counts_and_broken_lines_are_skipped(tmp_path: Path) -> None:
    record = {"id": "1", "who": "a", "name": "Ada", "exercise": "tanh", "time": "t"}
    lines = [
        json.dumps({**record, "answers": {"dx": "dy"}}),
        "[]",
        json.dumps({**record, "answers": {"dx": 3}}),
        json.dumps({**record, "answers": {"dx": "(1 - y**2) * dy"}}),
        '{"id": "2", "who": "b", "na',
    ]
    (tmp_path / "handed-in.jsonl").write_text("\n".join(lines))
    [mark] = hg.grade(tmp_path)
    assert (mark.name, mark.right, mark.time) == ("Ada", 1, "t")


def test_a_name_is_one_short_line() -> None:
    assert plain_name(" Ada\n\tL.\x00\u202e ") == "Ada L."
    assert len(plain_name("a" * 500)) == 80
    assert plain_name("e\u0301") == "é"


@pytest.mark.parametrize("source", [3, "http://x/a.html", "a.txt", None])
def test_what_is_no_source_is_refused(source: object) -> None:
    with refused(DataError, "a link"):
        hg.grade([source])  # type: ignore[list-item]


def test_files_that_are_no_notebooks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("[]")
    with refused(FileError, "no notebook"):
        hg.grade(tmp_path)
    with refused(FileError, "none.ipynb"):
        hg.grade(tmp_path / "none.ipynb")
    (tmp_path / "empty").mkdir()
    with refused(DataError, "without notebooks"):
        hg.grade(tmp_path / "empty")
    with refused(DataError, "more than 1000 answers"):
        hg.grade("#answers" + "&a.b=1" * 1001)
