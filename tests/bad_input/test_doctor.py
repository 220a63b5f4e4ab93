"""What the doctor refuses: in three parts, with nothing changed."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

X, Y = hg.data.make_moons(40, rng=0)


def net() -> hg.Net:
    return hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())


@pytest.mark.parametrize(
    "history", [3, "history", [0.5, 0.4], hg.training.EpochReport(1, 0.5), {"train_loss": [1]}]
)
def test_a_history_is_a_history_or_reports(history: Any) -> None:
    with refused(hg.errors.SettingError, "history = ", "a list of reports"):
        hg.diagnose(net(), history, (X, Y))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"loss": hg.CrossEntropyLoss}, ("loss = ", "with parentheses")),
        ({"loss": "cross_entropy"}, ("loss = 'cross_entropy'", "hg.losses.Loss")),
        ({"optimizer": 0.1}, ("optimizer = 0.1", "hg.optimizers.Optimizer")),
    ],
)
def test_a_loss_and_an_optimizer_are_what_they_are_called(
    given: dict[str, Any], words: tuple[str, ...]
) -> None:
    with refused(hg.errors.SettingError, *words):
        hg.diagnose(net(), None, (X, Y), **given)


def test_a_net_is_a_net() -> None:
    with refused(hg.errors.SettingError, "net = ", "hg.Net"):
        hg.diagnose(hg.Linear(2, 2), None, (X, Y))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (X, hg.errors.DataError, ("a pair (x, y)",)),
        ((X, Y[:-1]), hg.errors.DataError, ("40", "39")),
        ((X[:0], Y[:0]), hg.errors.DataError, ("at least one row",)),
        ((3.0, 1), hg.errors.DataError, ("at least one row",)),
        ((X[:, :1], Y), hg.errors.ShapeError, ("1 features", "layer 1 of 2")),
        ((X, Y + 5), hg.errors.DataError, ("for 2 classes",)),
        (([["a", "b"]], [0]), hg.errors.DataError, ("numbers",)),
        (([[1.0, 2.0], [1.0]], [0, 1]), hg.errors.DataError, ("rows of different lengths",)),
    ],
)
def test_rows_are_what_train_takes(data: Any, kind: Any, words: tuple[str, ...]) -> None:
    given = net()
    with refused(kind, *words, net=given):
        hg.diagnose(given, None, data)
    with refused(kind, net=given):
        hg.diagnose(given, None, (X, Y), validation=data)


def test_a_net_without_layers_is_refused() -> None:
    with refused(hg.errors.SettingError, "a net without layers"):
        hg.diagnose(hg.Net(), None, (X, Y), loss=hg.CrossEntropyLoss())


@pytest.mark.parametrize("every", [0, -1, 1.5, "often", True])
def test_every_is_a_whole_number_of_epochs(every: Any) -> None:
    with refused(hg.errors.SettingError, "every = "):
        hg.check.diagnosing([], net(), (X, Y), every=every)


def test_beside_a_training_all_is_checked_before_its_first_epoch() -> None:
    given = net()
    reports = hg.train(given, (X, Y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=2)
    with refused(hg.errors.DataError, net=given):
        hg.check.diagnosing(reports, given, (X, Y[:-1]))


def test_an_error_within_a_layer_is_passed_on_with_its_place() -> None:
    class Broken(hg.Layer):
        def forward(self, x: Any) -> Any:
            return x @ np.ones((5, 5))

    with refused(hg.errors.ShapeError, "layer 2 of 2, Broken()"):
        hg.diagnose(hg.Net(hg.Linear(2, 2, rng=0), Broken()), None, (X, Y))


def test_an_argument_that_there_is_not_is_refused() -> None:
    misspelt: Any = {"losss": hg.CrossEntropyLoss()}
    with refused(hg.errors.SettingError, "diagnose was given losss=", "did you mean 'loss'?"):
        hg.diagnose(net(), None, (X, Y), **misspelt)
    with refused(hg.errors.SettingError, "diagnosing was given losss=", "did you mean 'loss'?"):
        hg.check.diagnosing([], net(), (X, Y), **misspelt)
