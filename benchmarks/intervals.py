"""Intervals beside MAPIE's: `python -m benchmarks.intervals`, after `pip install mapie dmba`.

Ten tables: one of scikit-learn, four of the package dmba, five that are drawn. Three random splits
each, 30 % of the rows held out, nominal coverage 0.9. MAPIE splits the rows that are learned, three
quarters to one, for handgrad's nets and for quantiles of boosting, or holds out each of five folds
once. All is held to one core; nothing is tuned. The width is the mean over the held-out rows, in
standard deviations of the target.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from mapie.regression import (
    ConformalizedQuantileRegressor,
    CrossConformalRegressor,
    SplitConformalRegressor,
)
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_diabetes, make_friedman1, make_friedman2, make_friedman3
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

import handgrad as hg
from benchmarks.held import Held
from benchmarks.part import markdown

SPLITS, HELD_OUT, CALIBRATED, COVERAGE, ROWS, DRAWN = range(3), 0.3, 0.25, 0.9, 2500, 1000
# Of dmba: the file, its target, and columns that are keys or give it away.
OF_DMBA = {
    "airfares": ("Airfares", "FARE", ["S_CODE", "E_CODE"]),
    "universities": ("Universities", "Graduation rate", ["College Name"]),
    "toyota": ("ToyotaCorolla", "Price", ["Id", "Model"]),
    "west_roxbury": ("WestRoxbury", "TOTAL VALUE ", ["TAX"]),
}
Table = tuple[pd.DataFrame, np.ndarray]
Ends = np.ndarray


class WithCategories(RegressorMixin, BaseEstimator):  # type: ignore[misc, unused-ignore]
    """handgrad's regressor of a matrix with the codes of categories, which MAPIE takes."""

    def __init__(self, like: pd.DataFrame, random_state: int = 0) -> None:
        self.like, self.random_state = like, random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "WithCategories":
        """Fit a TabularRegressor to the table."""
        self.model_ = hg.TabularRegressor(random_state=self.random_state).fit(self._table(X), y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the rows of a matrix."""
        return np.asarray(self.model_.predict(self._table(X)))

    def _table(self, X: np.ndarray) -> pd.DataFrame:
        columns = {}
        for (name, column), numbers in zip(self.like.items(), X.T, strict=True):
            if column.dtype == "category":
                codes = np.nan_to_num(numbers, nan=-1).astype(int)
                columns[name] = pd.Categorical.from_codes(codes, column.cat.categories)
            else:
                columns[name] = numbers
        return pd.DataFrame(columns)


def tables() -> Iterator[tuple[str, Table]]:
    """The ten tables by name."""
    frame = load_diabetes(as_frame=True)
    yield "diabetes", (frame.data, frame.target.to_numpy())
    found = find_spec("dmba")
    if found is None or found.origin is None:
        raise SystemExit("the tables of dmba are missing: pip install dmba")
    for name, (file, target, dropped) in OF_DMBA.items():
        table = pd.read_csv(Path(found.origin).parent / "csvFiles" / f"{file}.csv.gz")
        table = table.dropna(subset=[target]).drop(columns=dropped)
        table = table.sample(min(len(table), ROWS), random_state=0).reset_index(drop=True)
        y = table.pop(target).to_numpy(float)
        text = table.columns[[column.dtype.kind not in "fiu" for _, column in table.items()]]
        yield name, (table.astype(dict.fromkeys(text, "category")), y)
    makers = (make_friedman1, 1.0), (make_friedman2, 100.0), (make_friedman3, 0.1)
    for number, (make, noise) in enumerate(makers, 1):
        x, y = make(DRAWN, noise=noise, random_state=0)
        yield f"friedman{number}", (pd.DataFrame(x).add_prefix("x"), y)
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (DRAWN, 4))
    noise_of_row = rng.normal(0, 0.1 + 0.4 * np.abs(x[:, 2]))
    y = np.sin(2 * x[:, 0]) + x[:, 1] + noise_of_row
    yield "sine, noise by row", (pd.DataFrame(x).add_prefix("x"), y)
    x = rng.uniform(0, 1, (DRAWN, 5))
    y = np.exp(x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(0, 0.5, DRAWN))
    yield "skewed", (pd.DataFrame(x).add_prefix("x"), y)


def matrix(X: pd.DataFrame) -> np.ndarray:
    """Numbers, and codes of categories; NaN where a value is missing."""
    columns = [
        column.cat.codes.where(column.notna()) if column.dtype == "category" else column
        for _, column in X.items()
    ]
    return np.column_stack([column.to_numpy(float) for column in columns])


def own(X: pd.DataFrame, y: np.ndarray, held: pd.DataFrame, seed: int) -> Ends:
    """handgrad's intervals."""
    model = hg.TabularRegressor(random_state=seed).fit(X, y)
    return np.asarray(model.predict(held, interval=COVERAGE)[1])


def split_of_nets(X: pd.DataFrame, y: np.ndarray, held: pd.DataFrame, seed: int) -> Ends:
    """MAPIE's split conformal intervals of handgrad's nets."""
    a, b, y_a, y_b = train_test_split(matrix(X), y, test_size=CALIBRATED, random_state=seed)
    net = WithCategories(X, seed).fit(a, y_a)
    peer = SplitConformalRegressor(net, confidence_level=COVERAGE, prefit=True)
    return _ends(peer.conformalize(b, y_b), held)


def folds_of_boosting(X: pd.DataFrame, y: np.ndarray, held: pd.DataFrame, seed: int) -> Ends:
    """MAPIE's CV+ of gradient boosting."""
    trees = HistGradientBoostingRegressor(random_state=seed)
    peer = CrossConformalRegressor(
        trees, confidence_level=COVERAGE, method="plus", cv=5, random_state=seed
    )
    return _ends(peer.fit_conformalize(matrix(X), y), held)


def quantiles_of_boosting(X: pd.DataFrame, y: np.ndarray, held: pd.DataFrame, seed: int) -> Ends:
    """MAPIE's conformalized quantile regression of gradient boosting."""
    a, b, y_a, y_b = train_test_split(matrix(X), y, test_size=CALIBRATED, random_state=seed)
    trees = HistGradientBoostingRegressor(loss="quantile", quantile=0.5, random_state=seed)
    peer = ConformalizedQuantileRegressor(trees, confidence_level=COVERAGE)
    return _ends(peer.fit(a, y_a).conformalize(b, y_b), held)


def _ends(peer: object, held: pd.DataFrame) -> Ends:
    found = peer.predict_interval(matrix(held))  # type: ignore[attr-defined]
    return np.asarray(found[1])[:, :, 0]


WAYS: dict[str, Callable[[pd.DataFrame, np.ndarray, pd.DataFrame, int], Ends]] = {
    "handgrad": own,
    "MAPIE, split, handgrad's nets": split_of_nets,
    "MAPIE, CV+, boosting": folds_of_boosting,
    "MAPIE, quantiles, boosting": quantiles_of_boosting,
}


def main() -> None:
    """Print a line for each table, and then the table of means."""
    warnings.simplefilter("ignore")
    logging.disable()
    found = []
    for name, (X, y) in tables():
        results = np.zeros((len(SPLITS), len(WAYS), 2))
        for seed in SPLITS:
            X_a, X_t, y_a, y_t = train_test_split(X, y, test_size=HELD_OUT, random_state=seed)
            X_a, X_t = (part.reset_index(drop=True) for part in (X_a, X_t))
            for i, way in enumerate(WAYS.values()):
                ends = way(X_a, y_a, X_t, seed)
                inside = (ends[:, 0] <= y_t) & (y_t <= ends[:, 1])
                results[seed, i] = inside.mean(), (ends[:, 1] - ends[:, 0]).mean() / y.std()
        found.append(results.mean(axis=0))
        cells = (f"{coverage:.3f} {width:.2f}" for coverage, width in found[-1])
        print(name, *cells, sep=" | ", flush=True)
    rows = []
    for i, title in enumerate(WAYS):
        coverage, width = np.array(found)[:, i].T
        ends_of = f"{coverage.min():.3f} to {coverage.max():.3f}"
        rows.append((title, f"{coverage.mean():.3f}", ends_of, f"{width.mean():.2f}"))
    print("\n" + markdown(("intervals", "coverage", "of a table", "width"), rows))


if __name__ == "__main__":
    with Held(1).pinned():
        main()
