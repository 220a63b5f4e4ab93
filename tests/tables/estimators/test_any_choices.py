"""Whatever is chosen beside scikit-learn's settings: it works whole, or it is refused whole."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import handgrad as hg
from tests.tables.estimators.data import TASKS, WEIGHTS, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def line(done: Any) -> Any:
    """A schedule of one's own."""
    return 1 - done


CHOICES = st.fixed_dictionaries(
    {
        "hidden_layer_sizes": st.sampled_from([(), (5,), (4, 3)]),
        "activation": st.sampled_from(["relu", "identity", hg.GELU()]),
        "solver": st.sampled_from(
            [
                "adam",
                "sgd",
                "lbfgs",
                "adamw",
                "lion",
                "rmsprop",
                hg.optimizers.NAdam(0.01),
                hg.SGD(0.001),
            ]
        ),
        "learning_rate": st.sampled_from(
            ["constant", "adaptive", "invscaling", "cosine", "coslog", line]
        ),
        "loss": st.sampled_from(  # of classes, of numbers
            [
                ("log_loss", "squared_error"),
                ("hinge", "huber"),
                ("focal", "quantile"),
                ("label_smoothing", "poisson"),
                (hg.CrossEntropyLoss(), hg.losses.MAELoss()),
            ]
        ),
        "normalization": st.sampled_from([None, "batch", "layer"]),
        "dropout": st.sampled_from([0.0, 0.2]),
        "early_stopping": st.booleans(),
        "scoring": st.sampled_from(
            [None, "loss", "log_loss", "f1_macro", "r2", "neg_log_loss", "roc_auc"]
        ),
        "warm_start": st.booleans(),
        "max_iter": st.integers(1, 6),
        "batch_size": st.sampled_from(["auto", 29, 44]),
    }
)


@given(
    task=st.sampled_from(sorted(TASKS)),
    chosen=CHOICES,
    weighted=st.booleans(),
    looked_at=st.booleans(),
    fits=st.lists(st.sampled_from(["fit", "partial_fit"]), min_size=1, max_size=3),
)
@settings(max_examples=150, derandomize=True)
def test_any_choice_works_whole_or_is_refused_whole(
    task: str, chosen: dict[str, Any], weighted: bool, looked_at: bool, fits: list[str]
) -> None:
    _, kind, y, _ = TASKS[task]
    loss = chosen["loss"][kind is hg.MLPRegressor]
    model = kind(**chosen | {"loss": loss}, random_state=0, engine="eager")
    w = WEIGHTS + 0.1 if weighted else None
    held = {"eval_set": (X[60:], y[60:])} if looked_at else {}
    epochs, classes = 0, np.arange(3) if y.ndim > 1 else np.unique(y)
    for name in fits:
        before = None if not hasattr(model, "net_") else model.net_.parameters.copy()
        more: dict[str, Any] = held
        if name == "partial_fit":
            first = kind is hg.MLPClassifier and not hasattr(model, "classes_")
            more = {"classes": classes} if first else {}
        refused: Exception | None = None
        try:
            getattr(model, name)(X[:60], y[:60], None if w is None else w[:60], **more)
        except (ValueError, AttributeError) as error:
            refused = error
        if refused is not None:
            ours = isinstance(refused, hg.HandgradError)
            assert ours or "parameter of MLP" in str(refused) or name == "partial_fit"
            if before is not None:
                np.testing.assert_array_equal(model.net_.parameters, before)
            return
        epochs = (epochs if before is not None and chosen["warm_start"] else 0) + model.n_iter_
        check(model, y, epochs if {*fits} == {"fit"} and chosen["solver"] != "lbfgs" else None)


def check(model: Any, y: Any, epochs: int | None) -> None:
    """The model says what it should of the rows, and so does its pickle."""
    p = model.predict(X)
    assert p.shape == y.shape
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.predict(X), p)
    if hasattr(model, "predict_proba"):
        assert ((model.predict_proba(X) >= 0) & (model.predict_proba(X) <= 1)).all()
    if model.hidden_layer_sizes:
        assert model.transform(X).shape == (90, model.hidden_layer_sizes[-1])
    if epochs is not None:
        assert len(model.loss_curve_) == epochs
        if model.validation_scores_ is not None:
            assert len(model.validation_scores_) == len(model.validation_loss_curve_) == epochs
    assert str(clone(model).get_params()["solver"]) == str(model.solver)
