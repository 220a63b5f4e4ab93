"""Held-out pictures that are nearly identical to training pictures are named, and no others."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance

import handgrad as hg
from handgrad.tables.reporting.leakage.copied_pictures import copies
from tests.cli.run import handgrad

RNG = np.random.default_rng
SIDE = 64


def photo(rng: np.random.Generator, classes: int = 0) -> Image.Image:
    """Smooth spots in colour on a ground; spots of another class are level."""
    places = np.stack(np.meshgrid(*[np.linspace(0, 1, SIDE)] * 2))
    pixels = rng.uniform(20, 80, 3) * np.ones((SIDE, SIDE, 1))
    for _ in range(6):
        centre, width = rng.uniform(0, 1, (2, 1, 1)), np.array([0.02, 0.02])
        width[classes] = 0.1
        far = (((places - centre) / width[:, None, None]) ** 2).sum(axis=0)
        pixels = pixels + np.exp(-far / 2)[:, :, None] * rng.uniform(50, 170, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


CHANGES: dict[str, Callable[[Image.Image, Path], object]] = {
    "copied": lambda picture, path: picture.save(path.with_suffix(".png")),
    "compressed": lambda picture, path: picture.save(path.with_suffix(".jpg"), quality=60),
    "darker": lambda picture, path: ImageEnhance.Brightness(picture).enhance(0.85).save(
        path.with_suffix(".png")
    ),
    "smaller": lambda picture, path: picture.resize((48, 48)).save(path.with_suffix(".png")),
}  # fmt: skip


def album(folder: Path, change: str | None, n: int = 30, copied: int = 4) -> Path:
    """A folder with `train` and `test` of two classes; some pictures of `test` are copies."""
    rng = RNG(0)
    for part, size in (("train", n), ("test", n // 3)):
        for k, name in enumerate(("tall", "wide")):
            (folder / part / name).mkdir(parents=True)
            for i in range(size):
                photo(rng, k).save(folder / part / name / f"{i:02}.png")
    for i in range(copied if change else 0):
        with Image.open(folder / "train" / "tall" / f"{i:02}.png") as picture:
            CHANGES[change or ""](picture, folder / "test" / "wide" / f"copy{i}")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_copies_on_both_sides_are_named_in_all_outputs(change: str, tmp_path: Path) -> None:
    folder = album(tmp_path / "album", change)
    words = ("train", folder, "--epochs", 1, "--json", "--out", tmp_path / "run")
    record = json.loads(handgrad(*words).stdout)
    (found,) = [one for one in record["findings"] if one["problem"] == "near-identical pictures"]
    assert found["evidence"].startswith(
        "4 of 24 held-out pictures, 17%, are nearly identical to training pictures, 4 of another "
        "class, such as test/wide/copy0."
    )
    assert re.search(r"copy0\.(png|jpg) and train/tall/00\.png; test/wide/copy1", found["evidence"])
    assert "in folders train and test" in found["advice"]
    assert {"name": "near-identical pictures", "state": "made", "why": ""} in record["checks"]
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Near-identical pictures: the pictures" in page
    assert "test/wide/copy0" in page


@pytest.mark.slow
def test_pictures_of_one_kind_are_no_copies(tmp_path: Path) -> None:
    folder = album(tmp_path / "album", None)
    words = ("train", folder, "--epochs", 1, "--no-report", "--json", "--out", tmp_path / "run")
    problems = {found["problem"] for found in json.loads(handgrad(*words).stdout)["findings"]}
    assert "near-identical pictures" not in problems


def pair(draw: Callable[[Any], Any], n: int = 60) -> Any:
    rng = RNG(1)
    pictures = np.stack([np.asarray(draw(rng), np.float32).ravel() for _ in range(n)])
    return copies(pictures[: n // 3], pictures[n // 3 :], (1, 16, 16))


def _noisy(rng: Any) -> Any:
    return 50 + rng.normal(0, 5, (16, 16))


def _disc(rng: Any) -> Any:
    y, x = np.mgrid[:16, :16]
    b, a = rng.uniform(4, 12, 2)
    return 200 * ((y - a) ** 2 + (x - b) ** 2 < 9) + rng.normal(0, 5, (16, 16))


@pytest.mark.parametrize(
    "draw", [_noisy, _disc, lambda _: np.zeros((16, 16)), lambda _: np.full((16, 16), 9)],
    ids=["noise", "discs", "black", "grey"],
)  # fmt: skip
def test_noise_shapes_and_blank_pictures_are_no_copies(draw: Callable[[Any], Any]) -> None:
    assert len(pair(draw)) == 0


def test_the_digits_have_none() -> None:
    x, _ = hg.data.load("digits")
    held = np.arange(len(x)) % 5 == 0
    assert len(copies(x[held].astype(np.float32), x[~held].astype(np.float32), (1, 8, 8))) == 0


def test_a_picture_in_other_colours_is_another_picture() -> None:
    rng = RNG(0)
    pixels = np.asarray(photo(rng), np.float32).transpose(2, 0, 1)
    others = [np.asarray(photo(rng), np.float32).transpose(2, 0, 1) for _ in range(9)]
    training = np.stack([pixels, *others]).reshape(10, -1)
    shape = (3, SIDE, SIDE)
    assert copies(pixels.reshape(1, -1), training, shape).tolist() == [[0, 0]]
    turned = pixels[[2, 0, 1]]
    assert len(copies(turned.reshape(1, -1), training, shape)) == 0
