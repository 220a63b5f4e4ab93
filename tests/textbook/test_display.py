"""What results show as the last line of a cell: whole where they are texts, else in a few words."""

from collections.abc import Callable

import numpy as np
import pytest
from IPython.lib.pretty import pretty

import handgrad as hg
from handgrad.check.doctor.findings import Diagnosis, Finding

X, Y = hg.data.make_moons(60, rng=0)
LOSS = hg.CrossEntropyLoss()


def net() -> hg.Net:
    return hg.Net(hg.Linear(2, 5, rng=0), hg.ReLU(), hg.Linear(5, 2, rng=1), hg.Softmax())


def trained() -> hg.training.History:
    return hg.fit(net(), (X, Y), loss=LOSS, optimizer=hg.SGD(0.1), epochs=3, validation=0.2, rng=0)


FINDING = Finding("dead units", "layer 2 of 4, ReLU()", "3 of 5 are 0", "a smaller learning rate")
WHOLE: dict[str, Callable[[], object]] = {
    "trace": lambda: hg.trace(net(), LOSS),
    "gradient check": lambda: hg.check_gradients(net(), LOSS),
    "comparison": lambda: hg.check_gradients(hg.Tanh()).comparisons[0],
    "diagnosis": lambda: Diagnosis((FINDING,), ("over-fitting: needs rows",)),
    "finding": lambda: FINDING,
    "summary": lambda: net().summary(),
}
SHORT: dict[str, tuple[Callable[[], object], str]] = {
    "trace": (WHOLE["trace"], "<Graph: Net(Linear(2, 5), ReLU()"),
    "gradient check": (WHOLE["gradient check"], "all gradients are right>"),
    "comparison": (WHOLE["comparison"], "<Comparison: dx, alone: right at 20 entries>"),
    "diagnosis": (WHOLE["diagnosis"], "<Diagnosis: dead units>"),
    "well": (Diagnosis, "<Diagnosis: no problems found>"),
    "history": (trained, "<History: 3 epochs (all 3 epochs were run), the last with train_loss"),
    "report": (lambda: trained()[-1], "<EpochReport: epoch 3, train_loss 0."),
    "evaluation": (
        lambda: hg.evaluate(net(), (X, Y), loss=LOSS, engine="eager"),
        "<Evaluation: loss 0.7137, accuracy 0.45>",
    ),
    "search": (
        lambda: hg.training.find_learning_rate(
            net(), (X, Y), loss=LOSS, optimizer=hg.SGD(0.1), rng=0
        ),
        " suggested, of ",
    ),
    "capacity": (
        lambda: hg.training.CapacityCurve(
            train={"loss": np.ones((2, 3))},
            validation={"loss": np.ones((2, 3))},
            capacities=np.array([1, 8]),
        ),
        "<CapacityCurve: 2 capacities from 1 to 8, 3 seeds each>",
    ),
    "learning": (
        lambda: hg.training.LearningCurve(
            train={"loss": np.ones((2, 3))},
            validation={"loss": np.ones((2, 3))},
            rows=np.array([10, 80]),
        ),
        "<LearningCurve: 2 numbers of rows from 10 to 80, 3 seeds each>",
    ),
    "importance": (
        lambda: hg.tables.PermutationImportance(
            tuple("abcd"), np.array([[0.1], [0.4], [0.2], [0.3]]), 0.9, "r2", 50
        ),
        "<PermutationImportance: b 0.4, d 0.3, c 0.2, … of 4 columns>",
    ),
    "dependence": (
        lambda: hg.tables.PartialDependence(
            "a", "number", np.ones(7), np.ones((7, 1)), ("prediction",), np.ones(7), 50
        ),
        "<PartialDependence: a, at 7 values>",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_cell_that_ends_with_it_shows_what_print_shows(name: str) -> None:
    result = WHOLE[name]()
    assert pretty(result) == str(result)
    assert "\n" in str(result) or name == "comparison"


@pytest.mark.parametrize("name", SHORT)
def test_its_repr_is_a_few_words(name: str) -> None:
    make, words = SHORT[name]
    text = repr(make())
    assert words in text
    assert text.startswith("<")
    assert len(text) < 200
    assert "\n" not in text


def test_the_summary_is_a_text_as_it_was() -> None:
    assert isinstance(net().summary(), str)
    assert net().summary().splitlines()[1].startswith("1  Linear(2, 5)     (n, 5)          15  ")


def test_no_operation_of_a_graph_shows_where_a_function_lies() -> None:
    assert " at 0x" not in repr(hg.trace(net(), LOSS).nodes)
