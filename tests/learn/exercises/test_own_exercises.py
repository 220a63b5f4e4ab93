"""A teacher's exercise from one TOML file: as good as a built-in one, or refused by its key."""

from pathlib import Path

import pytest

import handgrad as hg
from handgrad.textbook.errors import FileError, SettingError
from tests.bad_input.refused import refused

OWN = """
forward = ["y = np.exp(-x) * x"]
output = "y"
upstream = "dy"

[arrays]
x = { shape = [4, 2], from = -2, to = 2 }
dy = { shape = [4, 2], from = -1, to = 1 }

[[holes]]
name = "dx"
of = "x"
terms.first = "np.exp(-x) * dy"
terms.second = "-x * np.exp(-x) * dy"

[en]
title = "x over its exponential"
about = "A product of two functions."

[en.holes.dx]
ask = "Use the product rule."
hints = ["(u v)' = u' v + u v'."]

[en.notes]
first = "the derivative of x"
second = "the derivative of the exponential"
"""


def written(folder: Path, text: str = OWN, name: str = "bump.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_it_grades_and_names_the_missing_term(tmp_path: Path) -> None:
    exercise = hg.exercise(written(tmp_path))
    assert exercise.id == "bump"
    assert exercise.check("(1 - x) * np.exp(-x) * dy")
    said = str(exercise.check("np.exp(-x) * dy"))
    assert "A term is missing: the derivative of the exponential." in said
    assert "Hint 1 of 1" in str(exercise.hint())
    assert hg.exercise(str(written(tmp_path)), seed=2).id == "bump@2"


def test_it_has_the_language_of_its_file_if_there_is_one_alone(tmp_path: Path) -> None:
    exercise = hg.exercise(written(tmp_path), "zh")
    assert exercise.language == "en"
    chinese = hg.exercise(written(tmp_path, OWN.replace("[en", "[zh")), "en")
    assert str(chinese).startswith("练习：")


def test_the_shortest_file_is_enough(tmp_path: Path) -> None:
    text = 'forward = ["y = x**2"]\noutput = "y"\n[arrays]\nx = [1.0, 2.0]\n'
    text += '[[holes]]\nname = "dx"\nof = "x"\n[en]\ntitle = "a square"\n'
    assert hg.exercise(written(tmp_path, text)).check(dx="2 * x")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert hg.exercise(path).title == "x over its exponential"
    written(tmp_path, OWN.replace("x over its exponential", "another"))
    assert hg.exercise(path).title == "another"


CHANGES = {
    "no TOML": ("[arrays]", "[arrays", "a TOML file"),
    "another key": ('output = "y"', 'outputs = "y"', "did you mean 'output'?"),
    "no output": ('output = "y"', 'output = "z"', "one of x, dy, y"),
    "no upstream": ('upstream = "dy"', "upstream = 3", "one of x, dy, y"),
    "no lines": ('forward = ["y = np.exp(-x) * x"]', "forward = 3", "1 to 20 lines"),
    "no line": ("y = np.exp(-x) * x", "np.exp(-x) * x", "1 to 20 lines"),
    "no formula": ("y = np.exp(-x) * x", "y = np.exp(-u) * x", "formulas of the arrays"),
    "no array": ("{ shape = [4, 2], from = -2, to = 2 }", '"x"', "at most 200 numbers"),
    "too large": ("[4, 2], from = -2", "[40, 20], from = -2", "at most 200 numbers"),
    "no bound": ("from = -2, to = 2", "from = -2, to = inf", "at most 200 numbers"),
    "no derivative": ("np.exp(-x) * x", "np.floor_divide(x, 2)", "formulas of the arrays"),
    "no hole": ("[[holes]]", "[[gaps]]", "one of arrays"),
    "a taken name": ('name = "dx"', 'name = "dy"', "a name of its own"),
    "of nothing": ('of = "x"', 'of = "u"', "one of x, dy, y"),
    "two ways": ('of = "x"', 'of = "x"\nequals = "x"', "if it is the gradient of x"),
    "no title": ('title = "x over its exponential"', "title = 3", 'title = "…"'),
    "no texts": ("[en", "[fr", "one of arrays"),
    "hints of numbers": ("[\"(u v)' = u' v + u v'.\"]", "[3]", "texts alone"),
    "no notes": ("terms.first", "terms", "formulas by a name"),
    "a page": ('output = "y"', 'output = "y"\npage = "class A(hg.Layer): ..."', "inputs = "),
}


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES.values(), ids=CHANGES)
def test_what_is_wrong_in_a_file_is_named(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    text = OWN.replace('terms.second = "-x * np.exp(-x) * dy"\n', "") if new == "terms" else OWN
    assert old in text
    with refused(SettingError, "bump", expected):
        hg.exercise(written(tmp_path, text.replace(old, new)))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with refused(FileError, "none.toml"):
        hg.exercise(tmp_path / "none.toml")
    (tmp_path / "long.toml").write_bytes(b"#" * 100_001)
    with refused(FileError, "100,001 bytes"):
        hg.exercise(tmp_path / "long.toml")
    (tmp_path / "gbk.toml").write_bytes(b"[zh]" + "练习".encode("gbk"))
    with refused(FileError, "save the file as UTF-8"):
        hg.exercise(tmp_path / "gbk.toml")


def test_numbers_without_a_derivative_are_refused(tmp_path: Path) -> None:
    text = OWN.replace("np.exp(-x) * x", "np.abs(x)").replace(
        "from = -2, to = 2", "from = 0, to = 0"
    )
    with refused(SettingError, "bump", "a derivative at all entries"):
        hg.exercise(written(tmp_path, text))


# Those of the file itself; a wrong formula has a text of its own.
NAMED = {name: case[:2] for name, case in CHANGES.items() if "formulas of the" not in case[2]}


@pytest.mark.parametrize(("old", "new"), list(NAMED.values()), ids=NAMED)
def test_most_of_it_is_named_in_chinese(tmp_path: Path, old: str, new: str) -> None:
    path = written(tmp_path, OWN.replace(old, new))
    with hg.defaults(language="zh"), pytest.raises(SettingError) as caught:
        hg.exercise(path)
    with hg.defaults(language="zh"):
        assert "docs/zh/class.md" in str(caught.value) or "是否想用" in str(caught.value)
