"""Each exercise passes with its answer, and says of typical wrong ones what is off."""

import json
import re
import runpy
import tracemalloc
from collections.abc import Callable
from string import Formatter

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.exercises import NAMES
from handgrad.learn.exercises.diagnosis import Hint, Known, diagnose, format_number, patterns
from handgrad.learn.exercises.i18n import words
from handgrad.learn.exercises.tasks import task
from handgrad.textbook.errors import SettingError
from handgrad.textbook.language import LANGUAGES
from tests.learn.exercises.answers import ALL, FILE, right, wrong

WITH_PAGES = [name for name in NAMES if task(name).page]
RANDOM = "dropout"


def filled(name: str, answers: dict[str, str]) -> type[hg.Layer] | type[hg.Loss]:
    """The page of an exercise with formulas in its holes, as a class."""
    page = task(name).page
    for hole, formula in answers.items():
        page, count = re.subn(
            rf"^( +(?:self\.)?{hole}) = \.\.\.$",
            rf"\1 = {formula}",
            page,
            flags=re.MULTILINE,
        )
        assert count == 1, f"{name} has {count} places for {hole}"
        page = re.sub(rf"^( +)self\.{hole} = (.*)$", rf"\1{hole} = self.{hole} = \2", page, flags=8)
    namespace: dict[str, object] = {"hg": hg, "np": np}
    exec(page, namespace)
    made = namespace[task(name).page_name]
    assert isinstance(made, type)
    assert issubclass(made, hg.Layer | hg.Loss)
    return made


def is_left_behind(name: str, hole: str) -> bool:
    """Whether a hole is a gradient that the page hands over, not one on the way."""
    return f"self.{hole} = ..." in task(name).page or f"return {hole}" in task(name).page


def test_every_exercise_has_its_answers() -> None:
    assert list(ALL) == list(NAMES)
    assert len(NAMES) >= 14


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_right(name: str) -> None:
    exercise = hg.exercise(name)
    grade = exercise.check(**right(name))
    assert grade, str(grade)
    assert list(right(name)) == exercise.holes


@pytest.mark.parametrize("name", WITH_PAGES)
def test_the_page_with_its_answer_is_right(name: str) -> None:
    grade = hg.exercise(name).check(filled(name, right(name)))
    assert grade, str(grade)


@pytest.mark.parametrize(("name", "hole", "formula", "keys"), wrong())
def test_wrong_answers_are_told_apart(name: str, hole: str, formula: str, keys: list[str]) -> None:
    grade = hg.exercise(name).check(**{hole: formula})
    assert [remark.key for remark in grade.remarks[hole]] == keys, str(grade)


@pytest.mark.parametrize(
    ("name", "hole", "formula", "keys"),
    [case for case in wrong() if case[0] in WITH_PAGES and is_left_behind(*case[:2])],
)
def test_a_page_with_a_wrong_answer_is_refused(
    name: str, hole: str, formula: str, keys: list[str]
) -> None:
    grade = hg.exercise(name).check(filled(name, right(name) | {hole: formula}))
    assert not grade


def test_a_page_that_stops_or_predicts_otherwise_is_told_so() -> None:
    class Stops(hg.Layer):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return np.tanh(x)

        def backward(self, dy: np.ndarray) -> np.ndarray:
            return dy * self.nothing

    class Other(Stops):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return np.sin(x)

    class Wider(Stops):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return x[:1]

    tanh = hg.exercise("tanh")
    for made, key in ((Stops, "stopped"), (Other, "forward_differs"), (Wider, "forward_shape")):
        grade = tanh.check(made)
        assert [r.key for found in grade.remarks.values() for r in found] == [key], str(grade)
        assert key in words("en")


def test_what_is_right_only_at_the_numbers_of_the_exercise_is_refused() -> None:
    right = task("tanh").holes[0].measured

    class Remembers(hg.Layer):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return np.tanh(x)

        def backward(self, dy: np.ndarray) -> np.ndarray:
            return right.copy()

    grade = hg.exercise("tanh").check(Remembers)
    assert not grade
    assert "gradient check" in str(grade)
    assert "NOT right" in str(grade)


def test_what_comes_from_above_need_not_fit_what_is_asked_for() -> None:
    grade = hg.exercise("linear").check(dx="dz @ W + x")
    assert [remark.key for remark in grade.remarks["dx"]] == ["wrong"], str(grade)


def test_the_learner_reads_what_is_wrong_with_a_formula() -> None:
    tanh = hg.exercise("tanh")
    said = {
        "(1 - y**2) * dz": "dx: the name “dz” is not defined; available names are x, dy, n, y.",
        "(1 - y**2) @ dy": "dx: the shapes (5, 3) and (5, 3) cannot be multiplied with “@”",
        "(1 - y**2 * dy": "dx: this is not a Python expression: '(' was never closed",
        "np.cosh(x)": "dx: the function np.cosh is not available",
        "y.cumsum()": "dx: arrays have no “.cumsum”",
        "1 - y^2": "dx: “^” is not Python: write **.",
        "（1 - y**2）* dy": "dx: “（” is not Python: write (.",
        "1 − y": "dx: “−” is not Python: write -.",
        "y\u3000* 0": "dx: wrong at 15 of 15 entries.",
        "😀": "dx: The character “😀” is not allowed in a formula.",
        "2(y)": "dx: “2” is not a function",
        "y[9]": "dx: “y[9]” cannot be evaluated",
        "np.sum": "dx: the formula does not give numbers.",
        "y - np.eye(7)": "dx: the shapes (5, 3) and (7, 7) cannot be combined with “-”.",
        "1 / (y - y)": "dx: the result is ∞ at [0, 0]",
        "y * 0": "dx: wrong at 15 of 15 entries.",
    }
    for formula, text in said.items():
        assert str(tanh.check(formula)).startswith(text), formula


def test_signs_of_a_chinese_keyboard_are_answered_in_chinese() -> None:
    said = str(hg.exercise("tanh", "zh").check("(1 - y^2)＊ dy"))
    assert said.startswith("dx：Python 在这里不认识“^”，请写成 **。")


def test_formulas_cannot_reach_what_is_not_given() -> None:
    tanh = hg.exercise("tanh")
    for formula in (
        "__import__('os')",
        "np.load('x')",
        "y.tofile('x')",
        "().__class__",
        "(lambda: y)()",
        "[y for _ in y]",
        "y.__class__",
        "f'{y}'",
        "open(0)",
    ):
        [remark] = tanh.check(formula).remarks["dx"]
        assert remark.key.startswith("formula_"), formula


MISUSE: dict[str, Callable[[], object]] = {
    "name": lambda: hg.exercise("tnah"),
    "language": lambda: hg.exercise("tanh", "fr"),
    "hole": lambda: hg.exercise("linear").check(dw="dz"),
    "unnamed": lambda: hg.exercise("linear").check("dz"),
    "no text": lambda: hg.exercise("linear").check(dW=3),  # type: ignore[arg-type]
    "class of another kind": lambda: hg.exercise("linear").check(hg.MSELoss),
    "class made otherwise": lambda: hg.exercise("linear").check(hg.Tanh),
    "hint": lambda: hg.exercise("linear").hint("z"),
}


@pytest.mark.parametrize("call", MISUSE.values(), ids=MISUSE)
def test_misuse_is_refused_in_three_parts(call: Callable[[], object]) -> None:
    with pytest.raises(SettingError) as refused:
        call()
    assert refused.value.came
    assert refused.value.expected
    assert refused.value.hint


def test_a_step_takes_formulas_alone() -> None:
    with pytest.raises(SettingError, match="a formula for each of v_new, w_new"):
        hg.exercise("momentum").check(hg.Tanh)


def test_hints_come_one_by_one() -> None:
    linear = hg.exercise("linear")
    asked = task("linear").holes
    said = [str(linear.hint()) for _ in range(sum(len(hole.hints) for hole in asked) + 1)]
    assert said[0].startswith("dW: Hint 1 of 3. For one row")
    assert said[-1] == "There are no more hints."
    assert len({*said}) == len(said)
    assert str(hg.exercise("linear", "zh").hint("db")).startswith("db：提示 1／2：")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_shows_itself_without_its_answer(name: str, language: str) -> None:
    exercise = hg.exercise(name, language)
    shown = (str(exercise), exercise._repr_html_(), json.dumps(exercise.data()))
    for text in shown:
        for formula in right(name).values():
            if len(formula) > 12:
                assert formula not in text
    for hole in task(name, language).holes:
        assert hole.ask in shown[0]


def test_both_languages_say_the_same_things() -> None:
    fields = [
        {key: {f for _, f, _, _ in Formatter().parse(text) if f} for key, text in said.items()}
        for said in map(words, LANGUAGES)
    ]
    assert fields[0] == fields[1]
    for name in NAMES:
        english, chinese = task(name, "en"), task(name, "zh")
        assert [len(h.hints) for h in english.holes] == [len(h.hints) for h in chinese.holes]


def test_terms_are_fitted_even_where_several_are_off() -> None:
    a, b = np.arange(1.0, 7).reshape(2, 3), np.array([[2.0, 7, 1], [8, 2, 8]])
    known = Known(terms=(Hint("a", a), Hint("b", b)))
    found = diagnose(3 * a - b, a + b, patterns(a + b, 5, known))
    assert [(r.key, r.values.get("note"), r.values.get("ratio")) for r in found[1:]] == [
        ("term_ratio", "a", "3"),
        ("term_sign", "b", None),
    ]


def test_numbers_are_said_in_four_digits() -> None:
    numbers = (0.0, -0.0, 1.0, -0.25, 1 / 3, 12345.6, 1e-5, 2e20, np.inf, -np.inf, np.nan)
    assert [format_number(number) for number in numbers] == (
        ["0", "0", "1", "-0.25", "0.3333", "12350", "1e-5", "2e20", "∞", "-∞", "NaN"]
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_for_teachers_says_what_is_said_today(language: str) -> None:
    """`python docs/lessons/answers/build.py` writes it anew."""
    built = runpy.run_path(str(FILE.parent / "build.py"))
    page = FILE.parent / built["FILES"][language]
    assert page.read_text("utf-8") == built["page"](language)


TOO_LARGE = {
    "arange": "np.arange(10**9)",
    "small steps": "np.arange(0, 1, 1e-9)",
    "eye": "np.eye(10**6)",
    "outer": "np.outer(np.arange(9999), np.arange(9999))",
    "broadcast": "np.arange(60000)[:, None] * np.arange(60000)",
    "three": "np.where(np.arange(999)[:, None, None], np.arange(999)[:, None], np.arange(999))",
    "indices": "np.eye(200)[np.arange(200)[:, None], np.arange(200)]",
    "deep": "-" * 1900 + "x",
    "long": "x + " * 999 + "x",
    "digits": "9" * 1900,
}


@pytest.mark.parametrize("formula", TOO_LARGE.values(), ids=TOO_LARGE)
def test_formulas_of_too_many_numbers_are_refused_before_they_are_computed(formula: str) -> None:
    tracemalloc.start()
    [remark] = hg.exercise("tanh").check(formula).remarks["dx"]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert remark.key in ("formula_large", "formula_cannot", "formula_python")
    assert most < 20e6
