"""What is printed and drawn in the page has Python's bits."""

import re

import numpy as np
import pytest

from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.engines.loops.random_streams import words_of
from handgrad.learn.playground.printed_engine import FUNCTIONS, printed_functions
from handgrad.learn.playground.toy_data import Draws
from tests.engines.test_functions import given_to
from tests.learn.playground.in_node import HAS_NODE, PAGE, in_page

pytestmark = HAS_NODE
BITS = (
    "const bits = (x) => [...new BigUint64Array(Float64Array.from(x, Number).buffer)].map(String);"
)


def bits(numbers: object) -> list[str]:
    found = np.asarray(numbers, np.float64).ravel()
    return [str(n) for n in np.where(np.isnan(found), np.nan, found).view(np.uint64)]


def without_layout(text: str) -> str:
    return re.sub(r"[\s(),]|(?<=e-)0", "", text)


def test_the_module_of_functions_is_what_is_printed() -> None:
    written = (PAGE / "training/functions.js").read_text("utf-8")
    assert without_layout(written) == without_layout(printed_functions())


@pytest.mark.slow
def test_functions_have_the_bits_of_numpy() -> None:
    given = {name: given_to(name, np.float64) for name in FUNCTIONS}
    texts = {name: [[*map(repr, column.tolist())] for column in of] for name, of in given.items()}
    main = f"""({{ texts }}) => {{
      {BITS}
      const functions = {{ {", ".join(FUNCTIONS)} }};
      const number = (text) => Number(text.replace("inf", "Infinity").replace("nan", "NaN"));
      return Object.fromEntries(Object.entries(texts).map(([name, [x, y]]) =>
        [name, bits(x.map((text, i) => functions[name](number(text), y && number(y[i]))))]));
    }}"""
    found = in_page({"functions": ", ".join(FUNCTIONS)}, main, {"texts": texts})
    for name, columns in given.items():
        assert found[name] == bits(value_of(name, *columns)), name


def test_streams_of_seeds_and_of_what_is_spawned_are_numpys() -> None:
    cases = [([0], []), ([7], [2]), ([2**32 - 1, 5], []), ([1, 2, 3, 4, 5, 6], [8, 9]), ([3], [40])]
    main = "({ cases }) => cases.map((given) => [...seeded(...given)].map(String))"
    found = in_page({"random_streams": "seeded"}, main, {"cases": cases})
    for (entropy, key), words in zip(cases, found, strict=True):
        seed = np.random.SeedSequence(entropy, spawn_key=key)
        assert [*map(int, words)] == words_of(np.random.default_rng(seed))


def test_draws_are_those_of_python() -> None:
    main = f"""() => {{
      {BITS}
      const draws = new Draws(5, 1);
      const all = Array.from({{ length: 300 }}, () =>
        [draws.random(), draws.uniform(-2, 3), draws.normal(1, 0.3)]).flat();
      return [bits(all), [...draws.permutation(1000)], bits([draws.random()])];
    }}"""
    found = in_page({"random_streams": "Draws"}, main, {})
    draws = Draws(5, 1)
    each = [
        (draws.random((1,)), draws.uniform(-2, 3, (1,)), draws.normal(1, 0.3, (1,)))
        for _ in range(300)
    ]
    assert found[0] == bits(each)
    assert found[1] == draws.permutation(1000).tolist()
    assert found[2] == bits(draws.random((1,)))


def test_normal_numbers_are_normal() -> None:
    x = Draws(0).normal(3, 2, (40000,))
    z = (x - 3) / 2
    moments = [z.mean(), (z**2).mean(), (z**3).mean(), (z**4).mean()]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.08)
