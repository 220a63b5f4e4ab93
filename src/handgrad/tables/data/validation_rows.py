"""Validation rows given to the `fit` of an estimator as `eval_set`."""

from typing import Any

from handgrad.textbook.errors import DataError, described
from handgrad.training.validate_data import pair_and_weights


def parts_of(eval_set: object) -> tuple[object, object, object]:
    """Rows, targets and weights (or None) of one set, or of a list of one set."""
    sets: list[Any] = [eval_set]
    if isinstance(eval_set, list) and eval_set and isinstance(eval_set[0], tuple):
        sets = eval_set
    try:
        (one_set,) = sets  # a list as in XGBoost and LightGBM
        (X, y), w = pair_and_weights(one_set)
    except (TypeError, ValueError):
        came = described(eval_set)
        if isinstance(eval_set, list | tuple):
            came = f"{len(sets)} sets" if len(sets) > 1 else f"{len(sets[0])} parts"
        raise DataError(
            f"eval_set: {came}",
            "one pair (X, y), or (X, y, sample_weight)",
            "model.fit(X, y, eval_set=(X_val, y_val))",
        ) from None
    return X, y, w
