"""Checks of a report: each has a table or a training that shows it, and one that does not."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import handgrad as hg
from handgrad.files.byte_pairs import BytePairs
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.checks import check_epochs, check_rows, still_learning
from handgrad.tables.reporting.scores import ScoredRows, scores_of
from handgrad.tables.reporting.text_writing import TextEvidence

CLASSES = ("no", "yes")
N = 200
Y = np.arange(N) % 2


def side(y: Any, said: Any, **columns: Any) -> ScoredRows:
    """Rows with their answers; of classes with a probability of .8 for what is said."""
    y, said = np.asarray(y), np.asarray(said)
    frame = pd.DataFrame(columns or {"noise": np.random.default_rng(9).normal(size=len(y))})
    p = None
    if y.dtype.kind == "i":
        k = 1 + int(max(1, y.max(), said.max()))
        p = np.where(said[:, None] == np.arange(k), 0.8, 0.2 / (k - 1))
    return ScoredRows(y, said, p, table=IndexedTable(frame), of=len(y))


def told(
    held: ScoredRows, training: ScoredRows | None = None, classes: Any = CLASSES
) -> list[hg.check.Finding]:
    held = replace(held, class_names=classes)
    return check_rows(held, training, scores_of(held, training), held.table.names).findings


def names(
    held: ScoredRows, training: ScoredRows | None = None, classes: Any = CLASSES
) -> list[str]:
    return [found.problem for found in told(held, training, classes)]


def half_right(y: Any, wrong: int) -> Any:
    """One in so many is wrong, of each class alike."""
    return np.where((np.arange(len(y)) // 2) % wrong == 0, 1 - np.asarray(y), y)


def test_nothing_is_said_of_good_answers_to_columns_that_overlap() -> None:
    rng = np.random.default_rng(1)
    for apart in (0.5, 1.5, 2.5):
        columns = {"x": Y + rng.normal(size=N) / apart, "kind": rng.choice(["a", "b"], N)}
        assert not names(side(Y, half_right(Y, 10), **columns))
    x, y = hg.data.load("iris")
    assert not names(side(y, y, petal=x[:, 2], width=x[:, 3]), classes=("a", "b", "c"))


@pytest.mark.parametrize(
    "column",
    [
        np.where(Y == 1, "cancelled", "active"),
        7.0 - 3 * Y,
        Y * 100 + np.random.default_rng(0).random(N),
        Y == 1,
    ],
    ids=["words", "numbers", "above a limit", "truth values"],
)
def test_a_column_that_restates_the_classes_is_named(column: Any) -> None:
    rng = np.random.default_rng(0)
    held = side(Y[:50], Y[:50], good=rng.normal(size=50), status=column[:50])
    training = side(Y[50:], Y[50:], good=rng.normal(size=150), status=column[50:])
    for first, second, n in ((held, training, 200), (training, None, 150)):
        (found,) = told(first, second)
        assert (found.problem, found.where) == ("target leakage", "column “status”")
        assert found.evidence == (
            f"it alone predicts 100.0% of {n} rows correctly: is it known at the time of "
            "prediction?"
        )


@pytest.mark.parametrize("large", [1e-300, 1e60, 1e300])
def test_numbers_beyond_single_precision_are_compared_too(large: float) -> None:
    columns = {"status": large * (7.0 - 3 * Y), "noise": large * np.random.default_rng(0).random(N)}
    found = told(side(Y, half_right(Y, 10), **columns))
    assert [one.where for one in found if one.problem == "target leakage"] == ["column “status”"]


def test_of_a_rare_class_a_column_must_find_the_rows_too() -> None:
    y = (np.arange(400) % 50 == 0).astype(int)
    rng = np.random.default_rng(0)
    assert names(side(y, y, noise=rng.normal(size=400))) == []
    assert names(side(y, y, same=y + rng.random(400) / 2)) == ["target leakage"]


def test_a_class_of_few_rows_hides_no_column_that_says_nearly_all() -> None:
    y = np.where(np.arange(400) < 3, 2, np.arange(400) % 5 == 0)
    decided = np.where(y == 1, "rejected", "paid")
    found = told(side(y, y, decided=decided), classes=("ok", "fraud", "unsure"))
    assert "it alone predicts 99.2% of 400 rows correctly" in found[0].evidence


@pytest.mark.parametrize(("wrong", "named"), [(3, True), (8, False)])
def test_a_column_that_tells_the_class_of_nearly_all_rows_is_named(wrong: int, named: bool) -> None:
    status = np.where(np.arange(N) < wrong, 1 - Y, Y)
    found = told(side(Y, half_right(Y, 10), status=status))
    assert [one.problem for one in found] == ["target leakage"] * named


def test_names_that_tell_rows_apart_restate_nothing() -> None:
    order = np.random.default_rng(0).permutation(N)
    assert not names(side(Y, half_right(Y, 10), name=[f"C{i:05d}" for i in order]))


def test_a_number_in_other_units_is_named_and_a_noisy_one_is_not() -> None:
    rng = np.random.default_rng(0)
    y = np.exp(rng.normal(size=N))
    said = y * 1.1
    for column, expected in ((y * 1.96, True), (-(y**3), True), (y + rng.normal(size=N), False)):
        found = told(side(y, said, price=column), classes=())
        assert [w.problem for w in found] == ["target leakage"] * expected
        assert all(
            "like the target, with a rank correlation of 1.000: is it" in w.evidence for w in found
        )


def test_few_rows_tell_nothing() -> None:
    assert names(side(Y[:18], Y[:18], same=Y[:18])) == ["few rows"]


def test_a_column_that_is_seldom_filled_in_is_looked_at_where_it_is() -> None:
    rng = np.random.default_rng(0)
    there = np.arange(N) < 80
    (found,) = told(side(Y, half_right(Y, 10), seldom=np.where(there, 1.0 * Y, np.nan)))
    assert found.evidence.startswith(
        "where it is filled in, for 40% of the rows, it alone predicts 100.0% of 80 rows correctly"
    )
    noise = np.where(there, rng.normal(size=N), np.nan)
    assert not names(side(Y, half_right(Y, 10), seldom=noise))


LEFT = np.random.default_rng(3).random(N) < 0.4
DATE = np.full(N, np.datetime64("2024-01-31"), "M8[s]")
FILLED = {
    "for all of one class": (LEFT, "it is filled in for 100% of “yes”, 0% of “no”: is it known"),
    "for half of one class": (LEFT & (np.arange(N) % 2 == 0), "% of “yes”, 0% of “no”: is it"),
    "for all but half of one class": (
        ~LEFT | (np.arange(N) % 2 == 0),
        "it is filled in for 100% of “no”, ",
    ),
    "for nearly all, and hardly any": (
        LEFT ^ (np.arange(N) % 150 == 0),
        "99% of “yes”, 1% of “no”",
    ),
}


@pytest.mark.parametrize("case", FILLED)
@pytest.mark.parametrize("cells", ["dates", "words", "numbers"])
def test_a_column_that_is_filled_in_for_one_class_is_named(case: str, cells: str) -> None:
    there, said = FILLED[case]
    rng = np.random.default_rng(0)
    column = {
        "dates": np.where(there, DATE, np.datetime64("NaT")),
        "words": np.where(there, rng.choice(["a", "b", "c"], N), np.array(None)),
        "numbers": np.where(there, rng.normal(size=N), np.nan),
    }[cells]
    y = LEFT.astype(int)
    (found,) = told(side(y, half_right(y, 10), good=rng.normal(size=N), ended=column))
    assert (found.problem, found.where) == ("target leakage", "column “ended”")
    assert said in found.evidence


def test_a_column_that_is_missing_by_chance_tells_nothing() -> None:
    rng = np.random.default_rng(0)
    for share in (0.05, 0.5, 0.9, 0.98):
        there = rng.random(N) < share + 0.1 * Y
        assert not names(side(Y, half_right(Y, 10), some=np.where(there, 1.0, np.nan)))
    rare = (np.arange(400) % 50 == 0).astype(int)
    few = np.where(rng.random(400) < 0.06, 1.0, np.nan)
    assert "target leakage" not in names(side(rare, rare, few=few))


def test_of_several_classes_the_one_is_named_that_has_the_cells() -> None:
    y = np.arange(N) % 3
    column = np.where(y == 2, 5.0, np.nan)
    found = told(side(y, half_right(y, 10) % 3, ended=column), classes=("a", "b", "c"))
    assert "it is filled in for 100% of “c”, 0% of the other classes" in found[0].evidence


def test_a_column_that_is_filled_in_for_large_numbers_only_is_named() -> None:
    rng = np.random.default_rng(0)
    y = np.where(rng.random(N) < 0.3, 50 + rng.normal(size=N), 0)
    fee = np.where(y > 0, rng.normal(size=N), np.nan)
    (found,) = told(side(y, y + rng.normal(size=N), fee=fee), classes=())
    assert "the rows, with a median target of 49.9; the others have 0:" in found.evidence
    chance = np.where(rng.random(N) < 0.3, 1.0, np.nan)
    assert not names(side(y, y + rng.normal(size=N), fee=chance), classes=())


def test_a_score_that_tells_two_classes_apart_is_named() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=N)
    for apart, named in ((4.0, True), (2.0, False)):
        for score in (apart * Y + noise, -apart * Y + noise):
            found = told(side(Y, half_right(Y, 10), score=score))
            assert [w.problem for w in found] == ["target leakage"] * named
            assert all("it alone separates the two classes, with a ROC AUC of 0.99" in w.evidence
                       for w in found)  # fmt: skip


def test_a_class_that_is_never_found_is_named_with_its_rows() -> None:
    y = (np.arange(N) % 20 == 0).astype(int)
    assert "class never found" in names(side(y, 0 * y))
    (found, *_) = told(side(y[:40], 0 * y[:40]), side(y[40:], 0 * y[40:]))
    assert (found.problem, found.where) == ("class never found", "class “yes”")
    assert found.evidence == "0 of its 10 rows, training rows included, are predicted correctly"
    assert found.advice.endswith(
        "--class-weight balanced, or sample_weight; or another threshold: --threshold f1"
    )
    assert not {"class never found", "class hardly ever found"} & {*names(side(y, y))}
    four = (np.arange(N) < 4).astype(int)
    assert "class never found" not in names(side(four, 0 * four))


def test_a_class_known_from_the_training_only_is_not_found() -> None:
    y = (np.arange(N) % 20 == 0).astype(int)
    found = told(side(y, 0 * y), side(y, y))[0]
    assert found.evidence == "0 of its 10 rows held out are predicted correctly"


def test_a_class_of_one_row_held_out_is_told_as_such() -> None:
    y = (np.arange(N) == 3).astype(int)
    found = {w.problem: w for w in told(side(y, y))}["few rows"]
    assert "only 1 row of “yes” held out: these scores are noisy" in found.evidence
    assert "ROC AUC" in found.evidence
    y = (np.arange(N) < 5).astype(int)
    assert not names(side(y, y))


@pytest.mark.parametrize(("wrong", "named"), [(3, True), (8, False)])
def test_a_gap_between_training_and_held_out_is_over_fitting(wrong: int, named: bool) -> None:
    held, training = side(Y, half_right(Y, wrong)), side(Y, half_right(Y, 25))
    found = [w for w in told(held, training) if w.problem == "over-fitting"]
    assert bool(found) == named
    if named:
        accuracy = 1 - (held.y != held.predicted).mean()
        assert found[0].evidence == (
            f"accuracy is 96.0% for training rows, {accuracy:.1%} for held-out rows, 50.0% for "
            "guessing"
        )
    assert "over-fitting" not in names(training, held)
    assert "over-fitting" not in names(side(Y[:12], half_right(Y[:12], wrong)), training)


def test_errors_of_numbers_that_grow_twofold_are_over_fitting() -> None:
    rng = np.random.default_rng(0)
    y, noise = rng.normal(size=N), rng.normal(size=N)
    training, held = side(y, y + 0.2 * noise), side(y, y + 0.8 * noise)
    assert names(held, training, classes=()) == ["over-fitting"]
    assert names(training, training, classes=()) == []


def test_answers_that_chance_could_give_are_no_better_than_guessing() -> None:
    rng = np.random.default_rng(0)
    (found,) = told(side(Y, rng.integers(0, 2, N)))
    assert found.problem == "no better than guessing"
    y = rng.normal(size=N)
    assert names(side(y, rng.normal(size=N)), classes=()) == ["no better than guessing"]
    assert names(side(y, y + rng.normal(size=N) / 2), classes=()) == []


def test_probabilities_may_be_better_than_guesses_where_the_classes_are_not() -> None:
    y = (np.arange(N) % 10 == 0).astype(int)
    held = side(y, 0 * y)
    p = np.where(y == 1, 0.4, 0.02)
    better = replace(held, p=np.stack([1 - p, p], axis=1))
    assert "no better than guessing" not in names(better)
    assert "no better than guessing" in names(held)


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
def test_a_training_that_stopped_improving_has_no_finding(
    losses: tuple[float | None, ...], best: list[int]
) -> None:
    assert not check_epochs(history(*losses), best).findings


@pytest.mark.parametrize(
    ("losses", "best", "state"),
    [
        ((3.0, 2.0, 2.5), [2], "made"),
        ((None, None, None), [3], "skipped"),
        ((3.0, 2.0, float("nan")), [3], "skipped"),
        ((3.0,), [1], "skipped"),
        ((3.0, 2.0, 1.0), [], "not applicable"),
    ],
)
def test_a_training_without_two_judged_epochs_is_not_checked(
    losses: tuple[float | None, ...], best: list[int], state: str
) -> None:
    (check,) = check_epochs(history(*losses), best).checks
    assert check.state == state
    assert bool(check.why) == (state != "made")


@pytest.mark.parametrize(("held_out", "where"), [(1.88, "below"), (1.1, "above"), (1.25, "at")])
def test_where_the_validation_of_a_text_lies_is_computed(held_out: float, where: str) -> None:
    model: Any = SimpleNamespace(best_epoch_=2, pairs_=BytePairs("ab"))
    scores = {"held_out": {"loss": held_out}}
    evidence = TextEvidence(model, "a text", scores, history(1.5, 1.25, 1.3), {})
    said = evidence.validation_in_words
    assert said == f": at the best epoch it is 1.25, {where} the held-out loss, {held_out:g}"
    assert evidence.findings == []
