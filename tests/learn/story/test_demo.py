"""`handgrad demo`: the whole story for real, in both languages."""

import base64
import io
import re
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import handgrad as hg
from handgrad.cli.app import app
from handgrad.learn.story import read_story, runner
from tests.bad_input.refused import refused
from tests.cli.run import handgrad
from tests.learn.story.telling import Page, tell_a_tiny_story, told

# What the course notes print, to the digit.
FIGURES = """
[[ 1.3382818  -0.98613256]
[-1.0693829   0.41718036]]
[1 1 0 0 0]
[[ 1.77202116 -0.25384488]
[-1.23519653  0.3394973 ]]
[0.72746882 0.27253118]]
1.429664938969559
accuracy: 0.725
accuracy: 0.825
loss=0.6212072429381601, accuracy=0.6875
loss=0.44369925927417986, accuracy=0.8
loss=0.4767711377257787, accuracy=0.85
""".strip().splitlines()
each_language = pytest.mark.parametrize("language", ["en", "zh"])
place = {"en": Path(), "zh": Path("zh")}


def pixels(file: Any) -> Any:
    """The first frame of a picture, (height, width, 3), from 0 to 255."""
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def page(language: str) -> Page:
    return Page(told()[0] / place[language] / "index.html")


@pytest.mark.slow
def test_the_terminal_shows_the_figures_of_the_notes() -> None:
    _, printed = told()
    for figure in FIGURES:
        assert figure in printed
    assert "loss=0.43441559747316" in printed
    assert "loss=0.40569967377045" in printed


@pytest.mark.slow
@each_language
def test_the_page_shows_the_figures_of_the_notes(language: str) -> None:
    text = page(language).text
    for figure in FIGURES:
        numbers = re.split(r"[a-z]+[=:] ?", figure) if figure[0].isalpha() else [figure]
        for number in numbers:
            assert number.rstrip(", ") in text


@pytest.mark.slow
def test_the_terminal_tells_every_chapter_and_where_to_look() -> None:
    folder, printed = told()
    for number, chapter in enumerate(read_story("en").chapters, 1):
        assert f"{number}. {chapter.title}" in printed
    for number, chapter in enumerate(read_story("zh").chapters, 1):
        assert f"{number}. {chapter.title}" in printed
    joined = printed.replace("\n", "")
    assert f"34 pictures and a page, written to {folder}" in joined
    assert f"open {folder / 'index.html'} in a browser" in joined


@pytest.mark.slow
@each_language
def test_every_picture_is_a_file_and_shows_something(language: str) -> None:
    folder = told()[0] / place[language]
    names = [block.picture.file for block in read_story(language).blocks if block.picture]
    assert sorted(path.name for path in folder.glob("*.*") if path.suffix != ".html") == names
    assert len(names) >= 15
    for name in names:
        image = pixels(folder / name)
        colours = np.unique((image / 17).astype(int) @ (256, 16, 1))
        assert len(colours) > 20, name
        assert min(image.shape[:2]) > (500 if name.endswith(".png") else 390), name


@pytest.mark.slow
@each_language
def test_each_epoch_of_a_live_training_is_in_its_moving_picture(language: str) -> None:
    folder = told()[0] / place[language]
    moving = sorted(folder.glob("*.gif"))
    assert [path.name[:2] for path in moving] == ["07", "13"]
    for path in moving:
        with Image.open(path) as gif:
            assert gif.n_frames == 30  # type: ignore[attr-defined]
            frames = []
            for epoch in range(30):
                gif.seek(epoch)
                frames.append(np.asarray(gif.convert("RGB")).tobytes())
        assert len(set(frames)) == 30


@each_language
def test_the_page_has_every_picture_with_a_text_in_its_place(language: str) -> None:
    folder = told()[0] / place[language]
    images = page(language).all("img")
    pictures = [block.picture for block in read_story(language).blocks if block.picture]
    assert [image["alt"] for image in images] == [picture.alt for picture in pictures]
    assert len({picture.alt for picture in pictures}) == len(pictures)
    for image, picture in zip(images, pictures, strict=True):
        assert len(picture.alt) > 10
        assert picture.caption in page(language).text
        kind = picture.file.rpartition(".")[2]
        data = base64.b64decode(image["src"].removeprefix(f"data:image/{kind};base64,"))
        assert data == (folder / picture.file).read_bytes()
        height, width = pixels(io.BytesIO(data)).shape[:2]
        assert 300 < int(image["width"]) < 1100
        assert abs(int(image["width"]) / int(image["height"]) - width / height) < 0.01
    assert len(page(language).all("figure")) == len(page(language).all("figcaption")) == len(images)


@each_language
def test_the_page_needs_nothing_else(language: str) -> None:
    found = page(language)
    assert not any(found.all(tag) for tag in ("script", "link", "iframe", "object"))
    for tag, attributes in found.tags:
        for name in ("src", "href", "srcset", "action", "data", "style", "onclick"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:")) or (tag == "a" and value.endswith(".html"))
    style = (told()[0] / "index.html").read_text("utf-8").partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


@each_language
def test_the_page_says_its_language_and_has_its_contents(language: str) -> None:
    found = page(language)
    assert found.all("html")[0]["lang"] == {"en": "en", "zh": "zh-Hans"}[language]
    sections = [section["id"] for section in found.all("section")]
    anchors = [link["href"] for link in found.all("a") if link["href"].startswith("#")]
    assert anchors == [f"#{section}" for section in sections]
    assert len(sections) == len(read_story(language).chapters)


def test_the_pages_lead_to_each_other() -> None:
    folder, _ = told()
    english, chinese = folder / "index.html", folder / "zh" / "index.html"
    for here, there, language in ((english, chinese, "zh-Hans"), (chinese, english, "en")):
        (link,) = (link for link in Page(here).all("a") if not link["href"].startswith("#"))
        assert (here.parent / link["href"]).resolve() == there.resolve()
        assert link["lang"] == language


def test_text_is_escaped_and_code_is_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_a_tiny_story(monkeypatch, code="'a < b & c'\n")
    assert handgrad("demo", "--out", tmp_path / "a").exit_code == 0
    text = (tmp_path / "a" / "index.html").read_text("utf-8")
    assert "<samp>&#39;a &lt; b &amp; c&#39;" in text
    assert "<p>A <em>word</em>.</p>" in text
    found = Page(tmp_path / "a" / "index.html")
    assert len(found.all("details")) == 2
    assert all("open" not in details for details in found.all("details"))


def test_each_demo_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tell_a_tiny_story(monkeypatch)
    for number in (1, 2):
        result = handgrad("demo")
        assert f"1 pictures and a page, written to runs/demo-{number}\n" in result.output
        assert "42" in result.output
        assert "中文：handgrad demo --language zh" in result.output
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["demo-1", "demo-2"]
    files = sorted(path.name for path in (tmp_path / "runs" / "demo-1").iterdir())
    assert files == ["1.png", "index.html"]


def test_a_language_given_twice_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_a_tiny_story(monkeypatch)
    folder = tmp_path / "a"
    folder.mkdir()
    handgrad("demo", "--language", "zh", "--language", "zh", "--out", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["1.png", "index.html"]
    assert Page(folder / "index.html").all("html")[0]["lang"] == "zh-Hans"


def test_the_page_is_opened_if_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    tell_a_tiny_story(monkeypatch)
    handgrad("demo", "--out", tmp_path / "a b")
    assert not opened
    handgrad("demo", "--open", "--out", tmp_path / "c d")
    assert opened == [(tmp_path / "c d" / "index.html").as_uri()]


@pytest.mark.parametrize(
    ("words", "kind", "expected"),
    [
        (
            ["--language", "de"],
            hg.errors.SettingError,
            ("language = 'de'", "'en' (English) or 'zh' (中文)"),
        ),
        (["--language", "zh_CN"], hg.errors.SettingError, ("did you mean 'zh'?",)),
        (["--language", "en", "--language", ""], hg.errors.SettingError, ("language = ''", "en")),
        (["--out", "full"], hg.errors.FileError, ("full already exists and is not empty",)),
        (["--out", "full/file"], hg.errors.FileError, ("already exists as a file",)),
        (["--out", "full/file/a"], hg.errors.FileError, ("cannot be created", "is a file")),
    ],
)
def test_mistakes_are_met_with_help_and_leave_nothing(
    words: list[str],
    kind: type[hg.HandgradError],
    expected: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("as it was")
    result = handgrad("demo", *words)
    assert result.output == ""
    with refused(kind, *expected):
        raise result.exception or AssertionError("nothing was refused")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == [
        "full",
        "full/file",
    ]


@pytest.mark.parametrize("there", [False, True])
def test_a_disk_that_runs_full_leaves_nothing(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    tell_a_tiny_story(monkeypatch)
    monkeypatch.setattr(runner, "render_page", full)
    folder = tmp_path / "run"
    if there:
        folder.mkdir()
    result = handgrad("demo", "--out", folder)
    with refused(
        hg.errors.FileError, "could not be written: No space left on device", "another --out"
    ):
        raise result.exception or AssertionError("nothing was refused")
    assert [*tmp_path.rglob("*")] == [folder] * there


@pytest.mark.parametrize(("words", "written"), [((), "zh-Hans"), (("--language", "en"), "en")])
def test_demo_follows_the_settings_unless_it_is_told_otherwise(
    words: tuple[str, ...], written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_a_tiny_story(monkeypatch)
    chinese = CliRunner(env={"TERM": "dumb", "HANDGRAD_LANGUAGE": None, "LC_ALL": "zh_CN.UTF-8"})
    assert chinese.invoke(app, ["demo", "--out", str(tmp_path / "a"), *words]).exit_code == 0
    assert Page(tmp_path / "a" / "index.html").all("html")[0]["lang"] == written
