"""Fits of MLPClassifier, handgrad's and scikit-learn's in turn: `estimator_fits CASE TURNS`."""

import json
import sys
import time
import warnings
from typing import Any

from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as Peer
from sklearn.preprocessing import StandardScaler

from benchmarks.held import hold_machine_code
from handgrad import MLPClassifier

CASES: dict[str, tuple[Any, dict[str, Any], int]] = {
    "wine": (load_wine, {"return_X_y": True}, 200),
    "breast_cancer": (load_breast_cancer, {"return_X_y": True}, 200),
    "digits": (load_digits, {"return_X_y": True}, 200),
    "20 000 × 50": (
        make_classification,
        {"n_samples": 20_000, "n_features": 50, "n_informative": 20, "random_state": 0},
        20,
    ),
}


def seconds(model: Any, x: Any, y: Any) -> float:
    """How long it takes to fit."""
    started = time.perf_counter()
    model.fit(x, y)
    return time.perf_counter() - started


def multiplications(model: Any, rows: int) -> int:
    """Those of a fit's matrix products: three a layer, without dx of the first."""
    first, *others = (W.size for W in model.coefs_)
    return int(model.n_iter_) * rows * (2 * first + 3 * sum(others))


def main() -> None:
    """Print the seconds of the first fit in this process, and of later ones, of each."""
    hold_machine_code()
    make, arguments, epochs = CASES[sys.argv[1]]
    x, y = make(**arguments)
    x = StandardScaler().fit_transform(x)
    settings: dict[str, Any] = {"random_state": 0, "max_iter": epochs}
    warnings.simplefilter("ignore", ConvergenceWarning)
    kinds = {"handgrad": MLPClassifier, "scikit-learn": Peer}
    cold = {name: seconds(kind(**settings), x, y) for name, kind in kinds.items()}
    named = {"handgrad": {**settings, "engine": "compiled"}, "scikit-learn": settings}
    model = MLPClassifier(**named["handgrad"]).fit(x, y)
    warm: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(int(sys.argv[2])):
        for name, kind in kinds.items():
            warm[name].append(seconds(kind(**named[name]), x, y))
    count = multiplications(model, len(x))
    print(json.dumps({"cold": cold, "warm": warm, "multiplications": count}))


if __name__ == "__main__":
    main()
