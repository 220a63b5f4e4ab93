"""Who is timed: each gives a function that trains for one epoch."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import handgrad as hg
from benchmarks.cases import Case

RunEpoch = Callable[[], object]


def handgrad_eager(case: Case) -> RunEpoch:
    """The public `train`, an epoch a report."""
    x, y = case.data()
    reports = hg.train(
        case.net(),
        (x, y),
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.SGD(0.01),
        epochs=10**9,
        batch_size=case.batch_size,
        metrics=[],
        rng=0,
    )
    return lambda: next(reports)


def numpy_by_hand(case: Case) -> RunEpoch:
    """The same layers in a plain loop, as the first pages of the story write it."""
    x, y = case.data()
    net, loss, rng = case.net(), hg.CrossEntropyLoss(), np.random.default_rng(0)

    def run_epoch() -> None:
        order = rng.permutation(len(x))
        for start in range(0, len(x), case.batch_size):
            rows = order[start : start + case.batch_size]
            loss.forward(net.forward(x[rows]), y[rows])
            net.backward(loss.backward())
            net.update(0.01)

    return run_epoch


def scikit_learn(case: Case) -> RunEpoch:
    """scikit-learn's MLPClassifier, plain SGD, one `partial_fit` an epoch."""
    from sklearn.neural_network import MLPClassifier

    x, y = case.data()
    options: dict[str, Any] = {"momentum": 0, "nesterovs_momentum": False, "alpha": 0}
    model = MLPClassifier(
        case.widths[1:-1],
        activation=case.activation,
        solver="sgd",
        batch_size=case.batch_size,
        learning_rate_init=0.01,
        random_state=0,
        **options,
    )
    classes = np.arange(case.widths[-1])

    def run_epoch() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.partial_fit(x, y, classes=classes)

    return run_epoch


PEERS: dict[str, Callable[[Case], RunEpoch]] = {
    "handgrad, eager": handgrad_eager,
    "NumPy by hand": numpy_by_hand,
    "scikit-learn": scikit_learn,
}
