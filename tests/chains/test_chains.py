"""Layers in a row, and random nets, give one answer from every engine; a share of them here."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.chains.answers import ENGINES, PRINTED, PrintedEngine, Task, differences
from tests.chains.chains import FRONTS, OF_TRIPLES, chosen, pairs, told, triples
from tests.chains.layers import KINDS, TEXTS, value_of
from tests.chains.random_nets import random_task
from tests.chains.random_nets import told as told_at_random
from tests.contracts.table import LAYERS

# What fits; the rest is refused by a layer, as Conv2d refuses sequences. A new layer adds to it.
PAIRS, TRIPLES = 12370, 2704


def number_of_the_commit() -> int:
    """The first digits of the commit that is checked out, by which shares are chosen; or 0."""
    told = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    return int(told.stdout[:7] or "0", 16)


def test_every_layer_of_the_textbook_is_in_it() -> None:
    assert {*TEXTS} == {*LAYERS} == {name for kind in KINDS.values() for name in kind}
    for name, text in TEXTS.items():
        assert type(value_of(text((2, 4, 6), 4))).__name__ == name


def test_all_pairs_whose_shapes_fit_are_built_and_each_layer_stands_in_both_places() -> None:
    found = [*pairs()]
    fitting = [chain for _, _, chain in found if chain is not None]
    assert len(found) == len(FRONTS) * len(TEXTS) ** 2
    assert len(fitting) == len({chain.name for chain in fitting}) == PAIRS
    first, second = (Counter(chain.names[i] for chain in fitting) for i in (0, 1))
    assert {*first} == {*TEXTS}
    assert {*second} == {*TEXTS} - {*KINDS["codes"]}


@pytest.mark.slow
def test_all_triples_that_fit_are_built_and_each_kind_stands_in_each_place() -> None:
    found = [*triples()]
    fitting = [chain for _, _, chain in found if chain is not None]
    assert len(found) == (len(FRONTS) - 1) * len(OF_TRIPLES) ** 3
    assert len(fitting) == TRIPLES
    for i in range(3):
        assert {kinds[i] for _, kinds, chain in found if chain} == {*OF_TRIPLES}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_a_share_of_the_chains_that_the_commit_decides_has_one_answer(part: int) -> None:
    share = number_of_the_commit() % 1024 + 1
    lines = [line for chain in chosen(f"{share}/1024")[part::4] for line in told(chain)]
    assert not lines, "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_random_nets_that_the_commit_decides_have_one_answer(part: int) -> None:
    seed = number_of_the_commit()
    lines = [line for i in range(part, 24, 4) for line in told_at_random((seed, i))]
    assert not lines, "\n".join(lines)


def test_a_random_net_follows_from_its_seed_and_its_number() -> None:
    texts = {random_task(*given)[0] for given in [(3, 1), (3, 1), (3, 2), (4, 1)]}
    assert len(texts) == 3


class Wrong(PrintedEngine):
    """An engine whose weights go a bit further than they should."""

    def run_rows(self, *given: Any) -> Any:
        found = super().run_rows(*given)
        self.net.parameters[...] *= 1 + 1e-7
        return found


def task(*layers: hg.Layer, n_in: int = 4) -> Task:
    rng = np.random.default_rng(0)
    net = hg.Net(*layers, dtype=np.float64)
    x = rng.standard_normal((33, n_in))
    return Task(net, x, rng.standard_normal(net.predict(x).shape))


def test_an_engine_that_is_wrong_in_the_eighth_digit_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ENGINES, "wrong", Wrong)
    found = differences(task(hg.Linear(4, 3, rng=0), hg.Tanh()), ("wrong",))
    assert any(line.startswith("wrong: weights after 1 rows: ") for line in found)
    assert not differences(task(hg.Linear(4, 3, rng=0), hg.Tanh()), PRINTED)


class Chaos(hg.Layer):
    """The logistic map, time and again: the last digit of x decides about all of y."""

    def forward(self, x: Any) -> Any:
        y = 1 / (1 + np.exp(-x))
        for _ in range(70):
            y = 3.99 * y * (1 - y)
        return y

    def backward(self, dy: Any) -> Any:
        return dy


def test_a_net_whose_own_last_digits_decide_is_not_said_to_be_wrong() -> None:
    assert not differences(task(hg.Linear(4, 3, rng=0), Chaos()), PRINTED)
