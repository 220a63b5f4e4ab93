"""The page grades as Python does: the same numbers of any formula, the same sentences."""

import json
import random
import shutil
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.files.web import WEB
from handgrad.learn.exercises import NAMES, exercise, formulas
from handgrad.learn.exercises.display import array_data
from handgrad.learn.exercises.formulas import FormulaError, value_of
from handgrad.learn.exercises.i18n import sentence
from handgrad.learn.exercises.tasks import task
from handgrad.textbook.language import LANGUAGES
from tests.learn.exercises.answers import right, wrong

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")

PAGE = WEB / "exercises"


def module(name: str, *names: str) -> str:
    return f'import {{ {", ".join(names)} }} from "{(PAGE / name).as_uri()}";\n'


GRADE = (
    module("grading.js", "grade")
    + module("words.js", "sentence")
    + """
const main = (cases) => cases.map(({ exercise, answers }) =>
  Object.entries(grade(exercise, answers)).map(([hole, remarks]) =>
    sentence(exercise.words, hole, remarks)));"""
)
VALUES = (
    module("evaluate.js", "valueOf")
    + """
const text = (x) => (Number.isFinite(x) ? x : String(x));
const main = ({ given, formulas }) => formulas.map((formula) => {
  try {
    const { shape, kind, values } = valueOf(formula, given);
    return { shape, kind, values: values.map(text) };
  } catch (error) {
    if (error.name !== "FormulaError") throw error;
    return { key: error.key, values: error.values };
  }
});"""
)
GIVEN: dict[str, Any] = {
    "x": np.array([[0.5, -1.25, 2.0], [3.5, 0.0, -0.75]]),
    "v": np.array([1.5, -2.0, 0.25]),
    "W": np.array([[1.0, 2.0], [-0.5, 0.75], [2.5, -1.5]]),
    "c": np.array([1, 0]),
    "m": np.array([[True, False, True], [False, True, True]]),
    "n": 2,
}
FUNCTIONS = ("exp", "log", "tanh", "sqrt", "abs", "sign", "square", "log1p", "expm1", "sin", "cos")


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_python_says(language: str) -> None:
    cases = [(name, right(name)) for name in NAMES]
    cases += [(name, {hole: formula}) for name, hole, formula, _ in wrong()]
    cases += [("tanh", {"dx": text}) for text in ("dz", "y @ dy", "np.cosh(x)", "y[9]", "2(y)", "")]
    cases += [
        ("tanh", {"dx": text}) for text in ("1 - y^2", "（y）", "y＊ dy", "y²", "y\u3000* 2", "y😀")
    ]
    given = [
        {"exercise": exercise(name, language).data(), "answers": answers} for name, answers in cases
    ]
    for (name, answers), found in zip(cases, run_in_node(GRADE, given), strict=True):
        remarks = hg.exercise(name, language).check(**answers).remarks
        assert found == [sentence(hole, said, language) for hole, said in remarks.items()], answers


def drawn(rng: random.Random, depth: int) -> str:
    """A formula of arrays, drawn; many of them have shapes that go together."""
    if depth == 0:
        return rng.choice(("x", "x", "v", "W", "m", "c", "n", "1", "2", "0.5", "-1", "x.T"))
    inner = drawn(rng, rng.randrange(depth))
    other = drawn(rng, rng.randrange(depth))
    sign = rng.choice(("+", "-", "*", "/", "@", "**", "<", ">=", "==", "//", "%", "&", "|"))
    axis = rng.choice(("", "axis=0", "axis=-1", "axis=1, keepdims=True", "0", "axis=(0, 1)"))
    index = rng.choice(
        ("0", "-1", ":, 1", "None", "::-1", "..., 0", "c", "m", ":, [0, 1]", "1:, ::2")
    )
    return rng.choice(
        (
            f"({inner}) {sign} ({other})",
            f"({inner}) {sign} ({other})",
            f"np.{rng.choice(FUNCTIONS)}({inner})",
            f"({inner}).{rng.choice(('sum', 'mean', 'max', 'min'))}({axis})",
            f"np.{rng.choice(('sum', 'mean', 'max', 'min'))}({inner})",
            f"({inner})[{index}]",
            f"np.{rng.choice(('maximum', 'minimum', 'dot', 'outer', 'matmul'))}({inner}, {other})",
            f"np.where({inner} > 0, {other}, 0)",
            f"np.clip({inner}, -1, {rng.choice(('1', 'v'))})",
            f"({inner}).T",
            f"-({inner})",
            f"np.eye(3)[{inner}]",
            f"({inner}).astype(float)",
            f"({inner}).reshape(-1)",
            f"({inner}).shape[0]",
            f"len({inner})",
            f"~({inner} > 0)",
            f"np.zeros_like({inner})",
        )
    )


def in_python(formula: str) -> dict[str, Any]:
    try:
        found = value_of(formula, GIVEN)
    except FormulaError as error:
        return {"key": error.key, "values": error.values}
    return array_data(found)


def test_formulas_come_to_the_same_numbers() -> None:
    rng = random.Random(2)
    written = [drawn(rng, rng.randint(1, 4)) for _ in range(4000)]
    given = {name: array_data(np.asarray(value)) for name, value in GIVEN.items()}
    with np.errstate(all="ignore"):
        expected = [in_python(formula) for formula in written]
    found = run_in_node(VALUES, {"given": given, "formulas": written})
    assert sum("shape" in said for said in expected) > 1500
    for formula, mine, theirs in zip(written, expected, found, strict=True):
        if "key" in mine:
            assert theirs.get("key") == mine["key"], formula
            continue
        assert theirs.get("shape") == mine["shape"], formula
        np.testing.assert_allclose(
            np.array(theirs["values"], float), mine["values"], 1e-12, 1e-13, err_msg=formula
        )


def test_both_know_the_same_functions() -> None:
    known = module("functions.js", "FUNCTIONS", "METHODS", "ATTRIBUTES", "CONSTANTS", "TYPES") + (
        "const main = () => [FUNCTIONS, METHODS, ATTRIBUTES, CONSTANTS, TYPES].map(Object.keys);"
    )
    assert [set(names) for names in run_in_node(known, None)] == [
        set(formulas.FUNCTIONS),
        set(formulas.METHODS),
        set(formulas.ATTRIBUTES),
        set(formulas.CONSTANTS),
        set(formulas.BUILT_IN),
    ]


def test_another_forward_is_graded_by_its_own_slopes() -> None:
    graded = (
        module("grading.js", "grade")
        + """
const main = ({ exercise, answers, forward }) =>
  answers.map((dx) => grade(exercise, { dx }, forward).dx.map(({ key }) => key));"""
    )
    given = {
        "exercise": exercise("tanh").data(),
        "answers": ["np.cos(x) * dy", "(1 - y**2) * dy", "np.cos(x)"],
        "forward": [["y", "np.sin(x)"]],
    }
    assert run_in_node(graded, given) == [["right"], ["wrong"], ["wrong"]]


def test_no_answer_is_in_what_the_page_is_given() -> None:
    for name in NAMES:
        text = json.dumps(exercise(name).data(), ensure_ascii=False)
        assert "NaN" not in text
        assert task(name).about in json.loads(text)["about"]
