"""Mutants: each operator makes the mistakes it says; an explained survivor is one of them."""

import ast
from pathlib import Path

import pytest

from tests.mutants.__main__ import mutants
from tests.mutants.operators import mutants_of, mutated
from tests.mutants.survivors import EXPLAINED


@pytest.mark.parametrize(
    ("operator", "line", "changed"),
    [
        ("swap operator", "return a + b", ["return a - b"]),
        ("swap operator", "return a < b < c", ["return a <= b < c", "return a < b <= c"]),
        ("swap operator", "return 'a' + b", []),
        ("drop operator", "return -a", ["return +a"]),
        ("drop operator", "return not a", ["return a"]),
        ("change number", "return [1, 0.5, True]", ["return [2, 0.5, True]"]),
        ("drop keyword", "return a.sum(axis=0)", ["return a.sum()"]),
        ("swap function", "return a.sum()", ["return a.mean()"]),
        ("negate condition", "return a if b else c", ["return a if not b else c"]),
        ("drop statement", "self.x = x", ["pass"]),
        ("drop statement", "x = self.x", []),
        ("change number", "raise ValueError(1)", []),
    ],
)
def test_an_operator_makes_its_mistakes(
    operator: str, line: str, changed: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "page.py"
    path.write_text(f"def f(a, b, c):\n    {line}\n", "utf-8")
    found = [mutant for mutant in mutants_of(path, tmp_path) if mutant.operator == operator]
    texts = [ast.unparse(mutated(mutant, path)).split("\n")[1].strip() for mutant in found]
    assert texts[: len(changed)] == changed
    assert bool(texts) == bool(changed)


def test_each_survivor_that_is_explained_is_a_mutant() -> None:
    assert EXPLAINED.keys() <= {str(mutant) for mutant in mutants()}
