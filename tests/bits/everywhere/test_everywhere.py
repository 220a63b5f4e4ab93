"""Trainings are compared by every way: all pairs meet, differences are seen; `make everywhere`."""

import itertools
from functools import cache

import numpy as np
import pytest

from tests.bits.everywhere.__main__ import chosen, lines_of
from tests.bits.everywhere.comparison import compared
from tests.bits.everywhere.machine_code import Found, trained
from tests.bits.everywhere.programs import FACTORS, TRAININGS, combinations, odd_rows
from tests.bits.everywhere.ways import ON_ARM, WAYS, run

FEW = [*TRAININGS][3::101]


@cache
def few_here() -> dict[str, Found]:
    return {name: trained(TRAININGS[name]()) for name in FEW}


def test_any_two_of_page_loss_optimizer_dtype_rows_and_penalty_meet() -> None:
    met = {pair for names in combinations() for pair in itertools.combinations(names, 2)}
    for names, others in itertools.combinations(FACTORS, 2):
        assert met >= {*itertools.product(names, others)}


def test_the_shares_together_are_all_trainings() -> None:
    shares = [chosen(f"{k}/3", "*") for k in (1, 2, 3)]
    assert sorted(itertools.chain(*shares)) == sorted(TRAININGS)
    assert len(ON_ARM) == 12


def found() -> dict[str, np.ndarray]:
    numbers = {"before": np.array([np.nan, -0.0, 1.0]), "after": np.array([1.0], np.float32)}
    return {**numbers, "parameters": np.array([2.0]), "returned": np.array([-1, 3])}


def test_a_bit_is_seen_and_what_is_no_number_is_one() -> None:
    other = found()
    other["before"].view(np.uint64)[0] |= 1  # the payload of a NaN
    other["returned"] = other["returned"].astype(np.int32)
    assert compared(other, found()) == (7, [])
    other["before"][1] = 0.0
    assert compared(other, found()) == (7, ["before: 1 of 3, [1] is 0.0, not -0.0"])
    other = {**found(), "after": np.array([1.0])}
    assert compared(other, found())[1] == ["after: 1 of float64, not 1"]


def test_what_differs_is_told() -> None:
    other = {**found(), "parameters": np.nextafter([2.0], 3)}
    here: dict[str, Found] = {"one": found(), "another": found()}
    *lines, last = lines_of("C", {**here, "one": other}, here)
    assert lines == ["C: one: parameters: 1 of 1, [0] is 2.0000000000000004, not 2.0"]
    assert last == "C: 2 programs, 14 numbers, 1 arrays different"


def test_a_way_that_tells_nothing_is_refused() -> None:
    with pytest.raises(AssertionError):
        compared({"returned": np.array([-1, 3])}, found())


@pytest.mark.parametrize("rows", ["ragged", "one row", "batches of one", "NaN"])
def test_trainings_train_and_rows_without_numbers_end_them(rows: str) -> None:
    name = next(name for name in TRAININGS if f", {rows}," in name and name.startswith("Tanh"))
    case = TRAININGS[name]()
    left = trained(case)
    assert np.isnan(left["before"]).any()
    assert left["finished"].all() == (rows != "NaN")
    assert not np.array_equal(left["parameters"], case.net.parameters)


@pytest.mark.parametrize("page", ["Embedding", "TabularEmbedding", "EnsembleEmbedding"])
def test_no_odd_number_is_an_index(page: str) -> None:
    for name in (name for name in TRAININGS if name.startswith(f"{page},")):
        case = TRAININGS[name]()
        model = case.model()
        for bound in model.prediction.bounds["x"]:
            assert bound.holds(case.x)
            assert bound.holds(odd_rows(model, case.x))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["plain Python", "fit", "Node", "C"])
def test_a_few_come_to_the_same_bits(way: str) -> None:
    if missing := WAYS[way].lacking():
        pytest.skip(f"there is no {missing[0]} here")
    for told, results in run(way, FEW).items():
        (last,) = lines_of(told, results, few_here())
        assert last.startswith(f"{told}: {len(results)} programs, ")
        assert len(results) > 2
