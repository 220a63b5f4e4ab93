"""Whatever the settings, and however fits follow one another: scikit-learn's numbers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tables.estimators.data import TASKS, WEIGHTS, X, target
from tests.tables.estimators.test_parity import assert_same, both

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Got `batch_size`:UserWarning"
)
SETTINGS = st.fixed_dictionaries(
    {
        "hidden_layer_sizes": st.sampled_from([(), 3, (5,), (4, 3)]),
        "activation": st.sampled_from(["identity", "logistic", "tanh", "relu"]),
        "solver": st.sampled_from(["adam", "sgd"]),
        "alpha": st.sampled_from([0.0, 1e-4, 1.0]),
        "batch_size": st.one_of(st.just("auto"), st.integers(4, 120)),
        "learning_rate": st.sampled_from(["constant", "invscaling", "adaptive"]),
        "learning_rate_init": st.sampled_from([1e-3, 0.01]),
        "power_t": st.sampled_from([0.0, 0.2, 0.5]),
        "max_iter": st.integers(1, 20),
        "shuffle": st.booleans(),
        "random_state": st.integers(0, 1000),
        "tol": st.sampled_from([0.0, 1e-4, 0.1]),
        "warm_start": st.booleans(),
        "momentum": st.sampled_from([0.0, 0.5, 0.9]),
        "nesterovs_momentum": st.booleans(),
        "early_stopping": st.booleans(),
        "validation_fraction": st.sampled_from([0.1, 0.3]),
        "beta_1": st.sampled_from([0.0, 0.9]),
        "beta_2": st.sampled_from([0.9, 0.999]),
        "epsilon": st.sampled_from([1e-8, 1e-3]),
        "n_iter_no_change": st.sampled_from([1, 3, 10]),
    }
)


@given(
    task=st.sampled_from(sorted(TASKS)),
    chosen=SETTINGS,
    weighted=st.booleans(),
    fits=st.lists(st.sampled_from(["fit", "partial_fit"]), min_size=1, max_size=3),
)
@settings(max_examples=80, derandomize=True)
def test_any_settings_give_the_same_numbers(
    task: str, chosen: dict[str, Any], weighted: bool, fits: list[str]
) -> None:
    y = target(task, early_stopping=chosen["early_stopping"])
    if chosen["early_stopping"]:
        fits = ["fit" for _ in fits]
    models = both(TASKS[task], **chosen, engine="eager")
    for name in fits:
        for model in models:
            first = name == "partial_fit" and hasattr(model, "predict_proba")
            classes = {"classes": np.arange(3) if y.ndim > 1 else np.unique(y)} if first else {}
            w = WEIGHTS + 0.1 if weighted else None
            getattr(model, name)(X, y, sample_weight=w, **classes)
        assert_same(models, tolerance=1e-5)
