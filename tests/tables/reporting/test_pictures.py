"""The report of a classifier of pictures: places and pictures in place of columns."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from handgrad.tables.reporting.evidence import Evidence
from tests.tables.reporting.pages import Page, page_of

SIDE, NAMES = 12, np.array(["dark", "light"])


def corners(n: int, seed: int, channels: int = 1) -> tuple[Any, Any]:
    """Noise, and its classes: whether the upper left corner is light."""
    rng = np.random.default_rng(seed)
    pictures, y = rng.random((n, channels, SIDE, SIDE), np.float32) * 0.6, rng.integers(0, 2, n)
    pictures[:, :, :3, :3] += 0.4 * y[:, None, None, None]
    return pictures.reshape(n, -1), NAMES[y]


@pytest.fixture(scope="module")
def model() -> Any:
    classifier = hg.PictureClassifier((4,), shift=0, max_iter=12, random_state=0, engine="eager")
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return classifier.fit(*corners(80, 0))


@pytest.fixture(scope="module")
def page(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder, (x, y) = tmp_path_factory.mktemp("pictures"), corners(40, 1)
    y = np.where(np.arange(40) < 3, NAMES[(y == "dark").astype(int)], y)  # three are labelled wrong
    about = {"target": "class"}
    return page_of(folder, model, x, y, training=corners(80, 0), about=about)


def test_no_pixel_is_called_a_column(page: Page) -> None:
    assert "from pictures of 12 by 12 pixels, grey." in page.sections[""]
    assert "40 pictures" in page.sections[""]
    assert "x0" not in page.text
    assert "column is" not in page.text
    assert "Class frequencies" in page.sections["data"]
    assert "Example pictures of each class" in page.sections["data"]
    assert "MaxPool2d(2)" in page.sections["training"]
    assert len(page.source) < 1_000_000


def test_of_over_fitting_more_pictures_help(model: Any) -> None:
    (x, y), learned = corners(40, 1), corners(80, 0)
    wrong = np.where(np.arange(40) < 20, NAMES[(y == "dark").astype(int)], y)
    (found,) = [
        finding
        for finding in Evidence(model, x, wrong, learned, None, None).warned
        if finding.problem == "over-fitting"
    ]
    assert found.advice == "more pictures; for new pictures expect the scores of held-out pictures"
    assert found.where == "training pictures"


def test_findings_call_pictures_pictures(model: Any) -> None:
    x, y = corners(12, 1)
    found = {f.problem: f for f in Evidence(model, x, y[::-1], None, None, None).warned}
    assert {"few pictures", "no better than guessing"} <= {*found}
    words = " ".join(f"{f.where} {f.evidence} {f.advice}" for f in found.values())
    assert "held-out pictures" in words
    assert "row" not in words
    assert "column" not in words


def test_the_place_that_counts_is_found(model: Any, page: Page) -> None:
    seen = Evidence(model, *corners(40, 1), None, None, None).pictures
    assert seen is not None
    assert seen.side == 2
    assert seen.importance.shape == (6, 6)
    others = np.ones((6, 6), bool)
    others[:2, :2] = False
    assert seen.importance[:2, :2].mean() > 5 * np.abs(seen.importance[others]).mean()
    assert seen.most_important is not None
    where, most = seen.most_important
    assert where in ("rows 0 to 1, columns 0 to 1", "rows 0 to 1, columns 2 to 3")
    assert most == seen.importance.max()
    assert f"The most important patch is {where}" in page.sections["columns"]


def test_where_no_place_counts_none_is_named(model: Any) -> None:
    seen = Evidence(model, *corners(40, 1), None, None, None).pictures
    assert seen is not None
    vars(seen)["importance"] = np.zeros((6, 6))
    assert seen.most_important is None


def test_wrong_pictures_are_shown_with_what_they_were_taken_for(model: Any, page: Page) -> None:
    (told,) = [
        svg["aria-label"] for svg in page.all("svg") if "Misclassified" in svg.get("aria-label", "")
    ]
    assert told.count("→") >= 3
    assert re.search(r": 1: (dark → light|light → dark), 2: ", told)
    for row in range(3):
        assert re.search(rf"\d row {row}, counted from 0 (dark|light) ", page.sections["answers"])


@pytest.mark.slow
def test_pictures_may_be_in_colour_and_in_a_frame(tmp_path: Path) -> None:
    x, y = corners(40, 1, 3)
    table = pa.table({f"p{i}": column for i, column in enumerate(x.T)})
    model = hg.PictureClassifier((4,), shape=(3, SIDE, SIDE), max_iter=1, random_state=0)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        page = page_of(tmp_path, model.fit(table, y), table, y)
    assert "from pictures of 12 by 12 pixels, in colour." in page.sections[""]


def test_scaled_pixels_and_other_nets_are_columns(tmp_path: Path) -> None:
    x, y = corners(40, 1)
    steps = make_pipeline(StandardScaler(), hg.PictureClassifier((4,), max_iter=1, random_state=0))
    perceptron = hg.MLPClassifier((4,), max_iter=1, random_state=0)
    for other in (steps, perceptron):
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            evidence = Evidence(other.fit(x, y), x, y, None, None, None)
        assert evidence.pictures is None
        assert evidence.importance is not None
