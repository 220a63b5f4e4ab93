"""Formulas are read in a page as Python reads them, and refused where it refuses them."""

import ast
import json
import random
import shutil
import warnings
from typing import Any

import pytest

from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.files.web import WEB
from tests.files.html.formulas import formula, tree_of

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")

FOLDER = WEB / "shared"
MODULE = (FOLDER / "formula.js").as_uri()
READ = (
    f'import {{ FormulaError, namesIn, parseFormula }} from "{MODULE}";\n'
    + """
const main = (texts) => texts.map((text) => {
  try {
    const tree = parseFormula(text);
    return { tree, names: namesIn(tree) };
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    return { key: error.key, values: error.values, at: error.at, end: error.end };
  }
});"""
)
WRITTEN = (
    "(1 - y**2) * dy",
    "p * (dp - (p * dp).sum(axis=-1, keepdims=True))",
    "dz.reshape(-1, 3).T @ x.reshape(-1, 2)",
    "-x ** -y ** 2",
    "not a < b <= c == d or e and not f",
    "-p[np.arange(n), y] / n",
    "x[..., None, 1:2:3, ::, -1]",
    "a @ b % c // d / e * f",
    "a | b & c + 1 > ~d",
    "((1, 2)), (), (3,), [], [4,]",
    "np.where(x > 0, dy, a * dy,)",
    "x\t.T  [ 0 ] ( y )",
    "1..real + 1.5.real",
    "𝑥 + ﬁ + ａｂ + _1",
    "0_0 - 00",
)
REFUSED = {
    "": ("formula_empty", "", ""),
    "  ": ("formula_empty", "  ", ""),
    "1 +": ("formula_ends", "", ""),
    "(1 + ": ("formula_ends", "", ""),
    "f(x, (y)": ("formula_open", "(", ")"),
    "x[1": ("formula_open", "[", "]"),
    "(x]": ("formula_unexpected", "]", ""),
    "x)": ("formula_unexpected", ")", ""),
    "x[]": ("formula_unexpected", "]", ""),
    "* x": ("formula_unexpected", "*", ""),
    "x ** ** y": ("formula_unexpected", "**", ""),
    "x.1": ("formula_times", "x.1", "x * .1"),
    "dx = y": ("formula_assigns", "=", ""),
    "y if x else z": ("formula_keyword", "if", ""),
    "lambda x: x": ("formula_keyword", "lambda", ""),
    "2x": ("formula_times", "2x", "2 * x"),
    "x y": ("formula_times", "x y", "x * y"),
    "3 (x": ("formula_open", "(", ")"),
    "x^2": ("formula_instead", "^", "**"),
    "x²": ("formula_instead", "²", "**2"),
    "2 × x": ("formula_instead", "×", "*"),
    "x − y": ("formula_instead", "−", "-"),
    "（x": ("formula_instead", "（", "("),
    "f(x，y)": ("formula_instead", "，", ","),
    "012": ("formula_instead", "012", "12"),
    "x ! y": ("formula_sign", "!", ""),
    "😀": ("formula_sign", "😀", ""),
    "x + 'a'": ("formula_text", "'", ""),
    "f(axis=0, x)": ("formula_order", "x", ""),
    "(" * 100 + "x" + ")" * 100: ("formula_deep", "(", ""),
    "x + " * 600 + "x": ("formula_long", None, ""),
}


def read(texts: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run_in_node(READ, texts)
    return found


def drawn() -> list[str]:
    rng = random.Random(0)
    return [formula(rng, rng.randint(1, 5)) for _ in range(4000)]


def test_trees_are_those_of_python() -> None:
    texts = [*WRITTEN, *drawn()]
    valid = [text for text in texts if is_valid(text)]
    assert len(valid) > 3000
    for text, found in zip(valid, read(valid), strict=True):
        assert found.get("tree") == tree_of(text), text


def test_what_python_refuses_is_refused() -> None:
    rng = random.Random(1)
    spoilt = []
    for text in drawn():
        i = rng.randrange(len(text))
        spoilt += [text[:i] + text[i + 1 :], text[:i] + rng.choice("()[],.*-1x =") + text[i:]]
    wrong = [text for text in spoilt if not is_valid(text.lstrip())]
    assert len(wrong) > 1500
    for text, found in zip(wrong, read(wrong), strict=True):
        assert "key" in found, text


def is_valid(text: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):  # `1or 2`: it is read, if with a frown
            ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("text", REFUSED)
def test_refusals_say_where_and_what_to_write(text: str) -> None:
    key, marked, write = REFUSED[text]
    [found] = read([text])
    assert found["key"] == key
    assert found["values"].get("write", "") == write
    if marked is not None:
        units = text.encode("utf-16-le")[2 * found["at"] : 2 * found["end"]]
        assert units.decode("utf-16-le") == marked


def test_every_refusal_has_its_words_in_each_language() -> None:
    words = json.loads((FOLDER / "formula_words.json").read_text("utf-8"))
    keys = {found["key"]: set(found["values"]) for found in read([*REFUSED])}
    for language in ("en", "zh"):
        assert words[language].keys() == keys.keys()
        for key, sentence in words[language].items():
            sentence.format(**dict.fromkeys(keys[key], ""))


def test_names_are_found_once() -> None:
    text = "np.exp(x) + x * np.sum(y[z:], axis=w) + [v, u.T]"
    assert read([text])[0]["names"] == ["x", "y", "z", "w", "v", "u"]
