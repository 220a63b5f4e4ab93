"""The page of a classifier of pictures: how it scales them, and what it shows of the net."""

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.exceptions import ConvergenceWarning

import handgrad as hg
from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.exchange.exporting import model_spec_of
from handgrad.exchange.exporting.drawing import drawing_of
from handgrad.exchange.exporting.portable.html_file import write_html
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.exchange.exporting.portable.page_data import PAGE, page_data
from handgrad.exchange.exporting.portable.picture_page import inspection_module
from handgrad.exchange.exporting.portable.programs import portable_of
from handgrad.files.scripts import inlined
from handgrad.plots.saliency import saliency
from handgrad.tables.data.pictures import picture_rows
from handgrad.textbook.layers import Array
from tests.exchange.exporting.models import model, pictures
from tests.exchange.exporting.test_html_file import Scripts

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")
DRAWN = (1, 28, 28)


@cache
def scaled_in_node() -> Any:
    """A script that scales pictures as the page does."""
    path = f"{PAGE}/tried.js"
    main = (
        'import { rowOf } from "./pixels.js";\n'
        "export const main = ({ data, width, height, shape }) =>"
        " rowOf({ data: Uint8Array.from(data), width, height }, shape);"
    )
    return inlined(path, {path: main})


@needs_node
@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((280, 280), DRAWN),
        ((37, 101), (3, 32, 32)),
        ((5, 9), (3, 32, 32)),  # enlarged
        ((28, 28), DRAWN),
        ((90, 50), (1, 20, 31)),
        ((1, 60), DRAWN),
        ((100, 37), DRAWN),
    ],
)
def test_pixels_are_those_of_training(
    size: tuple[int, int], shape: tuple[int, int, int], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    x, _, _ = picture_rows([tmp_path / "a.png"], shape[1:], 3 if shape[0] == 3 else 1)
    opaque = np.dstack([pixels, np.full(size, 255, np.uint8)])
    given = {"data": opaque.ravel().tolist(), "width": size[1], "height": size[0], "shape": shape}
    found = np.array(run_in_node(scaled_in_node(), given))
    tall = size[0] > 2 * size[1]  # of which recent versions of Pillow scale the height first
    assert np.abs(found - x[0]).max() <= (1.1 / 255 if tall else 0)


@needs_node
@pytest.mark.parametrize("calibrated", [False, True])
def test_saliency_and_feature_maps_are_those_of_the_net(calibrated: bool) -> None:
    fitted = model("pictures")
    if calibrated:
        given: dict[str, Any] = {"random_state": 0, "max_iter": 2, "tol": 0.0}
        x = np.random.default_rng(0).random((60, 64), np.float32)
        fitted = hg.PictureClassifier((4,), **given, early_stopping=True)
        with pytest.warns(ConvergenceWarning):
            fitted.fit(x, np.arange(60) % 2)
    spec = model_spec_of(fitted)
    assert spec.picture is not None
    path = f"{PAGE}/tried.js"
    made = {
        f"{PAGE}/net.js": javascript_module(portable_of(spec, None), packed=True),
        f"{PAGE}/inspected.js": inspection_module(spec),
        path: 'import { inspected } from "./inspected.js";\n'
        "export const main = (rows) => rows.map((row) => inspected([row])[0]);\n",
    }
    rows = spec.example[-5:]
    found = np.array(run_in_node(inlined(path, made), rows.tolist()))
    n = rows.shape[1]
    if fitted.net_.layers[-1].n_out > 1:
        np.testing.assert_allclose(
            found[:, :n], saliency(fitted.net_, rows)[0], rtol=1e-4, atol=1e-6
        )
    upto = next(i for i, layer in enumerate(fitted.net_.layers) if isinstance(layer, hg.Conv2d))
    maps = fitted.net_[: upto + 1].predict(rows).reshape(len(rows), -1)
    np.testing.assert_allclose(found[:, n:], maps, rtol=1e-5, atol=1e-6)


def lines(paper: int, *, width: int) -> Array:
    """Pictures of two strokes of 20 pixels, a cross."""
    drawn = np.full((3, 1, 28, 28), float(paper))
    drawn[:, :, 4:24, 14 - width // 2 : 14 + width // 2] = 1 - paper
    drawn[:, :, 14 - width // 2 : 14 + width // 2, 4:24] = 1 - paper
    return drawn


@pytest.mark.parametrize("paper", [0, 1])
def test_a_drawing_is_as_the_pictures_of_the_model(paper: int) -> None:
    found = drawing_of(lines(paper, width=4))
    assert found.paper == paper
    assert found.fill == pytest.approx(20 / 28)
    assert (found.y, found.x) == pytest.approx((0.5, 0.5))
    assert found.pen == pytest.approx(4 / 28, rel=0.2)
    assert found.pen > drawing_of(lines(paper, width=2)).pen


def test_empty_pictures_have_a_drawing() -> None:
    assert drawing_of(np.zeros((2, 1, 8, 8))).pen > 0


def test_pictures_that_are_given_are_the_examples(tmp_path: Path) -> None:
    fitted, x = model("pictures"), pictures()[:20]
    hg.export(fitted, tmp_path / "given.html", x)
    hg.export(fitted, tmp_path / "none.html")
    given, none = (
        json.loads(Scripts(tmp_path / f"{name}.html").texts["application/json"])
        for name in ("given", "none")
    )
    assert given["picture"]["shape"] == [1, 4, 4]
    assert given["picture"]["maps"] == [16, 4, 4]
    assert given["picture"]["drawing"] == none["picture"]["drawing"]
    assert none["examples"]["bytes"] == ""
    assert given["columns"] == []


def test_a_net_of_pictures_is_one_of_numbers() -> None:
    spec = model_spec_of(model("convolutions"))
    assert page_data(spec, spec.answers)["picture"] is None


def test_pictures_too_small_for_a_convolution_have_a_page(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((40, 9), np.float32)
    with pytest.warns(ConvergenceWarning):
        fitted = hg.PictureClassifier((3,), max_iter=2, random_state=0).fit(x, np.arange(40) % 3)
    write_html(model_spec_of(fitted), tmp_path / "small.html", None)
    data = json.loads(Scripts(tmp_path / "small.html").texts["application/json"])
    assert data["picture"]["maps"] is None
