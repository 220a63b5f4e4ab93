"""Data is checked once, where it comes in, with one prediction before the first step."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.training import validate_data
from handgrad.training.loop import EpochLoop
from tests.bad_input.refused import refused

X, Y = hg.data.load("iris")
W = np.linspace(0.1, 1, len(Y))


def a_net() -> hg.Net:
    return hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts of calls; for a training, those before its first step."""
    seen: Counter[str] = Counter()

    def count(owner: Any, name: str, what: str) -> None:
        original = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            if "steps" not in seen:
                seen[what] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    count(validate_data, "checked_inputs", "checks")
    count(hg.Net, "predict", "predictions")
    count(EpochLoop, "__iter__", "steps")
    return seen


def trained(**settings: Any) -> None:
    usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "epochs": 1}
    hg.fit(a_net(), (X, Y), rng=0, class_weight="balanced", sample_weight=W, **usual | settings)


@pytest.mark.parametrize(
    "run",
    [
        trained,
        lambda: trained(validation=0.2),
        lambda: hg.TabularClassifier(n_members=2, epochs=1, random_state=0).fit(X, Y),
    ],
    ids=["fit", "fit with a fraction held out", "TabularClassifier"],
)
def test_a_training_checks_its_data_once(run: Callable[[], object], seen: Counter[str]) -> None:
    run()
    assert seen == {"checks": 1, "predictions": 1, "steps": 1}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_scikit_learn_has_checked_is_not_checked_again(seen: Counter[str]) -> None:
    hg.MLPClassifier((4,), max_iter=2, early_stopping=True, random_state=0).fit(X, Y)
    assert seen == {"steps": 1}


def test_an_evaluation_checks_its_data_once(seen: Counter[str]) -> None:
    hg.evaluate(a_net(), (X, Y), loss=hg.CrossEntropyLoss(), sample_weight=W)
    assert seen == {"checks": 1, "predictions": 2}  # the second is evaluated


def test_a_metric_that_fails_on_the_held_out_rows_is_refused_before_the_first_step(
    seen: Counter[str],
) -> None:
    def metric(p: Any, y: Any) -> float:
        return 1.0 / (len(y) > 50)

    with refused(hg.errors.SettingError, "metric 'metric' failed on 30 rows"):
        trained(validation=0.2, metrics=[metric])
    assert "steps" not in seen
