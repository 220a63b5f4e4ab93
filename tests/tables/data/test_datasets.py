"""Data sets: scikit-learn's own, to the bit."""

import numpy as np
import pytest
from sklearn import datasets

import handgrad as hg


def test_make_classification_is_the_seeds_to_the_bit() -> None:
    np.random.seed(0)
    x, y = hg.make_classification(rng=np.random)
    np.random.seed(0)
    expected_x, expected_y = datasets.make_classification(
        n_samples=100, n_features=2, n_redundant=0, n_informative=2, flip_y=0.2
    )
    assert (x.dtype, y.dtype) == (np.dtype(np.float32), np.dtype(np.int32))
    np.testing.assert_array_equal(x, expected_x.astype(np.float32))
    np.testing.assert_array_equal(y, expected_y)


def test_make_classification_takes_seeds_generators_and_scikit_learns_options() -> None:
    options = {"n_classes": 3, "n_clusters_per_class": 1, "flip_y": 0, "class_sep": 2.0}
    x, y = hg.make_classification(60, 4, rng=3, **options)
    expected = datasets.make_classification(
        60, 4, n_informative=4, n_redundant=0, random_state=3, **options
    )
    np.testing.assert_array_equal(x, expected[0].astype(np.float32))
    np.testing.assert_array_equal(y, expected[1])
    first, second = (hg.make_classification(rng=np.random.default_rng(5))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (hg.make_classification(rng=np.random.default_rng(6))[0] != first).any()
    state = hg.make_classification(rng=np.random.RandomState(5))[0]
    np.testing.assert_array_equal(state, hg.make_classification(rng=5)[0])


@pytest.mark.parametrize(
    ("name", "rows", "features", "classes"),
    [
        ("iris", 150, 4, ("setosa", "versicolor", "virginica")),
        ("wine", 178, 13, ("class_0", "class_1", "class_2")),
        ("breast_cancer", 569, 30, ("malignant", "benign")),
        ("digits", 1797, 64, tuple("0123456789")),
        ("diabetes", 442, 10, ()),
    ],
)
def test_bundled_sets_are_scikit_learns(
    name: str, rows: int, features: int, classes: tuple[str, ...]
) -> None:
    dataset = hg.data.load(name)
    x, y = dataset
    options = {} if classes else {"scaled": False}
    expected_x, expected_y = getattr(datasets, f"load_{name}")(return_X_y=True, **options)
    np.testing.assert_array_equal(x, expected_x.astype(np.float32))
    np.testing.assert_array_equal(y, expected_y)
    assert (dataset.name, dataset.target_name) == (name, "target")
    assert dataset.class_names == classes
    assert x.shape == (rows, features)
    assert len(set(dataset.feature_names)) == features
    assert x.dtype == np.float32
    assert y.dtype == (np.int64 if classes else np.float64)
    assert f"{rows} rows, {features} features" in repr(dataset)


def test_the_list_of_bundled_sets_is_complete() -> None:
    assert hg.data.BUNDLED == ("iris", "wine", "breast_cancer", "digits", "diabetes", "mnist")
