"""Data sets: the seed's own, and the real ones that come with scikit-learn."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from handgrad.base.errors import SettingError, did_you_mean
from handgrad.layers import Array

BUNDLED = ("iris", "wine", "breast_cancer", "digits", "diabetes")


@dataclass(frozen=True)
class Dataset:
    """Rows and targets with their names; `x, y = dataset` takes the two arrays.

    `x` (n, n_features) is float32. `y` (n,) holds classes 0, 1, 2 … (int64), named by
    `class_names`; or numbers (float64), and then there are no class names.
    """

    name: str
    x: Array
    y: Array
    feature_names: tuple[str, ...]
    target_name: str
    class_names: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Array]:
        return iter((self.x, self.y))

    def __repr__(self) -> str:
        kind = f"{len(self.class_names)} classes" if self.class_names else "a number to predict"
        return f"<Dataset {self.name}: {self.x.shape[0]} rows, {self.x.shape[1]} features, {kind}>"


def load(name: str) -> Dataset:
    """A real data set by name: iris, wine, breast_cancer, digits or diabetes.

    >>> load("iris")
    <Dataset iris: 150 rows, 4 features, 3 classes>
    """
    from sklearn import datasets

    if name not in BUNDLED:
        raise SettingError(
            f"data set {name!r}",
            f"one of {', '.join(BUNDLED)}",
            did_you_mean(name, BUNDLED, "read_table(path, target=...) for a file"),
        )
    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(**options)
    class_names = tuple(map(str, getattr(bunch, "target_names", ()))) if name != "diabetes" else ()
    return Dataset(
        name,
        bunch.data.astype(np.float32),
        bunch.target.astype(np.int64 if class_names else np.float64),
        tuple(map(str, bunch.feature_names)),
        "target",
        class_names,
    )


def make_classification(
    n_samples: int = 100,
    n_features: int = 2,
    *,
    rng: int | np.random.Generator | np.random.RandomState | ModuleType | None = None,
    **options: object,
) -> tuple[Array, Array]:
    """Random clusters of classes: `x` (n_samples, n_features) float32, `y` (n_samples,) int32.

    Scikit-learn's function of that name, whose options are passed on; without any, those of
    the seed: both features informative, a fifth of the labels drawn at random. `rng` is a seed,
    a Generator, a RandomState, or `np.random` for the global state.

    >>> np.random.seed(0)
    >>> x, y = make_classification(rng=np.random)
    >>> x[0], y[0]
    (array([ 1.3382818 , -0.98613256], dtype=float32), np.int32(1))
    """
    from sklearn.datasets import make_classification as make

    if isinstance(rng, np.random.Generator):
        rng = int(rng.integers(2**31))
    options = {"n_redundant": 0, "n_informative": n_features, "flip_y": 0.2} | options
    try:
        x, y = make(
            n_samples=n_samples,
            n_features=n_features,
            random_state=None if rng is np.random else rng,
            **options,
        )
    except (ValueError, TypeError) as error:
        raise SettingError(
            str(error),
            "what scikit-learn's make_classification takes",
            "make_classification(100, 2, rng=0)",
        ) from error
    return x.astype(np.float32), y.astype(np.int32)
