"""Rows, inputs and splits of the page are Python's, to the bit; formulas too."""

from typing import Any

import numpy as np
import pytest

from handgrad.learn.playground.base64url import packed, unpacked
from handgrad.learn.playground.formulas import formula_values
from handgrad.learn.playground.state import SETS, fitting, state_of
from handgrad.learn.playground.toy_data import inputs_of, rows_of, split_of
from handgrad.textbook.errors import DataError, SettingError
from tests.learn.playground.in_node import HAS_NODE, in_page

ROWS = """({ states }) => states.map((given) => {
  const { state, problems } = stateOf(given);
  if (problems.length) return problems;
  const rows = rowsOf(state);
  const x = inputsOf(inputFunctions(rows.names, state.inputs), rows.x, rows.width);
  const { train, test } = splitOf(rows.n, state.share, state.seed);
  return [...[rows.x, rows.y, x].map(packed), [...train], [...test], rows.classes];
})"""
MODULES = {
    "base64": "packed",
    "state": "stateOf",
    "data": "inputFunctions, inputsOf, rowsOf, splitOf",
}
INPUTS = ["x1", "x2", "x1**2", "x1*x2", "sin(x1)", "np.exp(-x2**2 / 2)", "where(x1 > x2, x1, 1/3)"]
TABLE = np.random.default_rng(0).normal(0, 1, (30, 3)).astype(np.float32)


def states() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"data": {"kind": kind, "n": n, "noise": noise, "seed": seed}, "inputs": INPUTS, "share": s}
        for kind in SETS
        for n, noise, seed, s in ((37, 0, 0, 50), (100, 35, 2**32 - 1, 1), (5, 50, 3, 99))
    ]
    found += [
        {"data": {"kind": kind, "classes": k, "n": 53, "noise": 12.5}}
        for kind in ("gauss", "spiral")
        for k in range(2, 7)
    ]
    table = {"names": ["a", "b c", "x1"], "classes": ["no", "yes", "?"], "x": packed(TABLE)}
    rows = {**table, "y": packed(np.arange(30) % 3)}
    inputs = ["b c", "x1", "a", "x2 * x3", "x1 - a"]
    found.append({"data": {"rows": rows}, "inputs": inputs})
    found.append({"data": {"rows": {**rows, "classes": None}}, "inputs": inputs, "seed": 9})
    return found


@HAS_NODE
def test_rows_inputs_and_splits_have_the_same_bits() -> None:
    for given, found in zip(states(), in_page(MODULES, ROWS, {"states": states()}), strict=True):
        state = state_of(given)
        rows = rows_of(state["data"])
        train, test = split_of(len(rows.y), state["share"], state["seed"])
        arrays = rows.x, rows.y, inputs_of(rows, state["inputs"])
        expected = [*map(packed, arrays), train.tolist(), test.tolist(), [*rows.classes] or None]
        assert found == expected, given


@pytest.mark.parametrize("kind", fitting(SETS, "classification"))
def test_toy_sets_have_their_classes_within_the_plane(kind: str) -> None:
    rows = rows_of(state_of({"data": {"kind": kind, "noise": 10}})["data"])
    assert np.abs(rows.x).max() < 12
    share = rows.y.mean()
    assert 0.3 < share < 0.7


def test_more_noise_moves_the_same_points() -> None:
    quiet, loud = (
        rows_of(state_of({"data": {"kind": "moons", "noise": noise}})["data"]).x
        for noise in (0, 10)
    )
    moved = np.abs(quiet - loud).max(axis=1)
    assert 0 < moved.max() < 1.5


GOOD = (
    "x1", "-x1", "+x2", "1", "pi", "np.pi * e", "x1 + x2 * 3 - 4 / x1", "x1 ** 2", "x1 ** -3",
    "x1 ** 0", "2 ** x1", "abs(x1) ** 0.5", "x1 ** 64", "x1 ** 65", "x1 ** +2", "-x1 ** 2",
    "2 ** 3 ** x1", "sqrt(abs(x1))", "np.sin(x1) + cos(x2)", "tanh(3*x1)", "log(x1)", "log1p(x2)",
    "expm1(x1)", "erf(x1)", "sign(x1)", "floor(x1) + ceil(x2)", "maximum(x1, x2)", "max(x1, 0)",
    "minimum(x1, 1/0)", "min(x1, x2)", "power(x1, x2)", "where(x1 < x2, 1, x1)", "x1 < x2 < 3",
    "x1 == x1", "x1 != x2", "(x1 >= 0) * (x1 <= 1)", "1e400", "1e-400", "0.1", "1_000", "x1 / 0",
    "exp(800 * x1)", "np.exp(-(x1**2 + x2**2) / 2)", "  x1  ",
)  # fmt: skip
BAD = (
    "", "x3", "import os", "__import__('os')", "x1.real", "x1[0]", "lambda: 1", "sin", "sin()",
    "sin(x1, x2)", "maximum(x1)", "x1 % 2", "x1 // 2", "x1 @ x2", "~x1", "not x1", "x1 and x2",
    "[x1]", "(x1, x2)", "'a'", "1j", "True", "x1 if x2 else 1", "max(x1, key=x2)", "x1 == ",
    "np", "np.x1", "x1 x2", "2x1", "sin(x1).T", "f(x1)", "x1 := 2", "(" * 200, "-" * 1500 + "x1",
    "1" * 3000,
)  # fmt: skip
COLUMNS = np.random.default_rng(1).normal(0, 2, (40, 2)).round(2)
COLUMNS[:3] = np.array([[0, 0], [-0.0, 1], [1, -1]])
EVALUATED = """({ texts, rows }) => texts.map((text) => {
  const finite = (f) => (row) => (Number.isNaN(f(row)) ? NaN : f(row)); // of one pattern
  const places = new Map([["x1", 0], ["x2", 1]]);
  try {
    const f = rowFunction(text, places);
    return [...new BigUint64Array(Float64Array.from(rows, finite(f)).buffer)].map(String);
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    return null;
  }
})"""


def in_javascript(texts: tuple[str, ...]) -> list[list[str] | None]:
    modules = {"formulas": "rowFunction", "../../shared/formula": "FormulaError"}
    found: list[list[str] | None]
    found = in_page(modules, EVALUATED, {"texts": texts, "rows": COLUMNS.tolist()})
    return found


def in_python(text: str) -> list[str] | None:
    try:
        found = formula_values(text, {"x1": COLUMNS[:, 0], "x2": COLUMNS[:, 1]})
    except SettingError:
        return None
    return [*map(str, np.where(np.isnan(found), np.nan, found).view(np.uint64).tolist())]


@HAS_NODE
def test_formulas_have_the_same_bits_or_are_refused_by_both() -> None:
    texts = (*GOOD, *BAD)
    found = dict(zip(texts, in_javascript(texts), strict=True))
    expected = {text: in_python(text) for text in texts}
    assert {t: f for t, f in found.items() if f != expected[t]} == {}
    assert all(found[text] for text in GOOD)
    assert not any(found[text] for text in BAD)


def test_inputs_that_are_no_numbers_are_refused() -> None:
    rows = rows_of(state_of({"data": {"kind": "xor"}})["data"])
    with pytest.raises(DataError, match="'log\\(x1\\)' is nan in row"):
        inputs_of(rows, ["x1", "log(x1)"])


def test_numbers_in_links_come_back() -> None:
    assert packed(np.array([1.5, -2])) == "AADAPwAAAMA"
    assert unpacked("AADAPw") is not None
    assert [unpacked(bad) for bad in ("AAD", "A", "+AAA", 3, "é")] == [None] * 5


@HAS_NODE
def test_formulas_are_written_as_they_are_read() -> None:
    written = {
        "x1**2 * x2": "x₁² · x₂",
        "exp(9**x1)": "exp(9^x₁)",
        "x1**-2": "x₁^-2",
        "x1**x2*3": "x₁^x₂·3",
    }
    found = in_page(
        {"../shell/formulas": "formulaText"}, "({ texts }) => texts.map(formulaText)",
        {"texts": [*written]},
    )  # fmt: skip
    assert found == [*written.values()]
