"""scikit-learn's MLPClassifier, plain SGD or Adam, one `partial_fit` an epoch."""

import warnings
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.cases import Case
from benchmarks.peers import NotOffered, Run


def _model(case: Case, optimizer: str) -> Any:
    if case.targets != "classes":
        raise NotOffered("the classifier only")
    options: dict[str, Any] = {"momentum": 0, "nesterovs_momentum": False, "alpha": 0}
    return MLPClassifier(
        case.widths[1:-1],
        activation=case.activation,
        solver=optimizer.lower(),
        batch_size=case.batch_size,
        learning_rate_init=case.rate(optimizer),
        random_state=0,
        **options,
    )


def training(case: Case, optimizer: str) -> Run:
    """Its own first weights and order of rows: its loss is not compared."""
    model, (x, y) = _model(case, optimizer), case.data()
    classes = np.arange(case.widths[-1])

    def run(epochs: int) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(epochs):
                model.partial_fit(x, y, classes=classes)
        return float(model.loss_)

    return run


def prediction(case: Case, rows: int) -> Run:
    """`predict_proba`, with the weights of the case."""
    model, (x, y) = _model(case, "SGD"), case.data()
    model.partial_fit(x[:100], y[:100], classes=np.arange(case.widths[-1]))
    model.coefs_ = [np.ascontiguousarray(W.T) for W, _ in case.weights()]
    model.intercepts_ = [b for _, b in case.weights()]
    x = x[:rows]

    def run(times: int) -> Any:
        for _ in range(times):
            p = model.predict_proba(x)
        return p

    return run
