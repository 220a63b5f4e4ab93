"""Reference models: a linear model and gradient boosting, on the same rows as the net of a run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from handgrad.files.features import Column
from handgrad.tables.data.table_options import option
from handgrad.tables.inspection.tables import stacked
from handgrad.tables.reporting.comparison import Comparison, Reference
from handgrad.tables.reporting.comparison import differences_in_words as differences_in_words
from handgrad.tables.reporting.intervals import half_width, losses_of, units_in
from handgrad.tables.runs.models import PredictedRows, weights_of
from handgrad.tables.runs.pictures import PicturesInMemory
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.training_table import TableInMemory, TrainingTable
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.training.results import Predictor, is_classifier

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

# Most cells of the training rows, times trees of an iteration, that are fitted without being asked.
CHEAP = 100_000
# Most categories of a column, and fewest rows of each; rarer texts share one.
MOST_ONE_HOT, MOST_CODES, LEAST = 64, 250, 2


def check_comparable(settings: RunSettings, table: TrainingTable) -> None:
    """Refuse to compare with reference models where they cannot be fitted."""
    if settings.compare and (table.streamed or isinstance(table, PicturesInMemory)):
        what = "pictures" if not table.streamed else "a table in chunks"
        raise SettingError(
            f"{option('compare', True)}, for {what}",
            "a table in memory",
            f"without {option('compare')}"
            + f"; or a larger {option('memory')}, if the machine has it" * table.streamed,
        )


def is_cheap(table: TrainingTable) -> bool:
    """Return True if reference models take a small share of the time of the net's fit."""
    if not isinstance(table, TableInMemory) or isinstance(table, PicturesInMemory):
        return False
    trees = len(table.classes) if len(table.classes) > 2 else 1
    return table.n_rows * len(table.feature_names) * trees <= CHEAP


def compared(
    settings: RunSettings,
    learned: TableInMemory,
    held_out: TableInMemory,
    net: PredictedRows,
    metrics: Sequence[str],
    *,
    independent: bool,
) -> Comparison:
    """Scores of the reference models on the held-out rows, and how much larger their losses are.

    `net` are the predictions of the model of the run for these rows. The difference of the losses
    has a confidence interval if the rows are `independent` of those of the training.
    """
    (X, y), (X_held, _) = learned.to_evaluate(), held_out.to_evaluate()
    columns = stacked(X, X_held).columns()
    weights = weights_of(settings, learned, learned.row_roles.weights_in_scores)
    codes = _codes(learned, y)
    losses = _losses(net)
    units = units_in(held_out.row_roles, losses) if independent else None
    references: dict[str, Reference] = {}
    for name, kind in _models(settings, of_classes=bool(learned.classes)).items():
        # Threads of OpenMP wait for each other in loops, ten times as long on a busy machine.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of steps of the solver
            x, x_held = kind.encoded(columns, len(y))
            model: Any = kind.estimator.fit(x, codes, sample_weight=weights)
            rows = _predicted(model, x_held, net)
        larger = _losses(rows) - losses
        if net.w is not None:
            larger = larger * net.w / net.w.mean()
        mean, half = float(larger.mean()), half_width(larger, units)
        references[name] = {
            "model": type(kind.estimator).__name__,
            "scores": rows.scores(metrics),
            "larger_loss": {
                "of": "log_loss" if net.classes else net.deviance or "mean_absolute_error",
                "mean": mean,
                "between": [mean - half, mean + half] if independent else None,
            },
        }
    return references


def boosting_predicts(
    settings: RunSettings, learned: TableInMemory, held_out: TableInMemory
) -> tuple[Array, Array]:
    """Held-out targets and the predictions of gradient boosting: class indices or numbers, (n,)."""
    (X, y), (X_held, y_held) = learned.to_evaluate(), held_out.to_evaluate()
    y, y_held = _codes(learned, y), _codes(learned, y_held)
    kind = _models(settings, of_classes=bool(learned.classes))["boosting"]
    with threadpool_limits(1):
        x, x_held = kind.encoded(stacked(X, X_held).columns(), len(y))
        weights = weights_of(settings, learned, learned.row_roles.weights_in_scores)
        model: Any = kind.estimator.fit(x, y, sample_weight=weights)
        return y_held, np.asarray(model.predict(x_held))


def _codes(table: TableInMemory, y: Array) -> Array:
    """Class indices of targets of a table; numbers stay."""
    return np.searchsorted(np.unique(table.target.values), y) if table.classes else y


@dataclass(frozen=True)
class _Kind:
    """A reference model and the encoders of its columns: numbers first, then texts."""

    estimator: BaseEstimator
    numbers: Any
    texts: Any

    def encoded(self, columns: dict[str, Column], n: int) -> tuple[Array, Array]:
        """Rows of training, the first n, and held-out rows as matrices, sparse if that is less."""
        from scipy.sparse import hstack, issparse

        sides = [list[Array](), list[Array]()]
        for numbers, encoder in ((True, self.numbers), (False, self.texts)):
            cells = _cells(columns, n, numbers=numbers)
            if cells.shape[1]:
                encoder.fit(cells[:n])
                sides[0].append(encoder.transform(cells[:n]))
                sides[1].append(encoder.transform(cells[n:]))
        if any(map(issparse, sides[0])):
            return hstack(sides[0], format="csr"), hstack(sides[1], format="csr")
        return np.hstack(sides[0]).astype(float), np.hstack(sides[1]).astype(float)


def _models(settings: RunSettings, *, of_classes: bool) -> dict[str, _Kind]:
    """The reference models, with scikit-learn's defaults and encoders."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import (
        FunctionTransformer,
        OneHotEncoder,
        OrdinalEncoder,
        StandardScaler,
    )

    linear, boosting = _models_of_classes(settings) if of_classes else _models_of_numbers(settings)
    filled = SimpleImputer(strategy="median", add_indicator=True)
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=LEAST,
        max_categories=MOST_ONE_HOT,
    )
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        min_frequency=LEAST,
        max_categories=MOST_CODES,
    )
    return {
        "linear": _Kind(linear, make_pipeline(filled, StandardScaler()), one_hot),
        "boosting": _Kind(boosting, FunctionTransformer(), codes),
    }


def _models_of_classes(settings: RunSettings) -> tuple[BaseEstimator, BaseEstimator]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    boosting = HistGradientBoostingClassifier(random_state=settings.seed)
    return LogisticRegression(max_iter=200), boosting


def _models_of_numbers(settings: RunSettings) -> tuple[BaseEstimator, BaseEstimator]:
    """A linear model and gradient boosting, of the loss; boosting has none for Tweedie."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import GammaRegressor, PoissonRegressor, Ridge, TweedieRegressor

    # the penalty of scikit-learn's examples with claims; its default leaves little but the mean
    weak: dict[str, Any] = {"alpha": 1e-4, "max_iter": 300}
    linear, loss = {
        "poisson": (PoissonRegressor(**weak), "poisson"),
        "gamma": (GammaRegressor(**weak), "gamma"),
        "tweedie": (TweedieRegressor(power=1.5, link="log", **weak), "poisson"),
    }.get(settings.loss, (Ridge(), "squared_error"))
    return linear, HistGradientBoostingRegressor(loss=loss, random_state=settings.seed)


def _cells(columns: dict[str, Column], n: int, *, numbers: bool) -> Array:
    """Cells (n_rows, n_columns) of the columns of numbers, or of texts with "" for missing ones.

    Columns whose cells are all missing, or the same, in the n rows of training are left out.
    """
    parts = []
    for column in columns.values():
        missing = column.missing
        if (column.kind == "text") == numbers or missing[:n].all():
            continue
        cells = column.values if numbers else np.where(missing, "", column.values)
        if missing[:n].any() or (cells[:n] != cells[0]).any():
            parts.append(cells)
    n_rows = len(next(iter(columns.values())).values)
    return np.stack(parts, axis=1) if parts else np.empty((n_rows, 0))


def _predicted(model: Predictor, x: Array, net: PredictedRows) -> PredictedRows:
    """Predictions of a reference model for the rows of the net, without thresholds."""
    if not is_classifier(model):
        return PredictedRows(
            np.asarray(model.predict(x)), net.y, (), w=net.w, deviance=net.deviance
        )
    p = np.zeros((x.shape[0], len(net.classes)))
    p[:, model.classes_] = model.predict_proba(x)
    return PredictedRows(p, net.y, net.classes, net.positive, w=net.w)


def _losses(rows: PredictedRows) -> Array:
    """Log loss, deviance or absolute error of each row, (n,)."""
    p = rows.p if rows.classes else None
    return losses_of(rows.y, rows.p, p, bool(rows.classes), rows.deviance)
