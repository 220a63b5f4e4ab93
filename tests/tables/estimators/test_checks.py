"""All of scikit-learn's checks of estimators pass, with each solver and what is beside them."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import handgrad as hg
from handgrad import MLPClassifier, MLPRegressor

SETTINGS: list[dict[str, Any]] = [
    {"solver": "adam"},
    {"solver": "sgd"},
    {"solver": "lbfgs", "max_iter": 50},
    {"solver": hg.AdamW(1e-3), "normalization": "layer", "learning_rate": "cosine"},
]
LOSSES: dict[Any, tuple[str, str]] = {
    MLPClassifier: ("hinge", "label_smoothing"),
    MLPRegressor: ("huber", "quantile"),
}
ESTIMATORS = [
    *(kind(**{"max_iter": 100, **given}) for kind in LOSSES for given in SETTINGS),
    *(kind(max_iter=100, loss=loss) for kind, losses in LOSSES.items() for loss in losses),
]
BATCHES = [kind(max_iter=100, normalization="batch") for kind in LOSSES]
OF_ITS_OWN = "the mean of a batch counts each row once, whatever its weight"
OF_WEIGHTS = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_scikit_learns_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    BATCHES, expected_failed_checks=lambda estimator: dict.fromkeys(OF_WEIGHTS, OF_ITS_OWN)
)  # type: ignore[untyped-decorator]
def test_they_pass_with_batch_normalization_but_for_weights(estimator: Any, check: Any) -> None:
    check(estimator)
