"""Folders of pictures as rows of numbers: a folder for each class, a file for each picture."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from handgrad.base.errors import DataError, SettingError, described, positive
from handgrad.data.datasets import BUNDLED, Dataset
from handgrad.files import FileError, kind_of, readable, reason
from handgrad.layers import Array

if TYPE_CHECKING:
    from PIL.Image import Image

    from handgrad.data.locations import Location

Size = int | tuple[int, int]
Channels = Literal[1, 3]

# By their endings, and those that Pillow may read: no other one, as PostScript, which it runs.
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
MOST_NAMED = 20  # files with an error
LARGEST = 32  # pixels of a side, where no size is asked for
ORIENTATION, LAST_UPRIGHT = 0x0112, 4  # of EXIF, which says how a camera was held
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")


@dataclass(frozen=True, kw_only=True, repr=False)
class Pictures(Dataset):
    """Pictures in rows, with the class of each; `x, y = pictures` takes the two arrays.

    `x` (n, channels · height · width), float32 from 0 to 1, has a picture of `shape` (channels,
    height, width) in each row, and `files` (n) its file. What else there is stands with `Dataset`.
    `left_out` are the names of files that are no pictures by their endings.
    """

    shape: tuple[int, int, int]
    files: tuple[Path, ...]
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        channels, height, width = self.shape
        kind = "grey" if channels == 1 else "in colour"
        return (
            f"<Pictures {self.name}: {len(self.y)} of {height} by {width} pixels, {kind}, "
            f"{len(self.class_names)} classes>"
        )


def read_pictures(
    folder: str | Path, *, size: Size | None = None, channels: Channels | None = None
) -> Pictures:
    """The pictures of a folder that has a folder for each class, as rows.

    The names of the folders in it, in order, are the classes; the pictures are the PNG, JPEG, BMP,
    GIF, TIFF, WebP, PPM and PGM files there. `size` is the height and the width, one number for
    both; if not given, it is that of the pictures, which then all need the same. A picture of
    another size is made larger or smaller in its proportions until it fits, and stands in the
    middle, with 0 around it. `channels` is 1 for grey, 3 for red, green and blue; if not given, 1
    where no pixel of any picture has a colour. What is transparent becomes white; of a moving
    picture the first one is taken.

    Raises a FileError for a folder or a file that cannot be read, a DataError for pictures that
    cannot be told apart.

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
        raise SettingError(f"channels={channels!r}", "1 for grey, 3 for colour", "channels=3")
    folder = Path(folder)
    classes, left_out = _files_by_class(folder)
    files = [*chain.from_iterable(classes.values())]
    x, shape = picture_rows(files, side, channels)
    return Pictures(
        name=readable(folder.resolve().name),
        x=x,
        y=np.repeat(np.arange(len(classes)), [len(own) for own in classes.values()]),
        feature_names=pixel_names(shape),
        target_name="class",
        class_names=tuple(map(readable, classes)),
        shape=shape,
        files=tuple(files),
        left_out=tuple(left_out),
    )


def usual_size(folder: str | Path) -> tuple[int, int]:
    """The size to learn from: that of all pictures where it is one and small, else 32 by 32."""
    sizes = set[tuple[int, int]]()
    for path in chain.from_iterable(_files_by_class(Path(folder))[0].values()):
        # one that cannot be read is told of when all are
        with suppress(FileError), _errors_of(path), _file_of(path) as file:
            turned = file.getexif().get(ORIENTATION, 1) > LAST_UPRIGHT
            sizes.add((file.width, file.height) if turned else (file.height, file.width))
    size, *others = sizes or {(LARGEST, LARGEST)}
    return (LARGEST, LARGEST) if others or max(size) > LARGEST else size


def picture_rows(
    files: Sequence[Path], size: tuple[int, int] | None = None, channels: Channels | None = None
) -> tuple[Array, tuple[int, int, int]]:
    """The pictures in files as rows (n, channels · height · width), and the shape of one."""
    pictures: list[Image] = []
    broken: list[FileError] = []
    common = size
    for path in files:
        try:
            picture = _opened(path)
        except FileError as error:
            broken.append(error)
            continue
        own = picture.height, picture.width
        common = common or own
        if size is None and own != common:
            raise DataError(
                f"{path}: {_by(own)} pixels, where {files[0]} has {_by(common)}",
                "pictures of one size, or a size that all are brought to",
                f"size={min(*own, *common)}",
            )
        pictures.append(_fitted(picture, common))
    if broken:
        raise _all_of(broken)
    if channels is None:
        channels = 1 if all(_is_grey(picture) for picture in pictures) else 3
    mode = "L" if channels == 1 else "RGB"
    pixels = np.stack([np.asarray(picture.convert(mode), np.float32) for picture in pictures])
    n, height, width = pixels.shape[:3]
    x = np.moveaxis(pixels.reshape(n, height, width, channels), 3, 1).reshape(n, -1)
    return x / np.float32(255), (channels, height, width)


def pixel_names(shape: tuple[int, int, int]) -> tuple[str, ...]:
    """The names of the numbers of a picture of this shape (channels, height, width)."""
    channels, height, width = shape
    kinds = ("pixel",) if channels == 1 else ("red", "green", "blue")
    return tuple(f"{kind}_{i}_{j}" for kind in kinds for i in range(height) for j in range(width))


def _files_by_class(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """The pictures of each class, and the names of what is left out."""
    entries = _entries(folder)
    names = [path.name for path in entries if path.is_dir()]
    if len(names) < 2:
        found = f"one folder only, {names[0]!r}" if names else "no folder in it"
        raise DataError(
            f"{folder}: {found}",
            "a folder for each class, two or more, with its pictures",
            f"{folder / 'cat'} and {folder / 'dog'}, each with its pictures",
        )
    classes = dict[str, list[Path]]()
    left_out = [path for path in entries if not path.is_dir()]
    for name in names:
        own = _entries(folder / name)
        classes[name] = [path for path in own if is_picture(path)]
        left_out += [path for path in own if not is_picture(path)]
        if not classes[name]:
            deeper = any(path.is_dir() for path in own)
            raise DataError(
                f"{folder / name}: no picture in it",
                f"files that end in {', '.join(ENDINGS)}",
                f"{folder / name}, if the folders in it are the classes"
                if deeper
                else "pictures of that class, or without the folder",
            )
    return classes, [readable(str(path.relative_to(folder))) for path in left_out]


def has_pictures(folder: str | Path) -> bool:
    """Whether it is a folder with pictures in it or in its folders, and no bundled set's name."""
    if str(folder) in BUNDLED or kind_of(folder) != "folder":
        return False
    entries = _entries(Path(folder))
    within = chain.from_iterable(_entries(path) for path in entries if path.is_dir())
    return any(is_picture(path) for path in chain(entries, within))


def is_picture(path: Location) -> bool:
    """Whether it is a file with the name of a picture."""
    return path.suffix.lower() in ENDINGS and kind_of(str(path)) != "folder"


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, in the order of the names, but for what is hidden."""
    if kind_of(folder) != "folder":
        raise FileError(
            f"{folder}: {'a file' if kind_of(folder) else 'no such folder'}",
            "a folder with a folder for each class",
            "check the spelling, and the folder you are in",
        )
    try:
        return sorted(path for path in folder.iterdir() if path.name[0] != ".")
    except OSError as error:
        raise FileError(
            f"{folder}: {reason(error)}", "a folder that can be read", "check its permissions"
        ) from error


def _opened(path: Path) -> Image:
    """The first picture in a file, upright, of the mode RGB."""
    from PIL import ImageOps

    with _errors_of(path), _file_of(path) as file:
        return _in_colour(ImageOps.exif_transpose(file))


def _file_of(path: Path) -> Image:
    from PIL import Image

    return Image.open(path, formats=FORMATS)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """What goes wrong with a picture is told with its file; one too large to open goes wrong."""
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
            "a whole picture, as its ending says",
            "look at it, and take it out of the folder if it does not open",
        ) from error


def _all_of(errors: Sequence[FileError]) -> FileError:
    """What is wrong with some files, in one error, so that all can be mended at once."""
    first, n = errors[0], len(errors)
    if n == 1:
        return first
    named = "".join(f"\n  {error.came}" for error in errors[:MOST_NAMED])
    more = f"\n  and {n - MOST_NAMED} more" if n > MOST_NAMED else ""
    return FileError(f"{n} pictures cannot be read:{named}{more}", first.expected, first.hint)


def _why(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"no picture of a kind that is read, {', '.join(FORMATS)}"
    why = reason(error) or type(error).__name__
    return f"the picture cannot be read, {why.splitlines()[0]}"


def _in_colour(picture: Image) -> Image:
    """A picture of any mode as RGB, with white where it is transparent."""
    from PIL import Image

    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture)
        if picture.mode == "F" or values.min() < 0 or values.max() >= 2**16:
            raise ValueError(f"its numbers, of the mode {picture.mode}, are not from 0 to 65535")
        picture = Image.fromarray((values // 257).astype(np.uint8))
    if picture.has_transparency_data:
        above = picture.convert("RGBA")
        picture = Image.new("RGBA", above.size, "white")
        picture.alpha_composite(above)
    return picture.convert("RGB")


def _fitted(picture: Image, size: tuple[int, int]) -> Image:
    """The picture in its proportions, as large as `size` (height, width) allows, in its middle."""
    from PIL import Image

    height, width = size
    if (picture.height, picture.width) == size:
        return picture
    scale = min(height / picture.height, width / picture.width)
    own = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    whole = Image.new("RGB", (width, height))
    scaled = picture.resize(own, Image.Resampling.BILINEAR)
    whole.paste(scaled, ((width - own[0]) // 2, (height - own[1]) // 2))
    return whole


def _is_grey(picture: Image) -> bool:
    """Whether red, green and blue are alike in each pixel."""
    pixels = np.asarray(picture)
    return bool((pixels == pixels[:, :, :1]).all())


def _sides(size: object) -> tuple[int, int] | None:
    """Height and width."""
    if size is None:
        return None
    sides = size if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2:
        raise SettingError(f"size={described(size)}", "(height, width), or one number", "size=32")
    for side in sides:
        positive("size", side, whole=True)
    return int(sides[0]), int(sides[1])


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} by {size[1]}"
