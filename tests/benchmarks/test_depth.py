"""The deeper nets as all peers are given them, and what their starts are held to."""

import pytest
from benchmarks.deep_cases import DEEP_CASES
from benchmarks.measures.depth import of_a_step
from benchmarks.measures.depth_starts import (
    LENGTHS,
    MOST_OF_A_STEP,
    MOST_OF_LLVM,
    Seen,
    compiled_table,
    limits,
)
from benchmarks.part import KEPT, MISSED
from benchmarks.peers.own import arguments
from benchmarks.workers import Timing

import handgrad as hg


@pytest.mark.parametrize("name", DEEP_CASES)
def test_the_weights_of_a_case_are_those_of_its_net_one_after_another(name: str) -> None:
    case = DEEP_CASES[name]
    net = arguments(case, "Adam")["net"]
    assert net.parameters.size == sum(weights.size for weights in case.weights())
    assert net.parameters[-1] == case.weights()[-1][-1]


@pytest.mark.parametrize("name", DEEP_CASES)
def test_a_case_is_trained(name: str) -> None:
    given = arguments(DEEP_CASES[name], "Adam")
    x, y = given.pop("data")
    (report,) = hg.train(
        **given | {"data": (x[:4], y[:4]), "batch_size": 4}, epochs=1, engine="eager"
    )
    assert report.train_loss > 0


def test_a_step_is_shown_as_the_median_and_the_least() -> None:
    timing = Timing("GRU", "handgrad", 1, 0.032, 0.016, 0.05, 21, 1, 0.5)
    assert of_a_step(timing) == "2 000 (1 000)"


def compiled(python: float, llvm: float) -> dict[int, Seen]:
    """Of one second of Python a step at all lengths but the last, and of one of LLVM."""
    found = {}
    for length in LENGTHS:
        last = length == LENGTHS[-1]
        seen = {
            "recording": [length * (python if last else 1.0) / 2] * 3,
            "loops": [length * (python if last else 1.0) / 2] * 3,
            "LLVM": [llvm if last else 1.0] * 3,
        }
        found[length] = Seen(str(length), seen)
        found[length].others.seconds = 1.0
    return found


@pytest.mark.parametrize(("more", "verdict"), [(0.0, KEPT), (0.01, MISSED)])
def test_compiling_may_grow_with_the_length_but_not_faster_than_that(
    more: float, verdict: str
) -> None:
    found = limits({}, compiled(MOST_OF_A_STEP + more, MOST_OF_LLVM + more))
    assert [limit.verdict for limit in found] == [verdict, verdict]


def test_a_row_a_length_has_what_each_part_took() -> None:
    table = compiled_table(compiled(1.0, 1.0))
    assert "| 14 steps | 7.00 (7.00) | 7.00 (7.00) | 1.00 (1.00) | 0.00 |" in table
