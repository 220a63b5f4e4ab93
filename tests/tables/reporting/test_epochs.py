"""A training that ended while it was still improving, and what a text's page says of it."""

from types import SimpleNamespace
from typing import Any

import pytest

import handgrad as hg
from handgrad.tables.reporting.epochs import still_learning
from handgrad.tables.reporting.text_writing import TextEvidence


def history(*losses: float | None) -> hg.training.History:
    return hg.training.History(
        [hg.training.EpochReport(i, 1.0, {}, loss) for i, loss in enumerate(losses, 1)]
    )


def test_a_best_epoch_that_is_the_last_asks_for_more() -> None:
    (found,) = still_learning(history(3.0, 2.0, 1.5), [3])
    assert found.evidence == "the best epoch is the last, 3 of 3"
    assert "--epochs 9" in found.advice
    (found,) = still_learning(history(*range(20, 13, -1)), [7, 7, 4])
    assert found.evidence == "the best epoch of 2 of 3 nets is the last, 7 of 7"
    assert "--epochs 20" in found.advice


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ((3.0, 2.0, 2.5), [2]),
        ((3.0, 2.0, 1.0), [3, 1]),
        ((3.0, 2.0, 2.0), [3]),
        ((None, None, None), [3]),
        ((3.0, 2.0, float("nan")), [3]),
        ((3.0, 2.0, 1.0), []),
        ((3.0,), [1]),
        ((), []),
    ],
    ids=["earlier", "half of the nets", "as good as before", "never judged", "not judged last",
         "all of them ran", "one epoch", "none"],
)  # fmt: skip
def test_nothing_is_said_elsewhere(losses: tuple[float | None, ...], best: list[int]) -> None:
    assert not [*still_learning(history(*losses), best)]


@pytest.mark.parametrize(("held_out", "where"), [(1.88, "below"), (1.1, "above"), (1.25, "at")])
def test_where_the_validation_of_a_text_lies_is_computed(held_out: float, where: str) -> None:
    model: Any = SimpleNamespace(best_epoch_=2)
    scores = {"held_out": {"loss": held_out}}
    evidence = TextEvidence(model, "a text", scores, history(1.5, 1.25, 1.3), {})
    said = evidence.validation_in_words
    assert said == f": at the best epoch it is 1.25, {where} the held-out loss, {held_out:g}"
    assert evidence.findings == []
