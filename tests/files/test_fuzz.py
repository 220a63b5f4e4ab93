"""Some hundreds of mutated model files; `python -m tests.files.fuzz 20000` reads many more."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.files.fuzz import outcome, seeds
from tests.files.mutations import MUTATIONS, mutated


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def files(folder: Path) -> list[bytes]:
    return seeds(folder / "a")


@settings(max_examples=500, derandomize=True, database=None)
@given(st.integers(0, 2**32 - 1))
def test_a_mutated_file_is_a_valid_model_or_refused(
    files: list[bytes], folder: Path, seed: int
) -> None:
    rng = Random(seed)
    found = outcome(folder / "a", mutated(rng.choice(files), rng))
    assert found in ("a net", "an estimator", "refused")


@pytest.mark.slow
def test_the_mutations_reach_both_ends(files: list[bytes], folder: Path) -> None:
    rng = Random(0)
    found = [outcome(folder / "a", mutated(rng.choice(files), rng)) for _ in range(1000)]
    assert found.count("a net") > 20
    assert found.count("an estimator") > 2
    assert found.count("refused") > 400


@pytest.mark.parametrize("mutation", dict.fromkeys(MUTATIONS), ids=lambda one: one.__name__)
def test_each_mutation_changes_the_file(
    mutation: Callable[[bytes, Random], bytes], files: list[bytes]
) -> None:
    rng = Random(1)
    assert sum(mutation(files[0], rng) != files[0] for _ in range(20)) > 10
