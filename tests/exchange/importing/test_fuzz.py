"""Some hundreds of mutated files; `python -m tests.exchange.importing.fuzz` reads many more."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.exchange.importing.fuzz import MUTATIONS, SEEDS, mutated, outcome


@pytest.mark.parametrize("kind", SEEDS)
def test_a_mutated_file_is_a_net_or_refused(kind: str, tmp_path: Path) -> None:
    rng, files = Random(1), SEEDS[kind]()
    found = [outcome(kind, tmp_path / "a", content) for content in files]
    assert {*found} == {"a net"}
    found = [
        outcome(kind, tmp_path / "a", mutated(kind, rng.choice(files), rng)) for _ in range(300)
    ]
    assert found.count("a net") > 20
    assert found.count("refused") > 100


@pytest.mark.parametrize(
    ("kind", "mutation"),
    [(kind, mutation) for kind, some in MUTATIONS.items() for mutation in dict.fromkeys(some)],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_each_mutation_changes_the_file(
    kind: str, mutation: Callable[[bytes, Random], bytes]
) -> None:
    rng, (content, *_) = Random(1), SEEDS[kind]()
    different = 0
    for _ in range(20):
        try:
            different += mutation(content, rng) != content
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            continue  # this one does not work everywhere, as in a list that is empty
    assert different > 8
