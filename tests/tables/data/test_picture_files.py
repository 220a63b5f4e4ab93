"""Folders of pictures: each pixel in its place, whatever kind of file, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import handgrad as hg
from handgrad.tables.data import read_pictures
from handgrad.tables.data.pictures import pictures_by_class, usual_size
from handgrad.textbook.errors import FileError
from tests.bad_input.refused import refused
from tests.tables.data.picture_folders import SIDE, bars, save


def two(folder: Path, **pixels: Any) -> Path:
    """A folder with a class `a` with these pictures, and a class `b` with a black one as large."""
    for name, values in pixels.items():
        save(values, folder / "a" / f"{name}.png")
    save(np.zeros_like(np.asarray(values)), folder / "b" / "black.png")
    return folder


def test_rows_are_in_the_order_of_classes_and_files_with_names_for_all(tmp_path: Path) -> None:
    pictures = read_pictures(bars(tmp_path / "bars"))
    assert repr(pictures) == "<Pictures bars: 40 of 12 by 12 pixels, grey, 2 classes>"
    assert pictures.class_names == ("level", "upright")
    np.testing.assert_array_equal(pictures.y, np.repeat([0, 1], 20))
    assert pictures.y.dtype == np.int64
    assert pictures.x.shape == (40, SIDE * SIDE)
    assert pictures.x.dtype == np.float32
    assert pictures.files[21] == tmp_path / "bars" / "upright" / "01.png"
    assert pictures.feature_names[:2] == ("pixel_0_0", "pixel_0_1")
    assert len(pictures.feature_names) == SIDE * SIDE
    file = np.asarray(Image.open(pictures.files[21]))
    np.testing.assert_array_equal(pictures.x[21], file.ravel() / np.float32(255))


def test_a_row_of_colours_has_all_red_then_all_green_then_all_blue(tmp_path: Path) -> None:
    pixels = [[[255, 51, 0], [0, 102, 255]]]
    pictures = read_pictures(two(tmp_path, one=pixels))
    assert pictures.shape == (3, 1, 2)
    np.testing.assert_allclose(pictures.x[0], [1, 0, 0.2, 0.4, 0, 1], rtol=1e-6)
    assert pictures.feature_names[1:4] == ("red_0_1", "green_0_0", "green_0_1")
    # 0.299 red + 0.587 green + 0.114 blue, to whole numbers of 255: 106.2 and 88.9
    grey = read_pictures(tmp_path, channels=1)
    np.testing.assert_allclose(grey.x[0], [106 / 255, 89 / 255], rtol=1e-6)


def test_grey_in_files_of_colours_is_grey_unless_one_pixel_has_a_colour(tmp_path: Path) -> None:
    pixels = np.full((2, 2, 3), 102)
    assert read_pictures(two(tmp_path, grey=pixels)).shape == (1, 2, 2)
    assert read_pictures(tmp_path, channels=3).shape == (3, 2, 2)
    pixels[1, 1, 2] = 103
    save(pixels, tmp_path / "a" / "later.png")
    assert read_pictures(tmp_path).shape == (3, 2, 2)


@pytest.mark.parametrize("ending", ["png", "bmp", "gif", "tif", "ppm", "webp", "jpg"])
def test_kinds_of_files_give_the_same_numbers(tmp_path: Path, ending: str) -> None:
    exact = {"webp": ("lossless", True), "jpg": ("quality", 100)}
    how = dict([exact[ending]] if ending in exact else [])
    for name, grey in (("dark", 51), ("light", 204)):
        save(np.full((8, 8), grey), tmp_path / name / f"one.{ending.upper()}", **how)
    np.testing.assert_allclose(read_pictures(tmp_path).x[:, 0], [0.2, 0.8], rtol=1e-6)


def test_a_picture_is_scaled_in_its_proportions_into_the_middle(tmp_path: Path) -> None:
    # 2 by 4 becomes 4 by 8 in 8 by 8: two rows of 0 above, two below.
    pictures = read_pictures(two(tmp_path, wide=np.full((2, 4), 255)), size=8)
    picture = pictures.x[0].reshape(8, 8)
    assert pictures.shape == (1, 8, 8)
    np.testing.assert_array_equal(picture[2:6], 1)
    np.testing.assert_array_equal(picture[[0, 1, 6, 7]], 0)
    # Halves of black and white, 4 by 8, made smaller: each pixel has most of one of them.
    halves = np.tile(np.repeat([0, 255], 4), (4, 1))
    small = read_pictures(two(tmp_path / "half", halves=halves), size=(1, 2)).x[0]
    assert small[0] == pytest.approx(1 - small[1], abs=0.01)
    assert small[0] < 0.3


def test_a_thin_picture_keeps_a_pixel(tmp_path: Path) -> None:
    picture = read_pictures(two(tmp_path, thin=np.full((1, 100), 255)), size=(3, 3)).x[0]
    np.testing.assert_array_equal(picture.reshape(3, 3), [[0, 0, 0], [1, 1, 1], [0, 0, 0]])


def test_what_is_transparent_is_white_and_levels_of_sixteen_bits_can_be_told(
    tmp_path: Path,
) -> None:
    save([[[10, 10, 10, 0], [51, 51, 51, 255]]], tmp_path / "a" / "clear.png")
    save([[0, 0]], tmp_path / "b" / "black.png")
    Image.fromarray(np.array([[0, 51 * 257]], np.uint16)).save(tmp_path / "b" / "deep.png")
    pictures = read_pictures(tmp_path, levels=(0, 65535))
    expected = np.array([[1, 0.2], [0, 0], [0, 0.2]])
    np.testing.assert_allclose(pictures.x, expected, rtol=1e-6)
    assert pictures.levels == (0, 65535)


def deep(values: object, path: Path) -> Path:
    """A picture of 16 bits with these numbers, (height, width), in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint16)).save(path)
    return path


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_twelve_bits_in_sixteen_keep_all_their_levels(tmp_path: Path, ending: str) -> None:
    deep([[290, 300, 390]], tmp_path / "a" / f"one.{ending}")
    deep([[310, 300, 490]], tmp_path / "b" / f"two.{ending}")
    pictures = read_pictures(tmp_path)
    assert pictures.levels == (290, 490)
    expected = [[0, 0.05, 0.5], [0.1, 0.05, 1]]
    np.testing.assert_allclose(pictures.x, expected, rtol=1e-6)
    np.testing.assert_allclose(
        read_pictures(tmp_path, levels=(300, 400)).x, [[0, 0, 0.9], [0.1, 0, 1]], rtol=1e-6
    )
    coloured = read_pictures(tmp_path, channels=3, size=(3, 3)).x.reshape(2, 3, 3, 3)
    np.testing.assert_allclose(coloured[:, :, 1], np.repeat(pictures.x[:, None], 3, 1), rtol=1e-6)
    assert not coloured[:, :, [0, 2]].any()


def test_pictures_of_eight_bits_have_no_levels(tmp_path: Path) -> None:
    assert read_pictures(two(tmp_path, grey=[[51]]), levels=(0, 100)).levels is None
    assert read_pictures(tmp_path).x.max() == pytest.approx(0.2)


@pytest.mark.parametrize("levels", [5, (1,), (2, 1), (1, 1), ("a", "b")])
def test_levels_that_are_none_are_refused(tmp_path: Path, levels: object) -> None:
    with refused(hg.errors.SettingError, "levels=", "become 0 and 1", "levels=(0, 4095)"):
        read_pictures(two(tmp_path, grey=[[51]]), levels=levels)  # type: ignore[arg-type]


def test_a_photo_is_turned_as_the_camera_says_and_the_first_of_a_moving_picture_taken(
    tmp_path: Path,
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    two(tmp_path, black=[[0, 0, 0], [0, 0, 0]])
    save([[255, 255, 0], [255, 255, 0]], tmp_path / "a" / "photo.png", exif=exif)
    with pytest.raises(hg.errors.DataError, match=r"photo\.png: 3 by 2 pixels"):
        read_pictures(tmp_path)
    (tmp_path / "a" / "photo.png").unlink()
    first, second = (Image.new("L", (3, 2), grey) for grey in (51, 204))
    first.save(tmp_path / "a" / "moving.gif", save_all=True, append_images=[second])
    assert read_pictures(tmp_path).x[1, 0] == pytest.approx(0.2)


def test_files_that_are_no_pictures_by_their_names_are_named_hidden_ones_are_not(
    tmp_path: Path,
) -> None:
    two(tmp_path, one=[[1]])
    for name in ("a/.DS_Store", "README.txt", "b/notes", "a/more/words"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("words")
    pictures = read_pictures(tmp_path)
    assert pictures.left_out == ("README.txt", "a/more/words", "b/notes")
    assert len(pictures.files) == 2


def test_pictures_in_folders_within_that_of_a_class_are_of_that_class(tmp_path: Path) -> None:
    for name, grey in {"a/plate1/x": 1, "a/plate1/deep/y": 2, "a/z": 3, "b/plate1/x": 4}.items():
        save([[grey * 51]], tmp_path / f"{name}.png")
    (tmp_path / "a" / "plate1" / "around").symlink_to(tmp_path / "a")
    pictures = read_pictures(tmp_path)
    assert pictures.class_names == ("a", "b")
    np.testing.assert_allclose(pictures.x[:, 0], [0.4, 0.2, 0.6, 0.8], rtol=1e-6)
    assert pictures.y.tolist() == [0, 0, 0, 1]
    assert pictures.inner == ("a/plate1", "a/plate1/deep", "b/plate1")
    assert pictures.left_out == ()


def test_pictures_train_a_net_of_convolutions(tmp_path: Path) -> None:
    pictures = read_pictures(bars(tmp_path / "bars"))
    net = hg.Net(
        hg.layers.Reshape(*pictures.shape), hg.Conv2d(1, 2, 3, rng=0), hg.ReLU(), hg.MaxPool2d(5),
        hg.Flatten(), hg.Linear(8, 2, rng=0),
    )  # fmt: skip
    loss = hg.SoftmaxCrossEntropyLoss()
    history = hg.fit(
        net, pictures, loss=loss, optimizer=hg.Adam(0.02), epochs=10, rng=0, engine="eager"
    )
    assert history[-1].train_loss < history[0].train_loss


def test_folders_that_are_no_classes_are_refused(tmp_path: Path) -> None:
    with refused(FileError, f"{tmp_path / 'none'}: no such folder", "spelling"):
        read_pictures(tmp_path / "none")
    one = save([[1]], tmp_path / "flat" / "one.png")
    with refused(hg.errors.DataError, "flat: no folder in it", "a folder for each class", "cat"):
        read_pictures(tmp_path / "flat")
    with refused(FileError, "one.png: a file", "a folder with a folder"):
        read_pictures(one)
    save([[1]], tmp_path / "alone" / "cat" / "one.png")
    with refused(hg.errors.DataError, "alone: only one folder, 'cat'", "two or more", "dog"):
        read_pictures(tmp_path / "alone")
    for part, name in (("train", "cat"), ("test", "dog")):
        save([[1]], tmp_path / "parts" / part / name / "one.png")
    with refused(
        hg.errors.DataError, "folders train and test", f"{Path('parts', 'train')} for training"
    ):
        read_pictures(tmp_path / "parts")
    (two(tmp_path / "empty", one=[[1]]) / "c").mkdir()
    with refused(
        hg.errors.DataError, f"{Path('empty', 'c')}: no picture", ".png", "remove the folder"
    ):
        read_pictures(tmp_path / "empty")


def test_a_file_that_is_no_picture_is_refused_by_name(tmp_path: Path) -> None:
    two(tmp_path, one=np.random.default_rng(0).integers(0, 256, (16, 16)))
    whole = (tmp_path / "a" / "one.png").read_bytes()
    odd = tmp_path / "a" / "odd.png"
    for written, words in (
        (b"words", "not a picture in a supported format, PNG"),
        (b"", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (whole[: len(whole) // 2], "the picture cannot be read, "),
    ):
        odd.write_bytes(written)
        with refused(FileError, f"{odd}: {words}", "remove it from the folder"):
            read_pictures(tmp_path)
    odd.unlink()
    Image.fromarray(np.full((16, 16), 0.5, np.float32)).save(odd.with_suffix(".tif"))
    with refused(FileError, "odd.tif: the picture cannot be read, its values, of mode F"):
        read_pictures(tmp_path)


def test_a_picture_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two(tmp_path, one=np.zeros((20, 20)))
    for most in (300, 100):  # where Pillow warns, and where it raises
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with refused(FileError, "one.png: the picture cannot be read, Image size (400 pixels)"):
            read_pictures(tmp_path)


def test_pictures_of_different_sizes_are_named_with_a_size_that_does(tmp_path: Path) -> None:
    save(np.zeros((4, 6)), tmp_path / "a" / "first.png")
    other = save(np.zeros((6, 5)), tmp_path / "b" / "other.png")
    with refused(hg.errors.DataError, f"{other}: 6 by 5 pixels, where ", "has 4 by 6", "size=4"):
        read_pictures(tmp_path)
    assert read_pictures(tmp_path, size=4).shape == (1, 4, 4)


@pytest.mark.parametrize("size", [0, -3, 2.5, (3, 0), (1, 2, 3), "large"])
def test_sizes_and_channels_that_are_none_are_refused(tmp_path: Path, size: Any) -> None:
    with refused(hg.errors.SettingError, "size"):
        read_pictures(tmp_path, size=size)
    with refused(hg.errors.SettingError, "channels=2", "3 for RGB"):
        read_pictures(tmp_path, channels=2)  # type: ignore[arg-type]


def test_all_pictures_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    folder = bars(tmp_path / "bars", n=3)
    for i in range(22):
        (folder / "level" / f"broken {i:02}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "upright" / "words.jpg").write_text("words")
    with refused(FileError, "23 pictures cannot be read:", "broken 19.png: ", "and 3 more"):
        hg.data.read_pictures(folder)
    assert usual_size(pictures_by_class(folder).files) == (12, 12)
    for path in folder.glob("*/??.png"):
        path.write_text("")
    assert usual_size(pictures_by_class(folder).files) == (32, 32)
