"""Folders of images as rows of numbers, and random shifts of them."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from handgrad.engines.streams import Rng
from handgrad.files.paths import as_path, readable, reason, regular_file
from handgrad.tables.data.picture_folders import LABELS, PictureFolder, pictures_in_folders
from handgrad.tables.packages import require_packages
from handgrad.textbook.errors import (
    DataError,
    FileError,
    SettingError,
    ShapeError,
    described,
    positive,
)
from handgrad.textbook.install import require
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.textbook.net.minibatches import array_of
from handgrad.training.datasets import Dataset

if TYPE_CHECKING:
    from PIL.Image import Image

Size = int | tuple[int, int]
Channels = Literal[1, 3]
Levels = tuple[float, float]

MOST_NAMED = 20  # files listed in an error
LARGEST = 32  # default side in pixels
ORIENTATION, LAST_UPRIGHT = 0x0112, 4  # EXIF orientation of the camera
ALL_LEVELS: Levels = (0, 65535)  # of 16 bits
BEHIND = -1.0  # padding of images of more than 8 bits
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")


@dataclass(frozen=True, kw_only=True, repr=False)
class Pictures(Dataset):
    """Data set of images, one in each row; `x, y = pictures` unpacks it.

    Parameters
    ----------
    name, x, y, feature_names, target_name, class_names : see `Dataset`
        x (n, channels · height · width) is float32, from 0 to 1.
    shape : tuple of 3 int
        Channels, height and width of each image.
    files : tuple of Path
        File of each row.
    levels : pair of float, optional
        Values that became 0 and 1 in images of more than 8 bits; None without such images.
    inner : tuple of str, default ()
        Folders inside those of classes whose images are included.
    left_out : tuple of str, default ()
        Files that are skipped because of their extension.
    unlabelled : tuple of str, default ()
        Images that are skipped because labels.csv does not name them.
    """

    shape: tuple[int, int, int]
    files: tuple[Path, ...]
    levels: Levels | None = None
    inner: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    def __repr__(self) -> str:
        channels, height, width = self.shape
        kind = "grey" if channels == 1 else "in colour"
        return (
            f"<Pictures {self.name}: {len(self.y)} of {height} by {width} pixels, {kind}, "
            f"{len(self.class_names)} classes>"
        )


def read_pictures(
    folder: str | Path,
    *,
    size: Size | None = None,
    channels: Channels | None = None,
    levels: Levels | None = None,
) -> Pictures:
    """Read a folder that has one folder of images for each class, or labels.csv.

    The names of the folders, sorted, are the classes. If the folder has a file labels.csv, its
    columns `file` and `class`, or its only two, give the path of each image in the folder, with or
    without extension, and its class. Images are PNG, JPEG, BMP, GIF, TIFF, WebP, PPM and PGM files
    in the folders and in folders inside. Images of another size are scaled to fit, keeping their
    aspect ratio, centred and padded with 0. Transparent pixels become white; the first frame of an
    animation is used.

    Parameters
    ----------
    folder : str or Path
        Folder with a folder for each class, or with labels.csv.
    size : int or (height, width), optional
        Size of the images in pixels; if not given, that of the files, which must all have the same.
    channels : {1, 3}, optional
        1 for grayscale, 3 for RGB; if not given, 1 if all pixels are gray.
    levels : (float, float), optional
        Values that become 0 and 1 in images of more than 8 bits; if not given, their extremes.

    Returns
    -------
    Pictures

    Raises
    ------
    FileError
        If the folder or a file cannot be read.
    DataError
        If there are not two classes with images, or if sizes differ.

    Examples
    --------
    >>> import handgrad as hg, tempfile, pathlib
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, brightness in [("night", 0), ("noon", 255)]:
    ...         (pathlib.Path(folder) / name).mkdir()
    ...         Image.new("L", (3, 2), brightness).save(f"{folder}/{name}/a.png")
    ...     sky = hg.data.read_pictures(folder)
    >>> sky.shape, sky.class_names, sky.y
    ((1, 2, 3), ('night', 'noon'), array([0, 1]))
    >>> sky.x
    array([[0., 0., 0., 0., 0., 0.],
           [1., 1., 1., 1., 1., 1.]], dtype=float32)
    """
    side = _sides(size)
    if channels not in (None, 1, 3):
        raise SettingError(f"channels={channels!r}", "1 for grayscale, 3 for RGB", "channels=3")
    folder = as_path(folder)
    by_class = pictures_by_class(folder)
    classes, files = by_class.classes, by_class.files
    x, shape, levels = picture_rows(files, side, channels, _checked_levels(levels))
    return Pictures(
        name=readable(folder.resolve().name),
        x=x,
        y=np.repeat(np.arange(len(classes)), [len(paths) for paths in classes.values()]),
        feature_names=pixel_names(shape),
        target_name="class",
        class_names=tuple(map(readable, classes)),
        shape=shape,
        files=tuple(files),
        levels=levels,
        inner=by_class.inner,
        left_out=by_class.left_out,
        unlabelled=by_class.unlabelled,
    )


def pictures_by_class(folder: Path) -> PictureFolder:
    """Image files of each class, by labels.csv if the folder has it, else by its folders."""
    if not (folder / LABELS).is_file():
        return pictures_in_folders(folder)
    require_packages(f"a folder with {LABELS}")
    from handgrad.tables.data.picture_labels import labelled_pictures

    return labelled_pictures(folder)


def usual_size(files: Iterable[Path]) -> tuple[int, int]:
    """Default size for training: that of all images if they share a small one, else 32 × 32."""
    sizes = set[tuple[int, int]]()
    for path in files:
        # unreadable files are reported by picture_rows
        with suppress(FileError), _errors_of(regular_file(path)), _file_of(path) as file:
            turned = file.getexif().get(ORIENTATION, 1) > LAST_UPRIGHT
            sizes.add((file.width, file.height) if turned else (file.height, file.width))
    size, *others = sizes or {(LARGEST, LARGEST)}
    return (LARGEST, LARGEST) if others or max(size) > LARGEST else size


def picture_rows(
    files: Sequence[Path],
    size: tuple[int, int] | None = None,
    channels: Channels | None = None,
    levels: Levels | None = None,
) -> tuple[Array, tuple[int, int, int], Levels | None]:
    """Images as rows (n, channels · height · width), the shape of one, and the levels.

    `levels` default to the extremes of all images of more than 8 bits; None without such images.
    """
    pictures: list[Image] = []
    broken: list[FileError] = []
    extremes: list[float] = []
    common = size
    for path in files:
        try:
            picture = _opened(path)
        except FileError as error:
            broken.append(error)
            continue
        size_here = picture.height, picture.width
        common = common or size_here
        if size is None and size_here != common:
            raise DataError(
                f"{path}: {_by(size_here)} pixels, where {files[0]} has {_by(common)}",
                "pictures of one size, or a size to scale all to",
                f"size={min(*size_here, *common)}",
            )
        if picture.mode == "F":
            extremes += np.ravel(picture.getextrema()).tolist()
        pictures.append(_fitted(picture, common))
    if broken:
        raise _all_of(broken)
    if extremes:
        levels = levels or (min(extremes), max(extremes))
    if channels is None:
        channels = 1 if all(_is_grey(picture) for picture in pictures) else 3
    pixels = np.stack([_pixels(picture, channels, levels or ALL_LEVELS) for picture in pictures])
    n, height, width = pixels.shape[:3]
    x = np.moveaxis(pixels.reshape(n, height, width, channels), 3, 1).reshape(n, -1)
    return x, (channels, height, width), levels if extremes else None


def _pixels(picture: Image, channels: Channels, levels: Levels) -> Array:
    """Pixel values from 0 to 1, (height, width) or (height, width, 3), float32."""
    if picture.mode != "F":
        mode = "L" if channels == 1 else "RGB"
        return np.asarray(picture.convert(mode), np.float32) / np.float32(255)
    low, high = levels
    values = (np.asarray(picture, np.float64) - low) / max(high - low, 1)
    grey = values.clip(0, 1).astype(np.float32)
    return grey if channels == 1 else np.repeat(grey[:, :, None], 3, axis=2)


def pixel_names(shape: tuple[int, int, int]) -> tuple[str, ...]:
    """Names of the pixels of an image of this shape (channels, height, width)."""
    channels, height, width = shape
    kinds = ("pixel",) if channels == 1 else ("red", "green", "blue")
    return tuple(f"{kind}_{i}_{j}" for kind in kinds for i in range(height) for j in range(width))


def _opened(path: Path) -> Image:
    """First image of a file, upright, in mode RGB; F for more than 8 bits."""
    from PIL import ImageOps

    with _errors_of(regular_file(path)), _file_of(path) as file:
        return _in_colour(ImageOps.exif_transpose(file))


def _file_of(path: Path) -> Image:
    from PIL import Image

    return Image.open(path, formats=FORMATS)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Context in which errors of an image, or a too large image, become FileErrors."""
    require("a picture in a file", plots=["PIL"])
    from PIL import Image

    too_large = Image.DecompressionBombWarning, Image.DecompressionBombError
    broken = OSError, EOFError, SyntaxError, ValueError, struct.error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (*broken, *too_large) as error:
        raise FileError(
            f"{path}: {_why(error)}",
            "an intact picture of the kind of its extension",
            "remove it from the folder if no viewer opens it",
        ) from error


def _all_of(errors: Sequence[FileError]) -> FileError:
    """Merge the errors of several files, so that all can be fixed at once."""
    first, n = errors[0], len(errors)
    if n == 1:
        return first
    named = "".join(f"\n  {error.came}" for error in errors[:MOST_NAMED])
    more = f"\n  and {n - MOST_NAMED} more" if n > MOST_NAMED else ""
    return FileError(f"{n} pictures cannot be read:{named}{more}", first.expected, first.hint)


def _why(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"not a picture in a supported format, {', '.join(FORMATS)}"
    why = reason(error) or type(error).__name__
    return f"the picture cannot be read, {why.splitlines()[0]}"


def _in_colour(picture: Image) -> Image:
    """Convert an image to RGB on white; to float32 for more than 8 bits."""
    from PIL import Image

    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture)
        if picture.mode == "F" or values.min() < 0 or values.max() >= 2**16:
            raise ValueError(f"its values, of mode {picture.mode}, are not from 0 to 65535")
        return Image.fromarray(values.astype(np.float32))
    if picture.has_transparency_data:
        above = picture.convert("RGBA")
        picture = Image.new("RGBA", above.size, "white")
        picture.alpha_composite(above)
    return picture.convert("RGB")


def _fitted(picture: Image, size: tuple[int, int]) -> Image:
    """Scale an image to fit `size` (height, width), keeping its aspect ratio, centred."""
    from PIL import Image

    height, width = size
    if (picture.height, picture.width) == size:
        return picture
    scale = min(height / picture.height, width / picture.width)
    inner = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    whole = Image.new(picture.mode, (width, height), BEHIND if picture.mode == "F" else 0)
    scaled = picture.resize(inner, Image.Resampling.BILINEAR)
    whole.paste(scaled, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return whole


def _is_grey(picture: Image) -> bool:
    """Return True if red, green and blue are equal in all pixels."""
    pixels = np.asarray(picture)
    return picture.mode == "F" or bool((pixels == pixels[:, :, :1]).all())


def _sides(size: object) -> tuple[int, int] | None:
    """Check and return (height, width)."""
    if size is None:
        return None
    sides = size if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2:
        raise SettingError(f"size={described(size)}", "(height, width), or one number", "size=32")
    for side in sides:
        positive("size", side, whole=True)
    return int(sides[0]), int(sides[1])


def _checked_levels(levels: object) -> Levels | None:
    if levels is None:
        return None
    pair = levels if isinstance(levels, tuple | list) and len(levels) == 2 else (0, 0)
    if not all(isinstance(level, int | float) for level in pair) or not pair[0] < pair[1]:
        raise SettingError(
            f"levels={described(levels)}",
            "the values that become 0 and 1, the smaller one first",
            "levels=(0, 4095) for a 12-bit camera",
        )
    return float(pair[0]), float(pair[1])


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} by {size[1]}"


def random_shift(
    x: npt.ArrayLike, shape: tuple[int, ...], *, pixels: int = 1, rng: Rng = None
) -> Array:
    """Shift each image in the rows of `x` at random: data augmentation.

    Each of the (2 `pixels` + 1)² shifts is equally likely; vacated pixels become 0. The layer
    `RandomShift` shifts images in training only, anew in each epoch.

    Parameters
    ----------
    x : array-like, (n, k)
        Images, one in each row.
    shape : tuple of int
        (height, width), or (channels, height, width), of each image.
    pixels : int, default 1
        Largest shift, vertically and horizontally.
    rng : int or Generator, optional
        Seed, or source of random numbers.

    Returns
    -------
    array, (n, k)
        Shifted images, of the type of `x`.

    Examples
    --------
    >>> random_shift([[1, 2, 3, 4, 5, 6, 7, 8, 9]], (3, 3), rng=0).reshape(3, 3)   # by one up
    array([[4, 5, 6],
           [7, 8, 9],
           [0, 0, 0]])
    """
    x = array_of(x, "x")
    _check(x, shape, pixels)
    generator = spawning_generator(rng)
    (n, k), (height, width) = x.shape, shape[-2:]
    pictures = x.reshape(n, k // (height * width), height, width)
    edge = (pixels, pixels)
    padded = np.pad(pictures, ((0, 0), (0, 0), edge, edge))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    top, left = generator.integers(2 * pixels + 1, size=(2, n))
    moved: Array = windows[np.arange(n), :, top, left].reshape(n, k)
    return moved


def _check(x: Array, shape: object, pixels: int) -> None:
    sides = shape if isinstance(shape, tuple | list) else ()
    if len(sides) not in (2, 3):
        raise SettingError(
            f"shape={shape!r}",
            "(height, width), or (channels, height, width)",
            "shape=(8, 8) for the digits of scikit-learn",
        )
    for side in sides:
        positive("a side of shape", side, whole=True)
    positive("pixels", pixels, whole=True)
    if pixels >= min(sides[-2:]):
        raise SettingError(
            f"pixels={pixels} for pictures of {sides[-2]} by {sides[-1]}",
            "fewer than the height and the width",
            "pixels=1",
        )
    if x.ndim != 2 or x.shape[1] != prod(sides):
        raise ShapeError(
            f"x of shape {x.shape}, for pictures of shape {(*sides,)}",
            f"rows of {prod(sides)} numbers, (n, {prod(sides)})",
            "x.reshape(len(x), -1), or the shape of the pictures",
        )
    if x.dtype.kind not in "fiub":
        raise DataError(f"x of type {x.dtype}", "numbers", "x.astype(np.float32)")
