"""The page of a classifier of pictures in a real browser: drawn, from files, from a camera."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from sklearn.exceptions import ConvergenceWarning

import handgrad as hg
from handgrad.tables.data.pictures import picture_rows
from handgrad.textbook.layers import Array
from tests.browser.axe import violations
from tests.browser.browsers import chromium
from tests.browser.sight import (
    CONTRASTS,
    CUT_OFF,
    DESKTOP,
    PHONE,
    TEXT_RECTANGLES,
    Look,
    looking_in,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SEEN = """[...document.getElementById("seen").getContext("2d").getImageData(0, 0, 8, 8).data]"""
# Pixels with color, of a copy: Chromium warns of a canvas that is read back more than once.
INK = """(id) => { const canvas = document.querySelector(id);
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value > 0).length; }"""


@cache
def digits() -> tuple[Any, Array]:
    """A classifier of small digits, and pictures of them."""
    x, y = hg.data.load("digits")
    x = (x / 16).astype(np.float32)
    fitted = hg.PictureClassifier((20,), max_iter=8, tol=0, random_state=0)
    with pytest.warns(ConvergenceWarning):
        fitted.fit(x, y)
    return fitted, x


@cache
def colours() -> Any:
    """A classifier of colour pictures, of 5 by 7 pixels."""
    rng = np.random.default_rng(0)
    x, y = rng.random((90, 105), np.float32), rng.integers(0, 3, 90)
    given: dict[str, Any] = {"max_iter": 30, "tol": 0, "random_state": 0}
    fitted = hg.PictureClassifier((20,), shape=(3, 5, 7), **given)
    with pytest.warns(ConvergenceWarning):
        fitted.fit(x, y)
    return fitted


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    fitted, x = digits()
    hg.export(fitted, folder / "digits.html", x[:64])
    hg.export(colours(), folder / "colours.html")
    return folder


@pytest.fixture
def look(browser: "Browser", pages: Path) -> Iterator[Look]:
    with looking_in(browser, pages) as at:
        yield at


def drawn(page: "Page", *points: tuple[float, float]) -> None:
    """Draw a stroke by mouse through points, in fractions of the canvas."""
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    first, *others = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points
    ]
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def seen(page: "Page") -> Array:
    """The picture that the model receives, (1, 64)."""
    return np.array(page.evaluate(SEEN), np.float32)[None, ::4] / 255


def until(page: "Page", holds: str) -> None:
    """Wait for an expression to be true; the page's policy lets none be polled in the page."""
    for _ in range(500):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(20)
    pytest.fail(holds)


def headline(page: "Page") -> str:
    return page.locator("#headline").inner_text().split("\n")[0]


def test_a_digit_is_drawn_by_mouse(look: Look) -> None:
    sight = look("digits", DESKTOP)
    page, fitted = sight.page, digits()[0]
    page.get_by_role("button", name="Clear").click()
    assert headline(page) == "No prediction yet"
    assert not page.locator("#inside").is_visible()
    drawn(page, (0.2, 0.1), (0.2, 0.4))  # a short 1, in a corner
    row = seen(page)
    assert headline(page) == str(fitted.predict(row)[0])
    rows, columns = row.reshape(8, 8).max(axis=1), row.reshape(8, 8).max(axis=0)
    assert rows.min() > 0.5  # as high as the digits of the training
    assert columns @ np.arange(8) / columns.sum() == pytest.approx(3.5, abs=1)
    page.locator("#inside").wait_for()
    until(page, f"({INK})('#saliency') > 5")
    assert page.locator("#maps canvas").count() == 16
    assert sight.said == sight.failed == []
    assert sight.asked_for == [sight.address]


def test_a_digit_is_drawn_by_keyboard(look: Look) -> None:
    page = look("digits", PHONE).page
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Drawing area").focus()
    page.keyboard.press("ArrowUp")
    assert headline(page) == "No prediction yet"
    page.keyboard.press("Space")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    row = seen(page)
    assert row.reshape(8, 8).max(axis=1).min() > 0.5
    assert headline(page) == str(digits()[0].predict(row)[0])


def test_examples_are_the_pictures_that_were_given(look: Look) -> None:
    page, x = look("digits", DESKTOP).page, digits()[1]
    for i in range(3):
        np.testing.assert_allclose(seen(page)[0], x[i], atol=0.5 / 255)
        assert headline(page) == str(digits()[0].predict(x[i : i + 1])[0])
        page.get_by_role("button", name="Next example").click()
    assert "picture 4 of 12" in page.locator("#row").inner_text()
    drawn(page, (0.5, 0.2), (0.5, 0.8))
    assert "picture 4 of 12" not in page.locator("#row").inner_text()


def files(folder: Path) -> list[Path]:
    """Twenty pictures of different sizes and kinds: with transparency, turned, compressed."""
    rng, paths = np.random.default_rng(0), []
    for i in range(20):
        height, width = rng.integers(4, 90, 2).tolist()
        few = rng.integers(0, 256, (4, 4, 3 + (i % 4 == 1)), np.uint8)
        picture = Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC)
        path = folder / f"{i}.{('png', 'png', 'jpg', 'webp')[i % 4]}"
        exif = Image.Exif()
        if i % 8 == 2:
            exif[0x0112] = 6  # of a camera that was held upright
        picture.save(path, exif=exif, **({"lossless": True} if i % 4 == 3 else {"quality": 90}))
        paths.append(path)
    return paths


@pytest.mark.parametrize("name", ["digits", "colours"])
def test_probabilities_of_files_are_pythons(look: Look, name: str, tmp_path: Path) -> None:
    page = look(name, DESKTOP).page
    fitted = digits()[0] if name == "digits" else colours()
    shape = (1, 8, 8) if name == "digits" else (3, 5, 7)
    values = """[...document.querySelectorAll("#bars li:not(.rest)")].map((e) =>
      [e.children[0].innerText, Number(e.querySelector("data").value)])"""
    for path in files(tmp_path):
        page.evaluate("document.getElementById('headline').replaceChildren()")
        page.get_by_label("Picture from a file").set_input_files(path)
        until(page, "document.getElementById('headline').innerText")
        x, _, _ = picture_rows([path], shape[1:], 3 if shape[0] == 3 else 1)
        expected = dict(zip(map(str, fitted.classes_), fitted.predict_proba(x)[0], strict=True))
        for which, value in page.evaluate(values):
            assert value == pytest.approx(expected[which], abs=1e-3), path


def test_light_and_dark_are_swapped(look: Look, tmp_path: Path) -> None:
    page = look("digits", DESKTOP).page
    Image.new("L", (8, 8), 250).save(tmp_path / "paper.png")
    page.get_by_label("Picture from a file").set_input_files(tmp_path / "paper.png")
    until(page, f"{SEEN}[0] === 250")
    page.get_by_label("Swap light and dark").check()
    assert page.evaluate(f"{SEEN}[0]") == 5


def test_a_dropped_file_that_is_no_picture_is_refused(look: Look) -> None:
    page = look("digits", PHONE).page
    page.evaluate("""() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["no picture"], "notes.txt"));
      document.getElementById("drawing").dispatchEvent(
        new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }""")
    page.get_by_text("“notes.txt” cannot be read as a picture").wait_for()
    assert "Expected: a picture that this browser can show" in page.inner_text("#picture-read")
    page.get_by_role("button", name="中文").click()
    assert "无法作为图像读取" in page.inner_text("#picture-read")
    page.get_by_role("button", name="下一个示例").click()
    assert page.inner_text("#picture-read") == ""


def test_a_camera_that_is_not_allowed_is_told(look: Look) -> None:
    page = look("digits", PHONE).page
    page.get_by_role("button", name="Use the camera").click()
    said = page.locator("#picture-read strong")
    said.wait_for()
    assert said.inner_text() in ("The camera was not allowed", "No camera was found")
    assert page.locator("#drawing").is_visible()
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_text("The browser gives this page no camera").wait_for()
    assert "opened from a file, from localhost or by https" in page.inner_text("#picture-read")


def test_the_camera_gives_a_picture_and_is_turned_off(browser: "Browser", pages: Path) -> None:
    arguments = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    arguments += ["--no-sandbox"] if sys.platform == "linux" and os.geteuid() == 0 else []
    filmed = browser.browser_type.launch(executable_path=chromium(), args=arguments)
    page = filmed.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto((pages / "colours.html").as_uri())
    assert headline(page) == "No prediction yet"
    page.get_by_role("button", name="Use the camera").click()
    shot = page.get_by_role("button", name="Take the picture")
    shot.wait_for()
    until(page, "document.getElementById('video').videoWidth > 0")
    page.evaluate("globalThis.tracks = document.getElementById('video').srcObject.getTracks()")
    shot.click()
    assert headline(page) in map(str, colours().classes_)
    assert page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
    assert not shot.is_visible()
    assert said == []
    filmed.close()


@pytest.mark.parametrize("width", [DESKTOP, 820, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(look: Look, width: int, scheme: str) -> None:
    sight = look("digits", width, scheme)
    page = sight.page
    page.locator("#inside").wait_for()
    sight.open_all()
    for language in ("English", "中文"):
        page.get_by_role("button", name=language).click()
        assert page.evaluate("document.scrollingElement.scrollWidth") == width
        for text in page.evaluate(TEXT_RECTANGLES):
            assert text["left"] >= 0, text
            assert text["right"] <= width, text
        assert [e for e in page.evaluate(CUT_OFF) if 'class="unseen"' not in e] == []
        assert [text for text in page.evaluate(CONTRASTS) if text["contrast"] < 4.5] == []
        named = "canvas:not(#maps canvas), #maps, button, #row input"
        names = sight.all(
            named,
            "e.ariaLabel || e.labels?.[0]?.innerText || e.innerText || \
            document.getElementById(e.getAttribute('aria-labelledby'))?.innerText",
        )
        assert all(names)
    assert violations(page) == []
