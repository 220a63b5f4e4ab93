"""All of scikit-learn's checks of estimators pass, with each solver."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from handgrad import MLPClassifier, MLPRegressor

ESTIMATORS = [
    kind(solver=solver, max_iter=max_iter)
    for kind in (MLPClassifier, MLPRegressor)
    for solver, max_iter in (("adam", 100), ("sgd", 100), ("lbfgs", 50))
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_scikit_learns_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)
