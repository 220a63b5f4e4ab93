"""Deviances beside scikit-learn's generalized linear models: `python -m benchmarks.claims`.

Claims of policies with an exposure, drawn from a known process whose rate has interactions, and the
amounts of the diabetes table. Five random splits, 30 % of the rows held out. The linear models have
the columns of scikit-learn's example of insurance claims: ages in ten bins, the logarithm of the
density, one-hot categories; their penalty is that of the least deviance in a cross-validation of
the training rows. Nothing else is tuned. The deviance is that of the held-out rows, weighted by
their exposure.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor
from sklearn.metrics import mean_tweedie_deviance
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
)

import handgrad as hg

SPLITS, HELD_OUT, POLICIES = 5, 0.3, 8000
POWERS = {"poisson": 1.0, "gamma": 2.0, "tweedie": 1.5}
PENALTIES, FOLDS = np.logspace(-6, 1, 8), 5
LINEAR: dict[str, Callable[..., BaseEstimator]] = {
    "poisson": PoissonRegressor,
    "gamma": GammaRegressor,
    "tweedie": partial(TweedieRegressor, power=1.5, link="log"),
}


@dataclass(frozen=True)
class Rows:
    """Features, totals, exposures, and the true rates, if they are known."""

    name: str
    loss: str
    X: pd.DataFrame
    y: np.ndarray
    exposure: np.ndarray
    rate: np.ndarray | None = None


def policies(loss: str) -> Rows:
    """Policies of cars: their number of claims, the amount of the claims, or their cost."""
    rng, n = np.random.default_rng(0), POLICIES
    X = pd.DataFrame(
        {
            "driver_age": rng.uniform(18, 85, n).round(),
            "car_age": rng.gamma(2.0, 4.0, n).round(),
            "power": rng.integers(4, 13, n).astype(float),
            "density": rng.lognormal(5, 1.5, n).round().clip(1),
            "region": rng.choice([*"ABCDEFGH"], n),
            "fuel": rng.choice(["diesel", "petrol"], n),
        }
    )
    age = (X["driver_age"] - 45) / 20
    young = (X["driver_age"] < 26) & (X["power"] > 8)
    region = X["region"].map(dict(zip("ABCDEFGH", rng.normal(0, 0.3, 8), strict=True)))
    log_frequency = -1.6 + 0.35 * age**2 + 0.12 * np.log(X["density"]) + region + 0.9 * young
    log_frequency -= 0.3 * (X["fuel"] == "diesel") * np.tanh(X["car_age"] / 8)
    frequency, years = np.exp(log_frequency).to_numpy(), rng.uniform(0.05, 1, n)
    severity = np.exp(6 + 0.04 * X["power"] * np.exp(-X["car_age"] / 10) + 0.5 * young).to_numpy()
    counts = rng.poisson(frequency * years)
    if loss == "poisson":
        return Rows("claims of a year", loss, X, counts.astype(float), years, frequency)
    each = zip(severity, counts, strict=True)
    amounts = np.array([rng.gamma(1.5, s / 1.5, k).sum() for s, k in each])
    if loss == "tweedie":
        return Rows("cost of a year", loss, X, amounts, years, frequency * severity)
    some = counts > 0
    y, n_claims = amounts[some], counts[some].astype(float)
    return Rows("cost of a claim", loss, X[some], y, n_claims, severity[some])


def diabetes() -> Rows:
    """The diabetes table, whose target is above 0."""
    dataset = hg.data.load("diabetes")
    X = pd.DataFrame(dataset.x, columns=[*dataset.feature_names])
    return Rows("diabetes", "gamma", X, dataset.y, np.ones(len(dataset.y)))


def linear(rows: Rows, penalty: float) -> BaseEstimator:
    """The linear model of the loss, after encoders."""
    ages = [name for name in rows.X if name.endswith("_age")]
    texts = [name for name in rows.X if rows.X[name].dtype.kind not in "fi"]
    skewed = [name for name in rows.X if name == "density"]
    others = [name for name in rows.X if name not in (*ages, *texts, *skewed)]
    encoders = make_column_transformer(
        (KBinsDiscretizer(10, random_state=0), ages),
        (OneHotEncoder(handle_unknown="ignore"), texts),
        (make_pipeline(FunctionTransformer(np.log1p), StandardScaler()), skewed),
        (StandardScaler(), others),
    )
    return make_pipeline(encoders, LINEAR[rows.loss](alpha=penalty, max_iter=1000))


def fitted(peer: BaseEstimator, rows: Rows, learned: np.ndarray) -> BaseEstimator:
    """A pipeline fitted to the rates of the rows `learned`, weighted by their exposure."""
    e = rows.exposure[learned]
    weights = {f"{peer.steps[-1][0]}__sample_weight": e}
    return peer.fit(rows.X.iloc[learned], rows.y[learned] / e, **weights)


def deviance(rows: Rows, held: np.ndarray, predicted: np.ndarray) -> float:
    """Mean deviance of the predicted rates of the rows `held`."""
    e = rows.exposure[held]
    how: dict[str, Any] = {"sample_weight": e, "power": POWERS[rows.loss]}
    return float(mean_tweedie_deviance(rows.y[held] / e, predicted, **how))


def tuned(rows: Rows, learned: np.ndarray) -> BaseEstimator:
    """The linear model of the best penalty in a cross-validation, fitted to all rows `learned`."""
    found = dict.fromkeys(PENALTIES.tolist(), 0.0)
    for some, others in KFold(FOLDS, shuffle=True, random_state=0).split(learned):
        for penalty in found:
            model = fitted(linear(rows, penalty), rows, learned[some])
            p = model.predict(rows.X.iloc[learned[others]])
            found[penalty] += deviance(rows, learned[others], p)
    return fitted(linear(rows, min(found, key=found.__getitem__)), rows, learned)


def boosting(rows: Rows) -> BaseEstimator:
    """Gradient boosting, which has no loss of Tweedie."""
    loss = "poisson" if rows.loss == "tweedie" else rows.loss
    texts = [name for name in rows.X if rows.X[name].dtype.kind not in "fi"]
    encoders = make_column_transformer(
        (OneHotEncoder(sparse_output=False), texts), remainder="passthrough"
    )
    return make_pipeline(encoders, HistGradientBoostingRegressor(loss=loss, random_state=0))


def deviances(rows: Rows, split: int) -> dict[str, float]:
    """Mean deviance of each model on the held-out rows of a split."""
    order = np.random.default_rng(split).permutation(len(rows.y))
    held, learned = np.split(order, [int(HELD_OUT * len(order))])
    X, y, e = rows.X.iloc[learned], rows.y[learned], rows.exposure[learned]
    models = {
        "handgrad": hg.TabularRegressor(loss=rows.loss, random_state=split).fit(X, y, exposure=e),
        "linear": tuned(rows, learned),
        "boosting": fitted(boosting(rows), rows, learned),
    }
    predicted = {name: model.predict(rows.X.iloc[held]) for name, model in models.items()}
    predicted["guessing"] = np.full(len(held), y.sum() / e.sum())
    if rows.rate is not None:
        predicted["true rate"] = rows.rate[held]
    return {name: deviance(rows, held, p) for name, p in predicted.items()}


def main() -> None:
    """Print a line for each table: the mean over the splits, and the standard deviation."""
    for rows in (*map(policies, POWERS), diabetes()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values beyond those of the training rows
            found = pd.DataFrame([deviances(rows, split) for split in range(SPLITS)])
        better = (found["handgrad"] < found["linear"]).sum()
        figures = ", ".join(
            f"{name} {found[name].mean():.4g} ± {found[name].std():.2g}" for name in found
        )
        said = f"{rows.name}, {rows.loss}, {len(rows.y)} rows: {figures}"
        print(f"{said}; better than linear in {better} of {SPLITS}", flush=True)


if __name__ == "__main__":
    main()
